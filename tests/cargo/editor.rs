//! rust-analyzer, which runs Cargo to learn what a project is made of.

use std::path::PathBuf;

use test_servers::cargo::quoted;
use test_servers::{CargoHome, Outcome};

use crate::job::{Job, PROGRAM};

fn rust_analyzer() -> PathBuf {
    let program = std::env::var_os("CCB_RUST_ANALYZER");
    program
        .expect("CCB_RUST_ANALYZER names it: set it to what `ci/install rust-analyzer` prints")
        .into()
}

/// What it finds in a package with an error that only who knows the private crate can see.
fn diagnostics(job: &Job) -> Outcome {
    let app = job.app();
    let wrong = "pub fn answer() -> String {\n    internal::ANSWER\n}\n";
    job.in_the_app("src/lib.rs", wrong);
    let told = job
        .cargo
        .run_program(rust_analyzer(), &app, &["diagnostics", "."]);
    job.assert_no_leaks(&told);
    told
}

#[test]
fn it_knows_a_private_crate() {
    let job = Job::start(CargoHome::new());
    job.corp(Some(&quoted(PROGRAM)), "");
    let told = diagnostics(&job);
    let found = "expected String, found u32";
    assert!(
        told.stdout.contains(found),
        "{}{}",
        told.stdout,
        told.stderr
    );
    // It runs Cargo more than once.
    let asked = job.operations();
    assert!(!asked.is_empty() && asked.iter().all(|operation| operation == "read"));
}

/// Such as in an editor that was started without the `PATH` that our program is on.
#[test]
fn where_we_are_not_found_it_overlooks_the_error() {
    let job = Job::start(CargoHome::new());
    job.corp(Some("'cargo-credential-nowhere'"), "");
    let told = diagnostics(&job);
    assert!(told.success(), "{}{}", told.stdout, told.stderr);
    let warning = "credential provider `cargo-credential-nowhere` failed action `get`";
    assert!(told.stderr.contains(warning), "{}", told.stderr);
}
