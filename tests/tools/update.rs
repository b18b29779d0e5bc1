//! cargo-update.

use test_servers::Outcome;

use crate::job::{Job, PROGRAM};

fn install(job: &Job) {
    job.add_program("1.0.0");
    let installed = job.cargo(
        job.cargo.path(),
        &["install", "--registry", "corp", "internal-tool"],
    );
    assert!(installed.success(), "{}", installed.stderr);
    assert_eq!(job.installed(), "1.0.0");
    job.add_program("1.1.0");
}

fn update(job: &Job) -> Outcome {
    job.cargo(job.cargo.path(), &["install-update", "--all"])
}

#[test]
fn a_program_is_updated() {
    let job = Job::start();
    install(&job);
    let before = job.reads("ci/cargo");
    let updated = update(&job);
    assert!(updated.success(), "{}{}", updated.stdout, updated.stderr);
    assert_eq!(job.installed(), "1.1.0");
    assert_eq!(job.reads("ci/cargo") - before, 2, "{}", updated.stdout);
    job.assert_clean();
}

/// It reads `$CARGO_HOME/config.toml`, and of Cargo's variables for a registry the token alone.
#[test]
fn a_registry_that_only_variables_know_is_unknown() {
    let job = Job::with_nothing_said();
    let url = job.registry.index_url();
    let job = job
        .env("CARGO_REGISTRIES_CORP_INDEX", &url)
        .env("CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER", PROGRAM);
    install(&job);
    let refused = update(&job);
    assert!(!refused.success());
    let why = "Non-crates.io registry specified and no config file found";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    assert_eq!(job.installed(), "1.0.0");
}
