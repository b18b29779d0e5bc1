//! External accounts whose token a program prints.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use test_servers::provider::error_text;
use test_servers::{GoogleServer, Issuer, Provider};

use crate::gcp_identity::{SOURCE, of_pool, service_account, store, subject};
use crate::gcp_requests::{ACCOUNT, URL, at, get, provider, with_file};

/// A program that prints this, as an external account runs it.
fn script(provider: Provider, text: &str) -> Provider {
    let provider = provider.file("bin/give me.sh", &format!("#!/bin/sh\n{text}\n"));
    let path = provider.home().join("bin/give me.sh");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("the file is ours");
    provider
}

#[test]
fn external_accounts_by_program() {
    let issuer = Issuer::start();
    let server = store(&service_account());
    server.trust(&of_pool(), &issuer, &[], None);
    server.let_impersonate(&subject(&issuer), ACCOUNT);
    let token = issuer.token(&format!("https://iam.googleapis.com/{}", of_pool()));
    let printed = |extra: Value| {
        let mut printed = json!({
            "version": 1, "success": true, "token_type": "urn:ietf:params:oauth:token-type:jwt", "id_token": token,
        });
        printed
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        printed.to_string()
    };
    let ask = |text: &str, allowed: bool| {
        let provider = script(provider(&format!("{}\n", at(&server)), SOURCE), text).secret(&token);
        let command = provider.home().join("bin/give me.sh");
        let source = json!({ "executable": {
            "command": format!("'{}' 'two words' three", command.display()), "timeout_millis": 5000,
        } });
        let file = server.external_account(&of_pool(), &source, Some(ACCOUNT));
        let provider = with_file(provider, &file.to_string());
        match allowed {
            true => provider.env("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1"),
            false => provider,
        }
    };
    let checks = format!(
        "[ \"$1\" = 'two words' ] && [ \"$2\" = three ] && [ \"$GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE\" = 0 ] && \
         [ \"$GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE\" = '//iam.googleapis.com/{}' ] && \
         [ \"$GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE\" = 'urn:ietf:params:oauth:token-type:jwt' ] && \
         [ \"$GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL\" = '{ACCOUNT}' ] || exit 9",
        of_pool()
    );
    let print = |text: &str| format!("{checks}\ncat <<'END'\n{text}\nEND");
    get(&ask(
        &print(&printed(json!({ "expiration_time": 9_999_999_999_u64 }))),
        true,
    ));
    for (text, allowed, why) in [
        (
            print(&printed(json!({}))),
            false,
            "set GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1",
        ),
        ("exit 3".to_owned(), true, "it ended with exit status: 3"),
        (format!("echo {token}"), true, "is not JSON"),
        (
            print(&printed(json!({ "version": 2 }))),
            true,
            "another `version`",
        ),
        (
            print(&printed(json!({ "expiration_time": 1000 }))),
            true,
            "has expired",
        ),
        (
            print(&printed(json!({ "token_type": "x" }))),
            true,
            "no token of the type",
        ),
        (
            print(
                r#"{"version":1,"success":false,"code":"401","message":"caller not authorized"}"#,
            ),
            true,
            "caller not authorized (401)",
        ),
        (
            print(
                r#"{"version":1,"success":false,"code":"401","message":"caller not authorized"}"#,
            ) + "\nexit 1",
            true,
            "caller not authorized (401)",
        ),
        (
            print(&printed(json!({}))) + "\nexit 4",
            true,
            "it ended with exit status: 4",
        ),
    ] {
        let error = error_text(&ask(&text, allowed).get(URL, "read"));
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_program_that_hangs_is_over_with_the_deadline() {
    let issuer = Issuer::start();
    let server = store(&subject(&issuer));
    let provider = script(provider(&at(&server), SOURCE), "exec sleep 600");
    let command = provider.home().join("bin/give me.sh");
    let source = json!({ "executable": { "command": format!("'{}'", command.display()) } });
    let file = server
        .external_account(&of_pool(), &source, None)
        .to_string();
    let provider = with_file(provider, &file)
        .within("500ms")
        .env("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1");
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("it did not end within"), "{text}");
}

/// The external account whose `executable` has these fields besides its command, which is the script, and its file.
fn account(server: &GoogleServer, text: &str, more: &Value) -> Provider {
    let provider = script(provider(&at(server), SOURCE), text);
    let command = provider.home().join("bin/give me.sh");
    let mut executable = json!({
        "command": format!("'{}'", command.display()),
        "output_file": provider.home().join("left.json"),
    });
    for (key, value) in more.as_object().expect("fields of it") {
        executable[key] = value.clone();
    }
    let source = json!({ "executable": executable });
    let file = server.external_account(&of_pool(), &source, None);
    with_file(provider, &file.to_string()).env("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")
}

#[test]
fn what_a_program_leaves_in_its_file() {
    let issuer = Issuer::start();
    let server = store(&subject(&issuer));
    server.trust(&of_pool(), &issuer, &[], None);
    let token = issuer.token(&format!("https://iam.googleapis.com/{}", of_pool()));
    let printed = json!({
        "version": 1, "success": true, "token_type": "urn:ietf:params:oauth:token-type:jwt",
        "id_token": token, "expiration_time": 9_999_999_999_u64,
    });
    let ask = |text: &str| {
        let provider = account(&server, text, &json!({}));
        provider.secret(&token).keeps("left.json")
    };
    let leave = |content: &str| {
        format!("cat >\"$GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE\" <<'END'\n{content}\nEND")
    };
    let provider = ask(&leave(&printed.to_string()));
    get(&provider);
    // It is asked once: what it left is still good.
    get(&script(provider, "exit 9"));
    for (text, why) in [
        ("true".to_owned(), "what it printed is not JSON"),
        (
            leave(&token),
            "what it left in its `output_file` is not JSON",
        ),
        (
            leave(r#"{"version":1,"success":false,"code":"7","message":"no session"}"#),
            "no session (7)",
        ),
    ] {
        let error = error_text(&ask(&text).get(URL, "read"));
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn how_long_a_program_may_take_is_bounded() {
    let server = store(&service_account());
    for millis in [1, 4_999, 120_001] {
        let provider = account(&server, "exit 3", &json!({ "timeout_millis": millis }));
        let error = error_text(&provider.get(URL, "read"));
        assert!(
            error.contains("has a `timeout_millis` that is not from 5000 to 120000"),
            "{error}"
        );
    }
    for millis in [0, 5_000, 120_000] {
        let provider = account(&server, "exit 3", &json!({ "timeout_millis": millis }));
        let error = error_text(&provider.get(URL, "read"));
        assert!(error.contains("exit status: 3"), "{error}");
    }
}
