//! What arrives damaged, what is not Google's, and answers that are none: an error without secrets, or none at all.

use serde_json::{Value, json};
use test_servers::Provider;
use test_servers::google_fake::bytes;

use crate::adc::generate;
use crate::external::{job, token, trusted};
use crate::team::{HOST, PROJECT, SECRET, Team, account, answer};
use crate::workload_identity::settings;

const STS: &str = "https://sts.googleapis.com";
const PORTAL: &str =
    "<html><head><title>Guest network</title></head><body>Log in to go on</body></html>";

fn source() -> String {
    format!("secret = \"{SECRET}\"")
}

fn corrupt(team: &Team, what: &str, times: u32) {
    team.google()
        .control(&json!({ "call": "corrupt", "what": what, "times": times }));
}

#[test]
fn damaged_once_is_not_noticed() {
    let team = Team::new();
    let provider = team.by_file(&team.reader(), &source());
    for what in ["checksum", "data"] {
        team.google().clear_requests();
        corrupt(&team, what, 1);
        assert_eq!(team.ask(&provider).answer(), answer(team.token()), "{what}");
        assert_eq!(team.requests().len(), 2);
    }
}

#[test]
fn damaged_twice_is_an_error() {
    let team = Team::new();
    let provider = team.by_file(&team.reader(), &source());
    for what in ["checksum", "data"] {
        team.google().clear_requests();
        corrupt(&team, what, 2);
        assert_eq!(
            team.error(&provider),
            format!(
                "the secret `{SECRET}` arrived damaged, twice\n\
                 its CRC32C is not the one that Google sent with it\n\
                 help: something between Google and this machine changes what passes: a proxy?"
            ),
            "{what}"
        );
        assert_eq!(team.requests().len(), 2);
    }
    // Google's own client gives what came, and leaves the comparison to whoever calls it.
    let member = format!("serviceAccount:{}", account("reader"));
    let name = format!("projects/{PROJECT}/secrets/{SECRET}/versions/1");
    corrupt(&team, "data", 1);
    let read = team.python("rest", &member, &name);
    let damaged = bytes(&read["read"]["base64"]).unwrap();
    assert_ne!(damaged, team.token().as_bytes());
    assert_eq!(damaged[1..], team.token().as_bytes()[1..]);
}

/// A job with its token, which may read the secret.
fn in_job(team: &Team, more: &str) -> Provider {
    let issuer = trusted(team);
    let token = token(&issuer);
    team.let_read(SECRET, &job(&issuer));
    team.nobody(
        &settings(&format!("{more}, identity = {{ env = \"ID\" }}")),
        &source(),
    )
    .env("ID", &token)
    .secret(&token)
}

/// What is said of an answer that is not Google's.
fn foreign(asked: &str, status: &str, what: &str) -> String {
    let (_, url) = asked.split_once(' ').unwrap();
    let origin: String = url.split('/').take(3).collect::<Vec<_>>().join("/");
    format!(
        "what answers at `{origin}` does not answer as Google does\n\
         {asked} answered {status}\n\
         {what}\n\
         help: check the endpoint, and what stands between it and this machine: a proxy or a login page may answer in its place"
    )
}

#[test]
fn a_captive_portal_in_the_place_of_sts() {
    let team = Team::new();
    let provider = in_job(&team, "");
    let asked = format!("POST {STS}/v1/token");
    for (status, line, what) in [
        (
            200,
            "200 OK",
            "what it answered is not what was asked for, but a page of HTML or XML",
        ),
        (403, "403 Forbidden", PORTAL),
    ] {
        team.google()
            .answer_next("/v1/token", status, &json!(PORTAL));
        assert_eq!(team.error(&provider), foreign(&asked, line, what));
    }
    // The job's token is shown once, and to nobody after that.
    assert_eq!(team.requests(), ["POST sts.googleapis.com/v1/token"; 2]);
}

#[test]
fn a_captive_portal_in_the_place_of_secret_manager() {
    let team = Team::new();
    let provider = in_job(&team, "");
    let asked = format!("GET {HOST}/v1/projects/{PROJECT}/secrets/{SECRET}/versions/latest:access");
    for (status, line, what) in [
        (
            200,
            "200 OK",
            "what it answered is not what was asked for, but a page of HTML or XML",
        ),
        (404, "404 Not Found", PORTAL),
    ] {
        team.google().answer_next(":access", status, &json!(PORTAL));
        assert_eq!(team.error(&provider), foreign(&asked, line, what));
    }
}

#[test]
fn a_redirect_to_a_login_page_is_not_followed() {
    let team = Team::new();
    let provider = in_job(&team, "");
    let elsewhere = format!("{}/page/login", team.google().url());
    for path in ["/v1/token", ":access"] {
        team.google().clear_requests();
        team.google().control(&json!({
            "call": "answer", "path": path, "status": 302, "body": "moved", "headers": { "Location": elsewhere },
        }));
        let text = team.error(&provider);
        assert!(text.contains("302 Found"), "{text}");
        let asked = team.requests();
        assert!(
            !asked.iter().any(|asked| asked.contains("/page/login")),
            "{asked:?}"
        );
    }
}

#[test]
fn sts_without_a_token() {
    let team = Team::new();
    let provider = in_job(&team, "");
    for body in [
        json!({ "token_type": "Bearer", "expires_in": 3599 }),
        json!({ "access_token": "", "token_type": "Bearer" }),
        json!({ "access_token": null }),
        json!({}),
    ] {
        team.google().clear_requests();
        team.google().answer_next("/v1/token", 200, &body);
        assert_eq!(
            team.error(&provider),
            format!(
                "Google gave no access token\n\
                 POST {STS}/v1/token answered without one\n\
                 help: check the endpoint: what answers there is hardly Google"
            ),
            "{body}"
        );
        assert_eq!(team.requests().len(), 1);
    }
}

#[test]
fn a_service_account_without_a_token() {
    let team = Team::new();
    let email = account("ci");
    let provider = in_job(&team, &format!(", service-account = \"{email}\""));
    let path = generate(&email);
    team.google()
        .answer_next(&path, 200, &json!({ "expireTime": "2030-01-01T00:00:00Z" }));
    assert_eq!(
        team.error(&provider),
        format!(
            "Google gave no access token\n\
             POST https://iamcredentials.googleapis.com{path} answered without one\n\
             help: check the endpoint: what answers there is hardly Google"
        )
    );
}

/// An answer of Google's, as its APIs give it.
fn status(code: u16, status: &str) -> Value {
    json!({ "error": { "code": code, "message": "words of Google", "status": status } })
}

#[test]
fn what_passes_is_asked_for_again() {
    let team = Team::new();
    let provider = in_job(&team, "");
    for (path, code, body) in [
        (
            "/v1/token",
            503,
            json!({ "error": "temporarily_unavailable" }),
        ),
        ("/v1/token", 500, json!(PORTAL)),
        (":access", 503, status(503, "UNAVAILABLE")),
        (":access", 429, status(429, "RESOURCE_EXHAUSTED")),
    ] {
        team.google().clear_requests();
        team.google().answer_next(path, code, &body);
        assert_eq!(team.ask(&provider).answer(), answer(team.token()), "{path}");
        assert_eq!(team.requests().len(), 3, "{path}");
    }
}

#[test]
fn what_does_not_pass_is_given_up() {
    let team = Team::new();
    let provider = in_job(&team, "");
    for (path, code, body, what) in [
        (
            "/v1/token",
            503,
            json!({ "error": "temporarily_unavailable" }),
            "Google can't answer now",
        ),
        (
            ":access",
            503,
            status(503, "UNAVAILABLE"),
            "Google can't answer now",
        ),
        (
            ":access",
            429,
            status(429, "RESOURCE_EXHAUSTED"),
            "Google's quota for this project is used up for now",
        ),
    ] {
        team.google().clear_requests();
        team.google().control(&json!({
            "call": "answer", "path": path, "status": code, "body": body, "times": 3,
        }));
        let text = team.error(&provider);
        assert_eq!(text.lines().next(), Some(what), "{text}");
        let asked = team.requests();
        let tries = asked.iter().filter(|asked| asked.ends_with(path)).count();
        assert_eq!(tries, 3, "{asked:?}");
    }
}
