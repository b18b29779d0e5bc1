//! What Vault is asked: method, path, headers and body of each request.

mod addresses;
mod google;
mod logins;
mod namespaces;
mod revocations;
mod tls;

use serde_json::json;
use test_servers::{Provider, Request, Response, Server};

use crate::BINARY;

const URL: &str = "sparse+https://crates.example.com/index/";
/// A token that the job has.
const TOKEN: &str = "hvs.giv3n-s3cret-token";
/// The token of every login.
const LOGIN: &str = "hvs.l0gin-s3cret-token";
/// The secret of every path.
const STORED: &str = "st0red-s3cret-token";

/// The provider with one Vault: keys of the backend, keys of the source.
fn provider(backend: &str, source: &str) -> Provider {
    of_type("vault", backend, source)
}

fn of_type(kind: &str, backend: &str, source: &str) -> Provider {
    Provider::new(BINARY)
        .config(&format!(
            "[backends.corp]\ntype = \"{kind}\"\n{backend}\n\
             [registries.\"{URL}\"]\nsources = [ {{ backend = \"corp\", {source} }} ]\n"
        ))
        .secret(TOKEN)
        .secret(LOGIN)
        .secret(STORED)
}

const SOURCE: &str = r#"path = "ci/cargo", field = "token""#;

/// A login that needs nothing of the job.
const APPROLE: &str = r#"auth = { method = "approle", role-id = "r0le" }"#;

/// Answers as a Vault in which every login succeeds and every path holds the secret, in the shape of both
/// versions of the KV engine.
fn vault(request: &Request) -> Response {
    let is = |end: &str| request.path.ends_with(end);
    match request.method.as_str() {
        "POST" if is("/login") => Response::json(
            200,
            &json!({ "auth": { "client_token": LOGIN, "token_type": "service" } }),
        ),
        "POST" if is("/sys/wrapping/unwrap") => {
            Response::json(200, &json!({ "data": { "secret_id": "1nner-s3cret-id" } }))
        }
        "POST" => Response::empty(204),
        _ => Response::json(
            200,
            &json!({ "data": { "token": STORED, "data": { "token": STORED } } }),
        ),
    }
}

/// Method, path and query of each request.
fn lines(server: &Server) -> Vec<String> {
    let line = |request: &Request| match request.query.as_str() {
        "" => format!("{} {}", request.method, request.path),
        query => format!("{} {}?{query}", request.method, request.path),
    };
    server.requests().iter().map(line).collect()
}

/// Asks, and expects the secret.
fn get(provider: &Provider) {
    let answer = provider.get(URL, "read");
    assert_eq!(answer["Ok"]["token"], STORED, "{answer}");
}

fn address(server: &Server) -> String {
    format!("address = \"{}\"", server.url())
}

#[test]
fn a_read_with_all_its_headers() {
    let server = Server::start(vault);
    get(&provider(&address(&server), SOURCE).env("VAULT_TOKEN", TOKEN));
    let [request] = &server.requests()[..] else {
        panic!("one request: {:?}", lines(&server));
    };
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("GET", "/v1/secret/data/ci/cargo")
    );
    assert_eq!((request.query.as_str(), request.body.len()), ("", 0));
    let mut headers = request.headers.clone();
    headers.sort();
    let host = format!("127.0.0.1:{}", server.port());
    let expected = [
        ("accept", "application/json"),
        ("host", &host),
        (
            "user-agent",
            concat!("cargo-credential-bridge/", env!("CARGO_PKG_VERSION")),
        ),
        ("x-vault-request", "true"),
        ("x-vault-token", TOKEN),
    ];
    assert_eq!(
        headers,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

/// Each place in Vault, and the path that it is read at. Whatever a name has in it, it stays one segment.
#[test]
fn paths() {
    for (backend, source, expected) in [
        ("", SOURCE, "/v1/secret/data/ci/cargo"),
        (
            "",
            r#"path = "/ci/cargo/", field = "token""#,
            "/v1/secret/data/ci/cargo",
        ),
        (
            "",
            r#"path = "ci/cargo", version = 3, field = "token""#,
            "/v1/secret/data/ci/cargo?version=3",
        ),
        ("kv-version = 1", SOURCE, "/v1/secret/ci/cargo"),
        ("kv-version = 2", SOURCE, "/v1/secret/data/ci/cargo"),
        (r#"mount = "kv""#, SOURCE, "/v1/kv/data/ci/cargo"),
        (
            r#"mount = "teams/a/kv/""#,
            SOURCE,
            "/v1/teams/a/kv/data/ci/cargo",
        ),
        (
            "kv-version = 1\nmount = \"teams/a/kv\"",
            SOURCE,
            "/v1/teams/a/kv/ci/cargo",
        ),
        (
            "",
            r#"raw-path = "artifactory/token/ci", field = "token""#,
            "/v1/artifactory/token/ci",
        ),
        (
            "",
            r#"raw-path = "/secret/data/data/x", field = "token""#,
            "/v1/secret/data/data/x",
        ),
        (
            "",
            r#"path = "database/x", field = "token""#,
            "/v1/secret/data/database/x",
        ),
        (
            "",
            r#"path = "a b", field = "token""#,
            "/v1/secret/data/a%20b",
        ),
        (
            "",
            r#"path = "a?b=c/d", field = "token""#,
            "/v1/secret/data/a%3Fb=c/d",
        ),
        (
            "",
            r#"path = "a#b", field = "token""#,
            "/v1/secret/data/a%23b",
        ),
        (
            "",
            r#"path = "a%2Fb", field = "token""#,
            "/v1/secret/data/a%252Fb",
        ),
        (
            "",
            r#"path = "é", field = "token""#,
            "/v1/secret/data/%C3%A9",
        ),
        (
            "",
            r#"path = "%2e%2e/x", field = "token""#,
            "/v1/secret/data/%252e%252e/x",
        ),
        (
            "",
            r#"path = 'a\..\b', field = "token""#,
            r"/v1/secret/data/a%5C..%5Cb",
        ),
        (
            r#"mount = "my kv?""#,
            SOURCE,
            "/v1/my%20kv%3F/data/ci/cargo",
        ),
        (
            "",
            r#"raw-path = "a b/c?d", field = "token""#,
            "/v1/a%20b/c%3Fd",
        ),
    ] {
        let server = Server::start(vault);
        get(
            &provider(&format!("{}\n{backend}", address(&server)), source)
                .env("VAULT_TOKEN", TOKEN),
        );
        assert_eq!(
            lines(&server),
            [format!("GET {expected}")],
            "{backend} {source}"
        );
    }
}

/// `vaultrs` drops the path of the address.
#[test]
fn an_address_with_a_path() {
    for path in ["/prefix", "/prefix/", "/"] {
        let server = Server::start(vault);
        let address = format!("address = \"{}{path}\"", server.url());
        let auth = r#"auth = { method = "approle", role-id = "r0le" }"#;
        get(&provider(&format!("{address}\n{auth}"), SOURCE));
        let prefix = path.trim_end_matches('/');
        assert_eq!(
            lines(&server),
            [
                format!("POST {prefix}/v1/auth/approle/login"),
                format!("GET {prefix}/v1/secret/data/ci/cargo"),
                format!("POST {prefix}/v1/auth/token/revoke-self"),
            ]
        );
    }
}

/// `vaultrs` panics at a token with a line break, as a file or an `echo` leaves it.
#[test]
fn a_token_with_a_line_break_after_it() {
    let server = Server::start(vault);
    get(&provider(&address(&server), SOURCE).env("VAULT_TOKEN", format!("{TOKEN}\r\n")));
    get(&provider(&address(&server), SOURCE).file(".vault-token", &format!("{TOKEN}\n")));
    let auth = r#"auth = { method = "token", token = { env = "JOB_TOKEN" } }"#;
    let backend = format!("{}\n{auth}", address(&server));
    get(&provider(&backend, SOURCE).env("JOB_TOKEN", format!(" {TOKEN}\n")));
    let tokens: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("x-vault-token").map(str::to_owned))
        .collect();
    assert_eq!(tokens, vec![Some(TOKEN.to_owned()); 3]);
}

#[test]
fn a_token_that_is_none() {
    let server = Server::start(vault);
    let bad = "hvs.giv3n-s3cret\ntoken: x";
    let provider = provider(&address(&server), SOURCE)
        .env("VAULT_TOKEN", bad)
        .secret(bad);
    let text = test_servers::provider::error_text(&provider.get(URL, "read"));
    assert_eq!(
        text,
        "can't ask Vault\nthe token has characters in it that no token has, such as a line break"
    );
    assert_eq!(server.connections(), 0);
}
