//! The cert auth method: a TLS client certificate.

use serde_json::{Value, json};
use test_servers::provider::error_text;
use test_servers::{Authority, Certificate, Provider};

use crate::audit::is_alive;
use crate::tenant::{Tenant, URL};
use crate::vault::vault;

/// The provider with this client certificate.
fn with_certificate(tenant: &Tenant, auth: &str, certificate: &Certificate) -> Provider {
    tenant
        .provider(&format!(
            "client-cert = \"ci.pem\"\nclient-key = \"ci.key\"\n{auth}"
        ))
        .file(".cargo/ci.pem", &certificate.cert_pem)
        .file(".cargo/ci.key", &certificate.key_pem)
}

#[test]
fn a_client_certificate() {
    let tenant = Tenant::new();
    let mount = tenant.enable("cert");
    let authority = vault().authority();
    vault().root(
        "POST",
        &format!("auth/{mount}/certs/ci"),
        &json!({ "certificate": authority.pem(), "allowed_common_names": ["builder"], "token_policies": [tenant.name()] }),
    );
    let auth = format!("auth = {{ method = \"cert\", mount = \"{mount}\", role = \"ci\" }}");
    let builder = authority.client("builder");
    assert_eq!(
        with_certificate(&tenant, &auth, &builder).get(URL, "read"),
        tenant.answer()
    );
    tenant.assert_one_of_each(&mount);

    // By variables, and without a role: Vault looks for one that fits.
    let any = format!("auth = {{ method = \"cert\", mount = \"{mount}\" }}");
    let provider = tenant
        .provider(&any)
        .file("ci.pem", &builder.cert_pem)
        .file("ci.key", &builder.key_pem);
    let (certificate, key) = (
        provider.home().join("ci.pem"),
        provider.home().join("ci.key"),
    );
    let provider = provider
        .env("VAULT_CLIENT_CERT", certificate)
        .env("VAULT_CLIENT_KEY", key);
    assert_eq!(provider.get(URL, "read"), tenant.answer());

    let stranger = with_certificate(&tenant, &auth, &authority.client("stranger"));
    let text = error_text(&stranger.get(URL, "read"));
    assert!(
        text.starts_with("Vault refused the cert login as role `ci`\n"),
        "{text}"
    );
    assert!(
        text.contains("answered 400 Bad Request\nfailed to match all constraints"),
        "{text}"
    );
    let read = format!("auth/{mount}/certs/ci");
    assert!(
        text.contains(&format!("help: `vault read {read}` shows")),
        "{text}"
    );
    vault().root("GET", &read, &Value::Null);

    // Of an authority that the listener does not know: TLS itself fails.
    let forged = with_certificate(&tenant, &auth, &Authority::new().client("builder"));
    let text = error_text(&forged.get(URL, "read"));
    assert!(text.contains("certificate"), "{text}");

    assert!(
        tenant
            .trail()
            .logins()
            .iter()
            .all(|accessor| !is_alive(accessor))
    );
}

#[test]
fn no_client_certificate_means_that_the_method_is_not_available() {
    let tenant = Tenant::new();
    let text = error_text(
        &tenant
            .provider("auth = { method = \"cert\" }")
            .get(URL, "read"),
    );
    assert_eq!(
        text,
        "no client certificate here: neither `client-cert` nor `VAULT_CLIENT_CERT` is set"
    );
    assert!(tenant.trail().requests().is_empty());
}
