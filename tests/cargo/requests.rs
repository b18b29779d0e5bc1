//! What Cargo asks for each command, how often, and what it makes of each answer.
//!
//! `docs/cargo.md` says which of Cargo's own tests each of these was.

use serde_json::{Value, json};
use test_servers::cargo::quoted;
use test_servers::clock::unix_now;
use test_servers::jwt::SigningKey;
use test_servers::{CargoHome, Registry, Tokens, random};

use crate::job::{Job, PROGRAM};

/// A job whose registry's own provider is this program.
fn job(cargo: CargoHome) -> Job {
    let job = Job::start(cargo);
    job.corp(Some(&quoted(PROGRAM)), "");
    job
}

/// The same, with one token for everything.
fn with_one_token(cargo: CargoHome, token: &str) -> Job {
    let tokens = Tokens {
        read: token.to_owned(),
        publish: token.to_owned(),
    };
    let job = Job::start_with(cargo, Registry::start_with(tokens));
    job.sources("{ backend = \"job\", var = \"BRIDGE_READ\" }");
    job.corp(Some(&quoted(PROGRAM)), "");
    job
}

/// Publishes a package and gives what Cargo said.
fn publish(job: &Job) -> String {
    let package = job.cargo.package("published", &[]);
    let arguments = [
        "publish",
        "--registry",
        "corp",
        "--no-verify",
        "--allow-dirty",
        "-v",
    ];
    let published = job.run(&package, &arguments);
    assert!(published.success(), "{}", published.stderr);
    assert!(job.registry.has_crate("published"));
    published.stderr
}

/// Takes the headers out of the first request and checks that they are those of the registry's 401.
fn take_challenge(request: &mut Value) {
    let registry = request["registry"].as_object_mut().unwrap();
    let headers = registry.remove("headers").unwrap();
    let headers = headers.as_array().unwrap();
    let challenge = headers.iter().filter_map(|header| {
        let (name, value) = header.as_str()?.split_once(": ")?;
        // In lower case since 1.96.
        name.eq_ignore_ascii_case("www-authenticate")
            .then_some(value)
    });
    let challenge: Vec<_> = challenge.collect();
    assert_eq!(challenge.len(), 1, "{headers:?}");
    assert!(challenge[0].starts_with("Cargo login_url="), "{headers:?}");
}

#[test]
fn publish_yank_and_owners() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo);
        publish(&job);
        let registry = json!({ "index-url": job.registry.index_url(), "name": "corp" });
        let mut asked = job.asked();
        take_challenge(&mut asked[0]);
        let checksum = asked[1]["cksum"].take();
        let is_hexadecimal =
            |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        assert!(checksum.as_str().is_some_and(is_hexadecimal), "{checksum}");
        let read = json!({ "v": 1, "registry": registry, "kind": "get", "operation": "read" });
        let operation = |operation: &str, fields: Value| {
            let mut request =
                json!({ "v": 1, "registry": registry, "kind": "get", "operation": operation });
            let fields = fields.as_object().unwrap().clone();
            request.as_object_mut().unwrap().extend(fields);
            request
        };
        let publish = operation(
            "publish",
            json!({ "name": "published", "vers": "0.1.0", "cksum": null }),
        );
        assert_eq!(asked, [read.clone(), publish]);

        let version = json!({ "name": "published", "vers": "0.1.0" });
        let name = json!({ "name": "published" });
        for (arguments, expected) in [
            (
                &["yank", "published@0.1.0"][..],
                operation("yank", version.clone()),
            ),
            (
                &["yank", "--undo", "published@0.1.0"],
                operation("unyank", version),
            ),
            (
                &["owner", "--list", "published"],
                operation("owners", name.clone()),
            ),
            (
                &["owner", "--add", "somebody", "published"],
                operation("owners", name.clone()),
            ),
            (
                &["owner", "--remove", "somebody", "published"],
                operation("owners", name),
            ),
        ] {
            let before = job.asked().len();
            let arguments = [arguments, &["--registry", "corp"]].concat();
            let outcome = job.run(job.cargo.path(), &arguments);
            assert!(outcome.success(), "{arguments:?}: {}", outcome.stderr);
            // Cargo knows by now that the registry demands a token, and has no headers to show.
            assert_eq!(job.asked()[before..], [read.clone(), expected]);
        }
        let tokens = job.registry.tokens();
        for (method, path, token) in job.registry.authorizations().into_iter().skip(1) {
            let expected = match method != "GET" || path.ends_with("/owners") {
                true => &tokens.publish,
                false => &tokens.read,
            };
            assert!(token.as_ref() == Some(expected), "{method} {path}");
        }
    });
}

#[test]
fn one_token_for_all_is_asked_for_once() {
    CargoHome::old_and_new(|cargo| {
        let job = with_one_token(cargo, &random::alphanumeric(32));
        publish(&job);
        assert_eq!(job.operations(), ["read"]);
    });
}

#[test]
fn a_token_that_says_its_end_is_asked_for_once_too() {
    CargoHome::old_and_new(|cargo| {
        let claims = json!({ "sub": "cargo", "exp": unix_now() + 3600 });
        let job = with_one_token(cargo, &SigningKey::new().sign(&claims));
        publish(&job);
        assert_eq!(job.operations(), ["read"]);
    });
}

#[test]
fn a_token_that_has_ended_never_leaves() {
    CargoHome::old_and_new(|cargo| {
        let claims = json!({ "sub": "cargo", "exp": unix_now() - 1 });
        let job = with_one_token(cargo, &SigningKey::new().sign(&claims));
        let fetched = job.fetch(&[]);
        assert!(!fetched.success());
        assert!(
            fetched
                .stderr
                .contains("the token in the environment variable `BRIDGE_READ` of `job` expired"),
            "{}",
            fetched.stderr
        );
        let shown = job.registry.authorizations();
        assert!(shown.iter().all(|(_, _, token)| token.is_none()));
    });
}

#[test]
fn an_answer_that_may_not_be_kept_is_asked_for_each_time() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo);
        let token = &job.registry.tokens().read;
        let answer = json!({ "Ok": { "kind": "get", "token": token, "cache": "never", "operation_independent": true } });
        job.sources(&job.plugin(&answer));
        let fetched = job.fetch(&[]);
        job.assert_fetched(&fetched);
        let requests = job.registry.requests().len();
        // One for each request but the first, which had no token.
        assert_eq!(job.asked().len(), requests - 1);
        assert_eq!(job.plugin_was_asked(), requests - 1);
    });
}

#[test]
fn a_token_that_the_registry_refuses_is_asked_for_once() {
    CargoHome::old_and_new(|cargo| {
        let other = random::alphanumeric(32);
        let job = job(cargo).env("BRIDGE_READ", &other);
        let fetched = job.fetch(&[]);
        assert!(!fetched.success());
        assert!(!fetched.stderr.contains(&other));
        let stderr = &fetched.stderr;
        assert!(stderr.contains("token rejected for `corp`"), "{stderr}");
        assert!(stderr.contains("config.json`, got 401"), "{stderr}");
        assert_eq!(job.operations(), ["read"]);
    });
}

#[test]
fn a_token_that_is_missing() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo).env("BRIDGE_READ", "");
        let fetched = job.fetch(&[]);
        assert!(!fetched.success());
        let stderr = &fetched.stderr;
        assert!(stderr.contains("no token found for `corp`"), "{stderr}");
        assert!(!stderr.contains("CARGO_REGISTRIES_CORP_TOKEN"), "{stderr}");
        // Cargo's protocol has no room for it, and so we say it ourselves.
        assert!(
            stderr.contains("cargo-credential-bridge: no read token for"),
            "{stderr}"
        );
    });
}

#[test]
fn nothing_is_published_without_a_token_for_it() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo).env("BRIDGE_PUBLISH", "");
        let package = job.cargo.package("published", &[]);
        let published = job.run(
            &package,
            &[
                "publish",
                "--registry",
                "corp",
                "--no-verify",
                "--allow-dirty",
            ],
        );
        assert!(!published.success());
        assert_eq!(job.operations(), ["read", "publish"]);
        assert!(!job.registry.has_crate("published"));
        assert!(
            published
                .stderr
                .contains("cargo-credential-bridge: no publish token for"),
            "{}",
            published.stderr
        );
    });
}

/// A line break would be a second header to the Cargos before 1.96.
#[test]
fn what_is_no_token_never_leaves() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo).env("BRIDGE_READ", "s3cret-t0ken\r\nX-Evil: 1");
        let fetched = job.fetch(&[]);
        assert!(!fetched.success());
        assert!(
            fetched
                .stderr
                .contains("has control characters in it, such as a line break"),
            "{}",
            fetched.stderr
        );
        assert!(!fetched.stderr.contains("s3cret"));
        let shown = job.registry.requests();
        assert!(
            shown
                .iter()
                .all(|request| request.header("x-evil").is_none())
        );
        assert!(
            shown
                .iter()
                .all(|request| request.header("authorization").is_none())
        );
    });
}

/// The line break that a secret in a store often has at its end, with which Cargo 1.96 would fail.
#[test]
fn a_line_break_at_the_end_is_not_sent() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo);
        let token = format!("{}\r\n", job.registry.tokens().read);
        let job = job.env("BRIDGE_READ", &token);
        let fetched = job.fetch(&[]);
        job.assert_fetched(&fetched);
    });
}

#[test]
fn cargo_logs_no_token_however_much_it_logs() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo)
            .env("CARGO_LOG", "trace")
            .env("CARGO_HTTP_DEBUG", "true");
        // The search is in `run`.
        let said = publish(&job).to_ascii_lowercase();
        assert!(said.contains("authorization: [redacted]"));
    });
}

#[test]
fn a_crate_is_installed() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo);
        job.registry
            .add_crate_with("tool", "1.0.0", &[("src/main.rs", "fn main() {}\n")]);
        let installed = job.run(job.cargo.path(), &["install", "--registry", "corp", "tool"]);
        job.assert_fetched(&installed);
        assert!(job.cargo.home().join("bin/tool").exists());
    });
}
