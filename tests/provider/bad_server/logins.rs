//! Logins that are refused, or that answer with something else than a token.

use serde_json::json;
use test_servers::{Provider, Request, Response, Server};

use super::{Ends, STOPS, STORED, check, provider, stored};

/// Claims `iss`, `aud` and `sub`, and a signature that is the secret of it.
const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlLmNvbSIsImF1ZCI6InZhdWx0Iiwic3ViIjoicmVwbzphY21lL2FwcCJ9.s1gnature-s3cret";

fn jwt(server: &Server) -> Provider {
    let auth = r#"auth = { method = "jwt", role = "cargo-ci", identity = { env = "JOB_TOKEN" } }"#;
    provider(&server.url(), auth)
        .env("JOB_TOKEN", JWT)
        .secret(JWT)
}

#[test]
fn refused_with_an_echo_of_what_was_sent() {
    for (status, answered) in [(400, "400 Bad Request"), (403, "403 Forbidden")] {
        let server = Server::start(move |request: &Request| {
            let sent = request.json().unwrap_or_default();
            let jwt = sent["jwt"].as_str().unwrap_or_default();
            let errors = [
                format!("error validating token {jwt}"),
                "invalid audience (aud) claim".to_owned(),
            ];
            Response::json(status, &json!({ "errors": errors }))
        });
        let answered = format!("POST $VAULT/v1/auth/jwt/login answered {answered}");
        let expected = [
            "Vault refused the jwt login as role `cargo-ci`",
            &answered,
            "error validating token [redacted]; invalid audience (aud) claim",
            "help: the job's token states iss \"https://issuer.example.com\", aud \"vault\", sub \"repo:acme/app\"; \
             compare with the bound audiences and claims that `vault read auth/jwt/role/cargo-ci` shows; \
             `vault list auth/jwt/role` names the roles that there are",
        ];
        check(
            &answered,
            &jwt(&server),
            &server.url(),
            Ends::Refused,
            &expected,
        );
        assert_eq!(
            server.requests().len(),
            2,
            "a refused login is not tried again"
        );
    }
}

#[test]
fn the_secret_id_of_an_approle_and_its_wrapping_are_not_shown_either() {
    let (wrapping, inner) = ("hvs.wr4pping-s3cret-token", "1nner-s3cret-id");
    let server = Server::start(move |request: &Request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let token = request
            .header("x-vault-token")
            .unwrap_or("no token")
            .to_owned();
        match request.path.as_str() {
            "/v1/sys/wrapping/unwrap" if token == wrapping => {
                Response::json(200, &json!({ "data": { "secret_id": inner } }))
            }
            _ => Response::json(400, &json!({ "errors": [format!("{token}: {body}")] })),
        }
    });
    let approle = |id: &str| {
        let auth = r#"auth = { method = "approle", role-id = "r0le", secret-id = { env = "SECRET_ID" }, wrapped = true }"#;
        provider(&server.url(), auth)
            .env("SECRET_ID", id)
            .secret(id)
            .secret(inner)
    };
    let expected = [
        "Vault refused the approle login",
        "POST $VAULT/v1/auth/approle/login answered 400 Bad Request",
        "no token: {\"role_id\":\"r0le\",\"secret_id\":\"[redacted]\"}",
        "help: the role shows what the login must match",
    ];
    check(
        "a login",
        &approle(wrapping),
        &server.url(),
        Ends::Refused,
        &expected,
    );
    let expected = [
        "Vault did not unwrap the AppRole secret id",
        "POST $VAULT/v1/sys/wrapping/unwrap answered 400 Bad Request",
        "[redacted]:",
        "help: a wrapping token works once and not for long; if nobody of yours has used it (an answer that got lost on the way, behind a load balancer, uses it up too), someone else has: revoke the secret id",
    ];
    check(
        "a used wrapping",
        &approle("hvs.us3d-s3cret-token"),
        &server.url(),
        Ends::Refused,
        &expected,
    );
}

#[test]
fn no_token_in_the_answer() {
    for body in [
        json!({ "auth": null }),
        json!({ "auth": {} }),
        json!({ "auth": { "client_token": "", "policies": null } }),
        json!({ "auth": { "client_token": null, "mfa_requirement": { "mfa_request_id": "x" } } }),
        json!({ "data": { "client_token": STORED } }),
    ] {
        let name = body.to_string();
        let server = Server::start(move |_| Response::json(200, &body));
        let expected = [
            "the jwt login gave no token",
            "POST $VAULT/v1/auth/jwt/login answered 200 OK",
            "help: does the login want a second factor? a job has none",
        ];
        check(
            &name,
            &jwt(&server),
            &server.url(),
            Ends::Refused,
            &expected,
        );
    }
}

#[test]
fn not_the_answer_to_a_login() {
    for (status, body, answered) in [
        (200, "<html>Sign in</html>", "200 OK with an HTML page"),
        (200, "", "200 OK with an empty body"),
        (200, "{\"auth\":\"x\"}", "200 OK with JSON of another shape"),
        (204, "", "204 No Content with an empty body"),
        (
            403,
            "<html>Blocked</html>",
            "403 Forbidden with an HTML page",
        ),
        (
            404,
            "<html>Not here</html>",
            "404 Not Found with an HTML page",
        ),
    ] {
        let server = Server::start(move |_| Response::bytes(status, body.as_bytes().to_vec()));
        let answered = format!("POST $VAULT/v1/auth/jwt/login answered {answered}");
        let expected = [
            "the answer of `$VAULT` is not Vault's",
            &answered,
            "help: check the address: a proxy, a login page or another service may answer in its place",
        ];
        check(
            &answered,
            &jwt(&server),
            &server.url(),
            Ends::Refused,
            &expected,
        );
    }
}

#[test]
fn an_auth_method_that_is_not_there() {
    let server = Server::start(|_| {
        Response::json(
            404,
            &json!({ "errors": ["no handler for route \"auth/jwt/login\""] }),
        )
    });
    let expected = [
        "Vault refused the jwt login as role `cargo-ci`",
        "POST $VAULT/v1/auth/jwt/login answered 404 Not Found",
        "no handler for route \"auth/jwt/login\"",
        "help: is an auth method mounted at `jwt`? `vault auth list` tells; set `mount` in `auth`",
    ];
    check(
        "no method",
        &jwt(&server),
        &server.url(),
        Ends::Refused,
        &expected,
    );
}

/// `vaultrs` wants lists where Vault says null for empty ones.
#[test]
fn nulls_in_the_place_of_lists() {
    let server = Server::start(|request: &Request| match request.path.as_str() {
        "/v1/auth/jwt/login" => Response::json(
            200,
            &json!({
                "data": null,
                "warnings": null,
                "auth": {
                    "client_token": "hvs.l0gin-s3cret-token",
                    "accessor": null,
                    "policies": null,
                    "token_policies": null,
                    "metadata": null,
                    "lease_duration": null,
                    "renewable": null,
                    "token_type": null,
                },
            }),
        ),
        "/v1/secret/data/ci/cargo" => Response::json(
            200,
            &json!({
                "lease_id": null,
                "lease_duration": null,
                "data": { "data": { "token": STORED }, "metadata": { "custom_metadata": null, "deletion_time": null, "version": null } },
                "auth": null,
            }),
        ),
        _ => Response::empty(204),
    });
    let answer = jwt(&server)
        .secret("hvs.l0gin-s3cret-token")
        .get(STOPS, "read");
    assert_eq!(answer["Ok"]["token"], STORED);
    let paths: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.path.clone())
        .collect();
    assert_eq!(
        paths,
        [
            "/v1/auth/jwt/login",
            "/v1/secret/data/ci/cargo",
            "/v1/auth/token/revoke-self"
        ]
    );
}

/// A login that passes in the end, and a revocation that does not, which is nobody's concern.
#[test]
fn around_a_login_that_is_well() {
    let server = Server::start_fifo(vec![
        Response::empty(503).header("retry-after", "0"),
        Response::json(
            200,
            &json!({ "auth": { "client_token": "hvs.l0gin-s3cret-token" } }),
        ),
        stored(),
        Response::empty(400),
    ]);
    let answer = jwt(&server)
        .secret("hvs.l0gin-s3cret-token")
        .get(STOPS, "read");
    assert_eq!(answer["Ok"]["token"], STORED);
    assert_eq!((server.requests().len(), server.connections()), (4, 1));
}

/// The answer is out by then, and the deadline is the end of it.
#[test]
fn a_revocation_without_an_answer() {
    let server = Server::start(|request: &Request| match request.path.as_str() {
        "/v1/auth/jwt/login" => Response::json(
            200,
            &json!({ "auth": { "client_token": "hvs.l0gin-s3cret-token" } }),
        ),
        "/v1/secret/data/ci/cargo" => stored(),
        _ => Response::hang(),
    });
    let provider = jwt(&server).secret("hvs.l0gin-s3cret-token");
    let answer = provider.within("1s").get(STOPS, "read");
    assert_eq!(answer["Ok"]["token"], STORED);
    assert_eq!(server.requests().len(), 3);
}
