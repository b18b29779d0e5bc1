//! Plugins and programs as sources: asked as Cargo asks them, and within the deadline.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use test_servers::Provider;
use test_servers::provider::error_text;

use crate::BINARY;

const URL: &str = "sparse+https://crates.example.com/index/";
const TOKEN: &str = "p1ugin-s3cret-token";
const SECOND: &str = "s3cond-s3cret-token";

/// The provider with this program at `~/bin/my plugin`, as the first source, and a variable behind it.
fn provider(script: &str, source: &str, more: &str) -> Provider {
    let provider = Provider::new(BINARY).file("bin/my plugin", &format!("#!/bin/sh\n{script}\n"));
    let path = provider.home().join("bin/my plugin");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))
        .expect("the file is ours");
    provider
        .config(&format!(
            "{more}\n[backends.job]\ntype = \"env\"\n[registries.\"{URL}\"]\nsources = [ {source}, {{ backend = \"job\", var = \"SECOND\" }} ]\n"
        ))
        .env("SECOND", SECOND)
        .env("PATH", "/usr/bin:/bin")
        .secret(TOKEN)
        .secret(SECOND)
}

/// With the program as a plugin that gets two arguments.
fn plugin(script: &str) -> Provider {
    provider(
        script,
        r#"[ "~/bin/my plugin", "--vault", "a \"b\"\\" ]"#,
        "timeout = \"5s\"",
    )
}

/// A script that answers one line after the hello.
fn answering(answer: &Value) -> String {
    format!("echo '{{\"v\":[1]}}'\nread -r line\ncat <<'END'\n{answer}\nEND")
}

fn token(cache: Value, independent: bool) -> Value {
    let mut ok = json!({ "kind": "get", "token": TOKEN, "operation_independent": independent });
    ok.as_object_mut()
        .expect("it is an object")
        .extend(cache.as_object().expect("it is an object").clone());
    json!({ "Ok": ok })
}

#[test]
fn a_plugin_reads_the_request_with_its_own_arguments() {
    let script = "echo '{\"v\":[1,2]}'\nread -r line\n[ \"$#\" = 1 ] && [ \"$1\" = --cargo-plugin ] || exit 3\n\
         printf '%s' \"$line\" > \"$HOME/asked\"\n";
    let provider = plugin(&format!(
        "{script}echo '{}'",
        token(json!({ "cache": "session" }), true)
    ));
    let request = json!({
        "v": 1, "registry": { "index-url": URL, "name": "corp", "headers": ["WWW-Authenticate: Cargo"] },
        "kind": "get", "operation": "publish", "name": "internal", "vers": "0.1.0", "cksum": "ab", "args": ["ours"],
        "new": { "er": true },
    });
    let run = provider.run(format!("{request}\n").as_bytes());
    assert_eq!(
        run.answer(),
        json!({ "Ok": { "kind": "get", "token": TOKEN, "cache": "session", "operation_independent": true } })
    );
    assert_eq!(run.stderr, "");
    let mut expected = request;
    expected["args"] = json!(["--vault", "a \"b\"\\"]);
    let asked = std::fs::read(provider.home().join("asked")).expect("it was asked");
    assert_eq!(serde_json::from_slice::<Value>(&asked).unwrap(), expected);
}

#[test]
fn the_terms_of_a_plugin_hold() {
    let far = 9_999_999_999_i64;
    for (cache, independent, expected) in [
        (json!({ "cache": "never" }), true, json!("never")),
        (json!({ "cache": "hourly" }), false, json!("never")),
        (json!({ "cache": "session" }), false, json!("session")),
        (
            json!({ "cache": "expires", "expiration": far }),
            true,
            json!("expires"),
        ),
    ] {
        let answer = plugin(&answering(&token(cache, independent))).get(URL, "read");
        assert_eq!(answer["Ok"]["cache"], expected, "{answer}");
        assert_eq!(answer["Ok"]["operation_independent"], independent);
    }
    let dead = token(json!({ "cache": "expires", "expiration": 1000 }), true);
    let text = error_text(&plugin(&answering(&dead)).get(URL, "read"));
    assert!(text.contains("expired"), "{text}");
}

#[test]
fn what_has_nothing_for_us_makes_way() {
    for kind in ["not-found", "url-not-supported"] {
        let script = answering(&json!({ "Err": { "kind": kind } }));
        let answer = plugin(&script).get(URL, "read");
        assert_eq!(answer["Ok"]["token"], SECOND, "{answer}");
    }
    let missing = provider("", "\"cargo-credential-nowhere\"", "");
    let run = missing.run(test_servers::provider::get_request(URL, "read").as_bytes());
    assert_eq!(run.answer()["Ok"]["token"], SECOND);
    assert!(
        run.stderr
            .contains("the plugin `cargo-credential-nowhere` is not installed here"),
        "{}",
        run.stderr
    );
}

#[test]
fn plugins_that_misbehave() {
    let hello = "echo '{\"v\":[1]}'\nread -r line\n";
    for (script, why) in [
        ("exit 7".to_owned(), "is not the protocol's hello"),
        (
            "echo starting up; echo '{\"v\":[1]}'".to_owned(),
            "is not the protocol's hello",
        ),
        (
            "echo '{\"v\":[998,999]}'; exec sleep 600".to_owned(),
            "speaks versions [998, 999]",
        ),
        (format!("{hello}exit 0"), "it said nothing"),
        (
            format!("{hello}echo {TOKEN}"),
            "is not what the protocol lays down",
        ),
        (
            format!("{hello}echo '{{\"Ok\":{{\"kind\":\"get\",\"token\":[\"{TOKEN}\"]}}}}'"),
            "is not what the protocol",
        ),
        (
            format!("{hello}echo '{{\"Ok\":{{\"kind\":\"login\"}}}}'"),
            "another question",
        ),
        (
            format!("{hello}echo '{{\"Ok\":{{\"kind\":\"get\",\"cache\":\"session\"}}}}'"),
            "has no token",
        ),
        (
            format!("{hello}echo '{{\"Ok\":{{\"kind\":\"get\",\"token\":\"{TOKEN}\"}}}}'"),
            "how long",
        ),
        (
            format!(
                "{hello}echo '{}'; exit 1",
                token(json!({ "cache": "session" }), true)
            ),
            "it ended with exit status: 1",
        ),
        (
            format!("{hello}head -c 400000 /dev/zero | tr '\\0' x"),
            "more than 256 KiB without a line break",
        ),
        (
            answering(
                &json!({ "Err": { "kind": "other", "message": "vault \u{1b}[31mis locked", "caused-by": ["no key"] } }),
            ),
            "the plugin `~/bin/my plugin` failed\nvault [31mis locked\nno key",
        ),
        (
            answering(&json!({ "Err": { "kind": "operation-not-supported" } })),
            "no tokens for this operation",
        ),
        (
            answering(&json!({ "Err": { "kind": "brand-new" } })),
            "newer than this program",
        ),
    ] {
        let text = error_text(&plugin(&script).get(URL, "read"));
        assert!(text.contains(why), "{why}: {text}");
    }
}

#[test]
fn a_plugin_that_talks_on_is_not_listened_to() {
    let answer = token(json!({ "cache": "session" }), true);
    let script = format!("{}\nexec yes still-talking", answering(&answer));
    let answer = plugin(&script).get(URL, "read");
    assert_eq!(answer["Ok"]["token"], TOKEN, "{answer}");
}

#[test]
fn a_plugin_that_hangs_is_over_with_the_deadline() {
    for script in [
        "exec sleep 600",
        "echo '{\"v\":[1]}'; exec sleep 600",
        "echo '{\"v\":[1]}'; read -r line; echo '{\"Err\":{\"kind\":\"not-found\"}}'; exec sleep 600",
    ] {
        let provider = provider(script, r#"[ "~/bin/my plugin" ]"#, "timeout = \"400ms\"");
        let text = error_text(&provider.get(URL, "read"));
        assert!(text.contains("it did not answer within 400ms"), "{text}");
    }
}

#[test]
fn a_plugin_that_leads_back_to_us_is_refused() {
    let script = format!("exec '{BINARY}' \"$@\"");
    let text = error_text(&plugin(&script).get(URL, "read"));
    assert!(text.contains("by a plugin that it asks itself"), "{text}");
}

/// With the program as what Cargo's `token-from-stdout` runs.
fn printer(script: &str) -> Provider {
    let source = r#"[ "cargo:token-from-stdout", "/bin/sh", "~/x", "{index_url}", "a b" ]"#;
    let provider = provider("", source, "timeout = \"5s\"");
    let path = provider.home().join("work/~");
    std::fs::create_dir_all(&path).expect("the directory is ours");
    std::fs::write(path.join("x"), script).expect("the directory is ours");
    provider
}

#[test]
fn one_line_is_the_token() {
    for printed in [
        format!("printf '{TOKEN}'"),
        format!("echo '{TOKEN}'"),
        format!("printf '{TOKEN}\\r\\n'"),
        format!(
            "[ \"$1\" = '{URL}' ] && [ \"$2\" = 'a b' ] && [ \"$CARGO_REGISTRY_INDEX_URL\" = \"$1\" ] && [ \"$CARGO_REGISTRY_NAME_OPT\" = corp ] && echo {TOKEN}"
        ),
    ] {
        let answer = printer(&printed).get(URL, "read");
        assert_eq!(
            answer,
            json!({ "Ok": { "kind": "get", "token": TOKEN, "cache": "session", "operation_independent": true } }),
            "{printed}"
        );
    }
}

#[test]
fn what_is_printed_and_no_token() {
    for (script, why) in [
        (format!("echo {TOKEN}; echo {TOKEN}"), "more than one line"),
        (format!("printf '{TOKEN}\\n\\n'"), "more than one line"),
        (
            format!("echo {TOKEN}; exit 4"),
            "it ended with exit status: 4",
        ),
        ("printf '\\377'".to_owned(), "is not text"),
        (
            format!("printf '{TOKEN}\\001'"),
            "has control characters in it",
        ),
    ] {
        let text = error_text(&printer(&script).get(URL, "read"));
        assert!(text.contains(why), "{script}: {text}");
    }
    assert_eq!(printer("true").get(URL, "read")["Ok"]["token"], SECOND);
}
