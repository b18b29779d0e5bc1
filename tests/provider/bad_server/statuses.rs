//! Statuses that pass, that do not pass, and how often they are asked again.

use test_servers::{Response, Server};

use super::{Ends, GOES_ON, STOPS, STORED, check, provider, stored};

const READ: &str = "GET $VAULT/v1/secret/data/ci/cargo answered ";
const STATUS: &str = "help: `vault status` tells how the server is";
const UNWELL: &str = "help: `vault status` tells whether it is sealed, a standby, or overloaded";

/// An answer of Vault's that lets itself be asked again at once.
fn failing(status: u16, body: &str) -> Response {
    Response::bytes(status, body.as_bytes().to_vec()).header("retry-after", "0")
}

/// Those that pass, and what is said when they don't.
const TRANSIENT: [(u16, &str, &str); 7] = [
    (408, "408 Request Timeout", STATUS),
    (
        412,
        "412 Precondition Failed",
        "help: the node that was asked lags behind its cluster: try again, or set the address to the active node",
    ),
    (
        429,
        "429 Too Many Requests",
        "help: a rate limit quota of the server holds this job back",
    ),
    (500, "500 Internal Server Error", STATUS),
    (502, "502 Bad Gateway", STATUS),
    (503, "503 Service Unavailable", UNWELL),
    (504, "504 Gateway Timeout", STATUS),
];

#[test]
fn two_failures_pass() {
    for (status, ..) in TRANSIENT {
        let failure = failing(status, "");
        let server = Server::start_fifo(vec![failure.clone(), failure, stored()]);
        let answer = provider(&server.url(), "").get(STOPS, "read");
        assert_eq!(answer["Ok"]["token"], STORED, "{status}");
        assert_eq!(
            (server.requests().len(), server.connections()),
            (3, 1),
            "{status}"
        );
    }
}

#[test]
fn three_failures_are_the_end() {
    for (status, answered, help) in TRANSIENT {
        let server = Server::start(move |_| failing(status, r#"{"errors":["one","two"]}"#));
        let answered = format!("{READ}{answered}");
        let expected = ["Vault can't answer now", &answered, "one; two", help];
        let provider = provider(&server.url(), "");
        check(
            &answered,
            &provider,
            &server.url(),
            Ends::Unavailable,
            &expected,
        );
        // Three for each of the two registries.
        assert_eq!(server.requests().len(), 6, "{status}");
    }
}

#[test]
fn sealed() {
    let server = Server::start(|_| failing(503, r#"{"errors":["Vault is sealed"]}"#));
    let answered = format!("{READ}503 Service Unavailable");
    let expected = [
        "Vault can't answer now",
        &answered,
        "Vault is sealed",
        UNWELL,
    ];
    let provider = provider(&server.url(), "");
    check(
        "sealed",
        &provider,
        &server.url(),
        Ends::Unavailable,
        &expected,
    );
}

#[test]
fn a_load_balancer_in_front_of_a_vault_that_is_down() {
    for (body, shape, words) in [
        (
            "<html><h1>502 Bad Gateway</h1></html>",
            "an HTML page",
            None,
        ),
        ("", "an empty body", None),
        (
            "no healthy upstream",
            "text that is not JSON",
            Some("no healthy upstream"),
        ),
    ] {
        let server = Server::start(move |_| failing(502, body));
        let answered = format!("{READ}502 Bad Gateway with {shape}");
        let mut expected = vec!["Vault can't answer now", &answered];
        expected.extend(words);
        expected.push(STATUS);
        let provider = provider(&server.url(), "");
        check(body, &provider, &server.url(), Ends::Unavailable, &expected);
    }
}

#[test]
fn others_are_asked_once() {
    let place = "Vault could not read the path `ci/cargo` in the mount `secret`";
    for (status, ends, expected) in [
        (400, Ends::Refused, &[place, "400 Bad Request", "why"][..]),
        (
            401,
            Ends::Refused,
            &[
                "Vault does not accept the token of this machine",
                "401 Unauthorized",
                "why",
            ],
        ),
        (
            404,
            Ends::Refused,
            &[
                place,
                "404 Not Found",
                "why",
                "help: is `secret` the mount? `vault secrets list` tells; set `mount` on the backend",
            ],
        ),
        (
            405,
            Ends::Refused,
            &[place, "405 Method Not Allowed", "why"],
        ),
        (409, Ends::Refused, &[place, "409 Conflict", "why"]),
        (
            501,
            Ends::Unavailable,
            &[
                "Vault can't answer now",
                "501 Not Implemented",
                "why",
                STATUS,
            ],
        ),
    ] {
        let server = Server::start(move |_| failing(status, r#"{"errors":["why"]}"#));
        let mut expected = expected.to_vec();
        let answered = format!("{READ}{}", expected[1]);
        expected[1] = &answered;
        let provider = provider(&server.url(), "");
        check(&answered, &provider, &server.url(), ends, &expected);
        assert_eq!(server.requests().len(), 2, "{status}");
    }
}

/// A missing right says what to add, for exactly the path that was refused, and is nobody else's business.
#[test]
fn denied() {
    let server = Server::start(|_| {
        failing(
            403,
            r#"{"errors":["1 error occurred:\n\t* permission denied for hvs.giv3n-s3cret-token\n\n"]}"#,
        )
    });
    let answered = format!("{READ}403 Forbidden");
    let expected = [
        "Vault does not let the token of this machine read the path `ci/cargo` in the mount `secret`",
        &answered,
        "1 error occurred: * permission denied for [redacted]",
        "help: its policies must have this, unless the mount in it is mistyped or the token has expired:",
        "path \"secret/data/ci/cargo\" {",
        "  capabilities = [\"read\"]",
        "}",
    ];
    let provider = provider(&server.url(), "");
    check("denied", &provider, &server.url(), Ends::Refused, &expected);
    let paths: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.path.clone())
        .collect();
    let asked = [
        "/v1/secret/data/ci/cargo",
        "/v1/sys/internal/ui/mounts/secret/ci/cargo",
    ];
    assert_eq!(paths, [asked, asked].concat());
}

#[test]
fn what_the_server_wishes_for_is_granted_if_there_is_time() {
    let wishing = |wish: &'static str| {
        let failure = Response::text(429, "busy").header("retry-after", wish);
        Server::start_fifo(vec![failure, stored()])
    };
    for wish in [
        "0",
        " 0 ",
        "Fri, 31 Dec 1999 23:59:59 GMT",
        "Friday, 31-Dec-99 23:59:59 GMT",
        "soon",
    ] {
        let server = wishing(wish);
        let answer = provider(&server.url(), "").get(STOPS, "read");
        assert_eq!(answer["Ok"]["token"], STORED, "{wish}");
        assert_eq!(server.requests().len(), 2, "{wish}");
    }
    // Beyond the deadline there is nothing to wait for: what the server says now is said now.
    for wish in [
        "3600",
        "18446744073709551615",
        "Fri, 31 Dec 2100 23:59:59 GMT",
    ] {
        let server = wishing(wish);
        let run = provider(&server.url(), "");
        let answered = format!("{READ}429 Too Many Requests with text that is not JSON");
        let text = test_servers::provider::error_text(&run.get(STOPS, "read"));
        assert_eq!(
            text.replace(&server.url(), "$VAULT")
                .lines()
                .collect::<Vec<_>>(),
            ["Vault can't answer now", &answered, "busy", TRANSIENT[2].2],
            "{wish}"
        );
        assert_eq!(server.requests().len(), 1, "{wish}");
    }
}

#[test]
fn no_second_try_where_vaults_variable_says_so() {
    for (retries, requests) in [("0", 1), ("1", 2), ("4", 5)] {
        let server = Server::start(|_| failing(500, r#"{"errors":[]}"#));
        let provider = provider(&server.url(), "").env("VAULT_MAX_RETRIES", retries);
        assert_eq!(provider.get(GOES_ON, "read")["Ok"]["token"], super::SECOND);
        assert_eq!(server.requests().len(), requests, "{retries}");
    }
}

#[test]
fn limits_in_vaults_variables() {
    // Zero is no limit to Vault's own client.
    for (variable, value) in [
        ("VAULT_CLIENT_TIMEOUT", "0"),
        ("VAULT_CLIENT_TIMEOUT", "60"),
        ("VAULT_CLIENT_TIMEOUT", "1m30s"),
        ("VAULT_MAX_RETRIES", "4294967295"),
    ] {
        let server = Server::start(|_| stored());
        let answer = provider(&server.url(), "")
            .env(variable, value)
            .get(STOPS, "read");
        assert_eq!(answer["Ok"]["token"], STORED, "{variable}={value}");
    }
    for (variable, value, expected) in [
        (
            "VAULT_CLIENT_TIMEOUT",
            "soon",
            "a number of seconds or a duration such as `30s`",
        ),
        (
            "VAULT_CLIENT_TIMEOUT",
            "-1",
            "a number of seconds or a duration such as `30s`",
        ),
        ("VAULT_MAX_RETRIES", "-1", "a number"),
    ] {
        let server = Server::start(|_| stored());
        let provider = provider(&server.url(), "").env(variable, value);
        let expected = format!("the environment variable `{variable}` is not {expected}");
        check(value, &provider, &server.url(), Ends::Refused, &[&expected]);
        assert_eq!(server.connections(), 0);
    }
}
