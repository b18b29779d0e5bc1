//! cargo-binstall.

use test_servers::Outcome;

use crate::job::{FROM_STDOUT, Job};

/// The registry has the source alone: the question is whether its index and its crate are had.
fn install(job: &Job) -> Outcome {
    job.add_program("1.0.0");
    let (authority, home) = (job.path("authority.pem"), job.cargo.path());
    let choices = ["--no-confirm", "--strategies", "compile"];
    let trust = ["--root-certificates", &authority];
    let what = ["--registry", "corp", "internal-tool"];
    job.cargo(home, &[&["binstall"], &choices[..], &trust, &what].concat())
}

#[test]
fn a_program_is_installed_by_get() {
    let job = Job::start_tls().env("CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER", FROM_STDOUT);
    let installed = install(&job);
    assert!(
        installed.success(),
        "{}{}",
        installed.stdout,
        installed.stderr
    );
    assert_eq!(job.installed(), "1.0.0");
    job.assert_clean();
}

#[test]
fn a_provider_is_not_asked() {
    let job = Job::start_tls();
    let refused = install(&job);
    assert!(!refused.success());
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(said.contains("registry requires authentication"), "{said}");
    assert!(job.nobody_had_a_token());
    assert_eq!(job.reads("ci/cargo"), 0);
}
