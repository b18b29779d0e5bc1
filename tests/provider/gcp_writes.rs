//! Logins in a Google where others add versions at the same time: what is put together of theirs and ours.

use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use test_servers::google::payload_body;
use test_servers::provider::{Run, error_text};
use test_servers::{GoogleServer, Provider, Request, Response, Server};

use crate::gcp_requests::{ACCOUNT, PROJECT, URL, provider, with_file};

const TOKEN: &str = "n3w-s3cret-token";
const OLD: &str = "0ld-s3cret-token";

/// A version, `None` if it can't be read.
type Version = Option<String>;

/// One secret, and what others add before each version of ours.
#[derive(Debug, Default)]
struct Secret {
    versions: Vec<Version>,
    others: Vec<Vec<Version>>,
}

fn version(value: &Value) -> Version {
    Some(value.to_string())
}

/// A Secret Manager with the versions that there are, and those that others add before each of ours.
fn google(versions: &[Version], others: &[&[Version]]) -> (Server, Arc<Mutex<Secret>>) {
    let secret = Arc::new(Mutex::new(Secret {
        versions: versions.to_vec(),
        others: others.iter().rev().map(|added| added.to_vec()).collect(),
    }));
    let state = Arc::clone(&secret);
    let server = Server::start(move |request| answer(request, &mut lock(&state)));
    (server, secret)
}

fn lock(secret: &Mutex<Secret>) -> MutexGuard<'_, Secret> {
    secret.lock().expect("no request panics")
}

fn answer(request: &Request, secret: &mut Secret) -> Response {
    let refused = |status, code: &str| {
        Response::json(
            status,
            &json!({ "error": { "status": code, "message": "no" } }),
        )
    };
    let name = |number: usize| format!("projects/1/secrets/cargo/versions/{number}");
    if request.method == "POST" {
        let added = secret.others.pop().unwrap_or_default();
        secret.versions.extend(added);
        let body = request.json().expect("a version is JSON");
        let data = body["payload"]["data"].as_str().unwrap_or_default();
        let data = STANDARD.decode(data).expect("a value is base64");
        let crc = crc32c::crc32c(&data).to_string();
        assert_eq!(body["payload"]["dataCrc32c"], crc);
        secret.versions.push(String::from_utf8(data).ok());
        return Response::json(200, &json!({ "name": name(secret.versions.len()) }));
    }
    let (_, asked) = request.path.rsplit_once('/').unwrap_or_default();
    let Some(asked) = asked.strip_suffix(":access") else {
        return refused(403, "PERMISSION_DENIED");
    };
    let number = asked.parse().unwrap_or(secret.versions.len());
    match number
        .checked_sub(1)
        .and_then(|index| secret.versions.get(index))
    {
        Some(Some(value)) => Response::json(200, &payload_body(&name(number), value.as_bytes())),
        Some(None) => refused(400, "FAILED_PRECONDITION"),
        None => refused(404, "NOT_FOUND"),
    }
}

fn run(server: &Server, kind: &str) -> Run {
    let key = GoogleServer::start()
        .service_account_key(ACCOUNT)
        .to_string();
    let backend = format!("project = \"{PROJECT}\"\nendpoint = \"{}\"", server.url());
    let source = "secret = \"cargo\", field = \"a.token\", write = true";
    let provider: Provider = with_file(provider(&backend, source), &key)
        .secret(TOKEN)
        .secret(OLD);
    let mut request =
        json!({ "v": 1, "registry": { "index-url": URL, "name": "corp" }, "kind": kind });
    if kind == "login" {
        request["token"] = json!(TOKEN);
    }
    provider.run(format!("{request}\n").as_bytes())
}

fn latest(secret: &Mutex<Secret>) -> (usize, Value) {
    let secret = lock(secret);
    let latest = secret.versions.last().and_then(Option::as_deref);
    let latest = latest.and_then(|value| serde_json::from_str(value).ok());
    (
        secret.versions.len(),
        latest.expect("the latest version is JSON"),
    )
}

#[test]
fn what_others_change_meanwhile_is_taken_over() {
    let base = version(&json!({ "a": { "token": OLD, "x": 1 }, "b": 1, "gone": 1 }));
    let both = [
        version(&json!({ "a": { "token": OLD, "x": 2 }, "b": 1, "gone": 1 })),
        // Made of the same base: it knows nothing of the one before it.
        version(&json!({ "a": { "token": "theirs", "x": 1 }, "b": 1, "c": 1 })),
    ];
    let merged = |token: &str| json!({ "a": { "token": token, "x": 2 }, "b": 1, "c": 1 });
    let (server, secret) = google(std::slice::from_ref(&base), &[&both]);
    let note = run(&server, "login");
    assert_eq!(
        note.answer(),
        json!({ "Ok": { "kind": "login" } }),
        "{note:?}"
    );
    assert!(note.stderr.contains(", as version 5"), "{note:?}");
    // To go back to the first version would take away theirs.
    assert!(!note.stderr.contains("brings back"), "{note:?}");
    assert_eq!(latest(&secret), (5, merged(TOKEN)));

    let (server, secret) = google(std::slice::from_ref(&base), &[&both, &[]]);
    let note = run(&server, "logout");
    assert_eq!(
        note.answer(),
        json!({ "Ok": { "kind": "logout" } }),
        "{note:?}"
    );
    assert_eq!(
        latest(&secret),
        (5, json!({ "a": { "x": 2 }, "b": 1, "c": 1 }))
    );

    // Theirs came while ours were put together.
    let late = [version(
        &json!({ "a": { "token": OLD, "x": 1 }, "b": 3, "gone": 1 }),
    )];
    let (server, secret) = google(std::slice::from_ref(&base), &[&both, &late]);
    run(&server, "login");
    let all = json!({ "a": { "token": TOKEN, "x": 2 }, "b": 3, "c": 1 });
    assert_eq!(latest(&secret), (7, all));
}

#[test]
fn what_changes_nothing_of_theirs_needs_no_further_version() {
    let base = version(&json!({ "a": { "token": OLD } }));
    let (server, secret) = google(std::slice::from_ref(&base), &[&[base.clone(), None]]);
    run(&server, "login");
    assert_eq!(latest(&secret), (4, json!({ "a": { "token": TOKEN } })));
}

#[test]
fn a_disabled_version_is_no_base() {
    let old = version(&json!({ "long": "gone" }));
    let theirs = version(&json!({ "b": 1 }));
    let (server, secret) = google(&[old, None], &[&[theirs]]);
    run(&server, "login");
    assert_eq!(latest(&secret), (5, json!({ "b": 1, "a.token": TOKEN })));
}

#[test]
fn what_can_not_be_put_together_is_said() {
    let base = version(&json!({ "a": { "token": OLD } }));
    let (server, _) = google(
        std::slice::from_ref(&base),
        &[&[Some("plain-s3cret".to_owned())]],
    );
    let text = error_text(&run(&server, "login").answer());
    assert_eq!(
        text,
        "the version 2 of the secret `cargo`, which somebody added at the same time, is not a JSON object\n\
         help: its place is taken by a version with the token: whoever wrote it must know"
    );

    let later = |number: i32| vec![version(&json!({ "a": { "token": OLD }, "n": number }))];
    let others: Vec<_> = (0..9).map(later).collect();
    let others: Vec<&[Version]> = others.iter().map(Vec::as_slice).collect();
    let (server, secret) = google(&[base], &others);
    let text = error_text(&run(&server, "login").answer());
    assert_eq!(
        text,
        "others have added versions of the secret `cargo` each time, and what they changed may be missing in the version 13\n\
         5 times in a row\n\
         help: nothing is lost: `gcloud secrets versions list cargo --project=acme` shows all of them"
    );
    assert_eq!(latest(&secret).1["a"]["token"], TOKEN);
}
