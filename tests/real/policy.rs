//! A policy that lacks something: the error holds what to add, word for word.

use serde_json::{Value, json};
use test_servers::http::percent_encode;
use test_servers::provider::error_text;
use test_servers::{Issuer, Provider};

use crate::tenant::{AUDIENCE, Tenant, URL};
use crate::vault::vault;

/// Checks that `provider` is denied `place`, writes the policy that the help gives, and nothing else, to Vault, and
/// checks that the same request is answered.
fn check(tenant: &Tenant, provider: &Provider, place: &str, path: &str) {
    tenant.policy("");
    let text = error_text(&provider.get(URL, "read"));
    let expected = format!(
        "Vault does not let the jwt role `ci` read {place}\nGET {}/v1/{path} answered 403 Forbidden\n",
        vault().url()
    );
    assert!(text.starts_with(&expected), "{text}");
    assert!(text.contains("permission denied"), "{text}");
    let (_, stanza) = text
        .split_once("help: its policies must have this")
        .unwrap();
    let (_, stanza) = stanza.split_once('\n').unwrap();
    tenant.policy(stanza);
    assert_eq!(provider.get(URL, "read"), tenant.answer(), "{stanza}");
}

fn auth(mount: &str) -> String {
    format!(
        "auth = {{ method = \"jwt\", mount = \"{mount}\", role = \"ci\", identity = {{ env = \"ID\" }} }}"
    )
}

#[test]
fn the_stanza_in_the_help_is_what_was_missing() {
    let issuer = Issuer::start();
    let token = issuer.token(AUDIENCE);

    let tenant = Tenant::new();
    let mount = tenant.jwt(&issuer, &Value::Null);
    let provider = tenant
        .provider(&auth(&mount))
        .env("ID", &token)
        .secret(&token);
    let place = format!("the path `ci/cargo` in the mount `{}`", tenant.kv());
    check(
        &tenant,
        &provider,
        &place,
        &format!("{}/data/ci/cargo", tenant.kv()),
    );

    // A denied read ends its login as well.
    let trail = tenant.trail();
    assert_eq!(trail.logins().len(), 2);
    assert!(
        trail
            .logins()
            .iter()
            .all(|accessor| !crate::audit::is_alive(accessor))
    );

    let tenant = Tenant::with_kv(1);
    tenant.write("ci/cargo", &json!({ "token": tenant.token() }));
    let mount = tenant.jwt(&issuer, &Value::Null);
    let settings = format!("kv-version = 1\n{}", auth(&mount));
    let provider = tenant.provider(&settings).env("ID", &token).secret(&token);
    let place = format!("the path `ci/cargo` in the mount `{}`", tenant.kv());
    check(
        &tenant,
        &provider,
        &place,
        &format!("{}/ci/cargo", tenant.kv()),
    );

    let raw = format!("{}/ci/cargo", tenant.kv());
    let source = format!("raw-path = \"{raw}\", field = \"token\"");
    let provider = tenant
        .provider_for(&auth(&mount), &source)
        .env("ID", &token)
        .secret(&token);
    check(&tenant, &provider, &format!("the raw path `{raw}`"), &raw);
}

#[test]
fn names_that_need_care_in_a_policy() {
    // Vault decodes the path of the request; policies are written without percent signs.
    let issuer = Issuer::start();
    let token = issuer.token(AUDIENCE);
    for name in [
        "ci/with space",
        "ci/ünïcode",
        "ci/a+b",
        "ci/50%25",
        "ci/qu\"ote",
        "ci/what?",
        "ci/c#",
        "ci/back\\slash",
    ] {
        let tenant = Tenant::with_kv(2);
        let mount = tenant.jwt(&issuer, &Value::Null);
        let segments: Vec<_> = name.split('/').map(percent_encode).collect();
        let encoded = segments.join("/");
        tenant.write(
            &format!("data/{encoded}"),
            &json!({ "data": { "token": tenant.token() } }),
        );
        let source = format!("path = '{name}', field = \"token\"");
        let provider = tenant
            .provider_for(&auth(&mount), &source)
            .env("ID", &token)
            .secret(&token);
        let text = error_text(&provider.get(URL, "read"));
        let (_, stanza) = text
            .split_once("help: its policies must have this")
            .unwrap_or_else(|| panic!("{name}: {text}"));
        tenant.policy(stanza.split_once('\n').unwrap().1);
        assert_eq!(
            provider.get(URL, "read"),
            tenant.answer(),
            "{name}: {stanza}"
        );
    }
}
