//! What is said when AWS refuses: by its codes, with what to grant.

use serde_json::json;
use test_servers::provider::{error_text, get_request};
use test_servers::{Response, SecretsManager, Server};

use crate::aws_requests::{URL, equipped, provider};

const SOURCE: &str = "secret = \"prod/cargo\"";
const BACKEND: &str = "region = \"eu-west-1\"";

/// The error for a secret that is refused with this code and these words.
fn refused(code: &'static str, words: &'static str) -> String {
    let server = SecretsManager::start();
    let keys = server.user("ci");
    server.refuse("prod/cargo", code, words);
    error_text(&equipped(provider(BACKEND, SOURCE), &keys, &server.url()).get(URL, "read"))
}

#[test]
fn a_missing_right_is_shown_as_it_is_granted() {
    let text = refused(
        "AccessDeniedException",
        "User: $user is not authorized to perform: secretsmanager:GetSecretValue on resource: prod/cargo because no identity-based policy allows the secretsmanager:GetSecretValue action",
    );
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "AWS does not let `arn:aws:iam::123456789012:user/ci` read the secret `prod/cargo`",
            "GetSecretValue answered AccessDeniedException (request double)",
            "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: secretsmanager:GetSecretValue on resource: \
             prod/cargo because no identity-based policy allows the secretsmanager:GetSecretValue action",
            "help: its policies must have this, unless the name is mistyped or a resource policy denies it; for a key of your own \
             also `kms:Decrypt` on the key:",
            r#"{"Action":"secretsmanager:GetSecretValue","Effect":"Allow","Resource":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/cargo-??????"}"#,
        ]
    );
}

#[test]
fn the_key_is_told_from_the_secret() {
    for (code, words) in [
        ("AccessDeniedException", "Access to KMS is not allowed"),
        (
            "DecryptionFailure",
            "Secrets Manager can't decrypt the protected secret text using the provided KMS key.",
        ),
    ] {
        let text = refused(code, words);
        assert!(
            text.contains("use the KMS key of the secret `prod/cargo`"),
            "{text}"
        );
        assert!(text.contains("\"Action\":\"kms:Decrypt\""), "{text}");
    }
}

#[test]
fn codes_and_what_helps() {
    for (code, what, help) in [
        (
            "ExpiredTokenException",
            "AWS does not accept the identity",
            "the session has ended",
        ),
        (
            "UnrecognizedClientException",
            "AWS does not accept the identity",
            "no such access key",
        ),
        (
            "InvalidSignatureException",
            "AWS does not accept the identity",
            "clock",
        ),
        ("ThrottlingException", "AWS can't answer now", "try again"),
        (
            "InvalidParameterException",
            "AWS could not read the secret",
            "",
        ),
        ("NeverHeardOfException", "AWS could not read the secret", ""),
    ] {
        let text = refused(code, "words of AWS");
        assert!(
            text.starts_with(what) && text.contains(help),
            "{code}: {text}"
        );
        assert!(
            text.contains(code) && text.contains("words of AWS"),
            "{code}: {text}"
        );
    }
}

#[test]
fn three_ways_of_not_being_there() {
    let server = SecretsManager::start();
    let keys = server.user("ci");
    server.put("gone", "x");
    server.delete("gone");
    server.put_stage("pending", "AWSPENDING", "x");
    for (secret, note) in [
        (
            "missing",
            "AWS does not have the secret `missing`; help: it was looked for in the region `eu-west-1`",
        ),
        (
            "gone",
            "the secret `gone` in AWS is scheduled for deletion (2026-09-21T",
        ),
        (
            "pending",
            "the secret `pending` in AWS has no such version; help: stages that it has: `AWSPENDING`",
        ),
    ] {
        let provider = provider(BACKEND, &format!("secret = \"{secret}\""));
        let run = equipped(provider, &keys, &server.url()).run(get_request(URL, "read").as_bytes());
        assert_eq!(
            run.answer(),
            json!({ "Err": { "kind": "not-found" } }),
            "{secret}"
        );
        assert!(run.stderr.contains(note), "{}", run.stderr);
    }
}

/// AWS repeats what was signed, the token of the session in it.
#[test]
fn a_session_token_is_struck_out() {
    let server = SecretsManager::start();
    let keys = server.user("ci");
    server.put("prod/cargo", "x");
    let provider = equipped(provider(BACKEND, SOURCE), &keys, &server.url())
        .env("AWS_SECRET_ACCESS_KEY", "wr0ng-s3cret-key")
        .env("AWS_SESSION_TOKEN", "s3ss10n-s3cret-token")
        .secret("s3ss10n-s3cret-token")
        .secret("wr0ng-s3cret-key");
    error_text(&provider.get(URL, "read"));
}

#[test]
fn data_of_who_is_not_aws_is_not_quoted() {
    let server = Server::start(|_| Response::json(502, &json!({ "password": "le4ked-s3cret" })));
    let keys = SecretsManager::start().user("ci");
    let provider = equipped(provider(BACKEND, SOURCE), &keys, &server.url());
    let text = error_text(&provider.secret("le4ked-s3cret").get(URL, "read"));
    assert!(text.contains("a JSON object with `password`"), "{text}");
}

#[test]
fn plain_http_is_for_this_machine_only() {
    let keys = SecretsManager::start().user("ci");
    let endpoint = "http://aws.example.invalid";
    let backend = format!("{BACKEND}\nendpoint = \"{endpoint}\"");
    let text = error_text(&equipped(provider(&backend, SOURCE), &keys, endpoint).get(URL, "read"));
    assert!(text.contains("is plain HTTP"), "{text}");
    assert!(
        text.contains("help: use https: plain HTTP is for this machine only"),
        "{text}"
    );
    assert!(!text.contains("allow-http"), "{text}");
}

#[test]
fn an_answer_that_is_not_aws_is_not_taken_for_one() {
    for (status, kind) in [
        (200, "what answered GetSecretValue"),
        (404, "what answered GetSecretValue"),
        (502, "what answered GetSecretValue"),
    ] {
        let server =
            Server::start(move |_| Response::text(status, "<html>a proxy says hello</html>"));
        let keys = SecretsManager::start().user("ci");
        let text =
            error_text(&equipped(provider(BACKEND, SOURCE), &keys, &server.url()).get(URL, "read"));
        assert!(text.starts_with(kind), "{status}: {text}");
        assert!(text.contains(&format!("HTTP status {status}")), "{text}");
    }
}
