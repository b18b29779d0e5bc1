//! One login for each backend, and which of them is revoked.

use serde_json::json;
use test_servers::provider::error_text;
use test_servers::{Provider, Request, Response, Server};

use super::{APPROLE, LOGIN, SOURCE, STORED, TOKEN, URL, address, get, lines, provider, vault};
use crate::BINARY;

const READ: &str = "GET /v1/secret/data/ci/cargo";
const REVOKE: &str = "POST /v1/auth/token/revoke-self";

#[test]
fn only_a_login_of_our_own_is_revoked() {
    let server = Server::start(vault);
    for auth in [
        "",
        r#"auth = { method = "token" }"#,
        r#"auth = { method = "token", token = { env = "VAULT_TOKEN" } }"#,
    ] {
        let backend = format!("{}\n{auth}", address(&server));
        get(&provider(&backend, SOURCE).env("VAULT_TOKEN", TOKEN));
    }
    assert_eq!(lines(&server), [READ; 3]);
}

/// A batch token can't be revoked; it dies by itself.
#[test]
fn a_batch_token_is_not_revoked() {
    let server = Server::start(|request: &Request| match request.path.as_str() {
        "/v1/auth/approle/login" => Response::json(
            200,
            &json!({ "auth": { "client_token": LOGIN, "token_type": "batch" } }),
        ),
        _ => vault(request),
    });
    get(&provider(
        &format!("{}\n{APPROLE}", address(&server)),
        SOURCE,
    ));
    assert_eq!(lines(&server), ["POST /v1/auth/approle/login", READ]);
}

/// What is leased dies with the token that it was read by; what only looks so, as KV v1 does, does not.
#[test]
fn a_login_with_a_lease_is_not_revoked() {
    for (lease, revoked) in [
        (
            json!({ "lease_id": "corp/token/ci/aBc", "lease_duration": 3600 }),
            false,
        ),
        (json!({ "lease_id": "", "lease_duration": 2764800 }), true),
        (json!({ "lease_duration": 2764800 }), true),
    ] {
        let name = lease.to_string();
        let mut answer = lease;
        answer["data"] = json!({ "token": STORED });
        let server = Server::start(move |request: &Request| match request.method.as_str() {
            "GET" => Response::json(200, &answer),
            _ => vault(request),
        });
        let source = r#"raw-path = "corp/token/ci", field = "token""#;
        let answer = provider(&format!("{}\n{APPROLE}", address(&server)), source).get(URL, "read");
        let mut expected = vec!["POST /v1/auth/approle/login", "GET /v1/corp/token/ci"];
        expected.extend(revoked.then_some(REVOKE));
        assert_eq!(lines(&server), expected, "{name}");
        let cache = if revoked { "session" } else { "expires" };
        assert_eq!(answer["Ok"]["cache"], cache, "{name}");
    }
}

#[test]
fn a_login_is_revoked_after_a_refusal_too() {
    let server = Server::start(|request: &Request| match request.method.as_str() {
        "GET" => Response::json(403, &json!({ "errors": ["permission denied"] })),
        _ => vault(request),
    });
    let provider = provider(&format!("{}\n{APPROLE}", address(&server)), SOURCE);
    let text = error_text(&provider.get(URL, "read"));
    assert!(
        text.starts_with("Vault does not let the approle login read the path `ci/cargo`"),
        "{text}"
    );
    let mounts = "GET /v1/sys/internal/ui/mounts/secret/ci/cargo";
    assert_eq!(
        lines(&server),
        ["POST /v1/auth/approle/login", READ, mounts, REVOKE]
    );
}

/// Two sources share a backend and so its login; two backends have one each.
#[test]
fn one_login_for_each_backend() {
    let server = Server::start(|request: &Request| match request.path.as_str() {
        "/v1/secret/data/old" | "/v1/secret/data/older" => {
            Response::json(404, &json!({ "errors": [] }))
        }
        _ => vault(request),
    });
    let config = format!(
        r#"
        [backends.one]
        type = "vault"
        address = "{0}"
        {APPROLE}
        [backends.two]
        type = "vault"
        address = "{0}/two"
        {APPROLE}
        [registries."{URL}"]
        sources = [
            {{ backend = "one", path = "old", field = "token" }},
            {{ backend = "one", path = "older", field = "token" }},
            {{ backend = "two", path = "ci/cargo", field = "token" }},
        ]
        "#,
        server.url()
    );
    get(&Provider::new(BINARY)
        .config(&config)
        .secret(LOGIN)
        .secret(STORED));
    let asked: Vec<_> = lines(&server)
        .into_iter()
        .filter(|line| !line.contains("/sys/internal/"))
        .collect();
    assert_eq!(
        asked,
        [
            "POST /v1/auth/approle/login",
            "GET /v1/secret/data/old",
            "GET /v1/secret/data/older",
            "POST /two/v1/auth/approle/login",
            "GET /two/v1/secret/data/ci/cargo",
            REVOKE,
            "POST /two/v1/auth/token/revoke-self",
        ]
    );
    assert_eq!(server.connections(), 2);
}
