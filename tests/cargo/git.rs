//! A registry with a git index: Cargo asks for the token of its downloads and of its API, and for nothing else.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use test_servers::cargo::quoted;
use test_servers::{CargoHome, Outcome};

use crate::job::{Job, PROGRAM};

fn git(directory: &Path, arguments: &[&str]) {
    let mut git = Command::new("git");
    git.current_dir(directory)
        .args(["-c", "user.name=ci", "-c", "user.email=ci@example.com"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    assert!(git.status().unwrap().success(), "git {arguments:?}");
}

/// A job whose registry has its index in a git repository, and the URL of that.
fn job(cargo: CargoHome) -> (Job, String) {
    let job = Job::start(cargo);
    let index = job.cargo.path().join("index");
    std::fs::create_dir_all(index.join("in/te")).unwrap();
    let line = job.registry.index_file("in/te/internal").unwrap();
    std::fs::write(index.join("in/te/internal"), line).unwrap();
    let url = job.registry.url();
    let config = json!({ "dl": format!("{url}/dl"), "api": url, "auth-required": true });
    std::fs::write(index.join("config.json"), config.to_string()).unwrap();
    git(&index, &["init", "--quiet"]);
    git(&index, &["add", "."]);
    git(&index, &["commit", "--quiet", "--message", "index"]);
    let url = format!("file://{}", index.to_str().unwrap());
    // Debian's Cargo 1.96 is built for another libgit2 than Debian has.
    let job = job.env("CARGO_NET_GIT_FETCH_WITH_CLI", "true");
    job.cargo.config(&format!(
        "[registries.corp]\nindex = {}\ncredential-provider = '{PROGRAM}'",
        quoted(&url)
    ));
    job.bridge_config(&format!(
        "[registries.\"{url}\"]\nsources = [ {{ backend = \"job\", var = \"BRIDGE_READ\" }} ]\n\
         yank = [ {{ backend = \"job\", var = \"BRIDGE_PUBLISH\" }} ]"
    ));
    (job, url)
}

fn says(outcome: &Outcome, text: &str) {
    assert!(!outcome.success());
    assert!(outcome.stderr.contains(text), "{text}: {}", outcome.stderr);
}

#[test]
fn downloads_and_the_api() {
    CargoHome::old_and_new(|cargo| {
        let (job, url) = job(cargo);
        let fetched = job.fetch(&[]);
        assert!(fetched.success(), "{}", fetched.stderr);
        let registry = json!({ "index-url": url, "name": "corp" });
        let read = json!({ "v": 1, "registry": registry, "kind": "get", "operation": "read" });
        assert_eq!(job.asked(), [read]);
        let yanked = job.run(
            job.cargo.path(),
            &["yank", "internal@1.0.0", "--registry", "corp"],
        );
        assert!(yanked.success(), "{}", yanked.stderr);
        assert_eq!(job.operations().last().unwrap(), "yank");

        let tokens = job.registry.tokens();
        let expected = [
            ("GET", "/dl/internal/1.0.0/download", &tokens.read),
            (
                "DELETE",
                "/api/v1/crates/internal/1.0.0/yank",
                &tokens.publish,
            ),
        ];
        let shown = job.registry.authorizations();
        assert_eq!(shown.len(), expected.len());
        for ((method, path, token), expected) in shown.iter().zip(expected) {
            assert_eq!((method.as_str(), path.as_str()), (expected.0, expected.1));
            assert!(token.as_ref() == Some(expected.2), "{method} {path}");
        }
    });
}

/// From Cargo's `missing_token_git`.
#[test]
fn a_token_that_is_missing() {
    CargoHome::old_and_new(|cargo| {
        let (job, _) = job(cargo);
        let job = job.env("BRIDGE_READ", "");
        says(&job.fetch(&[]), "no token found for `corp`");
        assert!(job.registry.requests().is_empty());
    });
}

/// From Cargo's `incorrect_token_git`.
#[test]
fn a_token_that_is_refused() {
    CargoHome::old_and_new(|cargo| {
        let (job, _) = job(cargo);
        let job = job.env("BRIDGE_READ", "t0ken-of-nobody");
        let fetched = job.fetch(&[]);
        says(&fetched, "got 401");
        assert!(!fetched.stderr.contains("t0ken-of-nobody"));
        assert_eq!(job.operations(), ["read"]);
    });
}
