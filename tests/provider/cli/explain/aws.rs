//! AWS Secrets Manager, by AWS's own endpoints and ours.

use snapbox::str;
use test_servers::aws::Keys;
use test_servers::secrets_manager::ACCOUNT;
use test_servers::{ContainerCredentials, InstanceMetadata, Issuer, SecretsManager};

use super::{Watched, agree, compare, told};
use crate::aws_requests::{STORED, equipped, provider};

const SOURCE: &str = "secret = \"prod/cargo\"";

fn store() -> SecretsManager {
    let server = SecretsManager::start();
    server.put("prod/cargo", STORED);
    server
}

/// The keys that a machine gives.
fn keys(server: &SecretsManager) -> Keys {
    let keys = server.session("machine");
    Keys {
        id: keys.id,
        secret: keys.secret,
        token: keys.token,
    }
}

fn watched(server: &SecretsManager) -> Watched<'_> {
    Watched::new("aws.example.com", server.url(), || server.requests())
}

#[test]
fn a_jobs_token_and_a_role_on_top() {
    let (server, issuer) = (store(), Issuer::start());
    let provider = provider(
        &format!(
            "region = \"eu-west-1\"\nrole-arn = \"arn:aws:iam::{ACCOUNT}:role/reader\"\n\
             auth = {{ method = \"web-identity\", role-arn = \"arn:aws:iam::{ACCOUNT}:role/ci\" }}"
        ),
        SOURCE,
    )
    .env("AWS_ENDPOINT_URL", server.url())
    .in_github(&issuer);
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

1. the secret `prod/cargo` of `store`
   settings  from the environment: `ACTIONS_ID_TOKEN_REQUEST_TOKEN`, `ACTIONS_ID_TOKEN_REQUEST_URL`
   auth      `web-identity`: the role `arn:aws:iam::123456789012:role/ci`
   GET       https://github.example.com/github/token
             have GitHub mint the identity token of this job, for the audience `sts.amazonaws.com`
   POST      https://aws.example.com/
             AssumeRoleWithWebIdentity: become the role
   POST      https://aws.example.com/
             AssumeRole: become `arn:aws:iam::123456789012:role/reader`
   POST      https://aws.example.com/
             GetSecretValue: read the secret
--- 0

"#]],
    );
    agree(&provider, &watched);
}

#[test]
fn keys_in_the_environment_and_in_a_profile() {
    let server = store();
    let keys = server.user("ci");
    let provider = provider("region = \"eu-west-1\"", SOURCE);
    agree(
        &equipped(provider, &keys, &server.url()),
        &[watched(&server)],
    );

    let server = store();
    let keys = server.user("ci");
    let provider = self::provider("profile = \"corp\"", SOURCE)
        .file(
            ".aws/config",
            &format!(
                "[profile corp]\nregion = eu-west-1\naws_access_key_id = {}\naws_secret_access_key = {}\n",
                keys.id, keys.secret
            ),
        )
        .env("AWS_ENDPOINT_URL_SECRETS_MANAGER", server.url())
        .secret(&keys.secret);
    agree(&provider, &[watched(&server)]);
}

#[test]
fn the_role_of_a_container_and_of_an_instance() {
    let server = store();
    let keys = keys(&server);
    let container = ContainerCredentials::start(&keys, "c0ntainer-token");
    let url = container.url();
    let origin = url.split('/').take(3).collect::<Vec<_>>().join("/");
    let provider = provider("region = \"eu-west-1\"", SOURCE)
        .env("AWS_ENDPOINT_URL", server.url())
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "c0ntainer-token");
    let watched = [
        watched(&server),
        Watched::new("container.example.com", origin, || container.requests()),
    ];
    agree(&provider, &watched);

    // What the instance is asked first is all that is known of it.
    let instance = InstanceMetadata::start("eu-west-1", "ci", &keys);
    let provider = self::provider("region = \"eu-west-1\"", SOURCE)
        .env("AWS_ENDPOINT_URL", server.url())
        .env("AWS_EC2_METADATA_DISABLED", "false")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", instance.url());
    let text = told(&provider, &[]);
    assert!(
        text.contains(&format!("PUT       {}/latest/api/token", instance.url())),
        "{text}"
    );
    assert_eq!(instance.requests(), []);
}

#[test]
fn aws_has_endpoints_of_its_own() {
    let provider = provider(
        "regions = [ \"eu-west-1\", \"eu-central-1\" ]",
        "secret = \"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/cargo-a1b2c3\"",
    )
    .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    .env("AWS_SECRET_ACCESS_KEY", "4ws-s3cret-key")
    .env("AWS_USE_FIPS_ENDPOINT", "true")
    .secret("4ws-s3cret-key");
    compare(
        told(&provider, &[]),
        str![[r#"
registry  `sparse+https://crates.example.com/index/`
entry     `sparse+https://crates.example.com/index/`, exactly
config    `[HOME]/.cargo/credential-bridge.toml`
chain     `sources`, to read

1. the secret `arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/cargo-a1b2c3` of `store`
   auth      `default`: the keys in the environment
   POST      https://secretsmanager-fips.eu-west-1.amazonaws.com/
             GetSecretValue: read the secret
   POST      https://secretsmanager-fips.eu-central-1.amazonaws.com/
             GetSecretValue: read the secret, if the region `eu-west-1` does not answer
--- 0

"#]],
    );
}

#[test]
fn no_program_is_run() {
    let provider = provider("region = \"eu-west-1\"", SOURCE)
        .file(".aws/config", "[default]\ncredential_process = touch ran\n");
    compare(
        told(&provider, &[]),
        str![[r#"
registry  `sparse+https://crates.example.com/index/`
entry     `sparse+https://crates.example.com/index/`, exactly
config    `[HOME]/.cargo/credential-bridge.toml`
chain     `sources`, to read

1. the secret `prod/cargo` of `store`
   auth      `default`: whose keys the program prints
   run       the `credential_process` of the profile `default`
   POST      https://secretsmanager.eu-west-1.amazonaws.com/
             GetSecretValue: read the secret
--- 0

"#]],
    );
    assert!(!provider.home().join("work/ran").exists());
}

#[test]
fn no_identity_at_all() {
    compare(
        told(&provider("region = \"eu-west-1\"", SOURCE), &[]),
        str![[r#"
registry  `sparse+https://crates.example.com/index/`
entry     `sparse+https://crates.example.com/index/`, exactly
config    `[HOME]/.cargo/credential-bridge.toml`
chain     `sources`, to read

1. the secret `prod/cargo` of `store`
   auth      not `default`: no AWS identity here: no keys in the environment, no profile with any, no web identity, no container's or instance's role
   ends      no AWS identity here: no keys in the environment, no profile with any, no web identity, no container's or instance's role, and there is no other source
             help: what AWS's own command line takes works here too; a CI job needs no keys: `auth = { method = "web-identity", role-arn = "…" }` takes its identity token
--- 1

"#]],
    );
}
