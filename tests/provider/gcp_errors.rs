//! What is said when Google refuses, and of what is not Google's.

use serde_json::{Value, json};
use test_servers::google::ApiError;
use test_servers::provider::error_text;
use test_servers::{Fault, FaultServer, GoogleServer, Response};

use crate::gcp_requests::{ACCOUNT, PROJECT, STORED, URL, at, provider, with_file};

const SOURCE: &str = "secret = \"cargo\"";

fn store() -> (GoogleServer, String) {
    let server = GoogleServer::start();
    server.put(PROJECT, "cargo", STORED.as_bytes());
    let key = server.service_account_key(ACCOUNT).to_string();
    (server, key)
}

fn allowed() -> (GoogleServer, String) {
    let (server, key) = store();
    server.allow(&format!("serviceAccount:{ACCOUNT}"), "projects/acme");
    (server, key)
}

fn asked(server: &GoogleServer, key: &str) -> String {
    error_text(&with_file(provider(&at(server), SOURCE), key).get(URL, "read"))
}

fn noted(server: &GoogleServer, key: &str) -> String {
    let provider = with_file(provider(&at(server), SOURCE), key);
    let run = provider.run(test_servers::provider::get_request(URL, "read").as_bytes());
    assert_eq!(run.answer(), json!({ "Err": { "kind": "not-found" } }));
    run.stderr
}

#[test]
fn a_missing_right_is_shown_as_it_is_granted() {
    let (server, key) = store();
    let text = asked(&server, &key);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "Google does not let `serviceAccount:cargo-ci@acme.iam.gserviceaccount.com` read the secret `cargo`",
            &format!(
                "GET {}/v1/projects/acme/secrets/cargo/versions/latest:access answered 403 Forbidden, PERMISSION_DENIED (IAM_PERMISSION_DENIED)",
                server.url()
            ),
            "Permission 'secretmanager.versions.access' denied for resource 'projects/acme/secrets/cargo/versions/latest' (or it may not exist).",
            "help: is it the right project (a secret that does not exist is refused too)? The binding, for this secret alone:",
            "gcloud secrets add-iam-policy-binding cargo --project=acme --role=roles/secretmanager.secretAccessor \
             --member=serviceAccount:cargo-ci@acme.iam.gserviceaccount.com",
        ]
    );
}

#[test]
fn a_service_that_is_switched_off() {
    let (server, key) = allowed();
    server.disable_service(PROJECT);
    let text = asked(&server, &key);
    // Google says where it is off, by the project's number.
    let number = server.project_number(PROJECT);
    assert!(
        text.starts_with(&format!(
            "Secret Manager is not enabled in the project `{number}`"
        )),
        "{text}"
    );
    assert!(text.contains("SERVICE_DISABLED"), "{text}");
    let command =
        format!("`gcloud services enable secretmanager.googleapis.com --project={number}`");
    assert!(text.contains(&command), "{text}");
}

#[test]
fn codes_and_what_helps() {
    for (status, code, tries, what, help) in [
        (
            401,
            "UNAUTHENTICATED",
            1,
            "Google does not accept the access token of `serviceAccount:",
            "clock",
        ),
        (
            429,
            "RESOURCE_EXHAUSTED",
            3,
            "Google's quota for this project is used up",
            "quota-project",
        ),
        (
            503,
            "UNAVAILABLE",
            3,
            "Google can't answer now",
            "try again",
        ),
        (
            400,
            "INVALID_ARGUMENT",
            1,
            "Google Secret Manager could not read the secret `cargo`",
            "",
        ),
        (
            418,
            "NEVER_HEARD_OF",
            1,
            "Google Secret Manager could not read the secret `cargo`",
            "",
        ),
    ] {
        let (server, key) = allowed();
        for _ in 0..tries {
            server.answer_next(":access", ApiError::new(status, code, "words of Google"));
        }
        let text = asked(&server, &key);
        assert!(
            text.starts_with(what) && text.contains(help),
            "{code}: {text}"
        );
        assert!(
            text.contains(code) && text.contains("words of Google"),
            "{text}"
        );
        assert_eq!(server.requests().len(), tries, "{code}");
    }
}

/// The status of HTTP tells what it is, where Google's own is left out or is new.
#[test]
fn a_refusal_without_a_code_keeps_its_words() {
    for (status, code, tries, what) in [
        (
            401,
            None,
            1,
            "Google does not accept the access token of `serviceAccount:",
        ),
        (403, None, 1, "Google does not let `serviceAccount:"),
        (
            404,
            None,
            1,
            "Google Secret Manager does not have the secret `cargo`",
        ),
        (429, None, 3, "Google's quota for this project is used up"),
        (503, None, 3, "Google can't answer now"),
        (503, Some("NEVER_HEARD_OF"), 3, "Google can't answer now"),
    ] {
        let (server, key) = allowed();
        let mut error = json!({ "code": status, "message": "words of Google" });
        if let Some(code) = code {
            error["status"] = json!(code);
        }
        for _ in 0..tries {
            server.answer_next(
                ":access",
                Response::json(status, &json!({ "error": error })),
            );
        }
        // What is not there is no error to Cargo, but a note.
        let text = match status {
            404 => noted(&server, &key),
            _ => asked(&server, &key),
        };
        assert!(
            text.contains(what) && (status == 404 || text.contains("words of Google")),
            "{status}: {text}"
        );
    }
}

/// The same refusal keeps a login from going on.
#[test]
fn a_login_that_is_refused_without_a_code() {
    let (server, _) = store();
    let user = server.authorized_user("me@example.com").to_string();
    server.answer_next(
        "/token",
        Response::json(
            403,
            &json!({ "error": { "code": 403, "message": "words of Google" } }),
        ),
    );
    let text = error_text(&with_file(provider(&at(&server), SOURCE), &user).get(URL, "read"));
    assert!(
        text.starts_with("Google refused the sign-in in ") && text.contains("words of Google"),
        "{text}"
    );
}

#[test]
fn a_perimeter_is_not_opened_by_a_binding() {
    let (server, key) = allowed();
    server.answer_next(
        ":access",
        ApiError::new(
            403,
            "PERMISSION_DENIED",
            "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x1",
        )
        .because("SECURITY_POLICY_VIOLATED", "googleapis.com", &[]),
    );
    let text = asked(&server, &key);
    assert!(
        text.contains("vpcServiceControlsUniqueIdentifier: x1")
            && text.contains("help: a perimeter of VPC Service Controls")
            && !text.contains("add-iam-policy-binding"),
        "{text}"
    );
}

#[test]
fn an_outage_that_passes_is_not_noticed() {
    let (server, key) = allowed();
    server.answer_next(":access", ApiError::new(503, "UNAVAILABLE", "later"));
    crate::gcp_requests::get(&with_file(provider(&at(&server), SOURCE), &key));
}

fn payload(data: &str, checksum: Value) -> Response {
    Response::json(
        200,
        &json!({ "name": "projects/1/secrets/cargo/versions/1", "payload": { "data": data, "dataCrc32c": checksum } }),
    )
}

#[test]
fn answers_that_make_no_sense() {
    use base64::Engine as _;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let secret = encode(b"le4ked-s3cret");
    let huge = vec![b'x'; (64 << 10) + 1];
    let portal = "<html><title>Log in to the guest network</title></html>";
    for (response, what) in [
        (
            payload("bGU0a2VkLXMzY3JldA=!", json!("1")),
            "data that is not base64",
        ),
        (
            payload(&secret, json!("12x")),
            "a checksum that is no number",
        ),
        (payload(&encode(&huge), json!("1")), "more than the 64 KiB"),
        (
            payload(
                &encode(&[0xff, 0xfe]),
                json!(crc32c::crc32c(&[0xff, 0xfe]).to_string()),
            ),
            "is not text",
        ),
        (
            Response::json(200, &json!({ "payload": secret })),
            "does not answer as Google does",
        ),
        (
            Response::json(200, &json!([secret])),
            "does not answer as Google does",
        ),
        (Response::text(200, ""), "does not answer as Google does"),
        (Response::text(200, portal), "a page of HTML"),
        (Response::text(404, portal), "Log in to the guest network"),
        (
            Response::json(403, &json!({ "password": "le4ked-s3cret" })),
            "another JSON object",
        ),
    ] {
        let (server, key) = allowed();
        server.answer_next(":access", response);
        let provider = with_file(provider(&at(&server), SOURCE), &key)
            .secret("le4ked-s3cret")
            .secret(&secret);
        let text = error_text(&provider.get(URL, "read"));
        assert!(text.contains(what), "{what}: {text}");
    }
}

#[test]
fn a_login_that_gives_nothing() {
    for (answer, what) in [
        (
            Response::json(200, &json!({ "token_type": "Bearer" })),
            "Google gave no access token",
        ),
        (
            Response::json(200, &json!({ "access_token": "" })),
            "Google gave no access token",
        ),
        (
            Response::text(200, "<html>"),
            "does not answer as Google does",
        ),
        (
            Response::json(200, &json!({ "access_token": "le4ked-token\ns3cret" })),
            "has characters in it that none has",
        ),
    ] {
        let (server, _) = store();
        let user = server.authorized_user("me@example.com").to_string();
        server.answer_next("/token", answer);
        let provider = with_file(provider(&at(&server), SOURCE), &user).secret("le4ked-token");
        let text = error_text(&provider.get(URL, "read"));
        assert!(text.contains(what), "{what}: {text}");
    }
}

#[test]
fn credentials_that_are_none() {
    let (server, key) = store();
    let key: Value = serde_json::from_str(&key).unwrap();
    let pem = key["private_key"].as_str().unwrap().to_owned();
    let with = |changes: Value| {
        let mut key = key.clone();
        key.as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        key.to_string()
    };
    let middle = pem.lines().nth(3).unwrap().to_owned();
    for (file, what) in [
        ("s3cret-text-not-json".to_owned(), "it is not a JSON object"),
        ("{\"type\":".to_owned(), "it is not JSON from line 1"),
        ("[]".to_owned(), "it is not a JSON object"),
        ("{}".to_owned(), "has no `type`"),
        (
            json!({ "type": "s3cret-text-type" }).to_string(),
            "a `type` that is none of Google's",
        ),
        (
            json!({ "type": "gdch_service_account" }).to_string(),
            "Google Distributed Cloud",
        ),
        (
            json!({ "type": "service_account", "client_email": "a@b" }).to_string(),
            "has no `private_key`",
        ),
        (
            json!({ "type": "authorized_user", "client_id": "x" }).to_string(),
            "has no `client_secret`",
        ),
        (
            json!({ "type": "external_account", "audience": "x" }).to_string(),
            "has no `subject_token_type`",
        ),
        (
            json!({ "type": "impersonated_service_account" }).to_string(),
            "has no `source_credentials`",
        ),
        (
            with(json!({ "private_key": 7 })),
            "is of another type than it must be",
        ),
        (
            with(json!({ "private_key": "s3cret-text-key" })),
            "not an RSA key in PEM form",
        ),
        (
            with(json!({ "private_key": pem.replace(&middle, "") })),
            "not an RSA key in PEM form",
        ),
        (
            with(json!({ "project_id": "s3cret-text project" })),
            "has a `project_id` that can't be one",
        ),
    ] {
        let provider = with_file(provider(&at(&server), SOURCE), &file)
            .secret("s3cret-text")
            .secret(&middle);
        let text = error_text(&provider.get(URL, "read"));
        assert!(text.contains(what), "{what}: {text}");
    }
}

#[test]
fn a_server_that_never_answers_is_over_with_the_deadline() {
    let (_, key) = store();
    let hole = FaultServer::start(Fault::BlackHole);
    let backend = format!("project = \"acme\"\nendpoint = \"{}\"", hole.url());
    let provider = with_file(provider(&backend, SOURCE), &key).within("400ms");
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("did not answer within 400ms"), "{text}");
}

/// Secrets that are older than Google's checksums have none.
#[test]
fn what_has_no_checksum_is_taken_with_a_warning() {
    use base64::Engine as _;
    let data = base64::engine::general_purpose::STANDARD.encode(STORED);
    let (server, key) = allowed();
    server.answer_next(
        ":access",
        Response::json(200, &json!({ "payload": { "data": data } })),
    );
    let provider = with_file(provider(&at(&server), SOURCE), &key);
    let run = provider.run(test_servers::provider::get_request(URL, "read").as_bytes());
    assert_eq!(run.answer()["Ok"]["token"], STORED);
    assert!(
        run.stderr.contains("came without a checksum"),
        "{}",
        run.stderr
    );
}
