//! `cargo login` and `cargo logout`, with the keyring as the place.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use test_servers::provider::{Run, error_text};
use test_servers::{CargoHome, Provider, Registry, leaks};

use crate::session::{Service, Session};
use crate::{BINARY, NEXT, URL, alone, provider, token};

pub(crate) const TOKEN: &str = "n3w-s3cret-token";
const OLD: &str = "0ld-s3cret-token";

/// Asks for a login with the token, or for a logout.
pub(crate) fn run(provider: &Provider, kind: &str) -> Run {
    let mut request =
        json!({ "v": 1, "registry": { "index-url": URL, "name": "corp" }, "kind": kind });
    if kind == "login" {
        request["token"] = json!(TOKEN);
    }
    provider.run(format!("{request}\n").as_bytes())
}

pub(crate) fn done(kind: &str) -> Value {
    json!({ "Ok": { "kind": kind } })
}

#[test]
fn a_token_goes_to_the_keyring_and_away_again() {
    let session = Session::start(Service::Unlocked);
    session.store(URL, OLD);
    let provider = session
        .with(provider("\"cargo:libsecret\""))
        .secret(TOKEN)
        .secret(OLD);
    assert_eq!(token(&provider, URL).0, OLD);
    let stored = run(&provider, "login");
    assert_eq!(stored.answer(), done("login"));
    assert!(
        stored.stderr.contains("is stored in `cargo:libsecret`"),
        "{}",
        stored.stderr
    );
    // Over the one before it, and not beside it.
    assert_eq!(session.look_up(URL).as_deref(), Some(TOKEN));
    assert_eq!(token(&provider, URL).0, TOKEN);
    let erased = run(&provider, "logout");
    assert_eq!(erased.answer(), done("logout"));
    assert!(
        erased.stderr.contains("is erased from `cargo:libsecret`"),
        "{}",
        erased.stderr
    );
    assert_eq!(session.look_up(URL), None);
    assert_eq!(token(&provider, URL).0, NEXT);
    let again = run(&provider, "logout");
    assert_eq!(again.answer(), json!({ "Err": { "kind": "not-found" } }));
}

#[test]
fn a_keyring_that_is_locked_takes_nothing_and_loses_nothing() {
    let session = Session::start(Service::Unlocked);
    session.store(URL, OLD);
    let session = session.again(Service::Locked);
    let provider = session
        .with(alone("\"cargo:libsecret\""))
        .secret(TOKEN)
        .secret(OLD);
    let text = error_text(&run(&provider, "login").answer());
    assert!(
        text.contains("\nfailed to store token: Cannot create an item in a locked collection\n"),
        "{text}"
    );
    // Cargo's own says that it is done (rust-lang/cargo#16955).
    let erased = run(&provider, "logout");
    assert_eq!(erased.answer(), json!({ "Err": { "kind": "not-found" } }));
    let session = session.again(Service::Unlocked);
    assert_eq!(session.look_up(URL).as_deref(), Some(OLD));
}

#[test]
fn where_there_is_no_keyring_the_next_place_takes_the_token() {
    let provider = alone("\"os\", \"cargo:token\"")
        .file(
            ".cargo/config.toml",
            &format!("[registries]\ncorp = {{ index = \"{URL}\" }}\n"),
        )
        .secret(TOKEN)
        .keeps(".cargo/credentials.toml");
    let stored = run(&provider, "login");
    assert_eq!(stored.answer(), done("login"));
    assert!(
        stored.stderr.contains("is stored in `cargo:token`"),
        "{}",
        stored.stderr
    );
    assert_eq!(run(&provider, "logout").answer(), done("logout"));
    let text = error_text(&run(&alone("\"os\"").secret(TOKEN), "login").answer());
    assert!(
        text.starts_with(
            "the keyring `cargo:libsecret` is not available here\nthere is no session bus"
        ),
        "{text}"
    );
}

#[test]
fn a_keyring_that_fails_and_one_that_keeps_silent_are_told() {
    for (service, why) in [
        (Service::Failing, "the disk of the keyring is full"),
        (Service::Silent, "did not answer within 400ms"),
    ] {
        let session = Session::start(service);
        let provider = session.with(alone("\"os\"")).secret(TOKEN);
        let path = provider.home().join(".cargo/credential-bridge.toml");
        let config = std::fs::read_to_string(path).unwrap();
        let provider = match service {
            Service::Silent => provider.config(&config.replace("5s", "400ms")),
            _ => provider,
        };
        for kind in ["login", "logout"] {
            let text = error_text(&run(&provider, kind).answer());
            assert!(text.contains(why), "{text}");
        }
    }
}

/// Cargo's own way to the keyring, for one command.
const ITSELF: [&str; 2] = [
    "--config",
    "registries.corp.credential-provider=[\"cargo:libsecret\"]",
];

#[test]
fn cargo_itself_finds_what_it_stored_through_us_and_the_other_way_round() {
    CargoHome::each(|cargo| {
        let (session, registry) = (Session::start(Service::Unlocked), Registry::start());
        registry.add_crate("private-greeting", "1.0.0", "");
        let cargo = cargo.env("DBUS_SESSION_BUS_ADDRESS", session.address());
        cargo.registry("corp", &registry.index_url(), &[BINARY]);
        cargo.bridge_config(&format!(
            "[registries.\"{}\"]\nsources = [ \"os\" ]\n",
            registry.index_url()
        ));
        let token = registry.tokens().read.as_str();
        let package = cargo.package("app", &[("private-greeting", "1")]);
        for (stores, finds) in [(&[][..], &ITSELF[..]), (&ITSELF[..], &[][..])] {
            let stored = typed(&cargo, &package, stores, token);
            assert_eq!(
                session.look_up(&registry.index_url()).as_deref(),
                Some(token)
            );
            let fetched = cargo.run(&package, &[&["fetch"], finds].concat());
            assert!(fetched.success(), "{}", fetched.stderr);
            let erased = cargo.run(
                &package,
                &[&["logout", "--registry", "corp"], stores].concat(),
            );
            assert!(erased.success(), "{}", erased.stderr);
            assert_eq!(session.look_up(&registry.index_url()), None);
            // What is known of the registry would be taken from Cargo's home.
            std::fs::remove_dir_all(cargo.home().join("registry")).unwrap();
            let after = cargo.run(&package, &[&["fetch"], finds].concat());
            assert!(!after.success());
            for told in [&stored, &fetched.stderr, &erased.stderr, &after.stderr] {
                leaks::assert_absent(&[token], &[("standard error", told.as_bytes())]);
            }
        }
        assert!(leaks::find_in_dir(cargo.path(), &[token]).is_empty());
    });
}

/// Types a token into `cargo login`, and gives what Cargo said.
fn typed(cargo: &CargoHome, directory: &Path, more: &[&str], token: &str) -> String {
    let mut login = cargo
        .command(
            directory,
            &[&["login", "--registry", "corp"], more].concat(),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(login.stdin.take().unwrap(), "{token}").unwrap();
    let login = login.wait_with_output().unwrap();
    let told = String::from_utf8([login.stdout, login.stderr].concat()).unwrap();
    assert!(login.status.success(), "{told}");
    told
}
