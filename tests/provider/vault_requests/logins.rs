//! Logins: what is shown to which auth method, over which connection, and what becomes of the token.

use serde_json::{Value, json};
use test_servers::provider::error_text;
use test_servers::{Authority, Provider, Request, Response, Server};

use super::{APPROLE, LOGIN, SOURCE, TOKEN, URL, address, get, lines, provider, vault};

const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyZXBvOmFjbWUvYXBwIn0.s1gnature-s3cret";
const SECRET_ID: &str = "s3cret-1d-of-the-role";

const READ: &str = "GET /v1/secret/data/ci/cargo";
const REVOKE: &str = "POST /v1/auth/token/revoke-self";

/// What the methods of these tests are made from.
fn inputs(provider: Provider) -> Provider {
    provider
        .env("JOB_TOKEN", JWT)
        .env("SECRET_ID", SECRET_ID)
        .file(".cargo/sa-token", &format!("{JWT}\n"))
        .secret(JWT)
        .secret(SECRET_ID)
        .secret("1nner-s3cret-id")
}

#[test]
fn each_method_shows_what_it_has() {
    for (auth, path, body) in [
        (
            r#"method = "jwt", role = "cargo-ci", identity = { env = "JOB_TOKEN" }"#,
            "jwt",
            json!({ "jwt": JWT, "role": "cargo-ci" }),
        ),
        (
            r#"method = "jwt", mount = "teams/github", identity = { file = "sa-token" }"#,
            "teams/github",
            json!({ "jwt": JWT }),
        ),
        (
            r#"method = "kubernetes", role = "cargo-ci", identity = { file = "sa-token" }"#,
            "kubernetes",
            json!({ "jwt": JWT, "role": "cargo-ci" }),
        ),
        (
            r#"method = "approle", role-id = "r0le", secret-id = { env = "SECRET_ID" }"#,
            "approle",
            json!({ "role_id": "r0le", "secret_id": SECRET_ID }),
        ),
        (
            r#"method = "approle", mount = "apps", role-id = "r0le""#,
            "apps",
            json!({ "role_id": "r0le", "secret_id": "" }),
        ),
    ] {
        let server = Server::start(vault);
        let backend = format!("{}\nauth = {{ {auth} }}", address(&server));
        get(&inputs(provider(&backend, SOURCE)));
        assert_eq!(
            lines(&server),
            [&format!("POST /v1/auth/{path}/login"), READ, REVOKE],
            "{auth}"
        );
        assert_eq!(server.connections(), 1, "{auth}");
        let [login, read, revoke] = &server.requests()[..] else {
            unreachable!("there are three lines");
        };
        assert_eq!(login.json(), Some(body), "{auth}");
        assert_eq!(login.header("content-type"), Some("application/json"));
        assert_eq!(login.header("x-vault-token"), None);
        assert_eq!(read.header("x-vault-token"), Some(LOGIN));
        assert_eq!(revoke.header("x-vault-token"), Some(LOGIN));
        for request in [login, read, revoke] {
            assert_eq!(request.header("x-vault-request"), Some("true"));
            assert_eq!(request.header("x-vault-namespace"), None);
        }
    }
}

#[test]
fn a_wrapped_secret_id_is_unwrapped_first() {
    let server = Server::start(vault);
    let auth = r#"auth = { method = "approle", role-id = "r0le", secret-id = { env = "SECRET_ID" }, wrapped = true }"#;
    get(&inputs(provider(
        &format!("{}\n{auth}", address(&server)),
        SOURCE,
    )));
    let unwrap = "POST /v1/sys/wrapping/unwrap";
    assert_eq!(
        lines(&server),
        [unwrap, "POST /v1/auth/approle/login", READ, REVOKE]
    );
    let requests = server.requests();
    assert_eq!(requests[0].header("x-vault-token"), Some(SECRET_ID));
    assert_eq!(requests[1].header("x-vault-token"), None);
    assert_eq!(
        requests[1].json(),
        Some(json!({ "role_id": "r0le", "secret_id": "1nner-s3cret-id" }))
    );
    assert_eq!(server.connections(), 1);
}

/// Vault calls the role `name`; `vaultrs` says `cert_name`, which Vault passes over.
#[test]
fn a_certificate_is_shown_below_http() {
    let authority = Authority::new();
    let client = authority.client("ci");
    for (role, body) in [
        ("", json!({})),
        (r#", role = "cargo-ci""#, json!({ "name": "cargo-ci" })),
    ] {
        let server = Server::start_tls(
            &authority.server(&["127.0.0.1"]),
            Some(authority.pem()),
            vault,
        );
        let backend = format!(
            "{}\nca-file = \"ca.pem\"\nclient-cert = \"client.pem\"\nclient-key = \"client.key\"\nauth = {{ method = \"cert\"{role} }}",
            address(&server)
        );
        let provider = provider(&backend, SOURCE)
            .file(".cargo/ca.pem", authority.pem())
            .file(".cargo/client.pem", &client.cert_pem)
            .file(".cargo/client.key", &client.key_pem);
        get(&provider);
        assert_eq!(lines(&server), ["POST /v1/auth/cert/login", READ, REVOKE]);
        assert_eq!(server.requests()[0].json(), Some(body));
        assert_eq!(server.connections(), 1);
    }
}

/// An unknown registry and an operation without a chain touch nothing.
#[test]
fn nothing_is_asked_for_a_registry_that_is_not_ours() {
    let server = Server::start(vault);
    let provider = provider(&format!("{}\n{APPROLE}", address(&server)), SOURCE);
    let answer = provider.get("sparse+https://other.example.com/index/", "read");
    assert_eq!(answer, json!({ "Err": { "kind": "url-not-supported" } }));
    assert_eq!(server.connections(), 0);
}

/// The engine is asked what it is when it has nothing, and a wrong `kv-version` is told.
#[test]
fn the_wrong_version_of_the_kv_engine() {
    let mounted = |version: Value| {
        move |request: &Request| match request.path.as_str() {
            "/v1/sys/internal/ui/mounts/secret/ci/cargo" => Response::json(
                200,
                &json!({ "data": { "path": "secret/", "type": "kv", "options": version } }),
            ),
            // So a KV v2 engine answers to who reads it as v1: no word in `errors`, and no `errors`.
            "/v1/secret/ci/cargo" => Response::json(
                404,
                &json!({ "request_id": "x", "data": null, "warnings": ["Invalid path for a versioned K/V secrets engine"] }),
            ),
            _ => Response::json(404, &json!({ "errors": [] })),
        }
    };
    for (configured, options, expected) in [
        (
            1,
            json!({ "version": "2" }),
            "the mount `secret` is a KV engine of version 2, and it was read as version 1",
        ),
        (
            2,
            json!({ "version": "1" }),
            "the mount `secret` is a KV engine of version 1, and it was read as version 2",
        ),
        (
            2,
            Value::Null,
            "the mount `secret` is a KV engine of version 1, and it was read as version 2",
        ),
    ] {
        let server = Server::start(mounted(options));
        let backend = format!("{}\nkv-version = {configured}", address(&server));
        let text = error_text(
            &provider(&backend, SOURCE)
                .env("VAULT_TOKEN", TOKEN)
                .get(URL, "read"),
        );
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], expected);
        assert_eq!(
            lines[2],
            format!("help: set `kv-version = {}` on the backend", 3 - configured)
        );
    }
    // A version that is none is not repeated.
    let server = Server::start(mounted(json!({ "version": TOKEN })));
    let answer = provider(&address(&server), SOURCE)
        .env("VAULT_TOKEN", TOKEN)
        .get(URL, "read");
    assert_eq!(answer, json!({ "Err": { "kind": "not-found" } }));
}

/// Vault's own command line can leave the token to a program.
#[cfg(unix)]
#[test]
fn the_token_of_a_token_helper() {
    use std::os::unix::fs::PermissionsExt as _;

    let with = |script: &str, server: &Server| {
        let provider = provider(&address(server), SOURCE)
            .file("script", &format!("#!/bin/sh\n{script}\n"))
            .file(
                ".vault",
                "# as `vault login` reads it\ntoken_helper = \"~/helper\"\n",
            );
        let (script, helper) = (
            provider.home().join("script"),
            provider.home().join("helper"),
        );
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
        // By another process: what this one has written, a child that it is about to start may still hold
        // open, and then it can't be executed.
        let copied = std::process::Command::new("cp")
            .arg("-p")
            .args([script, helper])
            .status();
        assert!(copied.unwrap().success());
        provider
    };
    let server = Server::start(vault);
    // It is told for which address, and by nothing else that is secret.
    let script = format!(
        r#"[ "$1 $VAULT_ADDR" = "get {}/" ] && echo {TOKEN}"#,
        server.url()
    );
    get(&with(&script, &server));
    assert_eq!(server.requests()[0].header("x-vault-token"), Some(TOKEN));
    // The variable comes before it, and the file after it.
    get(&with("echo wr0ng-token", &server).env("VAULT_TOKEN", TOKEN));
    get(&with(&script, &server).file(".vault-token", "wr0ng-token"));
    let tokens: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("x-vault-token").map(str::to_owned))
        .collect();
    assert_eq!(tokens, vec![Some(TOKEN.to_owned()); 3]);
    for (script, why) in [
        ("exit 3", "it ended with exit status: 3"),
        ("true", "it printed nothing"),
        ("printf '\\377'", "what it printed is not text"),
    ] {
        let provider = with(script, &server);
        let helper = provider.home().join("helper").display().to_string();
        let text = error_text(&provider.get(URL, "read"));
        let expected = format!(
            "the token helper `{helper}` gave no token\n{why}\nhelp: `{helper} get` must print the token and exit with status 0"
        );
        assert_eq!(text, expected);
    }
}
