//! Vault, in all its ways to log in.

use serde_json::json;
use snapbox::str;
use test_servers::{Issuer, Provider, Request, Response, Role, Server, VaultServer};

use super::{Watched, agree, compare, told};
use crate::BINARY;
use crate::cli::URL;

const STORED: &str = "st0red-s3cret-token";
const SOURCE: &str = "path = \"ci/cargo\", field = \"token\"";

fn provider(backend: &str, source: &str) -> Provider {
    Provider::new(BINARY)
        .config(&format!(
            "[backends.corp]\ntype = \"vault\"\n{backend}\n\
             [registries.\"{URL}\"]\nsources = [ {{ backend = \"corp\", {source} }} ]\n"
        ))
        .secret(STORED)
}

/// A Vault in which every login succeeds and every path holds the secret.
fn open_vault() -> Server {
    Server::start(|request: &Request| {
        let is = |end: &str| request.path.ends_with(end);
        match request.method.as_str() {
            "POST" if is("/login") => Response::json(
                200,
                &json!({ "auth": { "client_token": "hvs.l0gin-s3cret-token", "token_type": "service" } }),
            ),
            "POST" if is("/unwrap") => {
                Response::json(200, &json!({ "data": { "secret_id": "1nner-s3cret-id" } }))
            }
            "POST" => Response::empty(204),
            _ => Response::json(
                200,
                &json!({ "data": { "token": STORED, "data": { "token": STORED } } }),
            ),
        }
    })
}

fn watched(server: &Server) -> Watched<'_> {
    Watched::new("vault.example.com", server.url(), || server.requests())
}

#[test]
fn a_job_of_github() {
    let (server, issuer) = (VaultServer::start(), Issuer::start());
    server.put("ci/cargo", json!({ "token": STORED }));
    server.policy("ci", &["secret/data/ci/cargo"]);
    server.role("ci", Role::new(&issuer, "vault", &["ci"]));
    let provider = provider(
        &format!(
            "address = \"{}\"\nauth = [ {{ method = \"kubernetes\", role = \"pods\", identity = {{ file = \"none\" }} }}, \
             {{ method = \"jwt\", role = \"ci\", audience = \"vault\" }}, {{ method = \"token\" }} ]",
            server.url()
        ),
        SOURCE,
    )
    .in_github(&issuer);
    let watched = [
        Watched::new("vault.example.com", server.url(), || server.requests()),
        Watched::new("github.example.com", issuer.url(), || issuer.requests()),
    ];
    compare(
        told(&provider, &watched),
        str![[r#"
registry  `sparse+https://crates.example.com/index/`
entry     `sparse+https://crates.example.com/index/`, exactly
config    `[HOME]/.cargo/credential-bridge.toml`
chain     `sources`, to read

1. the path `ci/cargo` of `corp`, field `token`
   settings  from the environment: `ACTIONS_ID_TOKEN_REQUEST_TOKEN`, `ACTIONS_ID_TOKEN_REQUEST_URL`
   auth      not `kubernetes`: no identity here: the file `none` does not exist or is empty
   auth      `jwt`: the jwt role `ci`
   GET       https://github.example.com/github/token
             have GitHub mint the identity token of this job, for the audience `vault`
   POST      https://vault.example.com/v1/auth/jwt/login
             log in
   GET       https://vault.example.com/v1/secret/data/ci/cargo
             read the secret
   POST      https://vault.example.com/v1/auth/token/revoke-self
             revoke the login, after the answer, unless the login gave a batch token
--- 0

"#]],
    );
    agree(&provider, &watched);
}

#[test]
fn the_ways_to_log_in() {
    for auth in [
        r#"{ method = "token", token = { env = "JOB_TOKEN" } }"#,
        r#"{ method = "jwt", role = "ci", identity = { env = "JWT" } }"#,
        r#"{ method = "jwt", mount = "gitlab/jwt", identity = "gitlab" }"#,
        r#"{ method = "kubernetes", role = "ci", identity = { env = "JWT" } }"#,
        r#"{ method = "approle", role-id = "r0le" }"#,
        r#"{ method = "approle", role-id = "r0le", secret-id = { env = "JOB_TOKEN" }, wrapped = true }"#,
        r#"{ method = "aws", role = "ci", region = "eu-west-1" }"#,
    ] {
        let server = open_vault();
        let backend = format!("address = \"{}/prefix/\"\nauth = {auth}", server.url());
        let jwt = "aGVhZA.e30.c2ln";
        let provider = provider(&backend, SOURCE)
            .env("JOB_TOKEN", "hvs.giv3n-s3cret-token")
            .env("JWT", jwt)
            .env("CARGO_ID_TOKEN", jwt)
            .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "4ws-s3cret-key")
            .secret("4ws-s3cret-key")
            .secret("hvs.giv3n-s3cret-token");
        agree(&provider, &[watched(&server)]);
    }
}

#[test]
fn the_places_of_a_secret() {
    for (more, source) in [
        ("", r#"path = "ci/cargo", field = "token", version = 3"#),
        ("kv-version = 1\nmount = \"kv1\"", SOURCE),
        ("", r#"raw-path = "database/creds/ci", field = "token""#),
    ] {
        let server = open_vault();
        let auth = r#"auth = { method = "approle", role-id = "r0le" }"#;
        let backend = format!("address = \"{}\"\n{auth}\n{more}", server.url());
        agree(&provider(&backend, source), &[watched(&server)]);
    }
}

#[test]
fn a_mistake_is_known_without_asking() {
    let provider = provider(
        "address = \"https://vault.example.com\"\nauth = { method = \"token\", token = { env = \"NONE\" } }",
        SOURCE,
    );
    compare(
        told(&provider, &[]),
        str![[r#"
registry  `sparse+https://crates.example.com/index/`
entry     `sparse+https://crates.example.com/index/`, exactly
config    `[HOME]/.cargo/credential-bridge.toml`
chain     `sources`, to read

1. the path `ci/cargo` of `corp`, field `token`
   auth      not `token`: no token here: the environment variable `NONE` is not set
   ends      no token here: the environment variable `NONE` is not set, and there is no other source
--- 1

"#]],
    );
    let provider = self::provider(
        "address = \"https://vault.example.com\"",
        "path = \"data/ci\"",
    )
    .env("VAULT_TOKEN", "hvs.giv3n-s3cret-token");
    compare(
        told(&provider, &[]),
        str![[r#"
registry  `sparse+https://crates.example.com/index/`
entry     `sparse+https://crates.example.com/index/`, exactly
config    `[HOME]/.cargo/credential-bridge.toml`
chain     `sources`, to read

1. the path `data/ci` of `corp`
   settings  from the environment: `VAULT_TOKEN`
   auth      `token`: the token in `VAULT_TOKEN`
   ends      the path `data/ci` in the mount `secret` starts with `data/`, which is a part of the API and not of the path, and the chain ends
             help: leave `data/` out; a secret that really is below `data/` is read by `raw-path = "secret/data/data/ci"`
--- 1

"#]],
    );
}
