//! A Vault that sends us elsewhere. Its stock client follows to any host, with the token: here no other host
//! gets as much as a connection.

use test_servers::provider::get_request;
use test_servers::{Request, Response, Server};

use super::{Ends, GOES_ON, STOPS, STORED, TOKEN, check, provider, stored};

const AWAY: &str = "`$VAULT` sends us elsewhere";
const CLUSTER: &str = "help: no redirect leaves the address: if this is a standby of a cluster, set the \
    address to the cluster's own (its load balancer) or to the node it points to";
const ADDRESS: &str = "help: check the address, its path included";

fn to(status: u16, location: &str) -> Response {
    Response::empty(status).header("location", location)
}

#[test]
fn another_host_gets_no_request() {
    for (status, answered) in [
        (301, "301 Moved Permanently"),
        (302, "302 Found"),
        (303, "303 See Other"),
        (307, "307 Temporary Redirect"),
        (308, "308 Permanent Redirect"),
    ] {
        let other = Server::start(|_| stored());
        let location = format!("{}/v1/secret/data/ci/cargo", other.url());
        let server = Server::start(move |_| to(status, &location));
        let answered = format!("GET $VAULT/v1/secret/data/ci/cargo answered {answered}");
        let target = format!("to `{}`", other.url());
        let expected = [AWAY, &answered, &target, CLUSTER];
        let provider = provider(&server.url(), "");
        check(
            "another host",
            &provider,
            &server.url(),
            Ends::Unavailable,
            &expected,
        );
        assert_eq!((server.requests().len(), other.connections()), (2, 0));
    }
}

#[test]
fn neither_does_another_scheme_or_user() {
    let server = Server::start(|_| to(307, "https://127.0.0.1:1/v1/secret/data/ci/cargo"));
    let expected = [
        AWAY,
        "GET $VAULT/v1/secret/data/ci/cargo answered 307 Temporary Redirect",
        "to `https://127.0.0.1:1`",
        CLUSTER,
    ];
    let provider = provider(&server.url(), "");
    check(
        "another scheme",
        &provider,
        &server.url(),
        Ends::Unavailable,
        &expected,
    );
}

#[test]
fn a_place_with_our_token_in_its_name_is_not_shown() {
    let server = Server::start(|request| {
        let token = request.header("x-vault-token").unwrap_or_default();
        to(307, &format!("http://{token}.example.com/{token}"))
    });
    let expected = [
        AWAY,
        "GET $VAULT/v1/secret/data/ci/cargo answered 307 Temporary Redirect",
        "to `http://[redacted].example.com`",
        CLUSTER,
    ];
    let provider = provider(&server.url(), "");
    check(
        "an echo",
        &provider,
        &server.url(),
        Ends::Unavailable,
        &expected,
    );
}

#[test]
fn within_the_origin_the_whole_request_goes_along() {
    let server = Server::start(|request: &Request| match request.path.as_str() {
        "/v1/secret/data/ci/cargo" => to(307, "/active/v1/secret/data/ci/cargo?standby=1"),
        _ => stored(),
    });
    let answer = provider(&server.url(), "").get(STOPS, "read");
    assert_eq!(answer["Ok"]["token"], STORED);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].path, "/active/v1/secret/data/ci/cargo");
    assert_eq!(requests[1].query, "standby=1");
    assert_eq!(requests[1].header("x-vault-token"), Some(TOKEN));
    assert_eq!(requests[1].header("x-vault-request"), Some("true"));
}

#[test]
fn round_and_round() {
    let server = Server::start(|_| to(307, "/v1/secret/data/ci/cargo"));
    let expected = [
        AWAY,
        "GET $VAULT/v1/secret/data/ci/cargo answered 307 Temporary Redirect",
        "4 times in a row",
        ADDRESS,
    ];
    let provider = provider(&server.url(), "");
    check(
        "a loop",
        &provider,
        &server.url(),
        Ends::Unavailable,
        &expected,
    );
    assert_eq!(server.requests().len(), 8);
}

#[test]
fn nowhere() {
    for (response, answered, why) in [
        (
            Response::empty(307),
            "307 Temporary Redirect",
            "it does not say where to",
        ),
        (
            Response::empty(304),
            "304 Not Modified",
            "it does not say where to",
        ),
        (
            to(302, "http://["),
            "302 Found",
            "to something that is not a URL",
        ),
    ] {
        let server = Server::start(move |_| response.clone());
        let answered = format!("GET $VAULT/v1/secret/data/ci/cargo answered {answered}");
        let expected = [AWAY, &answered, why, "help: check the address"];
        let provider = provider(&server.url(), "");
        check(
            "nowhere",
            &provider,
            &server.url(),
            Ends::Unavailable,
            &expected,
        );
    }
}

/// A 301 turns POST into GET, for most clients: the login would go on without its body.
#[test]
fn a_login_is_not_turned_into_a_read() {
    let jwt = "aGVhZGVy.eyJzdWIiOiJjaSJ9.s1gnature-s3cret";
    let server = Server::start(|_| to(301, "/ui/v1/auth/jwt/login"));
    let auth = r#"auth = { method = "jwt", role = "ci", identity = { env = "JWT" } }"#;
    let provider = provider(&server.url(), auth).env("JWT", jwt).secret(jwt);
    let expected = [
        AWAY,
        "POST $VAULT/v1/auth/jwt/login answered 301 Moved Permanently",
        "to `/ui/v1/auth/jwt/login`, with a status that turns POST into GET",
        ADDRESS,
    ];
    check(
        "a login",
        &provider,
        &server.url(),
        Ends::Unavailable,
        &expected,
    );
    assert_eq!(server.requests().len(), 2);
    assert!(
        provider
            .run(get_request(GOES_ON, "read").as_bytes())
            .answer()["Ok"]
            .is_object()
    );
}
