//! Google Secret Manager, by all that Google's tools leave on a machine.

use serde_json::json;
use snapbox::str;
use test_servers::{GoogleServer, Issuer};

use super::{Watched, agree, compare, told};
use crate::gcp_identity::{SOURCE, of_pool, service_account, store, subject};
use crate::gcp_requests::{ACCOUNT, STORED, at, provider, with_file};

fn watched(server: &GoogleServer) -> Watched<'_> {
    Watched::new("google.example.com", server.url(), || server.requests())
}

#[test]
fn a_jobs_token_and_a_service_account() {
    let issuer = Issuer::start();
    let server = store(&service_account());
    server.trust(&of_pool(), &issuer, &[], None);
    server.let_impersonate(&subject(&issuer), ACCOUNT);
    let url = server.url();
    let backend = format!(
        "{}\n[backends.store.auth]\nmethod = \"workload-identity\"\nprovider = \"{}\"\nsts-endpoint = \"{url}\"\n\
         iam-endpoint = \"{url}\"\nservice-account = \"{ACCOUNT}\"",
        at(&server),
        of_pool()
    );
    let provider = provider(&backend, SOURCE).in_github(&issuer);
    let watched = [
        watched(&server),
        Watched::new("github.example.com", issuer.url(), || issuer.requests()),
    ];
    compare(
        told(&provider, &watched),
        str![[r#"
registry  `sparse+https://crates.example.com/index/`
entry     `sparse+https://crates.example.com/index/`, exactly
config    `[HOME]/.cargo/credential-bridge.toml`
chain     `sources`, to read

1. the secret `cargo` of `store`
   settings  from the environment: `ACTIONS_ID_TOKEN_REQUEST_TOKEN`, `ACTIONS_ID_TOKEN_REQUEST_URL`, `GCE_METADATA_HOST`
   auth      `workload-identity`: `serviceAccount:cargo-ci@acme.iam.gserviceaccount.com`
   GET       https://github.example.com/github/token
             have GitHub mint the identity token of this job, for the audience `https://iam.googleapis.com/projects/123456789/locations/global/workloadIdentityPools/ci/providers/github`
   POST      https://google.example.com/v1/token
             trade the token for Google's
   POST      https://google.example.com/v1/projects/-/serviceAccounts/cargo-ci@acme.iam.gserviceaccount.com:generateAccessToken
             become the service account
   GET       https://google.example.com/v1/projects/acme/secrets/cargo/versions/latest:access
             read the secret
--- 0

"#]],
    );
    agree(&provider, &watched);
}

#[test]
fn a_key_and_a_user() {
    let server = store(&service_account());
    let key = server.service_account_key(ACCOUNT).to_string();
    agree(
        &with_file(provider(&at(&server), SOURCE), &key),
        &[watched(&server)],
    );

    let server = store("user:dev@example.com");
    let user = server.authorized_user("dev@example.com").to_string();
    agree(
        &with_file(provider(&at(&server), SOURCE), &user),
        &[watched(&server)],
    );
}

#[test]
fn a_machine_at_google() {
    let server = store(&service_account());
    server.attach(ACCOUNT);
    let endpoint = format!("endpoint = \"{}\"", server.url());
    let provider = provider(&endpoint, "secret = \"cargo\", project = \"acme\"")
        .env("GCE_METADATA_HOST", server.host());
    compare(
        told(&provider, &[watched(&server)]),
        str![[r#"
registry  `sparse+https://crates.example.com/index/`
entry     `sparse+https://crates.example.com/index/`, exactly
config    `[HOME]/.cargo/credential-bridge.toml`
chain     `sources`, to read

1. the secret `cargo` of `store`
   settings  from the environment: `GCE_METADATA_HOST`
   auth      `adc`: the service account of this machine
   GET       https://google.example.com/computeMetadata/v1/instance/service-accounts/default/token
             get a token, if this machine has a metadata server
   GET       https://google.example.com/v1/projects/acme/secrets/cargo/versions/latest:access
             read the secret
--- 0

"#]],
    );
    agree(&provider, &[watched(&server)]);
}

#[test]
fn google_has_endpoints_of_its_own() {
    let key = json!({
        "type": "service_account", "client_email": ACCOUNT, "private_key": "n0-s3cret-key", "project_id": "acme",
        "universe_domain": "example.goog",
    });
    let provider = with_file(
        provider(
            "",
            "secret = \"cargo\", location = \"europe-west3\", version = 3",
        ),
        &key.to_string(),
    )
    .secret("n0-s3cret-key")
    .secret(STORED);
    compare(
        told(&provider, &[]),
        str![[r#"
registry  `sparse+https://crates.example.com/index/`
entry     `sparse+https://crates.example.com/index/`, exactly
config    `[HOME]/.cargo/credential-bridge.toml`
chain     `sources`, to read

1. the secret `cargo`, version `3` of `store`
   settings  from the environment: `GCE_METADATA_HOST`, `GOOGLE_APPLICATION_CREDENTIALS`
   auth      `adc`: `serviceAccount:cargo-ci@acme.iam.gserviceaccount.com`
   read      the credentials in `[HOME]/credentials.json`
   GET       https://secretmanager.europe-west3.rep.example.goog/v1/projects/acme/locations/europe-west3/secrets/cargo/versions/3:access
             read the secret
--- 0

"#]],
    );
}
