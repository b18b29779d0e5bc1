//! Reads one secret by Google's own crates, with ring as in the product: `official-google ENDPOINT VERSION CREDENTIALS`, the
//! full name of the version and the path of an external account's file. Prints the payload.

use std::error::Error;
use std::io::Write as _;

use google_cloud_auth::credentials::external_account;
use google_cloud_secretmanager_v1::client::SecretManagerService;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [endpoint, version, credentials] = &arguments[..] else {
        return Err("usage: official-google ENDPOINT VERSION CREDENTIALS".into());
    };
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| "there is a provider already")?;
    let file = serde_json::from_str(&std::fs::read_to_string(credentials)?)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let answer = runtime.block_on(async {
        let client = SecretManagerService::builder()
            .with_endpoint(endpoint)
            .with_credentials(external_account::Builder::new(file).build()?)
            .build()
            .await?;
        let answer = client
            .access_secret_version()
            .set_name(version)
            .send()
            .await?;
        Ok::<_, Box<dyn Error>>(answer)
    })?;
    let payload = answer.payload.ok_or("no payload")?;
    std::io::stdout().write_all(&payload.data)?;
    Ok(())
}
