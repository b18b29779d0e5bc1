//! Plugins that people have, as sources: `cargo-credential-pass` with a real pass, and `cargo-credential-1password` with a
//! script for 1Password's own program.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use test_servers::Provider;
use test_servers::provider::error_text;

use crate::login::{TOKEN, done, run};
use crate::{NEXT, URL, alone, provider, token};

/// The folder that `ci/install plugins` prints.
fn installed() -> PathBuf {
    let folder = std::env::var_os("CCB_PLUGINS")
        .expect("CCB_PLUGINS names the plugins: set it to what `ci/install plugins` prints");
    let folder = PathBuf::from(folder);
    assert!(
        folder.join("cargo-credential-pass").is_file(),
        "CCB_PLUGINS is `{}`, where `cargo-credential-pass` is not",
        folder.display()
    );
    folder
}

/// The provider, which finds the plugins, and what they call in `~/bin`.
fn with_plugins(provider: Provider) -> Provider {
    let path = format!(
        "{}:{}/bin:/usr/bin:/bin",
        installed().display(),
        provider.home().display()
    );
    provider.env("PATH", path).secret(TOKEN)
}

/// A store of pass below the provider's home, with a key of its own that no password protects.
fn with_pass(provider: Provider) -> Provider {
    let provider = with_plugins(provider);
    let keys = provider.home().join("gnupg");
    std::fs::create_dir(&keys).unwrap();
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o700)).unwrap();
    let provider = provider.env("GNUPGHOME", keys);
    let key =
        "--batch --quiet --passphrase= --quick-gen-key ci@example.com future-default default never";
    pass(provider.home(), "gpg", key, "");
    pass(provider.home(), "pass", "init ci@example.com", "");
    let passwords = provider.home().join("passwords");
    provider.env("PASSWORD_STORE_DIR", passwords)
}

/// Runs pass, or gpg, on what is below this home.
fn pass(home: &Path, program: &str, arguments: &str, input: &str) {
    let mut child = Command::new(program)
        .args(arguments.split(' '))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home)
        .env("GNUPGHOME", home.join("gnupg"))
        .env("PASSWORD_STORE_DIR", home.join("passwords"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("`ci/install plugins` installs pass and gpg");
    let mut stdin = child.stdin.take().unwrap();
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    assert!(child.wait().unwrap().success(), "{program} {arguments}");
}

#[test]
fn pass_gives_the_token_of_the_registry() {
    let provider = with_pass(provider("\"cargo-credential-pass\""));
    let insert = "insert --echo cargo-registry/corp.token";
    pass(provider.home(), "pass", insert, &format!("{TOKEN}\n"));
    let (found, told) = token(&provider, URL);
    assert_eq!((found.as_str(), told.as_str()), (TOKEN, ""));
}

#[test]
fn pass_takes_the_path_that_is_its_argument() {
    for (source, place) in [
        (
            "\"cargo-credential-pass ci/tokens/\"",
            "ci/tokens/corp.token",
        ),
        (
            "[ \"cargo-credential-pass\", \"my tokens/cargo\" ]",
            "my tokens/cargo",
        ),
    ] {
        let provider = with_pass(provider(source));
        let file = provider
            .home()
            .join("passwords")
            .join(format!("{place}.gpg"));
        pass(
            provider.home(),
            "pass",
            "insert --echo moved",
            &format!("{TOKEN}\n"),
        );
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::rename(provider.home().join("passwords/moved.gpg"), file).unwrap();
        assert_eq!(token(&provider, URL).0, TOKEN);
    }
}

#[test]
fn pass_keeps_what_cargo_login_gives_it() {
    let provider = with_pass(provider("\"cargo-credential-pass ci/cargo\""));
    for _over_the_one_before in 0..2 {
        let stored = run(&provider, "login");
        assert_eq!(stored.answer(), done("login"), "{}", stored.stderr);
        let place = "is stored in the plugin `cargo-credential-pass`";
        assert!(stored.stderr.contains(place), "{}", stored.stderr);
    }
    let file = provider.home().join("passwords/ci/cargo.gpg");
    assert!(file.is_file());
    assert_eq!(token(&provider, URL).0, TOKEN);
    assert_eq!(run(&provider, "logout").answer(), done("logout"));
    assert!(!file.exists());
    let text = error_text(&run(&provider, "logout").answer());
    assert!(
        text.contains("ci/cargo is not in the password store"),
        "{text}"
    );
}

/// It knows no answer for "there is none", and so the chain ends with it, as Cargo's list of providers would.
#[test]
fn what_pass_does_not_have_is_a_failure_of_the_plugin() {
    let provider = with_pass(provider("\"cargo-credential-pass\""));
    let text = error_text(&provider.get(URL, "read"));
    assert!(
        text.starts_with(
            "the plugin `cargo-credential-pass` failed\npass exited with a non-zero status code"
        ),
        "{text}"
    );
    assert!(
        text.contains("cargo-registry/corp.token is not in the password store"),
        "{text}"
    );
}

/// 1Password's program, as far as the plugin uses it, with one item; it keeps what it was called with.
fn with_op(provider: Provider, index_url: &str) -> Provider {
    let items = json!([{ "id": "a1b2", "urls": [ { "href": index_url } ] }]);
    let item = json!({ "fields": [ { "id": "username" }, { "id": "password", "value": TOKEN } ] });
    let script = format!(
        "#!/bin/sh\necho \"$*\" >> \"$HOME/called\"\n\
         case $1-$2 in\nsignin---raw) echo s3ssion-of-op ;;\nitems-list) echo '{items}' ;;\n\
         item-get) echo '{item}' ;;\nitem-create | item-edit | item-delete) ;;\n*) exit 4 ;;\nesac\n"
    );
    let provider = with_plugins(provider).file("bin/op", &script);
    let path = provider.home().join("bin/op");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
    provider
}

#[test]
fn one_password_gives_the_token_of_the_account_and_vault_that_are_its_arguments() {
    let source =
        "[ \"cargo-credential-1password\", \"--account\", \"ci\", \"--vault\", \"our vault\" ]";
    let provider = with_op(provider(source), URL);
    assert_eq!(token(&provider, URL).0, TOKEN);
    let called = std::fs::read_to_string(provider.home().join("called")).unwrap();
    let called: Vec<_> = called.lines().collect();
    let place = "--account ci --vault our vault --session s3ssion-of-op";
    assert_eq!(
        called,
        [
            "signin --raw --account ci".to_owned(),
            format!("items list --categories Login --tags cargo-registry --format json {place}"),
            format!("item get --format=json a1b2 {place}"),
        ]
    );
}

#[test]
fn what_one_password_does_not_have_is_asked_of_the_next() {
    let provider = with_op(
        provider("\"cargo-credential-1password\""),
        "sparse+https://elsewhere.example.com/",
    );
    let (found, told) = token(&provider, URL);
    assert_eq!(found, NEXT);
    assert!(
        told.contains("the plugin `cargo-credential-1password` has no token for this registry"),
        "{told}"
    );
}

#[test]
fn a_one_password_that_is_not_installed_is_told() {
    let provider = with_plugins(alone("\"cargo-credential-1password\""));
    let text = error_text(&provider.get(URL, "read"));
    assert_eq!(
        text,
        "the plugin `cargo-credential-1password` failed\n\
         failed to spawn `op`: No such file or directory (os error 2)"
    );
}

/// The plugin gives the token to 1Password's program as an argument; no program of ours does.
#[test]
fn one_password_keeps_what_cargo_login_gives_it() {
    let called = |index_url: &str, kind: &str| {
        let provider = with_op(alone("\"cargo-credential-1password\""), index_url)
            // The plugin gives it to `op` as an argument.
            .keeps("called");
        let answer = run(&provider, kind).answer();
        let called = std::fs::read_to_string(provider.home().join("called")).unwrap();
        let last = called.lines().last().unwrap_or_default().to_owned();
        (answer, last)
    };
    let elsewhere = "sparse+https://elsewhere.example.com/";
    let session = "--session s3ssion-of-op";
    assert_eq!(
        called(elsewhere, "login"),
        (
            done("login"),
            format!(
                "item create --category Login password={TOKEN} url={URL} --title Cargo registry token \
                 --tags cargo-registry {session}"
            )
        )
    );
    assert_eq!(
        called(URL, "login"),
        (
            done("login"),
            format!("item edit a1b2 password={TOKEN} {session}")
        )
    );
    assert_eq!(
        called(URL, "logout"),
        (done("logout"), format!("item delete a1b2 {session}"))
    );
    assert_eq!(
        called(elsewhere, "logout").0,
        json!({ "Err": { "kind": "not-found" } })
    );
}
