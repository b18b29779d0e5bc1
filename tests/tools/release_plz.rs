//! release-plz.

use std::path::{Path, PathBuf};

use test_servers::{Outcome, Response, Server};

use crate::job::Job;

/// Where the repository would be; nothing is asked there.
const FORGE: &str = "https://github.com/acme/app";

/// A package in a repository of git, with a config that keeps release-plz away from every forge.
fn package(job: &Job) -> PathBuf {
    let app = job.app();
    let config =
        "[workspace]\ngit_release_enable = false\ngit_tag_enable = false\nsemver_check = false\n";
    let _same = job.cargo.package_with(
        "app",
        &[("release-plz.toml", config), (".gitignore", "target\n")],
    );
    commit(job, &app, "feat: begin");
    app
}

fn git(job: &Job, dir: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=ci", "-c", "user.email=ci@example.com"];
    let outcome = job.program(dir, "git", &[&identity, arguments].concat());
    assert!(outcome.success(), "{arguments:?}: {}", outcome.stderr);
}

fn commit(job: &Job, dir: &Path, message: &str) {
    let locked = job.cargo(dir, &["generate-lockfile"]);
    assert!(locked.success(), "{}", locked.stderr);
    git(job, dir, &["init", "--quiet", "--initial-branch=main"]);
    git(job, dir, &["remote", "add", "origin", FORGE]);
    git(job, dir, &["add", "."]);
    git(job, dir, &["commit", "--quiet", "--message", message]);
}

fn release_plz(job: &Job, dir: &Path, command: &str, forge: &str, more: &[&str]) -> Outcome {
    let arguments = [command, "--registry", "corp", "--repo-url", forge];
    job.program(dir, "release-plz", &[&arguments, more].concat())
}

#[test]
fn a_package_is_released() {
    let job = Job::start();
    let app = package(&job);
    // It wants to know the pull request of a commit: there is none.
    let forge = Server::start(|_request| Response::json(404, &serde_json::json!({})));
    let url = format!("{}/acme/app", forge.url());
    let arguments = ["--forge", "gitea", "--git-token", "of-the-forge"];
    let released = release_plz(&job, &app, "release", &url, &arguments);
    assert!(released.success(), "{}{}", released.stdout, released.stderr);
    assert!(job.registry.has_crate("app"));
    assert_eq!(job.reads("ci/cargo-publish"), 1);
    job.assert_clean();
}

#[test]
fn the_next_version_is_found() {
    let job = Job::start();
    let app = package(&job);
    let published = job.cargo(&app, &["publish", "--registry", "corp"]);
    assert!(published.success(), "{}", published.stderr);
    let before = job.reads("ci/cargo");
    std::fs::write(app.join("src/lib.rs"), "//! More.\npub fn more() {}\n").unwrap();
    git(
        &job,
        &app,
        &["commit", "--quiet", "--all", "--message", "feat: more"],
    );
    let updated = release_plz(&job, &app, "update", FORGE, &[]);
    assert!(updated.success(), "{}{}", updated.stdout, updated.stderr);
    assert_eq!(job.reads("ci/cargo") - before, 1);
    let manifest = std::fs::read_to_string(app.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("version = \"0.1.1\""), "{manifest}");
    job.assert_clean();
}
