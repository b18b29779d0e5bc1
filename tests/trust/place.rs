//! Where a repository may put a config of ours, and where it gets it read only if the job itself says so.

use std::os::unix::fs::symlink;

use serde_json::json;
use test_servers::Provider;
use test_servers::cargo::quoted;
use test_servers::provider::{error_text, get_request};

use crate::job::Job;
use crate::{BINARY, URL};

const FILE: &str = "credential-bridge.toml";

/// A registry of whoever wrote what is checked out.
const THEIRS: &str = "sparse+https://elsewhere.example.com/index/";

const TOKEN: &str = "st0red-s3cret-token";

/// A config that maps the job's token to this registry.
fn config(index_url: &str) -> String {
    format!(
        "[backends.job]\ntype = \"env\"\n[registries.\"{index_url}\"]\nsources = [ {{ backend = \"job\", var = \"JOB_TOKEN\" }} ]\n"
    )
}

/// A job whose working directory is a repository that has this file.
fn job(path: &str) -> Provider {
    Provider::new(BINARY)
        .env("JOB_TOKEN", TOKEN)
        .secret(TOKEN)
        .file(&format!("work/{path}"), &config(THEIRS))
}

fn is_left_to_others(provider: &Provider) -> bool {
    provider.get(THEIRS, "read") == json!({ "Err": { "kind": "url-not-supported" } })
}

#[test]
fn in_the_repository_and_above() {
    for path in [
        FILE,
        ".cargo/credential-bridge.toml",
        ".config/credential-bridge.toml",
        "etc/cargo-credential-bridge/config.toml",
        "../credential-bridge.toml",
        "../.config/credential-bridge.toml",
    ] {
        assert!(is_left_to_others(&job(path)), "{path}");
        assert!(is_left_to_others(&job(path).config(&config(URL))), "{path}");
    }
}

#[test]
fn as_a_link() {
    let provider = job("real.toml").config(&config(URL));
    let work = provider.home().join("work");
    std::fs::create_dir(work.join(".cargo")).unwrap();
    for link in [FILE, ".cargo/credential-bridge.toml"] {
        symlink(work.join("real.toml"), work.join(link)).unwrap();
    }
    assert!(is_left_to_others(&provider));
}

#[test]
fn with_cargo_itself() {
    let job = Job::without_config();
    job.cargo
        .registry("theirs", &job.elsewhere.index_url(), &[BINARY]);
    let bridge = job.config(&job.elsewhere.index_url());
    job.tree(
        "theirs",
        &[
            (FILE, &bridge),
            (".cargo/credential-bridge.toml", &bridge),
            ("../credential-bridge.toml", &bridge),
            ("../.cargo/credential-bridge.toml", &bridge),
        ],
    );
    job.assert_refused(&job.fetch());
}

/// Such a home is another one in each directory that Cargo is called in.
#[test]
fn a_relative_home_of_cargo() {
    for home in ["cargo-home", "./cargo-home", "../work/cargo-home"] {
        let provider = job("cargo-home/credential-bridge.toml").env("CARGO_HOME", home);
        let text = error_text(&provider.get(THEIRS, "read"));
        let expected = format!(
            "the config `{home}/credential-bridge.toml` depends on the working directory, as `CARGO_HOME` is relative\n\
             help: make `CARGO_HOME` absolute, or name the config by `CARGO_CREDENTIAL_BRIDGE_CONFIG`"
        );
        assert_eq!(text, expected);
    }
    // Nothing is there, and nothing is said.
    assert!(is_left_to_others(
        &job(FILE).env("CARGO_HOME", "cargo-home")
    ));
}

/// What the job says by its own variables holds: so it must not say that it trusts what is checked out.
#[test]
fn a_home_of_cargo_in_the_repository() {
    let provider = job("cargo-home/credential-bridge.toml");
    let home = provider.home().join("work/cargo-home");
    let provider = provider.env("CARGO_HOME", home);
    assert_eq!(provider.get(THEIRS, "read")["Ok"]["token"], TOKEN);
    // Unless the job names its config.
    let provider = provider.config(&config(URL));
    let own = provider.home().join(".cargo/credential-bridge.toml");
    assert!(is_left_to_others(
        &provider.env("CARGO_CREDENTIAL_BRIDGE_CONFIG", own)
    ));
}

#[test]
fn a_variable_that_names_a_file_of_the_repository() {
    let provider = job("bridge.toml").config(&config(URL));
    for path in ["bridge.toml", "./bridge.toml", "../work/bridge.toml"] {
        let job = job("bridge.toml").env("CARGO_CREDENTIAL_BRIDGE_CONFIG", path);
        assert_eq!(job.get(THEIRS, "read")["Ok"]["token"], TOKEN);
    }
    let text = provider.env("CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML", config(THEIRS));
    assert_eq!(text.get(THEIRS, "read")["Ok"]["token"], TOKEN);
}

/// Even then a secret that names its registry does not leave for another.
#[test]
fn a_secret_that_names_its_registry() {
    let job = Job::start();
    let (ours, theirs) = (job.registry.index_url(), job.elsewhere.index_url());
    job.vault.put(
        "ci/cargo",
        json!({ "token": job.registry.tokens().read, "index-url": ours }),
    );
    let job = job.env("CARGO_CREDENTIAL_BRIDGE_CONFIG", "bridge.toml");
    let bridge = job.config(&theirs);
    let config = job.theirs(&quoted(BINARY), "");
    job.tree(
        "theirs",
        &[(".cargo/config.toml", &config), ("bridge.toml", &bridge)],
    );
    let fetched = job.fetch();
    assert!(
        fetched.stderr.contains("is not for the registry"),
        "{}",
        fetched.stderr
    );
    job.assert_nothing_elsewhere();
}

/// Paths in a config start where the config is, and the store's own files are the user's.
#[test]
fn files_of_the_stores_in_the_repository() {
    let backend = "type = \"aws\"\nregion = \"eu-west-1\"\nendpoint = \"http://127.0.0.1:9\"";
    let config = |backend: &str, source: &str| {
        format!(
            "[backends.store]\n{backend}\n[registries.\"{URL}\"]\nsources = [ {{ backend = \"store\", {source} }} ]\n"
        )
    };
    let credentials = "[default]\ncredential_process = touch stolen\n";
    let aws = Provider::new(BINARY)
        .config(&config(backend, "secret = \"cargo\""))
        .file("work/.aws/credentials", credentials)
        .file("work/.aws/config", credentials);
    let vault = Provider::new(BINARY)
        .config(&config(
            "type = \"vault\"\naddress = \"http://127.0.0.1:9\"",
            "path = \"ci/cargo\"",
        ))
        .file("work/.vault", "token_helper = \"/usr/bin/touch\"\n")
        .file("work/.vault-token", TOKEN);
    let google = Provider::new(BINARY)
        .config(&config(
            "type = \"gcp\"\nproject = \"acme\"\nendpoint = \"http://127.0.0.1:9\"",
            "secret = \"cargo\"",
        ))
        .file(
            "work/.config/gcloud/application_default_credentials.json",
            &json!({ "type": "authorized_user", "client_id": "x", "client_secret": TOKEN, "refresh_token": TOKEN }).to_string(),
        );
    let file = Provider::new(BINARY)
        .config(&config("type = \"file\"", "path = \"secret\""))
        .file("work/secret", TOKEN);
    for provider in [aws, vault, google, file] {
        let provider = provider.secret(TOKEN);
        let run = provider.run(get_request(URL, "read").as_bytes());
        assert!(run.answer().get("Ok").is_none(), "{run:?}");
        assert!(!provider.home().join("work/stolen").exists());
    }
}
