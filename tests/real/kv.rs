//! Both versions of the KV engine, and the ways to get them wrong.

use serde_json::json;
use test_servers::Provider;
use test_servers::provider::{error_text, get_request};

use crate::tenant::{Tenant, URL};

/// Checks that the answer is `not-found`, and gives the note on standard error.
fn note(provider: &Provider) -> String {
    let run = provider.run(get_request(URL, "read").as_bytes());
    assert_eq!(run.answer(), json!({ "Err": { "kind": "not-found" } }));
    let start = format!("cargo-credential-bridge: no read token for `{}`: ", URL);
    let note = run.stderr.strip_prefix(&start);
    note.unwrap_or_else(|| panic!("{run:?}"))
        .trim_end()
        .to_owned()
}

#[test]
fn version_1() {
    let tenant = Tenant::with_kv(1);
    tenant.write("ci/cargo", &json!({ "token": tenant.token(), "ttl": "1h" }));
    tenant.policy(&tenant.may_read("ci/cargo"));
    // KV v1 makes a `lease_duration` of `ttl`; it is no lease, and the token does not end with it.
    assert_eq!(
        tenant
            .with_token(tenant.provider("kv-version = 1"))
            .get(URL, "read"),
        tenant.answer()
    );
    assert_eq!(
        tenant.trail().requests(),
        [format!("read {}/ci/cargo", tenant.kv())]
    );
}

#[test]
fn a_field_of_its_own_value_in_every_json_type() {
    let tenant = Tenant::new();
    let fields = json!({ "n": 12_345_678_901_u64, "nested": { "token": tenant.token() }, "line": format!("{}\n", tenant.token()) });
    tenant.write("data/ci/cargo", &json!({ "data": fields }));
    for (field, expected) in [
        ("n", "12345678901"),
        ("nested.token", tenant.token()),
        ("line", tenant.token()),
    ] {
        let source = format!("path = \"ci/cargo\", field = \"{field}\"");
        let answer = tenant
            .with_token(tenant.provider_for("", &source))
            .get(URL, "read");
        assert_eq!(answer["Ok"]["token"], expected);
    }
    let text = error_text(&tenant.with_token(tenant.provider("")).get(URL, "read"));
    assert!(
        text.contains("its fields are `line`, `n`, `nested`"),
        "{text}"
    );
}

#[test]
fn a_version_of_its_own() {
    let tenant = Tenant::new();
    tenant.write(
        "data/ci/cargo",
        &json!({ "data": { "token": "the-second-version" } }),
    );
    for (version, expected) in [
        ("", "the-second-version"),
        (", version = 1", tenant.token()),
        (", version = 2", "the-second-version"),
    ] {
        let source = format!("path = \"ci/cargo\", field = \"token\"{version}");
        let answer = tenant
            .with_token(tenant.provider_for("", &source))
            .get(URL, "read");
        assert_eq!(answer["Ok"]["token"], expected);
    }
    let source = "path = \"ci/cargo\", field = \"token\", version = 3";
    let provider = tenant.with_token(tenant.provider_for("", source));
    assert_eq!(
        note(&provider),
        format!(
            "Vault has no secret at the path `ci/cargo`, version 3 in the mount `{}`",
            tenant.kv()
        )
    );
}

#[test]
fn deleted_and_destroyed_versions_are_told_apart() {
    let tenant = Tenant::new();
    tenant.write(
        "data/ci/cargo",
        &json!({ "data": { "token": tenant.token() } }),
    );
    tenant.write("destroy/ci/cargo", &json!({ "versions": [1] }));
    tenant.write("delete/ci/cargo", &json!({ "versions": [2] }));
    let source = |version: &str| format!("path = \"ci/cargo\", field = \"token\"{version}");
    let noted = |version| note(&tenant.with_token(tenant.provider_for("", &source(version))));
    assert_eq!(
        noted(", version = 1"),
        format!(
            "version 1 of the path `ci/cargo` in the mount `{}` was destroyed; help: what was destroyed can't come back: write the secret anew",
            tenant.kv()
        )
    );
    let deleted = noted("");
    let start = format!(
        "version 2 of the path `ci/cargo` in the mount `{}` was deleted at 20",
        tenant.kv()
    );
    assert!(deleted.starts_with(&start), "{deleted}");
}

#[test]
fn no_such_secret() {
    let tenant = Tenant::with_kv(2);
    tenant.policy(&tenant.may_read("data/*"));
    let provider = tenant.with_token(tenant.provider(""));
    let expected = format!(
        "Vault has no secret at the path `ci/cargo` in the mount `{}`",
        tenant.kv()
    );
    assert_eq!(note(&provider), expected);

    let tenant = Tenant::with_kv(1);
    tenant.policy(&tenant.may_read("*"));
    let provider = tenant.with_token(tenant.provider("kv-version = 1"));
    let expected = format!(
        "Vault has no secret at the path `ci/cargo` in the mount `{}`",
        tenant.kv()
    );
    assert_eq!(note(&provider), expected);
}
