//! Vault tokens that the machine already has: used, and left alone.

use std::path::Path;

use serde_json::{Value, json};
use test_servers::Provider;
use test_servers::provider::error_text;

use crate::BINARY;
use crate::audit::is_alive;
use crate::tenant::{Tenant, URL};
use crate::vault::vault;

/// Asks, and checks that there was one read, by a token that lives on.
fn check(tenant: &Tenant, provider: &Provider, accessor: &str) {
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    let trail = tenant.trail();
    assert_eq!(
        trail.requests(),
        [format!("read {}/data/ci/cargo", tenant.kv())]
    );
    assert!(is_alive(accessor));
}

#[test]
fn in_vault_token_with_and_without_an_auth_method() {
    for auth in ["", "auth = { method = \"token\" }"] {
        let tenant = Tenant::new();
        let (token, accessor) = tenant.vault_token(&Value::Null);
        let provider = tenant
            .provider(auth)
            .env("VAULT_TOKEN", &token)
            .secret(&token);
        check(&tenant, &provider, &accessor);
    }
}

#[test]
fn in_the_file_that_vault_login_writes() {
    let tenant = Tenant::new();
    let (token, accessor) = tenant.vault_token(&Value::Null);
    let provider = tenant
        .provider("")
        .file(".vault-token", &format!("{token}\n"))
        .secret(&token);
    check(&tenant, &provider, &accessor);
}

#[test]
fn in_a_file_that_the_config_names() {
    let tenant = Tenant::new();
    let (token, accessor) = tenant.vault_token(&Value::Null);
    let provider = tenant
        .provider("auth = { method = \"token\", token = { file = \"job-token\" } }")
        .file(".cargo/job-token", &token)
        .secret(&token);
    check(&tenant, &provider, &accessor);
}

#[cfg(unix)]
#[test]
fn from_the_token_helper_which_comes_before_the_file() {
    let tenant = Tenant::new();
    let (token, accessor) = tenant.vault_token(&Value::Null);
    let provider = tenant
        .provider("")
        .file(".vault-token", "hvs.of-somebody-else")
        .file("helper-token", &token)
        .file("helper", "#!/bin/sh\n[ \"$1\" = get ] && [ -n \"$VAULT_ADDR\" ] && exec cat \"$HOME/helper-token\"\n")
        .secret(&token);
    make_executable(&provider.home().join("helper"));
    let helper = provider.home().join("helper");
    let provider = provider.file(".vault", &format!("token_helper = {helper:?}\n"));
    // The helper is a shell script, which wants to find `cat`.
    let provider = provider.env("PATH", std::env::var_os("PATH").unwrap());
    check(&tenant, &provider, &accessor);
}

#[cfg(unix)]
fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn everything_from_the_variables_of_the_vault_command() {
    let tenant = Tenant::new();
    let (token, accessor) = tenant.vault_token(&Value::Null);
    let config = |kind: &str| {
        format!(
            "[backends.corp]\ntype = \"{kind}\"\nmount = \"{}\"\n[registries.\"{URL}\"]\n\
             sources = [ {{ backend = \"corp\", path = \"ci/cargo\", field = \"token\" }} ]\n",
            tenant.kv()
        )
    };
    let vault_variables = Provider::new(BINARY)
        .config(&config("vault"))
        .env("VAULT_ADDR", vault().url())
        .env("VAULT_CACERT", vault().ca_file())
        .env("VAULT_TOKEN", &token)
        .secret(&token)
        .secret(tenant.token());
    check(&tenant, &vault_variables, &accessor);

    // OpenBao speaks the same; its variables come first.
    let bao_variables = Provider::new(BINARY)
        .config(&config("openbao"))
        .env("BAO_ADDR", vault().url())
        .env("VAULT_ADDR", "https://127.0.0.1:1")
        .env("BAO_CACERT", vault().ca_file())
        .env("BAO_TOKEN", &token)
        .env("VAULT_TOKEN", "hvs.of-somebody-else")
        .secret(&token)
        .secret(tenant.token());
    assert_eq!(bao_variables.get(URL, "read"), tenant.answer());
}

#[test]
fn that_is_a_batch_token() {
    let tenant = Tenant::new();
    let body =
        json!({ "policies": [tenant.name()], "type": "batch", "ttl": "20m", "no_parent": true });
    let made = vault().root("POST", "auth/token/create", &body);
    let token = made["auth"]["client_token"].as_str().unwrap();
    assert!(token.starts_with("hvb."));
    let provider = tenant.provider("").env("VAULT_TOKEN", token).secret(token);
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    assert_eq!(tenant.trail().requests().len(), 1);
}

#[test]
fn that_vault_does_not_know() {
    let tenant = Tenant::new();
    let provider = tenant
        .provider("")
        .env("VAULT_TOKEN", "hvs.revoked-long-ago")
        .secret("hvs.revoked-long-ago");
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("answered 403 Forbidden\n"), "{text}");
    assert!(text.contains("invalid token\n"), "{text}");
}
