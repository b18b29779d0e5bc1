//! Who the job is: where the workload identity token is from, and what is said when there is none.

mod audience;
#[cfg(unix)]
mod circleci;
mod github;
mod refused;
mod systems;

use serde_json::json;
use test_servers::provider::{error_text, get_request};
use test_servers::{Provider, Request, Response, Server};

use crate::BINARY;

const URL: &str = "sparse+https://crates.example.com/index/";
const STORED: &str = "st0red-s3cret-token";
const SECOND: &str = "s3cond-s3cret-token";
const LOGIN: &str = "hvs.l0gin-s3cret-token";

/// Tokens that differ in the claim `from`, with signatures that are the secret of them.
const GITHUB: &str = "eyJhbGciOiJSUzI1NiJ9.eyJmcm9tIjoiZ2l0aHViIn0.g1thub-s3cret-signature";
const GITLAB: &str = "eyJhbGciOiJSUzI1NiJ9.eyJmcm9tIjoiZ2l0bGFiIn0.g1tlab-s3cret-signature";
const OTHER: &str = "eyJhbGciOiJSUzI1NiJ9.eyJmcm9tIjoib3RoZXIifQ.0ther-s3cret-signature";

/// With which GitHub's runner lets a job ask.
const REQUEST_TOKEN: &str = "runn3r-s3cret-request-token";

/// The provider with a Vault that is logged in to by `auth`, and a variable as the second source.
fn provider(vault: &Server, auth: &str) -> Provider {
    Provider::new(BINARY)
        .config(&format!(
            r#"
            [backends.corp]
            type = "vault"
            address = "{}"
            auth = {auth}
            [backends.job]
            type = "env"
            [registries."{URL}"]
            sources = [
                {{ backend = "corp", path = "ci/cargo", field = "token" }},
                {{ backend = "job", var = "SECOND" }},
            ]
            "#,
            vault.url()
        ))
        .secret(STORED)
        .secret(SECOND)
        .secret(LOGIN)
        .secret(GITHUB)
        .secret(GITLAB)
        .secret(OTHER)
        .secret(REQUEST_TOKEN)
}

/// A Vault in which every login succeeds.
fn vault() -> Server {
    Server::start(|request: &Request| match request.path.as_str() {
        path if path.ends_with("/login") => {
            Response::json(200, &json!({ "auth": { "client_token": LOGIN } }))
        }
        path if path.ends_with("/revoke-self") => Response::empty(204),
        _ => Response::json(200, &json!({ "data": { "data": { "token": STORED } } })),
    })
}

/// GitHub's endpoint, as long as it is well.
fn github() -> Server {
    Server::start(|_| Response::json(200, &json!({ "count": 1, "value": GITHUB })))
}

/// A job that may ask GitHub's endpoint.
fn github_job(provider: Provider, endpoint: &Server) -> Provider {
    provider
        .env("GITHUB_ACTIONS", "true")
        .env(
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            format!("{}/token?api-version=2.0", endpoint.url()),
        )
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN)
}

/// The token that Vault was shown, in the one login there was.
fn shown(vault: &Server) -> String {
    let logins: Vec<_> = vault
        .requests()
        .into_iter()
        .filter(|request| request.path.ends_with("/login"))
        .collect();
    assert_eq!(logins.len(), 1);
    let body = logins[0].json().unwrap_or_default();
    body["jwt"].as_str().unwrap_or_default().to_owned()
}

/// Asks, and expects the secret of Vault.
fn get(provider: &Provider) {
    let answer = provider.get(URL, "read");
    assert_eq!(answer["Ok"]["token"], STORED, "{answer}");
}

/// Asks, expects the second source's secret, and gives the note about it, up to its second line.
fn second(provider: Provider) -> String {
    let run = provider
        .env("SECOND", SECOND)
        .run(get_request(URL, "read").as_bytes());
    assert_eq!(run.answer()["Ok"]["token"], SECOND, "{run:?}");
    let start = format!(
        "cargo-credential-bridge: the token for `{}` is from the environment variable `SECOND` of `job`; before it: ",
        URL
    );
    run.stderr
        .strip_prefix(&start)
        .unwrap_or_default()
        .trim_end()
        .to_owned()
}

#[test]
fn each_place_that_a_token_can_be_in() {
    for (identity, expected) in [
        (r#""gitlab""#, GITLAB),
        (r#"{ env = "MY_ID_TOKEN" }"#, OTHER),
        (r#"{ file = "id-token" }"#, OTHER),
        (r#"{ file = "~/.cargo/id-token" }"#, OTHER),
    ] {
        let vault = vault();
        let auth = format!(r#"{{ method = "jwt", role = "ci", identity = {identity} }}"#);
        let provider = provider(&vault, &auth)
            .env("CARGO_ID_TOKEN", GITLAB)
            .env("MY_ID_TOKEN", format!("{OTHER}\n"))
            .file(".cargo/id-token", &format!("{OTHER}\r\n"));
        get(&provider);
        assert_eq!(shown(&vault), expected, "{identity}");
    }
}

/// A runner of GitHub's may have GitLab's variable too, from who knows where; an empty variable is none.
#[test]
fn the_identity_that_the_job_has() {
    let auth = r#"{ method = "jwt", role = "ci" }"#;
    let (server, endpoint) = (vault(), github());
    get(&github_job(provider(&server, auth), &endpoint).env("CARGO_ID_TOKEN", GITLAB));
    assert_eq!(shown(&server), GITHUB);

    let server = vault();
    get(&provider(&server, auth)
        .env("GITLAB_CI", "true")
        .env("CARGO_ID_TOKEN", GITLAB));
    assert_eq!(shown(&server), GITLAB);
}

/// A laptop's token and a CI's identity in one file: the first whose inputs exist.
#[test]
fn the_first_method_whose_inputs_exist() {
    let methods = [
        r#"{ method = "jwt", role = "ci", identity = "github-actions" }"#,
        r#"{ method = "jwt", role = "ci", identity = "gitlab" }"#,
        r#"{ method = "jwt", mount = "own", identity = { env = "MY_ID_TOKEN" } }"#,
        r#"{ method = "approle", role-id = { env = "ROLE_ID" }, secret-id = { env = "SECRET_ID" } }"#,
        r#"{ method = "token" }"#,
    ];
    let auth = format!("[ {} ]", methods.join(", "));
    let endpoint = github();
    let steps: [(&str, &str, &str); 4] = [
        ("VAULT_TOKEN", LOGIN, "GET /v1/secret/data/ci/cargo"),
        (
            "SECRET_ID",
            "s3cret-1d-of-the-role",
            "GET /v1/secret/data/ci/cargo",
        ),
        ("MY_ID_TOKEN", OTHER, "POST /v1/auth/own/login"),
        ("CARGO_ID_TOKEN", GITLAB, "POST /v1/auth/jwt/login"),
    ];
    for count in 1..=steps.len() {
        let vault = vault();
        let mut provider = provider(&vault, &auth);
        for (name, value, _) in &steps[..count] {
            provider = provider.env(name, *value);
        }
        get(&provider);
        let first = &vault.requests()[0];
        let first = format!("{} {}", first.method, first.path);
        // A secret id without its role id is no way to log in.
        assert_eq!(first, steps[count - 1].2, "{count}");
    }
    let vault = vault();
    get(&github_job(provider(&vault, &auth), &endpoint).env("CARGO_ID_TOKEN", GITLAB));
    assert_eq!(shown(&vault), GITHUB);
}

/// A refusal is never the reason to try another identity.
#[test]
fn a_refused_identity_makes_no_way_for_another() {
    let vault = Server::start(|_| Response::json(403, &json!({ "errors": ["permission denied"] })));
    let auth = r#"[ { method = "jwt", role = "ci", identity = "gitlab" }, { method = "token" } ]"#;
    let provider = provider(&vault, auth)
        .env("CARGO_ID_TOKEN", GITLAB)
        .env("VAULT_TOKEN", LOGIN)
        .env("SECOND", SECOND);
    let text = error_text(&provider.get(URL, "read"));
    assert!(
        text.starts_with("Vault refused the jwt login as role `ci`\n"),
        "{text}"
    );
    assert_eq!(vault.requests().len(), 1);
}

#[test]
fn no_identity_here() {
    let vault = vault();
    let gitlab = "no GitLab identity here: `CARGO_ID_TOKEN` is not set";
    for (auth, expected, help) in [
        (
            r#"{ method = "jwt", identity = "gitlab" }"#,
            gitlab,
            Some(
                "help: give the job `id_tokens: { CARGO_ID_TOKEN: { aud: … } }`, or name the job's own variable by `identity = { env = \"NAME\" }`",
            ),
        ),
        (
            r#"{ method = "jwt", identity = { env = "MY_ID_TOKEN" } }"#,
            "no identity here: the environment variable `MY_ID_TOKEN` is not set",
            None,
        ),
        (
            r#"{ method = "jwt", identity = { file = "/nonexistent/token" } }"#,
            "no identity here: the file `/nonexistent/token` does not exist or is empty",
            None,
        ),
        (
            r#"{ method = "token", token = { env = "MY_TOKEN" } }"#,
            "no token here: the environment variable `MY_TOKEN` is not set",
            None,
        ),
        (
            r#"{ method = "cert" }"#,
            "no client certificate here: neither `client-cert` nor `VAULT_CLIENT_CERT` is set",
            None,
        ),
    ] {
        // The next source is asked, and the user told why it was.
        assert_eq!(second(provider(&vault, auth)), expected, "{auth}");
        // Where there is none, each place is named.
        let nowhere = "the environment variable `SECOND` is not set, or is empty";
        let run = provider(&vault, auth).run(get_request(URL, "read").as_bytes());
        assert_eq!(
            run.answer(),
            json!({ "Err": { "kind": "not-found" } }),
            "{auth}"
        );
        assert!(
            run.stderr.contains(&format!("{expected}; {nowhere}")),
            "{}",
            run.stderr
        );
        // Where the chain has nothing else, it is an error with its help.
        let alone = alone(provider(&vault, auth));
        let expected: Vec<_> = [expected].into_iter().chain(help).collect();
        assert_eq!(alone.lines().collect::<Vec<_>>(), expected, "{auth}");
    }
    assert_eq!(vault.connections(), 0);
}

/// The text when Vault is the only source.
fn alone(provider: Provider) -> String {
    let path = provider.home().join(".cargo/credential-bridge.toml");
    let config = std::fs::read_to_string(path).expect("the config was written");
    let only = config.replace("{ backend = \"job\", var = \"SECOND\" },", "");
    assert_ne!(only, config);
    error_text(&provider.config(&only).get(URL, "read"))
}

#[test]
fn none_of_the_methods_can_be_used_here() {
    let vault = vault();
    let auth = r#"[ { method = "jwt", identity = "github-actions" }, { method = "jwt", identity = "gitlab" }, { method = "token" } ]"#;
    assert_eq!(
        second(provider(&vault, auth)),
        "no way to log in to Vault here"
    );
    assert_eq!(
        alone(provider(&vault, auth)).lines().collect::<Vec<_>>(),
        [
            "no way to log in to Vault here",
            "no GitHub identity here: `ACTIONS_ID_TOKEN_REQUEST_URL` and `ACTIONS_ID_TOKEN_REQUEST_TOKEN` are not set",
            "no GitLab identity here: `CARGO_ID_TOKEN` is not set",
            "no Vault token here: `VAULT_TOKEN` is not set, `~/.vault-token` does not exist, and there is no token helper",
            "help: a GitHub job gets its identity by `permissions: { id-token: write }` in the workflow (a pull request from a fork never does)",
        ]
    );
    assert_eq!(vault.connections(), 0);
}

/// What is no JWT is sent nowhere: it may be another secret, in the wrong variable.
#[test]
fn what_is_no_token_stays_here() {
    let vault = vault();
    for (identity, bad, expected) in [
        (
            r#""gitlab""#,
            "n0t-a-jwt-but-s3cret",
            "the identity token of this GitLab job, `CARGO_ID_TOKEN` is not a JWT",
        ),
        (
            r#"{ env = "CARGO_ID_TOKEN" }"#,
            "a.b.c.s3cret-part",
            "the identity token in the environment variable `CARGO_ID_TOKEN` is not a JWT",
        ),
        (
            r#"{ env = "CARGO_ID_TOKEN" }"#,
            "a.b.s3cret\nX-Evil: 1",
            "the identity token in the environment variable `CARGO_ID_TOKEN` is not a JWT",
        ),
    ] {
        let auth = format!(r#"{{ method = "jwt", identity = {identity} }}"#);
        let provider = provider(&vault, &auth)
            .env("CARGO_ID_TOKEN", bad)
            .env("SECOND", SECOND)
            .secret(bad);
        let text = error_text(&provider.get(URL, "read"));
        let help = "help: a JWT is three parts of base64url with a dot between them, on one line";
        assert_eq!(text.lines().collect::<Vec<_>>(), [expected, help]);
    }
    assert_eq!(vault.connections(), 0);
}

/// What a refused token states, in Vault's words and its own; a real one of GitHub's shape.
#[test]
fn the_claims_of_a_refused_token() {
    let issuer = test_servers::Issuer::start();
    let refusing = Server::start(|_| {
        Response::json(
            400,
            &json!({ "errors": ["error validating claims: claim \"ref\" does not match any associated bound claim values"] }),
        )
    });
    let auth = r#"{ method = "jwt", role = "cargo-ci", audience = "https://vault.example.com" }"#;
    let provider = provider(&refusing, auth)
        .in_github(&issuer)
        .env("SECOND", SECOND);
    let text = error_text(&provider.get(URL, "read"));
    let jwt = shown(&refusing);
    assert!(
        !text.contains(&jwt) && !text.contains(jwt.rsplit('.').next().unwrap_or_default()),
        "the token is shown"
    );
    let text = text
        .replace(&refusing.url(), "$VAULT")
        .replace(&issuer.url(), "$ISSUER");
    assert_eq!(
        text.lines().collect::<Vec<_>>(),
        [
            "Vault refused the jwt login as role `cargo-ci`",
            "POST $VAULT/v1/auth/jwt/login answered 400 Bad Request",
            "error validating claims: claim \"ref\" does not match any associated bound claim values",
            "help: the job's token states iss \"$ISSUER\", aud \"https://vault.example.com\", sub \"repo:acme/app:ref:refs/heads/main\"; \
             compare with the bound audiences and claims that `vault read auth/jwt/role/cargo-ci` shows; \
             `vault list auth/jwt/role` names the roles that there are",
        ]
    );
}
