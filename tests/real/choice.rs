//! `auth` as an array: the first method whose inputs exist here is used, and no other after it.

use serde_json::Value;
use test_servers::provider::error_text;
use test_servers::{Issuer, Provider};

use crate::tenant::{AUDIENCE, Tenant, URL};

/// One config for CI and for laptops.
fn provider(tenant: &Tenant, mount: &str, role: &str) -> Provider {
    tenant.provider(&format!(
        "auth = [ {{ method = \"jwt\", mount = \"{mount}\", role = \"{role}\", audience = \"{AUDIENCE}\", identity = \"github-actions\" }},\n\
         {{ method = \"cert\" }}, {{ method = \"token\" }} ]"
    ))
}

#[test]
fn a_job_logs_in_although_a_token_is_there_too() {
    let (tenant, issuer) = (Tenant::new(), Issuer::start());
    let mount = tenant.jwt(&issuer, &Value::Null);
    let (token, _) = tenant.vault_token(&Value::Null);
    let provider = provider(&tenant, &mount, "ci")
        .in_github(&issuer)
        .env("VAULT_TOKEN", &token)
        .secret(&token);
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    tenant.assert_one_of_each(&mount);
}

#[test]
fn a_laptop_uses_its_token() {
    let (tenant, issuer) = (Tenant::new(), Issuer::start());
    let mount = tenant.jwt(&issuer, &Value::Null);
    let (token, _) = tenant.vault_token(&Value::Null);
    let provider = provider(&tenant, &mount, "ci")
        .file(".vault-token", &token)
        .secret(&token);
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    assert_eq!(
        tenant.trail().requests(),
        [format!("read {}/data/ci/cargo", tenant.kv())]
    );
}

#[test]
fn a_refused_login_is_not_followed_by_another() {
    let (tenant, issuer) = (Tenant::new(), Issuer::start());
    let mount = tenant.jwt(&issuer, &Value::Null);
    let (token, _) = tenant.vault_token(&Value::Null);
    let provider = provider(&tenant, &mount, "mistyped")
        .in_github(&issuer)
        .env("VAULT_TOKEN", &token)
        .secret(&token);
    let text = error_text(&provider.get(URL, "read"));
    assert!(
        text.starts_with("Vault refused the jwt login as role `mistyped`\n"),
        "{text}"
    );
    assert_eq!(
        tenant.trail().requests(),
        [format!("update auth/{mount}/login")]
    );
}

#[test]
fn a_refused_source_is_not_followed_by_the_next() {
    let (tenant, other) = (Tenant::new(), Tenant::new());
    let (token, _) = tenant.vault_token(&Value::Null);
    tenant.policy("");
    let second = other
        .backend()
        .replace("[backends.corp]", "[backends.other]");
    let provider = tenant
        .provider("")
        .config(&format!(
            "{}{second}\n[registries.\"{URL}\"]\nsources = [\n\
             {{ backend = \"corp\", path = \"ci/cargo\", field = \"token\" }},\n\
             {{ backend = \"other\", path = \"ci/cargo\", field = \"token\" }},\n]\n",
            tenant.backend()
        ))
        .env("VAULT_TOKEN", &token)
        .secret(other.token())
        .secret(&token);
    error_text(&provider.get(URL, "read"));
    assert!(other.trail().requests().is_empty());
}

#[test]
fn nothing_that_can_be_used_names_each_method_and_why() {
    let (tenant, issuer) = (Tenant::new(), Issuer::start());
    let mount = tenant.jwt(&issuer, &Value::Null);
    let text = error_text(&provider(&tenant, &mount, "ci").get(URL, "read"));
    let expected = "no way to log in to Vault here\n\
        no GitHub identity here: `ACTIONS_ID_TOKEN_REQUEST_URL` and `ACTIONS_ID_TOKEN_REQUEST_TOKEN` are not set\n\
        no client certificate here: neither `client-cert` nor `VAULT_CLIENT_CERT` is set\n\
        no Vault token here: `VAULT_TOKEN` is not set, `~/.vault-token` does not exist, and there is no token helper";
    assert!(text.starts_with(expected), "{text}");
    assert!(tenant.trail().requests().is_empty());
}
