//! What leads out of a job's own settings: where `PATH` goes, what Cargo calls a registry, a store that sends us elsewhere.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use test_servers::provider::error_text;
use test_servers::{Provider, Registry, Response, Server, VaultServer};

use crate::{BINARY, URL};

const TOKEN: &str = "st0red-s3cret-token";

/// A registry that has an entry too.
const OTHER: &str = "sparse+https://other.example.com/index/";

/// A program as one of the repository's that says who is asking.
fn with_program(provider: Provider, name: &str, script: &str) -> Provider {
    let path = format!("work/{name}");
    let provider = provider.file(&path, &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(
        provider.home().join(path),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    provider
}

fn with_plugin(path: &str) -> Provider {
    let provider = Provider::new(BINARY).env("PATH", path).config(&format!(
        "[registries.\"{URL}\"]\nsources = [ \"cargo:token-from-stdout print-token\" ]\n"
    ));
    with_program(provider, "print-token", "echo theirs")
}

#[test]
fn a_plugin_is_not_looked_for_in_the_repository() {
    let text = error_text(&with_plugin("/usr/bin:/bin").get(URL, "read"));
    assert!(text.contains("print-token"), "{text}");
}

/// Whoever has `.` in `PATH` has said that what is checked out is to be run.
#[test]
fn a_path_that_leads_into_the_repository() {
    for path in [".:/usr/bin:/bin", "/usr/bin:/bin:"] {
        let answer = with_plugin(path).get(URL, "read");
        assert_eq!(answer["Ok"]["token"], "theirs", "{path}: {answer}");
    }
}

/// `cargo:token` finds the name of a registry as Cargo does, so that a repository may swap the tokens of two registries that
/// both have such an entry, and of no others.
#[test]
fn names_that_cargo_gives() {
    let entry = |url: &str| format!("[registries.\"{url}\"]\nsources = [ \"cargo:token\" ]\n");
    let job = |bridge: &str| {
        Provider::new(BINARY)
            .config(bridge)
            .env("CARGO_REGISTRIES_CORP_TOKEN", TOKEN)
            .file(
                ".cargo/config.toml",
                &format!("[registries.corp]\nindex = \"{URL}\"\n"),
            )
            .file(
                "work/.cargo/config.toml",
                &format!("[registries.corp]\nindex = \"{OTHER}\"\n"),
            )
            .secret(TOKEN)
    };
    let answer = job(&entry(URL)).get(OTHER, "read");
    assert_eq!(answer, json!({ "Err": { "kind": "url-not-supported" } }));
    let both = entry(URL) + &entry(OTHER);
    assert_eq!(job(&both).get(OTHER, "read")["Ok"]["token"], TOKEN);
    // A variable goes before all files, for Cargo and for us.
    let told = job(&both).env("CARGO_REGISTRIES_CORP_INDEX", URL);
    assert_eq!(told.get(URL, "read")["Ok"]["token"], TOKEN);
    let named = told.env("CARGO_REGISTRIES_OTHER_INDEX", OTHER);
    assert_eq!(
        named.get(OTHER, "read"),
        json!({ "Err": { "kind": "not-found" } })
    );
}

/// The address is the job's. Who sets it is told who the job is, for the audience in the config, and no more.
#[test]
fn an_identity_endpoint_and_a_store_that_are_not_ours() {
    let (vault, elsewhere) = (VaultServer::start(), Registry::start());
    let away = elsewhere.url();
    vault.put("ci/cargo", json!({ "token": TOKEN }));
    vault.intercept(move |request| {
        Some(Response::empty(307).header("location", &format!("{away}{}", request.path)))
    });
    let endpoint = Server::start(|_| Response::json(200, &json!({ "value": "e30.e30.c2lnbmVk" })));
    let backend = format!(
        "type = \"vault\"\naddress = \"{}\"\nauth = {{ method = \"jwt\", role = \"ci\", audience = \"vault\", identity = \"github-actions\" }}",
        vault.url()
    );
    let provider = Provider::new(BINARY)
        .config(&format!(
            "[backends.corp]\n{backend}\n[registries.\"{URL}\"]\nsources = [ {{ backend = \"corp\", path = \"ci/cargo\", field = \"token\" }} ]\n"
        ))
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", endpoint.url())
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner-s3cret")
        .secret("runner-s3cret")
        .secret("e30.e30.c2lnbmVk");
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("sends us elsewhere"), "{text}");
    assert!(elsewhere.requests().is_empty());
    assert_eq!(endpoint.requests().len(), 1);
}
