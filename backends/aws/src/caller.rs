//! The signed request by which somebody else learns who we are: Vault sends it to STS and reads the answer.
//!
//! Source: Vault's page "AWS auth method", "IAM auth method".

use std::time::SystemTime;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use cargo_credential_bridge_backend::http::Settings;
use cargo_credential_bridge_backend::{Context, Error, Kind, SecretString};
use http::{HeaderValue, Request};

use crate::config::{Identity, roots};
use crate::method::Method;
use crate::name::Region;
use crate::sdk::Sdk;

/// Signs for all regions at the global endpoint, which Vault asks unless it is told otherwise.
const GLOBAL_REGION: &str = "us-east-1";
const GLOBAL_HOST: &str = "sts.amazonaws.com";

const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// A signed `GetCallerIdentity`. Whoever has it can show it as ours for a quarter of an hour, and nothing else.
#[derive(Debug)]
pub struct CallerIdentity {
    /// The method: POST.
    pub method: &'static str,
    /// The URL that it is signed for.
    pub url: String,
    /// The body.
    pub body: &'static str,
    /// The headers, signed ones and the signature.
    pub headers: Vec<(String, String)>,
    /// What nobody may get to say: the session token and the signature in the headers.
    pub concealed: Vec<SecretString>,
}

/// Signs `GetCallerIdentity` as the identity of this job: by the first of `auth` whose inputs exist here, without any by
/// what the SDK finds. `server_id` goes into the signature as `X-Vault-AWS-IAM-Server-ID`, so that what one Vault was
/// sent can't be shown to another. Without `region` it is for the global endpoint.
///
/// # Errors
///
/// [`Kind::NotAvailable`] if there is no identity here, and those of getting one.
pub async fn sign_caller_identity(
    auth: &[Method],
    region: Option<&Region>,
    server_id: Option<&str>,
    context: &Context,
) -> Result<CallerIdentity, Error> {
    let http = Settings {
        roots: roots(None, &context.environment)?,
        ..Settings::default()
    };
    let sdk = Sdk::new(http, None, context)?;
    let identity = Identity {
        methods: auth.to_vec(),
        ..Identity::default()
    };
    // Tokens are traded in the region of the job where it has one, as the SDK does.
    let trading = match region {
        Some(region) => region.clone(),
        None => match sdk.region().await {
            Err(error) if error.kind() == Kind::NotAvailable => GLOBAL_REGION
                .parse()
                .map_err(|why: String| Error::new(Kind::Invalid, why))?,
            region => region?,
        },
    };
    let config = sdk.config(&trading, context.deadline.remaining()).await;
    let login = identity.login(&sdk, &config).await?;

    let host = region.map_or_else(
        || GLOBAL_HOST.to_owned(),
        |region| match region.as_str().starts_with("cn-") {
            true => format!("sts.{region}.amazonaws.com.cn"),
            false => format!("sts.{region}.amazonaws.com"),
        },
    );
    let url = format!("https://{host}/");
    let mut headers = vec![
        ("Host".to_owned(), host),
        (
            "Content-Type".to_owned(),
            "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
        ),
    ];
    if let Some(id) = server_id {
        headers.push(("X-Vault-AWS-IAM-Server-ID".to_owned(), id.to_owned()));
    }
    let identity = login.credentials.into();
    let signature = signature(
        &identity,
        &url,
        &headers,
        region.map_or(GLOBAL_REGION, Region::as_str),
    )
    .map_err(|why| Error::new(Kind::Invalid, "can't sign the request for Vault").because(why))?;
    let concealed = signature
        .iter()
        .filter(|(name, _)| name != "x-amz-date")
        .map(|(_, value)| SecretString::from(value.as_str()))
        .collect();
    headers.extend(signature);
    Ok(CallerIdentity {
        method: "POST",
        url,
        body: BODY,
        headers,
        concealed,
    })
}

/// The headers that the signature adds.
fn signature(
    identity: &aws_smithy_runtime_api::client::identity::Identity,
    url: &str,
    headers: &[(String, String)],
    region: &str,
) -> Result<Vec<(String, String)>, String> {
    let said = |error: &dyn core::error::Error| error.to_string();
    let params = SigningParams::builder()
        .identity(identity)
        .region(region)
        .name("sts")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| said(&error))?
        .into();
    let signable = SignableRequest::new(
        "POST",
        url,
        headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
        SignableBody::Bytes(BODY.as_bytes()),
    )
    .map_err(|error| said(&error))?;
    let (instructions, _) = sign(signable, &params)
        .map_err(|error| said(&error))?
        .into_parts();
    let mut request = Request::new(());
    instructions.apply_to_request_http1x(&mut request);
    Ok(request
        .headers()
        .iter()
        .filter_map(|(name, value): (_, &HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::Credentials;

    #[test]
    fn the_header_for_vault_is_signed() {
        let credentials = Credentials::new(
            "AKIAEXAMPLE",
            "s3cret",
            Some("t0ken".to_owned()),
            None,
            "test",
        );
        let headers = [
            ("Host".to_owned(), GLOBAL_HOST.to_owned()),
            (
                "X-Vault-AWS-IAM-Server-ID".to_owned(),
                "vault.example.com".to_owned(),
            ),
        ];
        let signed = signature(
            &credentials.into(),
            "https://sts.amazonaws.com/",
            &headers,
            GLOBAL_REGION,
        )
        .unwrap();
        let header = |name: &str| {
            let (_, value) = signed.iter().find(|(known, _)| known == name).unwrap();
            value.as_str()
        };
        assert_eq!(header("x-amz-security-token"), "t0ken");
        let authorization = header("authorization");
        assert!(
            authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/"),
            "{authorization}"
        );
        assert!(
            authorization.contains("/us-east-1/sts/aws4_request"),
            "{authorization}"
        );
        assert!(
            authorization.contains(
                "SignedHeaders=host;x-amz-date;x-amz-security-token;x-vault-aws-iam-server-id"
            ),
            "{authorization}"
        );
    }
}
