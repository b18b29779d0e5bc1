//! Logins and logouts in a Vault that answers badly, or not at all: what is sent again, and what is said.

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use test_servers::provider::{Run, error_text};
use test_servers::{Provider, Request, Response, Server};

use crate::BINARY;

const URL: &str = "sparse+https://crates.example.com/index/";
const TOKEN: &str = "n3w-s3cret-token";
const OLD: &str = "0ld-s3cret-token";
const LOGIN: &str = "hvs.giv3n-s3cret-token";

/// One secret of a KV engine.
#[derive(Debug)]
struct Kv {
    version: u64,
    fields: Value,
}

/// What goes wrong with a write, which is made or not.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    /// Somebody else is first, each time.
    Outrun,
    /// Vault refuses it for a reason of its own.
    Refused,
    /// The answer to the first one that is made gets lost.
    AnswerLost,
    /// As `AnswerLost`, and somebody else writes before it is sent again.
    AnswerLostAndChanged,
    /// Nothing is made and nobody answers.
    Away,
}

/// A Vault in which writes go wrong, its requests, and the secret.
fn vault(wrong: Wrong) -> (Server, Arc<Mutex<Kv>>) {
    let kv = Arc::new(Mutex::new(Kv {
        version: 1,
        fields: json!({ "token": OLD, "user": "ci" }),
    }));
    let secret = Arc::clone(&kv);
    let server = Server::start(move |request| answer(request, &mut lock(&secret), wrong));
    (server, kv)
}

fn lock(kv: &Mutex<Kv>) -> MutexGuard<'_, Kv> {
    kv.lock().expect("no request panics")
}

fn answer(request: &Request, kv: &mut Kv, wrong: Wrong) -> Response {
    let metadata =
        |kv: &Kv| json!({ "version": kv.version, "deletion_time": "", "destroyed": false });
    let says = |data: Value| Response::json(200, &json!({ "request_id": "1", "data": data }));
    let fails = |status, words: &str| Response::json(status, &json!({ "errors": [words] }));
    if request.method == "GET" {
        return says(json!({ "data": kv.fields, "metadata": metadata(kv) }));
    }
    let body = request.json().expect("a version is JSON");
    match wrong {
        Wrong::Outrun => {
            kv.version += 1;
            return fails(400, "not the current version");
        }
        Wrong::Refused => return fails(400, &format!("no good: {TOKEN}")),
        Wrong::Away => return fails(503, "Vault is sealed"),
        Wrong::AnswerLost | Wrong::AnswerLostAndChanged => {}
    }
    if body["options"]["cas"] != kv.version {
        return fails(400, "not the current version");
    }
    kv.version += 1;
    kv.fields = body["data"].clone();
    if kv.version == 2 {
        if matches!(wrong, Wrong::AnswerLostAndChanged) {
            kv.version += 1;
            kv.fields["user"] = json!("somebody");
        }
        return fails(500, "a proxy lost its upstream");
    }
    says(metadata(kv))
}

fn run(server: &Server, kind: &str) -> Run {
    let provider = Provider::new(BINARY)
        .config(&format!(
            "[backends.corp]\ntype = \"vault\"\naddress = \"{}\"\n[registries.\"{URL}\"]\n\
             sources = [ {{ backend = \"corp\", path = \"ci/cargo\", field = \"token\", write = true }} ]\n",
            server.url()
        ))
        .env("VAULT_TOKEN", LOGIN)
        .secret(LOGIN)
        .secret(TOKEN)
        .secret(OLD);
    let mut request =
        json!({ "v": 1, "registry": { "index-url": URL, "name": "corp" }, "kind": kind });
    if kind == "login" {
        request["token"] = json!(TOKEN);
    }
    provider.run(format!("{request}\n").as_bytes())
}

/// The methods of the requests.
fn methods(server: &Server) -> String {
    let methods: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.method.clone())
        .collect();
    methods.join(" ")
}

#[test]
fn a_write_whose_answer_got_lost_is_not_made_twice() {
    for (kind, fields) in [
        ("login", json!({ "token": TOKEN, "user": "ci" })),
        ("logout", json!({ "user": "ci" })),
    ] {
        let (server, kv) = vault(Wrong::AnswerLost);
        let run = run(&server, kind);
        assert_eq!(run.answer(), json!({ "Ok": { "kind": kind } }), "{run:?}");
        assert!(run.stderr.contains(", as version 2;"), "{run:?}");
        assert!(
            run.stderr
                .contains("`vault kv rollback -mount=secret -version=1 ci/cargo` brings back"),
            "{run:?}"
        );
        assert_eq!(methods(&server), "GET POST POST GET");
        assert_eq!(lock(&kv).version, 2);
        assert_eq!(lock(&kv).fields, fields);
    }
}

#[test]
fn what_somebody_wrote_after_it_is_not_undone() {
    let (server, kv) = vault(Wrong::AnswerLostAndChanged);
    let run = run(&server, "login");
    assert_eq!(
        run.answer(),
        json!({ "Ok": { "kind": "login" } }),
        "{run:?}"
    );
    assert!(!run.stderr.contains("rollback"), "{run:?}");
    assert_eq!(
        lock(&kv).fields,
        json!({ "token": TOKEN, "user": "somebody" })
    );
}

#[test]
fn others_are_first_every_time() {
    let (server, _) = vault(Wrong::Outrun);
    assert_eq!(
        error_text(&run(&server, "login").answer()),
        "the path `ci/cargo` in the mount `secret` was changed by others each time it was to be written\n\
         5 times in a row\n\
         help: nothing was changed: try again"
    );
    assert_eq!(
        methods(&server),
        "GET POST GET POST GET POST GET POST GET POST"
    );
}

#[test]
fn a_refusal_is_no_conflict() {
    let (server, _) = vault(Wrong::Refused);
    let text = error_text(&run(&server, "login").answer());
    assert_eq!(
        text,
        format!(
            "Vault could not write the path `ci/cargo` in the mount `secret`\n\
             POST {}/v1/secret/data/ci/cargo answered 400 Bad Request\nno good: [redacted]",
            server.url()
        )
    );
    assert_eq!(methods(&server), "GET POST GET");
}

#[test]
fn nobody_knows_whether_it_was_made() {
    let (server, _) = vault(Wrong::Away);
    let text = error_text(&run(&server, "login").answer());
    assert!(text.starts_with("Vault can't answer now\n"), "{text}");
    assert!(
        text.contains("\nwhether it was written all the same is not known\n"),
        "{text}"
    );
    assert_eq!(methods(&server), "GET POST POST POST");
}
