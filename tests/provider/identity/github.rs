//! GitHub's endpoint for the identity of a job: what it is asked, and what it may answer.

use serde_json::json;
use test_servers::provider::error_text;
use test_servers::{Fault, FaultServer, Response, Server};

use super::{
    GITHUB, REQUEST_TOKEN, SECOND, URL, alone, get, github, github_job, provider, second, shown,
    vault,
};

const AUTH: &str = r#"{ method = "jwt", role = "ci", audience = "https://vault.example.com", identity = "github-actions" }"#;
const PERMISSION: &str = "help: a GitHub job gets its identity by `permissions: { id-token: write }` in the workflow (a pull request from a fork never does)";

#[test]
fn the_request_with_all_its_headers() {
    let (vault, endpoint) = (vault(), github());
    get(&github_job(provider(&vault, AUTH), &endpoint));
    assert_eq!(shown(&vault), GITHUB);
    let [request] = &endpoint.requests()[..] else {
        panic!("one request");
    };
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("GET", "/token")
    );
    assert_eq!(
        request.query,
        "api-version=2.0&audience=https%3A%2F%2Fvault.example.com"
    );
    assert!(request.body.is_empty());
    let mut headers = request.headers.clone();
    headers.sort();
    let (host, authorization) = (
        format!("127.0.0.1:{}", endpoint.port()),
        format!("bearer {REQUEST_TOKEN}"),
    );
    let expected = [
        ("accept", "application/json"),
        ("authorization", &authorization),
        ("host", &host),
        (
            "user-agent",
            concat!("cargo-credential-bridge/", env!("CARGO_PKG_VERSION")),
        ),
    ];
    assert_eq!(
        headers,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

#[test]
fn the_audience_is_added_as_it_is_and_only_if_there_is_one() {
    for (audience, url, query) in [
        ("", "/token?api-version=2.0", "api-version=2.0"),
        (
            r#", audience = "a b&c=d#é""#,
            "/token",
            "audience=a+b%26c%3Dd%23%C3%A9",
        ),
        (
            r#", audience = { env = "AUDIENCE" }"#,
            "/token?x",
            "x&audience=from-the-job",
        ),
    ] {
        let (vault, endpoint) = (vault(), github());
        let auth = format!(r#"{{ method = "jwt", identity = "github-actions"{audience} }}"#);
        let provider = provider(&vault, &auth)
            .env(
                "ACTIONS_ID_TOKEN_REQUEST_URL",
                format!("{}{url}", endpoint.url()),
            )
            .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN)
            .env("AUDIENCE", "from-the-job");
        get(&provider);
        assert_eq!(endpoint.requests()[0].query, query);
    }
}

#[test]
fn a_job_without_the_permission() {
    let vault = vault();
    let expected = "no GitHub identity here: `ACTIONS_ID_TOKEN_REQUEST_URL` and `ACTIONS_ID_TOKEN_REQUEST_TOKEN` are not set";
    let job = || provider(&vault, AUTH).env("GITHUB_ACTIONS", "true");
    assert_eq!(second(job()), expected);
    assert_eq!(alone(job()), format!("{expected}\n{PERMISSION}"));
    // One of them is none.
    assert_eq!(
        second(job().env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN)),
        "no GitHub identity here: `ACTIONS_ID_TOKEN_REQUEST_URL` is not set"
    );
    assert_eq!(
        second(job().env("ACTIONS_ID_TOKEN_REQUEST_URL", "http://127.0.0.1:1/")),
        "no GitHub identity here: `ACTIONS_ID_TOKEN_REQUEST_TOKEN` is not set"
    );
    // Where no identity is named, a job of GitHub's is told the same.
    let job = provider(&vault, r#"{ method = "jwt", role = "ci" }"#).env("GITHUB_ACTIONS", "true");
    assert_eq!(
        alone(job),
        format!(
            "no GitHub identity here: `ACTIONS_ID_TOKEN_REQUEST_URL` and `ACTIONS_ID_TOKEN_REQUEST_TOKEN` are not set\n{PERMISSION}"
        )
    );
    assert_eq!(vault.connections(), 0);
}

#[test]
fn a_failure_that_passes() {
    for status in [429, 500, 503] {
        let failure = Response::empty(status).header("retry-after", "0");
        let endpoint = Server::start_fifo(vec![
            failure.clone(),
            failure,
            Response::json(200, &json!({ "value": GITHUB })),
        ]);
        let vault = vault();
        get(&github_job(provider(&vault, AUTH), &endpoint));
        assert_eq!(shown(&vault), GITHUB);
        assert_eq!(endpoint.requests().len(), 3);
    }
}

#[test]
fn no_token_is_minted() {
    let not_minted = "GitHub did not mint an identity token for this job";
    for (status, answered, requests) in [
        (401, "401 Unauthorized", 1),
        (403, "403 Forbidden", 1),
        (404, "404 Not Found", 1),
        (500, "500 Internal Server Error", 3),
        (503, "503 Service Unavailable", 3),
    ] {
        let answer = Response::text(status, "no token for runn3r-s3cret-request-token\n")
            .header("retry-after", "0");
        let endpoint = Server::start(move |_| answer.clone());
        let vault = vault();
        let provider = github_job(provider(&vault, AUTH), &endpoint).env("SECOND", SECOND);
        let text = error_text(&provider.get(URL, "read")).replace(&endpoint.url(), "$GITHUB");
        let lines: Vec<_> = text.lines().collect();
        let answered = format!("GET $GITHUB/token answered {answered}");
        assert_eq!(
            lines[..3],
            [not_minted, &answered, "no token for [redacted]"]
        );
        let help = match status {
            401 | 403 => "`permissions: { id-token: write }`",
            _ => "run the job again",
        };
        assert!(
            lines[3].starts_with("help: ") && lines[3].contains(help),
            "{text}"
        );
        assert_eq!(endpoint.requests().len(), requests, "{status}");
        assert_eq!(vault.connections(), 0, "nothing to show to Vault");
    }
}

#[test]
fn an_answer_without_a_token() {
    let none = [
        "GitHub's answer to the request for an identity token holds none",
        "GET $GITHUB/token answered 200 OK",
        "help: run the job again, unless GitHub itself is down",
    ];
    for (body, expected) in [
        (r#"{"count":0}"#, &none[..]),
        (r#"{"value":null}"#, &none[..]),
        ("<html>Sign in</html>", &none[..]),
        ("", &none[..]),
        (
            r#"{"value":"n0t-a-jwt-but-s3cret"}"#,
            &[
                "the identity token of this GitHub job is not a JWT",
                "help: a JWT is three parts of base64url with a dot between them, on one line",
            ],
        ),
    ] {
        let endpoint = Server::start(move |_| Response::bytes(200, body.as_bytes().to_vec()));
        let vault = vault();
        let provider = github_job(provider(&vault, AUTH), &endpoint)
            .env("SECOND", SECOND)
            .secret("n0t-a-jwt-but-s3cret");
        let text = error_text(&provider.get(URL, "read")).replace(&endpoint.url(), "$GITHUB");
        assert_eq!(text.lines().collect::<Vec<_>>(), expected, "{body}");
        assert_eq!((endpoint.requests().len(), vault.connections()), (1, 0));
    }
}

/// The request token is a credential too: it goes to the endpoint that the runner named, over TLS, or to
/// this machine.
#[test]
fn the_request_token_goes_nowhere_else() {
    let (vault, other) = (vault(), github());
    let away = format!("{}/token", other.url());
    let endpoint = Server::start(move |_| Response::empty(302).header("location", &away));
    let job = github_job(provider(&vault, AUTH), &endpoint).env("SECOND", SECOND);
    let text = error_text(&job.get(URL, "read"));
    assert!(
        text.starts_with(&format!("`{}` sends us elsewhere\n", endpoint.url())),
        "{text}"
    );

    let job = |url: &str| {
        provider(&vault, AUTH)
            .env("ACTIONS_ID_TOKEN_REQUEST_URL", url)
            .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN)
            .env("HTTP_PROXY", other.url())
            .env("SECOND", SECOND)
    };
    let text = error_text(&job("http://github.invalid/token").get(URL, "read"));
    assert!(text.starts_with("`http://github.invalid/token"), "{text}");
    assert!(
        text.contains("is plain HTTP: everyone on the way could read the secret"),
        "{text}"
    );
    let text = error_text(&job("token").get(URL, "read"));
    assert_eq!(
        text,
        "`ACTIONS_ID_TOKEN_REQUEST_URL` is not a URL\nrelative URL without a base"
    );
    assert_eq!((other.connections(), vault.connections()), (0, 0));
}

#[test]
fn an_endpoint_that_is_not_well() {
    let endpoint = FaultServer::start(Fault::Close);
    let vault = vault();
    let job = provider(&vault, AUTH)
        .env(
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            format!("{}/token", endpoint.url()),
        )
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN)
        .env("SECOND", SECOND);
    let text = error_text(&job.get(URL, "read")).replace(&endpoint.url(), "$GITHUB");
    assert!(
        text.starts_with("`$GITHUB` gave no whole answer\nGET $GITHUB/token\n"),
        "{text}"
    );
}
