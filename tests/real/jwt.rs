//! The JWT auth method, with the identities of CI jobs.

use serde_json::{Value, json};
use test_servers::Issuer;

use crate::tenant::{AUDIENCE, Tenant, URL};
use crate::vault::vault;

/// `auth` for a mount of `tenant`, with this identity.
fn auth(mount: &str, identity: &str) -> String {
    format!(
        "auth = {{ method = \"jwt\", mount = \"{mount}\", role = \"ci\", audience = \"{AUDIENCE}\", identity = {identity} }}"
    )
}

#[test]
fn a_github_job() {
    let (tenant, issuer) = (Tenant::new(), Issuer::start());
    let mount = tenant.jwt(&issuer, &Value::Null);
    let provider = tenant
        .provider(&auth(&mount, "\"github-actions\""))
        .in_github(&issuer);
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    tenant.assert_one_of_each(&mount);
    let asked = issuer.requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].parameter("audience").as_deref(), Some(AUDIENCE));
}

#[test]
fn a_github_job_that_names_no_identity() {
    let (tenant, issuer) = (Tenant::new(), Issuer::start());
    let mount = tenant.jwt(&issuer, &Value::Null);
    let auth = format!(
        "auth = {{ method = \"jwt\", mount = \"{mount}\", role = \"ci\", audience = \"{AUDIENCE}\" }}"
    );
    let provider = tenant.provider(&auth).in_github(&issuer);
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    tenant.assert_one_of_each(&mount);
}

#[test]
fn a_gitlab_job_and_others_that_are_given_their_token() {
    let issuer = Issuer::start();
    for (identity, variable) in [
        ("\"gitlab\"", "CARGO_ID_TOKEN"),
        ("{ env = \"VAULT_ID_TOKEN\" }", "VAULT_ID_TOKEN"),
    ] {
        let tenant = Tenant::new();
        let mount = tenant.jwt(&issuer, &Value::Null);
        let token = issuer.token(AUDIENCE);
        let provider = tenant
            .provider(&auth(&mount, identity))
            .env(variable, &token)
            .secret(&token);
        assert_eq!(provider.get(URL, "read"), tenant.answer());
        tenant.assert_one_of_each(&mount);
    }
}

#[test]
fn a_token_in_a_file() {
    let (tenant, issuer) = (Tenant::new(), Issuer::start());
    let mount = tenant.jwt(&issuer, &Value::Null);
    let token = issuer.token(AUDIENCE);
    let provider = tenant
        .provider(&auth(&mount, "{ file = \"~/id-token\" }"))
        .file("id-token", &format!("{token}\n"))
        .secret(&token);
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    tenant.assert_one_of_each(&mount);
}

#[test]
fn vault_may_fetch_the_keys_of_the_issuer_itself() {
    let issuer = Issuer::start();
    for config in [
        json!({ "oidc_discovery_url": issuer.url(), "bound_issuer": issuer.url() }),
        json!({ "jwks_url": format!("{}/jwks", issuer.url()) }),
    ] {
        let tenant = Tenant::new();
        let mount = tenant.jwt(&issuer, &Value::Null);
        vault().root("POST", &format!("auth/{mount}/config"), &config);
        let provider = tenant
            .provider(&auth(&mount, "\"github-actions\""))
            .in_github(&issuer);
        assert_eq!(provider.get(URL, "read"), tenant.answer());
        tenant.assert_one_of_each(&mount);
    }
}

#[test]
fn the_default_role_of_the_mount() {
    let (tenant, issuer) = (Tenant::new(), Issuer::start());
    let mount = tenant.jwt(&issuer, &Value::Null);
    let config =
        json!({ "jwt_validation_pubkeys": [issuer.public_key_pem()], "default_role": "ci" });
    vault().root("POST", &format!("auth/{mount}/config"), &config);
    let token = issuer.token(AUDIENCE);
    let auth = format!(
        "auth = {{ method = \"jwt\", mount = \"{mount}\", identity = {{ env = \"ID\" }} }}"
    );
    let provider = tenant.provider(&auth).env("ID", &token).secret(&token);
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    tenant.assert_one_of_each(&mount);
}

#[test]
fn a_batch_token_is_not_revoked_because_it_can_not_be() {
    let (tenant, issuer) = (Tenant::new(), Issuer::start());
    let mount = tenant.jwt(&issuer, &json!({ "token_type": "batch" }));
    let token = issuer.token(AUDIENCE);
    let provider = tenant
        .provider(&auth(&mount, "{ env = \"ID\" }"))
        .env("ID", &token)
        .secret(&token);
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    assert_eq!(
        tenant.trail().requests(),
        [
            format!("update auth/{mount}/login"),
            format!("read {}/data/ci/cargo", tenant.kv())
        ]
    );
}

#[test]
fn a_token_for_one_use_is_used_for_the_secret() {
    let (tenant, issuer) = (Tenant::new(), Issuer::start());
    let mount = tenant.jwt(&issuer, &json!({ "token_num_uses": 1 }));
    let token = issuer.token(AUDIENCE);
    let provider = tenant
        .provider(&auth(&mount, "{ env = \"ID\" }"))
        .env("ID", &token)
        .secret(&token);
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    let logins = tenant.trail().logins();
    assert!(!crate::audit::is_alive(&logins[0]));
}
