//! cargo-outdated, which has Cargo in it, cargo-deny, which runs it, and cargo-edit, which does neither.

use std::path::PathBuf;

use crate::job::Job;

/// A package that could have a newer version of what it depends on.
fn outdated(job: &Job) -> PathBuf {
    let app = job.app();
    let locked = job.cargo(&app, &["generate-lockfile"]);
    assert!(locked.success(), "{}", locked.stderr);
    job.registry.add_crate("internal", "2.0.0", "");
    app
}

#[test]
fn outdated_asks_us() {
    let job = Job::start();
    let app = outdated(&job);
    let before = job.reads("ci/cargo");
    let told = job.cargo(&app, &["outdated", "--root-deps-only"]);
    assert!(told.success(), "{}", told.stderr);
    assert!(told.stdout.contains("2.0.0"), "{}", told.stdout);
    assert!(job.reads("ci/cargo") > before);
    job.assert_clean();
}

#[test]
fn deny_asks_us() {
    let job = Job::start();
    let app = job.app();
    let checked = job.cargo(&app, &["deny", "check", "bans"]);
    assert!(checked.success(), "{}{}", checked.stdout, checked.stderr);
    assert!(job.reads("ci/cargo") > 0);
    job.assert_clean();
}

/// It asks the index by itself, without a token, though Cargo has had one from us for it before.
#[test]
fn upgrade_has_no_token() {
    let job = Job::start();
    let app = outdated(&job);
    let refused = job.cargo(&app, &["upgrade", "--incompatible"]);
    assert!(!refused.success());
    assert!(refused.stderr.contains("401"), "{}", refused.stderr);
}
