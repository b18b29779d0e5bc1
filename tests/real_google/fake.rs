//! The fake itself: Google's own clients for Python take it for Google, with everything that the tests of the provider use.
//!
//! `tests/servers/google/official.py` runs them and says what each step read or how it was refused; here is what it must
//! have been, step by step.

mod credentials;
mod refusals;
mod secrets;
mod signatures;

use serde_json::{Value, json};
use test_servers::client::{Ask, ask};
use test_servers::google_fake::{SECRET_ACCESSOR, bytes as decoded};
use test_servers::{GoogleFake, Issuer, random};

/// What a step came to.
#[derive(Debug)]
enum Came {
    /// To this.
    Read(Value),
    /// To a refusal with this status of HTTP, this reason, and a message that ends so.
    Refused(u16, Option<&'static str>, String),
    /// To the client giving up, with a message that has this in it.
    GivenUp(&'static str),
}

impl Came {
    fn is(&self, step: &Value) -> bool {
        let refused = &step["refused"];
        let message = refused["message"].as_str().unwrap_or_default();
        match self {
            Self::Read(value) => step.get("read") == Some(value),
            Self::Refused(code, reason, end) => {
                refused["code"] == *code
                    && refused["reason"].as_str() == *reason
                    && message.ends_with(end.as_str())
            }
            Self::GivenUp(text) => refused["error"].is_string() && message.contains(text),
        }
    }
}

/// What a part of the script did, in its order, with this value in the secrets.
fn steps(part: &str, value: &str) -> Vec<Value> {
    let fake = GoogleFake::start();
    let report = fake.python_client(part, &json!({ "value": value }));
    report.as_array().cloned().unwrap()
}

/// Compares steps with what they must have come to: all of them, in this order.
fn compare(steps: &[Value], expected: &[(&str, Came)]) {
    for (step, (name, came)) in steps.iter().zip(expected) {
        assert_eq!(step["step"], *name, "{step:#}");
        assert!(came.is(step), "{step:#}\nmust come to {came:?}");
    }
    assert_eq!(steps.len(), expected.len());
}

#[test]
fn one_version_by_a_token_and_by_a_file() {
    let fake = GoogleFake::start();
    let bytes = random::text(16).into_bytes();
    let name = fake.put("acme", None, "cargo", &bytes);
    let email = "reader@acme.iam.gserviceaccount.com";
    let member = format!("serviceAccount:{email}");
    let identities = [
        ("token", json!(fake.token(&member))),
        ("credentials", fake.service_account_key(email)),
    ];
    let reads = || {
        identities.iter().flat_map(|(kind, identity)| {
            let asked =
                |transport| json!({ "name": name, "transport": transport, *kind: identity });
            ["rest", "google", "grpc"]
                .map(|transport| fake.python_client("read", &asked(transport)))
        })
    };
    for answer in reads() {
        assert_eq!(
            answer["refused"]["reason"], "IAM_PERMISSION_DENIED",
            "{answer}"
        );
    }
    fake.bind("projects/acme/secrets/cargo", SECRET_ACCESSOR, &member);
    for answer in reads() {
        assert_eq!(answer["read"]["name"], name, "{answer}");
        assert_eq!(decoded(&answer["read"]["base64"]), Some(bytes.clone()));
    }
}

#[test]
fn a_token_of_an_issuer_of_ours() {
    let fake = GoogleFake::start();
    let issuer = Issuer::start();
    fake.project("acme", "123456789");
    let name = fake.put_secret("acme", "cargo", "s3cret");
    let pool = "projects/123456789/locations/global/workloadIdentityPools/ci";
    let provider = format!("{pool}/providers/github");
    let mapping = json!({ "google.subject": "assertion.sub", "attribute.repository": "assertion.repository" });
    fake.trust(
        &provider,
        &issuer,
        &mapping,
        &[("assertion.ref", "refs/heads/main")],
    );
    let repository =
        format!("principalSet://iam.googleapis.com/{pool}/attribute.repository/acme/app");
    fake.bind("projects/acme/secrets/cargo", SECRET_ACCESSOR, &repository);
    let token = issuer.token(&format!("https://iam.googleapis.com/{provider}"));
    let page = fake.control(&json!({ "call": "page", "path": "token", "body": token }));
    let credentials = json!({
        "type": "external_account",
        "audience": format!("//iam.googleapis.com/{provider}"),
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": { "url": page },
    });
    let asked = json!({ "name": name, "credentials": credentials });
    let answer = fake.python_client("read", &asked);
    assert_eq!(
        decoded(&answer["read"]["base64"]).as_deref(),
        Some(&b"s3cret"[..]),
        "{answer}"
    );
}

#[test]
fn what_its_clients_never_do_is_refused() {
    let fake = GoogleFake::start();
    let get = |path: &str, name: &str, value: &str| {
        ask(&Ask::new("GET", &format!("{}{path}", fake.url())).header(name, value)).unwrap()
    };
    let email = "/computeMetadata/v1/instance/service-accounts/default/email";
    assert_eq!(get(email, "metadata-flavor", "Google").status, 404);
    fake.attach("acme", "machine@acme.iam.gserviceaccount.com");
    let refused = get(email, "accept", "*/*");
    assert_eq!(refused.status, 403);
    let text = refused.text();
    assert!(
        text.contains("Missing Metadata-Flavor:Google header."),
        "{text}"
    );
    let answer = get(email, "metadata-flavor", "Google");
    assert_eq!(answer.text(), "machine@acme.iam.gserviceaccount.com");
    assert_eq!(answer.header("metadata-flavor"), Some("Google"));

    let keys = json!({
        "call": "aws_keys", "id": "ASIA", "secret": "s3cret", "session": "session", "account": "123456789012",
        "arn": "arn:aws:sts::123456789012:assumed-role/runner/i-0",
    });
    fake.control(&keys);
    fake.control(&json!({ "call": "aws_instance", "key_id": "ASIA" }));
    let role = "/latest/meta-data/iam/security-credentials";
    assert_eq!(get(role, "x-aws-ec2-metadata-token", "guessed").status, 401);

    let secret = "/v1/projects/acme/secrets/cargo/versions/1:access";
    let nobody = get(secret, "accept", "*/*");
    assert_eq!(nobody.status, 401);
    assert_eq!(
        nobody.json()["error"]["details"][0]["reason"],
        "CREDENTIALS_MISSING"
    );
}

#[test]
fn it_keeps_what_it_is_asked_and_answers_as_it_is_told() {
    let fake = GoogleFake::start();
    let name = fake.put_secret("acme", "cargo", "s3cret");
    fake.bind(
        "projects/acme/secrets/cargo",
        SECRET_ACCESSOR,
        "user:ada@example.com",
    );
    let authorization = format!("Bearer {}", fake.token("user:ada@example.com"));
    let url = format!("{}/v1/{name}:access?prettyPrint=false", fake.url());
    let read = || {
        let asked = Ask::new("GET", &url).header("authorization", &authorization);
        ask(&asked).unwrap()
    };
    fake.answer_next(
        ":access",
        503,
        &json!({ "error": { "code": 503, "status": "UNAVAILABLE" } }),
    );
    let first = read();
    assert_eq!(
        (first.status, first.json()["error"]["status"].as_str()),
        (503, Some("UNAVAILABLE"))
    );
    assert_eq!(read().json()["payload"]["data"], "czNjcmV0");
    fake.set_state(&name, "DISABLED");
    assert_eq!(read().json()["error"]["status"], "FAILED_PRECONDITION");
    fake.control(&json!({ "call": "expire" }));
    let expired = read();
    assert_eq!(expired.status, 401);
    assert_eq!(
        expired.json()["error"]["details"][0]["reason"],
        "ACCESS_TOKEN_EXPIRED"
    );

    let requests = fake.requests();
    assert_eq!(requests.len(), 4);
    assert_eq!(requests[0]["method"], "GET");
    assert_eq!(
        requests[0]["path"],
        format!("/v1/{name}:access?prettyPrint=false")
    );
    assert_eq!(requests[0]["headers"]["authorization"], authorization);
    fake.clear_requests();
    assert_eq!(fake.requests(), Vec::<Value>::new());
}
