//! Answers that Vault does not give, or that hold no token.

use test_servers::{Response, Server};

use super::{Ends, STORED, check, provider};

const NOT_VAULT: &str = "the answer of `$VAULT` is not Vault's";
const ELSEWHERE: &str =
    "help: check the address: a proxy, a login page or another service may answer in its place";

/// The request, and what is said of its answer.
macro_rules! read {
    ($answered:literal) => {
        concat!("GET $VAULT/v1/secret/data/ci/cargo answered ", $answered)
    };
}

fn check_answer(status: u16, body: &[u8], ends: Ends, expected: &[&str]) {
    let response = Response::bytes(status, body.to_vec());
    let server = Server::start(move |_| response.clone());
    let name = format!("{status} {}", String::from_utf8_lossy(body));
    check(
        &name,
        &provider(&server.url(), ""),
        &server.url(),
        ends,
        expected,
    );
}

#[test]
fn a_web_page() {
    let html = format!("\n<!DOCTYPE html><title>Sign in</title><p>{STORED}");
    for (status, answered) in [
        (200, read!("200 OK with an HTML page")),
        (400, read!("400 Bad Request with an HTML page")),
        (401, read!("401 Unauthorized with an HTML page")),
        (403, read!("403 Forbidden with an HTML page")),
        (404, read!("404 Not Found with an HTML page")),
    ] {
        let expected = [NOT_VAULT, answered, ELSEWHERE];
        check_answer(status, html.as_bytes(), Ends::Refused, &expected);
    }
}

#[test]
fn nothing_in_it() {
    for (status, answered) in [
        (200, read!("200 OK with an empty body")),
        (204, read!("204 No Content with an empty body")),
        (403, read!("403 Forbidden with an empty body")),
        (404, read!("404 Not Found with an empty body")),
    ] {
        check_answer(
            status,
            b"",
            Ends::Refused,
            &[NOT_VAULT, answered, ELSEWHERE],
        );
    }
}

#[test]
fn words_of_somebody_else() {
    // Vault itself says this in plain text, to who speaks HTTP on its HTTPS port.
    let words = b"Client sent an HTTP request to an HTTPS server.\n";
    let expected = [
        NOT_VAULT,
        read!("400 Bad Request with text that is not JSON"),
        "Client sent an HTTP request to an HTTPS server.",
        ELSEWHERE,
    ];
    check_answer(400, words, Ends::Refused, &expected);
    // A server may repeat what it was sent, but not through us.
    let expected = [
        NOT_VAULT,
        read!("403 Forbidden with text that is not JSON"),
        "unknown token [redacted]",
        ELSEWHERE,
    ];
    check_answer(
        403,
        b"unknown token hvs.giv3n-s3cret-token",
        Ends::Refused,
        &expected,
    );
    // With a status that means success it may be the secret.
    let expected = [
        NOT_VAULT,
        read!("200 OK with text that is not JSON"),
        ELSEWHERE,
    ];
    check_answer(200, STORED.as_bytes(), Ends::Refused, &expected);
}

#[test]
fn json_that_is_not_vaults() {
    for body in [
        r#"{"hello":"st0red-s3cret-token"}"#,
        r#"{"data":null}"#,
        r#"{"data":"st0red-s3cret-token"}"#,
        r#"{"data":{"token":"st0red-s3cret-token"}}"#,
        r#"{"data":{"data":null}}"#,
        r#"{"data":{"data":null,"metadata":{"version":3,"deletion_time":"","destroyed":false}}}"#,
        // Fields in their order would make the same structures, to a careless reader.
        r#"{"data":[{"token":"st0red-s3cret-token"}]}"#,
        r#"[{"data":{"token":"st0red-s3cret-token"}}]"#,
        r#""st0red-s3cret-token""#,
    ] {
        let expected = [
            NOT_VAULT,
            read!("200 OK with JSON of another shape"),
            ELSEWHERE,
        ];
        check_answer(200, body.as_bytes(), Ends::Refused, &expected);
    }
    // As API gateways refuse.
    let expected = [
        NOT_VAULT,
        read!("403 Forbidden with JSON of another shape"),
        ELSEWHERE,
    ];
    check_answer(403, br#"{"message":"Forbidden"}"#, Ends::Refused, &expected);
}

#[test]
fn what_is_not_even_json() {
    let broken = br#"{"data":{"data":{"token":"st0red-s3cret-token"#;
    let expected = [NOT_VAULT, read!("200 OK with broken JSON"), ELSEWHERE];
    check_answer(200, broken, Ends::Refused, &expected);
    let invalid = b"{\"data\":{\"data\":{\"token\":\"st0red-s3cret-token\xff\"}}}";
    let expected = [
        NOT_VAULT,
        read!("200 OK with something that is not text"),
        ELSEWHERE,
    ];
    check_answer(200, invalid, Ends::Refused, &expected);
}

#[test]
fn more_than_any_secret() {
    let expected = [
        "`$VAULT` answered more than 4 MiB",
        "GET $VAULT/v1/secret/data/ci/cargo",
        "help: check the address: no secret store answers as much",
    ];
    let big = vec![b' '; 5 << 20];
    let server = Server::start(move |_| Response::bytes(200, big.clone()));
    let provider = provider(&server.url(), "");
    check("big", &provider, &server.url(), Ends::Refused, &expected);
}

#[test]
fn a_secret_without_the_field() {
    let body = |data: &str| format!(r#"{{"data":{{"data":{data},"metadata":{{"version":1}}}}}}"#);
    for (data, expected) in [
        (
            r#"{"tokn":"st0red-s3cret-token","note":{"x":"st0red-s3cret-token"}}"#,
            &[
                "the path `ci/cargo` of `corp` has no field `token`",
                "its fields are `note`, `tokn`",
                "help: set `field = \"tokn\"` in the source",
            ][..],
        ),
        (
            "{}",
            &[
                "the path `ci/cargo` of `corp` has no field `token`",
                "it has no fields at all",
                "help: store the token in the field `token`",
            ],
        ),
        (
            r#"{"token":["st0red-s3cret-token"]}"#,
            &[
                "the field `token` of the path `ci/cargo` of `corp` is an array, and not a token",
                "help: name a field that is a string; a dot leads into an object, as in `cargo.token`",
            ],
        ),
        (
            r#"{"token":null}"#,
            &[
                "the field `token` of the path `ci/cargo` of `corp` is null, and not a token",
                "help: name a field that is a string; a dot leads into an object, as in `cargo.token`",
            ],
        ),
        (
            r#"["st0red-s3cret-token"]"#,
            &["the path `ci/cargo` holds no fields", read!("200 OK")],
        ),
        (
            r#""st0red-s3cret-token""#,
            &["the path `ci/cargo` holds no fields", read!("200 OK")],
        ),
    ] {
        check_answer(200, body(data).as_bytes(), Ends::Refused, expected);
    }
}

#[test]
fn what_is_gone() {
    let body = |deleted: &str, destroyed: bool| {
        format!(
            r#"{{"data":{{"data":null,"metadata":{{"version":3,"deletion_time":"{deleted}","destroyed":{destroyed}}}}}}}"#
        )
    };
    let deleted = body("2026-01-02T03:04:05.6Z", false);
    let expected = [
        "version 3 of the path `ci/cargo` in the mount `secret` was deleted at 2026-01-02T03:04:05.6Z",
    ];
    // `vaultrs` takes the 404 of a deleted version for a broken answer.
    check_answer(404, deleted.as_bytes(), Ends::NotFound, &expected);
    let expected = ["version 3 of the path `ci/cargo` in the mount `secret` was destroyed"];
    check_answer(404, body("", true).as_bytes(), Ends::NotFound, &expected);
    let expected = ["Vault has no secret at the path `ci/cargo` in the mount `secret`"];
    for nothing in [r#"{"errors":[]}"#, r#"{"errors":null}"#] {
        check_answer(404, nothing.as_bytes(), Ends::NotFound, &expected);
    }
}
