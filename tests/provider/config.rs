//! Where the config is found, whom it must belong to, and how a bad one is answered.

use serde_json::json;
use test_servers::Provider;
use test_servers::provider::{error_text, get_request};

use crate::BINARY;

const URL: &str = "sparse+https://crates.example.com/index/";

/// A config whose only token has the text of `name`.
fn config(name: &str) -> String {
    format!(
        "[backends.job]\ntype = \"env\"\n[registries.\"{URL}\"]\nsources = [ {{ backend = \"job\", var = \"{name}\" }} ]\n"
    )
}

/// The token tells which config was used.
fn provider() -> Provider {
    [
        "HOME_CONFIG",
        "PATH_CONFIG",
        "TEXT_CONFIG",
        "WORK_CONFIG",
        "CARGO_HOME_CONFIG",
    ]
    .iter()
    .fold(Provider::new(BINARY), |provider, name| {
        provider.env(*name, *name)
    })
}

fn token(provider: &Provider) -> String {
    let answer = provider.get(URL, "read");
    answer["Ok"]["token"]
        .as_str()
        .map_or_else(|| answer.to_string(), str::to_owned)
}

#[test]
fn the_first_place_that_has_one() {
    let provider = provider().config(&config("HOME_CONFIG"));
    assert_eq!(token(&provider), "HOME_CONFIG");

    let home = provider.home().to_owned();
    let provider = provider
        .file(
            "elsewhere/credential-bridge.toml",
            &config("CARGO_HOME_CONFIG"),
        )
        .env("CARGO_HOME", home.join("elsewhere"));
    assert_eq!(token(&provider), "CARGO_HOME_CONFIG");

    let provider = provider
        .file("some/config.toml", &config("PATH_CONFIG"))
        .env(
            "CARGO_CREDENTIAL_BRIDGE_CONFIG",
            home.join("some/config.toml"),
        );
    assert_eq!(token(&provider), "PATH_CONFIG");
}

#[test]
fn the_text_itself_comes_before_the_files() {
    let provider = provider()
        .config(&config("HOME_CONFIG"))
        .env("CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML", config("TEXT_CONFIG"));
    assert_eq!(token(&provider), "TEXT_CONFIG");
    let both = provider.env("CARGO_CREDENTIAL_BRIDGE_CONFIG", "/x");
    let text = error_text(&both.get(URL, "read"));
    assert!(text.starts_with("both `CARGO_CREDENTIAL_BRIDGE_CONFIG` and `CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML` are set"), "{text}");
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    let provider = provider()
        .config(&config("HOME_CONFIG"))
        .env("CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML", "")
        .env("CARGO_CREDENTIAL_BRIDGE_CONFIG", "");
    assert_eq!(token(&provider), "HOME_CONFIG");
}

#[test]
fn a_checked_out_repository_says_nothing() {
    let provider = provider()
        .file("work/credential-bridge.toml", &config("WORK_CONFIG"))
        .file("work/.cargo/credential-bridge.toml", &config("WORK_CONFIG"));
    let run = provider.run(get_request(URL, "read").as_bytes());
    assert_eq!(run.answer(), json!({"Err":{"kind":"url-not-supported"}}));
}

#[test]
fn a_config_that_was_named_and_is_not_there() {
    let provider = provider()
        .config(&config("HOME_CONFIG"))
        .env("CARGO_CREDENTIAL_BRIDGE_CONFIG", "/nonexistent/config.toml");
    assert_eq!(
        error_text(&provider.get(URL, "read")),
        "`/nonexistent/config.toml` does not exist, to which `CARGO_CREDENTIAL_BRIDGE_CONFIG` points"
    );
}

#[test]
fn what_is_not_a_config_at_all() {
    let directory = provider().file(".cargo/credential-bridge.toml/x", "");
    let text = error_text(&directory.get(URL, "read"));
    assert!(text.contains("it is not a file"), "{text}");

    let bytes = provider().config("");
    std::fs::write(
        bytes.home().join(".cargo/credential-bridge.toml"),
        b"a = 1\nb = \"\xff\"\n",
    )
    .unwrap();
    let text = error_text(&bytes.get(URL, "read"));
    assert!(text.contains("line 2 is not UTF-8"), "{text}");

    let endless = provider().env("CARGO_CREDENTIAL_BRIDGE_CONFIG", "/dev/zero");
    let text = error_text(&endless.get(URL, "read"));
    assert!(text.contains("it is not a file"), "{text}");
}

#[test]
fn a_fault_is_shown_with_its_place() {
    let provider = provider()
        .config("[backends.corp]\ntype = \"vault\"\nadress = \"https://vault.example.com\"\n");
    let path = provider.home().join(".cargo/credential-bridge.toml");
    assert_eq!(
        error_text(&provider.get(URL, "read")),
        format!(
            "bad config: unknown key `adress`\n --> `{}`:3:1\n  |\n3 | adress = \"…\"\n  | ^^^^^^\nhelp: did you mean `address`?",
            path.display()
        )
    );
}

#[test]
fn a_bad_config_is_an_error_for_every_registry() {
    // Whose registry it is can't be known, and silence would look like a missing entry.
    let provider = provider().config("[registries]\nx = 1\n");
    error_text(&provider.get("sparse+https://other.example.com/", "read"));
}

#[test]
fn a_setting_that_the_job_supplies() {
    let text = format!(
        "[backends.mounted]\ntype = \"file\"\n[registries.\"{URL}\"]\nsources = [ {{ backend = \"mounted\", path = {{ env = \"TOKEN_PATH\" }} }} ]\n"
    );
    let provider = Provider::new(BINARY)
        .config(&text)
        .file("mounts/token", "m0unted-s3cret\n");
    let path = provider.home().join("mounts/token");
    let text = error_text(&provider.get(URL, "read"));
    assert_eq!(
        text,
        "no path here: the environment variable `TOKEN_PATH` is not set"
    );
    assert_eq!(token(&provider.env("TOKEN_PATH", path)), "m0unted-s3cret");
}

#[cfg(unix)]
mod rights {
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    fn with_mode(mode: u32) -> Provider {
        let provider = provider().config(&config("HOME_CONFIG"));
        let path = provider.home().join(".cargo/credential-bridge.toml");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
            .expect("the file is ours");
        provider
    }

    #[test]
    fn a_config_that_others_can_write_is_refused() {
        assert_eq!(token(&with_mode(0o644)), "HOME_CONFIG");
        let text = error_text(&with_mode(0o666).get(URL, "read"));
        assert!(text.starts_with("others can write the config `"), "{text}");
        assert!(
            text.contains("(mode 0666)\nhelp: `chmod go-w` it"),
            "{text}"
        );
    }

    #[test]
    fn the_rights_are_those_behind_the_link() {
        let provider = with_mode(0o602);
        let path = provider.home().join(".cargo/credential-bridge.toml");
        symlink(&path, provider.home().join("link.toml")).unwrap();
        let link = provider.home().join("link.toml");
        let provider = provider.env("CARGO_CREDENTIAL_BRIDGE_CONFIG", link);
        let text = error_text(&provider.get(URL, "read"));
        assert!(text.starts_with("others can write the config `"), "{text}");
    }

    #[test]
    fn as_root_a_config_of_someone_else_is_warned_about() {
        let provider = with_mode(0o644);
        let path = provider.home().join(".cargo/credential-bridge.toml");
        // Only root can give a file away; for others the rule is tested where it is written.
        if chown(&path, Some(12345), Some(12345)).is_err() {
            return;
        }
        let run = provider.run(get_request(URL, "read").as_bytes());
        assert_eq!(run.answer()["Ok"]["token"], "HOME_CONFIG");
        assert!(
            run.stderr.contains("belongs to user 12345, not to root"),
            "{}",
            run.stderr
        );
    }
}
