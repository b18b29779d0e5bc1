//! `cargo:token` as a source: what `cargo login` has stored, and the variables that Cargo reads.

use serde_json::json;
use test_servers::Provider;
use test_servers::provider::{error_text, get_request};

use crate::BINARY;

const URL: &str = "sparse+https://crates.example.com/index/";
const CRATES_IO: &str = "https://github.com/rust-lang/crates.io-index";
const TOKEN: &str = "st0red-s3cret-token";
const OTHER: &str = "0ther-s3cret-token";

/// The provider with `cargo:token` alone, and Cargo's config with the registry under a name with a hyphen.
fn provider() -> Provider {
    Provider::new(BINARY)
        .config(&format!(
            "[registries.\"{URL}\"]\nsources = [ \"cargo:token\" ]\n[registries.\"{CRATES_IO}\"]\nsources = [ \"cargo:token\" ]\n"
        ))
        .file(".cargo/config.toml", &format!("[registries]\nmy-corp = {{ index = \"{URL}\" }}\n"))
        .secret(TOKEN)
        .secret(OTHER)
}

fn get(provider: &Provider, url: &str) {
    let run = provider.run(get_request(url, "read").as_bytes());
    assert_eq!(
        run.answer(),
        json!({ "Ok": { "kind": "get", "token": TOKEN, "cache": "session", "operation_independent": true } }),
        "{}",
        run.stderr
    );
}

/// The note for a registry that Cargo has no token for.
fn note(provider: &Provider, url: &str) -> String {
    let run = provider.run(get_request(url, "read").as_bytes());
    assert_eq!(run.answer(), json!({ "Err": { "kind": "not-found" } }));
    run.stderr
}

#[test]
fn in_the_order_of_cargo() {
    let file = format!("[registries.my-corp]\ntoken = \"{TOKEN}\"\n");
    let other = file.replace(TOKEN, OTHER);
    // The variable, before the file, the file before the config, the nearer config before the one that is further off.
    get(
        &provider()
            .env("CARGO_REGISTRIES_MY_CORP_TOKEN", TOKEN)
            .file(".cargo/credentials.toml", &other),
        URL,
    );
    let config = format!("[registries.my-corp]\nindex = \"{URL}\"\ntoken = \"{OTHER}\"\n");
    get(
        &provider()
            .file(".cargo/credentials.toml", &file)
            .file(".cargo/config.toml", &config),
        URL,
    );
    get(
        &provider()
            .file(".cargo/credentials", &file)
            .file(".cargo/credentials.toml", &other),
        URL,
    );
    get(
        &provider()
            .file("work/.cargo/config.toml", &file)
            .file(".cargo/config.toml", &config),
        URL,
    );
    // A secret that the job does not have is exported as an empty variable.
    get(
        &provider()
            .env("CARGO_REGISTRIES_MY_CORP_TOKEN", "")
            .file(".cargo/credentials.toml", &file),
        URL,
    );
    let elsewhere = provider().file("cargo/credentials.toml", &file).file(
        "cargo/credential-bridge.toml",
        &format!("[registries.\"{URL}\"]\nsources = [ \"cargo:token\" ]\n"),
    );
    let home = elsewhere.home().join("cargo");
    let elsewhere = elsewhere.file(
        "cargo/config.toml",
        &format!("[registries.my-corp]\nindex = \"{URL}\"\n"),
    );
    get(&elsewhere.env("CARGO_HOME", home), URL);
}

#[test]
fn crates_io_has_places_of_its_own() {
    get(&provider().env("CARGO_REGISTRY_TOKEN", TOKEN), CRATES_IO);
    for file in [
        format!("[registry]\ntoken = \"{TOKEN}\"\n"),
        format!("token = \"{TOKEN}\"\n"),
    ] {
        get(
            &provider().file(".cargo/credentials.toml", &file),
            CRATES_IO,
        );
    }
    let named = format!("[registries.crates-io]\ntoken = \"{OTHER}\"\n");
    let provider = provider()
        .env("CARGO_REGISTRIES_CRATES_IO_TOKEN", OTHER)
        .file(".cargo/credentials.toml", &named);
    assert!(
        note(&provider, CRATES_IO).contains("`CARGO_REGISTRY_TOKEN` is not set")
            || note(&provider, CRATES_IO).contains("no token for crates.io")
    );
}

#[test]
fn the_name_is_found_by_the_url() {
    let file = format!(
        "[registries.from_env]\ntoken = \"{TOKEN}\"\n[registries.my-corp]\ntoken = \"{OTHER}\"\n"
    );
    // A variable goes before the configs, and its name is in lower case, with underscores.
    get(
        &provider()
            .env("CARGO_REGISTRIES_FROM_ENV_INDEX", URL)
            .file(".cargo/credentials.toml", &file),
        URL,
    );
    let named = format!("[registries.corp]\ntoken = \"{OTHER}\"\n");
    // What Cargo calls the registry in its request decides nothing.
    let text = note(&provider().file(".cargo/credentials.toml", &named), URL);
    assert!(
        text.contains("Cargo itself has no token for the registry `my-corp`"),
        "{text}"
    );
    assert!(
        text.contains("`cargo login --registry my-corp` stores one"),
        "{text}"
    );
    let text = note(&provider().file(".cargo/config.toml", ""), URL);
    assert!(text.contains("Cargo's config has no name for"), "{text}");
    let two = format!("[registries]\na = {{ index = \"{URL}\" }}\nb = {{ index = \"{URL}\" }}\n");
    let text = error_text(&provider().file(".cargo/config.toml", &two).get(URL, "read"));
    assert!(text.contains("has two names for"), "{text}");
}

#[test]
fn a_file_that_is_broken_is_told_without_its_content() {
    for (path, text, why) in [
        (
            ".cargo/credentials.toml",
            format!("[registries.my-corp]\ntoken = \"{TOKEN}\n"),
            "line 2 makes no sense",
        ),
        (
            ".cargo/config.toml",
            format!("x = 1\n\n = {TOKEN}\n"),
            "line 3 makes no sense",
        ),
        (
            ".cargo/credentials.toml",
            format!("[registries.my-corp]\ntoken = \"{TOKEN}\\u0001\"\n"),
            "control characters",
        ),
    ] {
        let error = error_text(&provider().file(path, &text).get(URL, "read"));
        assert!(error.contains(why), "{error}");
    }
}
