//! `cargo login` and `cargo logout`: into which source a token goes, and from which it is taken.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use test_servers::Provider;
use test_servers::provider::{Run, error_text};

use crate::BINARY;

const URL: &str = "sparse+https://crates.example.com/index/";
const TOKEN: &str = "n3w-s3cret-token";
const OLD: &str = "0ld-s3cret-token";

fn login(token: Option<&str>) -> Value {
    json!({
        "v": 1, "registry": { "index-url": URL, "name": "corp" }, "kind": "login", "token": token,
        "login-url": "https://crates.example.com/me",
    })
}

fn logout() -> Value {
    json!({ "v": 1, "registry": { "index-url": URL, "name": "corp" }, "kind": "logout" })
}

fn run(provider: &Provider, request: &Value) -> Run {
    provider.run(format!("{request}\n").as_bytes())
}

/// The provider with these sources, and Cargo's config with the registry under the name `corp`.
fn provider(sources: &str) -> Provider {
    Provider::new(BINARY)
        .config(&format!(
            "[backends.job]\ntype = \"env\"\n[registries.\"{URL}\"]\nsources = [ {sources} ]\n"
        ))
        .file(
            ".cargo/config.toml",
            &format!("[registries]\ncorp = {{ index = \"{URL}\" }}\n"),
        )
        .env("PATH", "/usr/bin:/bin")
        .secret(TOKEN)
        .secret(OLD)
        .keeps(".cargo")
}

fn file(provider: &Provider) -> PathBuf {
    provider.home().join(".cargo/credentials.toml")
}

fn text(provider: &Provider) -> String {
    fs::read_to_string(file(provider)).expect("the file is there")
}

/// A program that is to start the provider, in its environment.
fn started_by(provider: &Provider, program: &str) -> Command {
    let direct = provider.command();
    let variables = direct.get_envs();
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(variables.filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn logged_in() -> Value {
    json!({ "Ok": { "kind": "login" } })
}

fn logged_out() -> Value {
    json!({ "Ok": { "kind": "logout" } })
}

#[test]
fn a_token_goes_to_cargos_file_and_away_again() {
    let provider = provider("\"cargo:token\"");
    let done = run(&provider, &login(Some(TOKEN)));
    assert_eq!(done.answer(), logged_in());
    assert_eq!(
        done.stderr,
        format!("cargo-credential-bridge: the token for `{URL}` is stored in `cargo:token`\n")
    );
    assert_eq!(
        text(&provider),
        format!("[registries.corp]\ntoken = \"{TOKEN}\"\n")
    );
    let mode = fs::metadata(file(&provider)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(provider.get(URL, "read")["Ok"]["token"], TOKEN);

    let done = run(&provider, &logout());
    assert_eq!(done.answer(), logged_out());
    assert!(
        done.stderr
            .contains("the registry takes it until it is revoked there"),
        "{}",
        done.stderr
    );
    assert_eq!(text(&provider), "[registries.corp]\n");
    // Cargo says so itself, and nothing failed.
    let again = run(&provider, &logout());
    assert_eq!(again.answer(), json!({ "Err": { "kind": "not-found" } }));
}

#[test]
fn what_else_is_in_the_file_stays() {
    let before = format!(
        "# by hand\n[registry]\ntoken = \"{OLD}\" # crates.io\n\n[registries.corp] # work\ntoken = \"x\" # until May\n"
    );
    let provider = provider("\"cargo:token\"").file(".cargo/credentials.toml", &before);
    fs::set_permissions(file(&provider), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(run(&provider, &login(Some(TOKEN))).answer(), logged_in());
    assert_eq!(
        text(&provider),
        before.replace("\"x\"", &format!("\"{TOKEN}\""))
    );
    let mode = fs::metadata(file(&provider)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "as Cargo has it");
    assert_eq!(
        fs::read_dir(provider.home().join(".cargo"))
            .unwrap()
            .count(),
        3,
        "nothing else is left behind"
    );
}

#[test]
fn the_file_of_old_is_the_only_one_where_it_is() {
    let provider = provider("\"cargo:token\"")
        .file(".cargo/credentials", "")
        .file(".cargo/credentials.toml", "# not this one\n");
    assert_eq!(run(&provider, &login(Some(TOKEN))).answer(), logged_in());
    assert_eq!(text(&provider), "# not this one\n");
    let old = fs::read_to_string(provider.home().join(".cargo/credentials")).unwrap();
    assert!(old.contains(TOKEN));
}

#[test]
fn a_file_that_can_not_be_changed_is_as_it_was() {
    let broken = format!("[registries\ntoken = \"{OLD}\"\n");
    for (content, expected) in [
        (broken.as_str(), "is not TOML\nline 1 makes no sense"),
        (
            "registries = 1\n",
            "is not as Cargo writes it\nthe entry of the registry `corp` is no table",
        ),
    ] {
        let provider = provider("\"cargo:token\"").file(".cargo/credentials.toml", content);
        let said = error_text(&run(&provider, &login(Some(TOKEN))).answer());
        assert!(said.contains(expected), "{said}");
        assert_eq!(text(&provider), content);
    }
}

#[test]
fn a_link_stays_a_link() {
    let provider = provider("\"cargo:token\"")
        .file("elsewhere/tokens", "# mine\n")
        .keeps("elsewhere");
    let elsewhere = provider.home().join("elsewhere/tokens");
    symlink(&elsewhere, file(&provider)).unwrap();
    assert_eq!(run(&provider, &login(Some(TOKEN))).answer(), logged_in());
    assert!(fs::symlink_metadata(file(&provider)).unwrap().is_symlink());
    let there = fs::read_to_string(&elsewhere).unwrap();
    assert!(
        there.contains("# mine\n") && there.contains(TOKEN),
        "{there}"
    );
}

/// A limit of nothing for a file's size is what a full disk is like.
#[test]
fn a_full_disk_loses_nothing() {
    let before = format!("[registries.other]\ntoken = \"{OLD}\"\n");
    let provider = provider("\"cargo:token\"").file(".cargo/credentials.toml", &before);
    let direct = provider.command();
    let mut limited = started_by(&provider, "sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"])
        .arg(direct.get_program())
        .args(direct.get_args());
    let run = provider.run_as(limited, format!("{}\n", login(Some(TOKEN))).as_bytes());
    let said = error_text(&run.answer());
    assert!(said.contains("can't change Cargo's file"), "{said}");
    assert_eq!(text(&provider), before);
}

#[test]
fn logins_at_the_same_time_lose_nothing() {
    const SEVERAL: usize = 12;

    let url = |number| format!("sparse+https://crates.example.com/{number}/");
    let names =
        (0..SEVERAL).map(|number| format!("r{number} = {{ index = \"{}\" }}\n", url(number)));
    let provider = provider("\"cargo:token\"")
        .config(
            "[registries.\"sparse+https://crates.example.com/\"]\nprefix = true\nsources = [ \"cargo:token\" ]\n",
        )
        .file(".cargo/config.toml", &format!("[registries]\n{}", names.collect::<String>()));
    std::thread::scope(|scope| {
        for number in 0..SEVERAL {
            let provider = &provider;
            scope.spawn(move || {
                let mut request = login(Some(&format!("{TOKEN}-{number}")));
                request["registry"]["index-url"] = url(number).into();
                assert_eq!(run(provider, &request).answer(), logged_in());
            });
        }
    });
    for number in 0..SEVERAL {
        assert_eq!(
            provider.get(&url(number), "read")["Ok"]["token"],
            format!("{TOKEN}-{number}")
        );
    }
}

#[test]
fn a_variable_that_comes_first_is_named() {
    let provider = provider("\"cargo:token\"").env("CARGO_REGISTRIES_CORP_TOKEN", OLD);
    let done = run(&provider, &login(Some(TOKEN)));
    assert_eq!(done.answer(), logged_in());
    assert!(
        done.stderr.contains(
            "; `CARGO_REGISTRIES_CORP_TOKEN` is set here, and comes before what is stored"
        ),
        "{}",
        done.stderr
    );
}

#[test]
fn a_registry_without_a_name_has_no_place_in_the_file() {
    let provider = provider("\"cargo:token\"").file(".cargo/config.toml", "");
    let said = error_text(&run(&provider, &login(Some(TOKEN))).answer());
    assert!(
        said.starts_with(&format!("Cargo's config has no name for `{URL}`")),
        "{said}"
    );
    assert!(!file(&provider).exists());
}

#[test]
fn the_first_place_that_takes_it() {
    let provider = provider(
        "{ backend = \"job\", var = \"ONE\" }, \"cargo:token-from-stdout x\", \"cargo-credential-not-installed\", \"cargo:token\"",
    );
    let done = run(&provider, &login(Some(TOKEN)));
    assert_eq!(done.answer(), logged_in());
    assert!(
        done.stderr.contains(
            "is stored in `cargo:token`; the environment variable `ONE` of `job` and what `x` prints and the plugin \
             `cargo-credential-not-installed` are asked before it"
        ),
        "{}",
        done.stderr
    );
}

/// A plugin that keeps what it is asked at `~/asked` and then does this.
fn plugin(then: &str) -> Provider {
    let script = format!(
        "#!/bin/sh\necho '{{\"v\":[1]}}'\nread -r line\nprintf '%s' \"$line\" > \"$HOME/asked\"\n{then}\n"
    );
    let provider = provider("[ \"~/bin/plugin\", \"--vault\" ], \"cargo:token\"")
        .file("bin/plugin", &script)
        .keeps("asked");
    fs::set_permissions(
        provider.home().join("bin/plugin"),
        fs::Permissions::from_mode(0o700),
    )
    .expect("the file is ours");
    provider
}

#[test]
fn a_plugin_is_asked_what_we_are_asked() {
    let provider = plugin("echo '{\"Ok\":{\"kind\":\"login\"}}'");
    let mut request = login(None);
    request["args"] = json!(["ours", "--token", TOKEN]);
    let done = run(&provider, &request);
    assert_eq!(done.answer(), logged_in());
    assert!(
        done.stderr
            .contains("the token is taken from the argument `--token`"),
        "{}",
        done.stderr
    );
    let asked = fs::read_to_string(provider.home().join("asked")).unwrap();
    let mut expected = login(Some(TOKEN));
    expected["args"] = json!(["--vault"]);
    assert_eq!(serde_json::from_str::<Value>(&asked).unwrap(), expected);
    assert!(!file(&provider).exists());

    let provider = plugin("echo '{\"Ok\":{\"kind\":\"logout\"}}'");
    assert_eq!(run(&provider, &logout()).answer(), logged_out());
}

#[test]
fn a_plugin_that_keeps_nothing_makes_way_and_one_that_fails_does_not() {
    for kind in ["operation-not-supported", "url-not-supported"] {
        let provider = plugin(&format!("echo '{{\"Err\":{{\"kind\":\"{kind}\"}}}}'"));
        assert_eq!(run(&provider, &login(Some(TOKEN))).answer(), logged_in());
        assert!(text(&provider).contains(TOKEN));
    }
    for then in [
        "echo '{\"Err\":{\"kind\":\"other\",\"message\":\"no\"}}'",
        "echo '{\"Err\":{\"kind\":\"not-found\"}}'",
        "echo '{\"Ok\":{\"kind\":\"logout\"}}'",
        "echo \"$line\"",
        "exit 1",
    ] {
        let provider = plugin(then);
        let said = error_text(&run(&provider, &login(Some(TOKEN))).answer());
        assert!(said.starts_with("the plugin `~/bin/plugin`"), "{said}");
        assert!(!file(&provider).exists());
    }
}

#[test]
fn tokens_that_are_none() {
    for (token, why) in [
        (Some("a\nb"), "has control characters in it"),
        (Some("\u{e9}"), "has characters in it that are not ASCII"),
        (Some(""), "there is no token to store"),
        (Some(" \n"), "there is no token to store"),
        (Some("cargo login"), "is empty"),
        (None, "there is no token to store"),
    ] {
        let provider = provider("\"cargo:token\"");
        let said = error_text(&run(&provider, &login(token)).answer());
        assert!(said.contains(why), "{token:?}: {said}");
        assert!(!file(&provider).exists(), "{token:?}");
    }
}

#[test]
fn tokens_that_need_care() {
    for (given, stored) in [
        (format!(" {TOKEN}\n"), TOKEN.to_owned()),
        (format!("cargo login {TOKEN}"), TOKEN.to_owned()),
        (format!("{TOKEN}\"'\\"), format!("{TOKEN}\"'\\")),
    ] {
        let provider = provider("\"cargo:token\"");
        assert_eq!(run(&provider, &login(Some(&given))).answer(), logged_in());
        assert_eq!(provider.get(URL, "read")["Ok"]["token"], stored);
    }
}

#[test]
fn the_scheme_is_stored_with_the_token_where_nobody_adds_it() {
    for given in [TOKEN.to_owned(), format!("Bearer {TOKEN}")] {
        let provider = provider("\"cargo:token\"").config(&format!(
            "[registries.\"{URL}\"]\nscheme = \"Bearer\"\nsources = [ \"cargo:token\" ]\n"
        ));
        assert_eq!(run(&provider, &login(Some(&given))).answer(), logged_in());
        assert_eq!(
            text(&provider),
            format!("[registries.corp]\ntoken = \"Bearer {TOKEN}\"\n")
        );
    }
}

/// In front of a terminal a person is asked. `script` makes one, and types into it what it reads.
#[test]
fn a_person_is_asked() {
    let provider = provider("\"cargo:token\"").file("request", &format!("{}\n", login(None)));
    let mut terminal = started_by(&provider, "script");
    terminal
        .args(["--quiet", "--return", "--echo", "never", "--command"])
        .arg(format!(
            "'{BINARY}' --cargo-plugin < \"$HOME/request\" > \"$HOME/answer\""
        ))
        .arg("/dev/null");
    let run = provider.run_as(terminal, format!("{TOKEN}\n").as_bytes());
    assert!(
        run.stdout.contains(&format!(
            "please paste the token for {URL}, found on https://crates.example.com/me: "
        )),
        "{run:?}"
    );
    assert_eq!(
        fs::read_to_string(provider.home().join("answer")).unwrap(),
        "{\"v\":[1]}\n{\"Ok\":{\"kind\":\"login\"}}\n"
    );
    assert!(text(&provider).contains(TOKEN));
}
