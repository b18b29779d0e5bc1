//! Logins in an AWS that answers badly, or not at all: what is sent again, and what is said.

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use test_servers::provider::{Run, error_text};
use test_servers::{Provider, Request, Response, Server};

use crate::BINARY;

const URL: &str = "sparse+https://crates.example.com/index/";
const TOKEN: &str = "n3w-s3cret-token";
const OLD: &str = "0ld-s3cret-token";
const KEY: &str = "the-s3cret-key-of-the-job";

/// One secret, its versions in their order.
#[derive(Debug)]
struct Secret {
    versions: Vec<(String, String)>,
    current: String,
}

/// What goes wrong with a write, which is made or not.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    /// Somebody else is first, each time.
    Outrun,
    /// The label can't be moved for a reason of its own.
    Refused,
    /// The first answer to a new version gets lost.
    PutLost,
    /// The first answer to the move of the label gets lost.
    MoveLost,
    /// No new version is made and nobody answers.
    Away,
}

fn aws(wrong: Wrong) -> (Server, Arc<Mutex<Secret>>) {
    let secret = Arc::new(Mutex::new(Secret {
        versions: vec![("v0".to_owned(), json!({ "token": OLD }).to_string())],
        current: "v0".to_owned(),
    }));
    let (state, lost) = (Arc::clone(&secret), Mutex::new(false));
    let server = Server::start(move |request| {
        let mut secret = lock(&state);
        let answer = answer(request, &mut secret, wrong);
        let operation = operation(request);
        let mut lost = lost.lock().expect("no request panics");
        let is_lost = matches!(
            (wrong, &*operation),
            (Wrong::PutLost, "PutSecretValue") | (Wrong::MoveLost, "UpdateSecretVersionStage")
        );
        if is_lost && !*lost {
            *lost = true;
            return fails(500, "InternalServiceError", "lost");
        }
        answer
    });
    (server, secret)
}

fn lock(secret: &Mutex<Secret>) -> MutexGuard<'_, Secret> {
    secret.lock().expect("no request panics")
}

fn operation(request: &Request) -> String {
    let target = request.header("x-amz-target").unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default().to_owned()
}

fn fails(status: u16, code: &str, message: &str) -> Response {
    Response::json(status, &json!({ "__type": code, "Message": message }))
}

fn answer(request: &Request, secret: &mut Secret, wrong: Wrong) -> Response {
    let asked = request.json().unwrap_or_default();
    let text = |name: &str| asked[name].as_str().unwrap_or_default().to_owned();
    match &*operation(request) {
        "GetSecretValue" => {
            let current = secret.versions.iter().find(|(id, _)| *id == secret.current);
            let (id, value) = current.expect("one version is the current one");
            Response::json(200, &json!({ "VersionId": id, "SecretString": value }))
        }
        "PutSecretValue" if wrong == Wrong::Away => {
            fails(503, "ServiceUnavailableException", "come back later")
        }
        "PutSecretValue" => {
            let id = text("ClientRequestToken");
            if !secret.versions.iter().any(|(known, _)| *known == id) {
                secret.versions.push((id.clone(), text("SecretString")));
            }
            if wrong == Wrong::Outrun {
                let id = format!("v{}", secret.versions.len());
                let others = json!({ "token": OLD, "n": secret.versions.len() });
                secret.versions.push((id.clone(), others.to_string()));
                secret.current = id;
            }
            let labels = &asked["VersionStages"];
            Response::json(200, &json!({ "VersionId": id, "VersionStages": labels }))
        }
        "UpdateSecretVersionStage" if asked["VersionStage"] == "AWSCURRENT" => {
            if wrong == Wrong::Refused || text("RemoveFromVersionId") != secret.current {
                return fails(
                    400,
                    "InvalidParameterException",
                    "the label is somewhere else",
                );
            }
            secret.current = text("MoveToVersionId");
            Response::json(200, &json!({}))
        }
        "UpdateSecretVersionStage" => Response::json(200, &json!({})),
        _ => fails(400, "UnknownOperationException", ""),
    }
}

fn run(server: &Server) -> Run {
    let provider = Provider::new(BINARY)
        .config(&format!(
            "[backends.store]\ntype = \"aws\"\nregion = \"eu-west-1\"\nendpoint = \"{}\"\n[registries.\"{URL}\"]\n\
             sources = [ {{ backend = \"store\", secret = \"prod/cargo\", field = \"token\", write = true }} ]\n",
            server.url()
        ))
        .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", KEY)
        .secret(KEY)
        .secret(TOKEN)
        .secret(OLD);
    let request = json!({
        "v": 1, "registry": { "index-url": URL, "name": "corp" }, "kind": "login", "token": TOKEN,
    });
    provider.run(format!("{request}\n").as_bytes())
}

/// What was asked, by the first letters: the move of `AWSCURRENT` is one, and taking our own label off is another.
fn asked(server: &Server) -> String {
    let operations: Vec<_> = server
        .requests()
        .iter()
        .map(|request| operation(request)[..3].to_owned())
        .collect();
    operations.join(" ")
}

fn current(secret: &Mutex<Secret>) -> (usize, Value) {
    let secret = lock(secret);
    let (_, value) = secret
        .versions
        .iter()
        .find(|(id, _)| *id == secret.current)
        .expect("one version is the current one");
    let value = serde_json::from_str(value).expect("a value is JSON");
    (secret.versions.len(), value)
}

#[test]
fn what_is_sent_again_is_made_once() {
    for (wrong, expected) in [
        (Wrong::PutLost, "Get Put Put Upd Upd"),
        // The second move is refused, and the label is where it was to go.
        (Wrong::MoveLost, "Get Put Upd Upd Get Upd"),
    ] {
        let (server, secret) = aws(wrong);
        let run = run(&server);
        assert_eq!(
            run.answer(),
            json!({ "Ok": { "kind": "login" } }),
            "{run:?}"
        );
        let undo = "--version-stage AWSCURRENT --move-to-version-id v0 --remove-from-version-id ";
        assert!(run.stderr.contains(undo), "{run:?}");
        assert_eq!(asked(&server), expected, "{wrong:?}");
        assert_eq!(current(&secret), (2, json!({ "token": TOKEN })));
    }
}

#[test]
fn others_are_first_every_time() {
    let (server, _) = aws(Wrong::Outrun);
    assert_eq!(
        error_text(&run(&server).answer()),
        "the secret `prod/cargo` was changed by others each time it was to be written\n5 times in a row\n\
         help: nothing was changed: try again"
    );
    // Each time our label is taken off, so that AWS may drop the version.
    let rounds = "Get Put Upd".to_owned() + &" Get Upd Put Upd".repeat(4) + " Upd";
    assert_eq!(asked(&server), rounds);
}

#[test]
fn a_refusal_is_no_conflict() {
    let (server, secret) = aws(Wrong::Refused);
    assert_eq!(
        error_text(&run(&server).answer()),
        "AWS could not write the secret `prod/cargo`\n\
         UpdateSecretVersionStage answered InvalidParameterException\nthe label is somewhere else\n\
         help: a replica can't be changed: is `eu-west-1`, the first region of the backend, the region of the primary?"
    );
    assert_eq!(asked(&server), "Get Put Upd Get Upd");
    assert_eq!(current(&secret).1, json!({ "token": OLD }));
}

#[test]
fn nobody_knows_whether_it_was_made() {
    let (server, _) = aws(Wrong::Away);
    let text = error_text(&run(&server).answer());
    assert!(text.starts_with("AWS can't answer now\n"), "{text}");
    let doubt = "\nwhether it was written all the same is not known\n";
    assert!(text.contains(doubt), "{text}");
    assert_eq!(asked(&server), "Get Put Put Put");
}
