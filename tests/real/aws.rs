//! The AWS auth method: Vault sends our signed request on to STS, which is moto here, and believes its answer.

use std::sync::LazyLock;

use serde_json::json;
use test_servers::aws::{ACCOUNT, Keys};
use test_servers::provider::error_text;
use test_servers::{Issuer, Moto, Provider, random};

use crate::tenant::{Tenant, URL};
use crate::vault::vault;

/// The name that our Vault goes by, so that nobody shows it what was signed for another.
const SERVER_ID: &str = "vault.example.com";

/// The moto that checks each signature, that of what Vault passes on included.
fn strict() -> &'static Moto {
    static SHARED: LazyLock<Moto> = LazyLock::new(Moto::start_strict);
    let _checked = Moto::python();
    &SHARED
}

/// The moto that trades tokens.
fn moto() -> &'static Moto {
    static SHARED: LazyLock<Moto> = LazyLock::new(Moto::start);
    let _checked = Moto::python();
    &SHARED
}

/// A user of the account; it may do nothing, and everybody may ask who they are.
fn user() -> (String, Keys) {
    let name = random::alphanumeric(12);
    let keys = strict().user(&name, &[]);
    (format!("arn:aws:iam::{ACCOUNT}:user/{name}"), keys)
}

/// Enables the AWS auth method with its STS at an address, and the role `ci` for a principal.
fn mount(tenant: &Tenant, sts: &str, principal: &str) -> String {
    let mount = tenant.enable("aws");
    let config = json!({
        "sts_endpoint": sts, "sts_region": "eu-west-1", "iam_server_id_header_value": SERVER_ID,
    });
    vault().root("POST", &format!("auth/{mount}/config/client"), &config);
    let role = json!({
        "auth_type": "iam", "bound_iam_principal_arn": [principal], "resolve_aws_unique_ids": false,
        "token_policies": [tenant.name()], "token_ttl": "20m",
    });
    vault().root("POST", &format!("auth/{mount}/role/ci"), &role);
    mount
}

/// The provider with this method, and `more` keys in it.
fn provider(tenant: &Tenant, mount: &str, more: &str) -> Provider {
    tenant.provider(&format!(
        "auth = {{ method = \"aws\", mount = \"{mount}\", role = \"ci\"{more} }}"
    ))
}

/// By a key in the environment.
fn by(provider: Provider, keys: &Keys) -> Provider {
    keys.variables()
        .into_iter()
        .fold(provider, |provider, (name, value)| {
            provider.env(name, value)
        })
        .secret(&keys.secret)
}

fn with_server_id() -> String {
    format!(", region = \"eu-west-1\", server-id = \"{SERVER_ID}\"")
}

#[test]
fn a_user_by_a_key() {
    let (tenant, (arn, keys)) = (Tenant::new(), user());
    let mount = mount(&tenant, &strict().url(), &arn);
    let provider = by(provider(&tenant, &mount, &with_server_id()), &keys);
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    tenant.assert_one_of_each(&mount);
}

#[test]
fn a_github_job_by_the_role_that_its_token_gives() {
    let (tenant, issuer) = (Tenant::new(), Issuer::start());
    let role = format!("arn:aws:iam::{ACCOUNT}:role/ci");
    let mount = mount(&tenant, &moto().url(), &role);
    let identity = format!(
        "{}, identity = {{ method = \"web-identity\", role-arn = \"{role}\", identity = \"github-actions\" }}",
        with_server_id()
    );
    let provider = provider(&tenant, &mount, &identity)
        .env("AWS_ENDPOINT_URL", moto().url())
        .in_github(&issuer);
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    tenant.assert_one_of_each(&mount);
    assert_eq!(issuer.requests().len(), 1);
}

/// What Vault says of a login, after which nothing else is asked.
fn refused(tenant: &Tenant, mount: &str, provider: &Provider) -> String {
    let text = error_text(&provider.get(URL, "read"));
    let expected = format!(
        "Vault refused the aws login as role `ci`\nPOST {}/v1/auth/{mount}/login answered 400 Bad Request\n",
        vault().url()
    );
    assert!(text.starts_with(&expected), "{text}");
    assert_eq!(
        tenant.trail().requests(),
        [format!("update auth/{mount}/login")]
    );
    text
}

#[test]
fn what_was_signed_for_another_vault() {
    for server_id in ["", ", server-id = \"other.example.com\""] {
        let (tenant, (arn, keys)) = (Tenant::new(), user());
        let mount = mount(&tenant, &strict().url(), &arn);
        let more = format!(", region = \"eu-west-1\"{server_id}");
        let provider = by(provider(&tenant, &mount, &more), &keys);
        let text = refused(&tenant, &mount, &provider);
        assert!(
            text.contains("X-Vault-AWS-IAM-Server-ID") || text.contains("vault header"),
            "{text}"
        );
    }
}

#[test]
fn another_user() {
    let (tenant, (arn, _), (_, keys)) = (Tenant::new(), user(), user());
    let mount = mount(&tenant, &strict().url(), &arn);
    let provider = by(provider(&tenant, &mount, &with_server_id()), &keys);
    refused(&tenant, &mount, &provider);
}

#[test]
fn a_key_that_is_wrong() {
    let (tenant, (arn, keys)) = (Tenant::new(), user());
    let mount = mount(&tenant, &strict().url(), &arn);
    let keys = Keys {
        secret: random::alphanumeric(40),
        ..keys
    };
    let provider = by(provider(&tenant, &mount, &with_server_id()), &keys);
    let text = refused(&tenant, &mount, &provider);
    assert!(text.contains("SignatureDoesNotMatch"), "{text}");
}

#[test]
fn a_machine_without_an_identity() {
    let (tenant, (arn, _)) = (Tenant::new(), user());
    let mount = mount(&tenant, &strict().url(), &arn);
    let provider = provider(&tenant, &mount, &with_server_id());
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("no AWS identity here"), "{text}");
    assert_eq!(tenant.trail().requests(), Vec::<String>::new());
}
