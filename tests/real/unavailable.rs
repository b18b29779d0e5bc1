//! A Vault that is up and can't answer.

use serde_json::json;
use test_servers::provider::error_text;
use test_servers::{Provider, RealVault};

use crate::BINARY;
use crate::tenant::{Tenant, URL};
use crate::vault::vault;

#[test]
fn a_sealed_vault_says_so() {
    // Its state is sealed until somebody brings the key.
    let sealed = RealVault::start();
    let config = |next: &str| {
        format!(
            "[backends.corp]\ntype = \"vault\"\naddress = \"{}\"\nca-file = {:?}\n[backends.job]\ntype = \"env\"\n\
             [registries.\"{URL}\"]\n{next}sources = [ {{ backend = \"corp\", path = \"ci/cargo\", field = \"token\" }}, {{ backend = \"job\", var = \"TOKEN\" }} ]\n",
            sealed.url(),
            sealed.ca_file(),
        )
    };
    let provider = Provider::new(BINARY)
        .config(&config(""))
        .env("VAULT_TOKEN", "hvs.some-token")
        .env("TOKEN", "of-the-second-source")
        .secret("hvs.some-token")
        .secret("of-the-second-source");
    let expected = format!(
        "Vault can't answer now\nGET {}/v1/secret/data/ci/cargo answered 503 Service Unavailable\nVault is sealed\n\
         help: `vault status` tells whether it is sealed, a standby, or overloaded",
        sealed.url()
    );
    assert_eq!(error_text(&provider.get(URL, "read")), expected);

    let provider = provider.config(&config("on-unavailable = \"next\"\n"));
    assert_eq!(
        provider.get(URL, "read")["Ok"]["token"],
        "of-the-second-source"
    );

    let unsealed = sealed.unseal();
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("answered 403 Forbidden"), "{text}");
    drop(unsealed);
}

#[test]
fn the_certificate_of_another_authority_is_refused() {
    let other = test_servers::Authority::new();
    let provider = Provider::new(BINARY)
        .config(&format!(
            "[backends.corp]\ntype = \"vault\"\naddress = \"{}\"\nca-file = \"other.pem\"\n\
             [registries.\"{URL}\"]\nsources = [ {{ backend = \"corp\", path = \"ci/cargo\", field = \"token\" }} ]\n",
            vault().url(),
        ))
        .file(".cargo/other.pem", other.pem())
        .env("VAULT_TOKEN", "hvs.some-token")
        .secret("hvs.some-token");
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("certificate"), "{text}");
}

#[test]
fn a_rate_limit_that_lasts_longer_than_we_may_is_not_waited_for() {
    let tenant = Tenant::new();
    let quota = json!({ "path": tenant.kv(), "rate": 1, "interval": "1h" });
    vault().root(
        "POST",
        &format!("sys/quotas/rate-limit/{}", tenant.name()),
        &quota,
    );
    let provider = tenant.with_token(tenant.provider(""));
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.starts_with("Vault can't answer now\n"), "{text}");
    assert!(text.contains("answered 429 Too Many Requests\n"), "{text}");
    assert!(
        text.ends_with("help: a rate limit quota of the server holds this job back"),
        "{text}"
    );
    // Vault says when to come back, and that is beyond our deadline.
    assert_eq!(tenant.trail().requests().len(), 1);
}

#[test]
fn plain_http_on_the_https_port() {
    let tenant = Tenant::new();
    let config = format!(
        "{}\n[registries.\"{URL}\"]\nsources = [ {{ backend = \"corp\", path = \"ci/cargo\", field = \"token\" }} ]\n",
        tenant.backend()
    );
    let provider = tenant.with_token(
        tenant
            .provider("")
            .config(&config.replace("https://127", "http://127")),
    );
    let text = error_text(&provider.get(URL, "read"));
    assert!(
        text.starts_with("the answer of `http://127.0.0.1:"),
        "{text}"
    );
    assert!(
        text.contains("\nClient sent an HTTP request to an HTTPS server.\n"),
        "{text}"
    );
}
