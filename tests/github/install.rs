//! Where the program is from, and what stops it from being run.

use std::fs;

use test_servers::{Authority, Outcome, Server};

use crate::releases;
use crate::runner::Runner;
use crate::{BINARY, VERSION};

/// A config that needs no server.
const CONFIG: &str = "identity: unused\nconfig: |\n  [backends.e]\n  type = \"env\"\n\n  [registries.\"sparse+https://r.example/\"]\n  \
    sources = [ { backend = \"e\", var = \"TOKEN_HERE\" } ]\n";

/// A mirror of the releases at an address of loopback, over TLS.
struct Mirror {
    server: Server,
    runner: Runner,
}

impl Mirror {
    fn start(sums: impl Fn(String) -> String + Send + Sync + 'static) -> Self {
        let authority = Authority::new();
        let server = releases::serve("127.0.0.1", &authority, sums);
        let runner = Runner::new();
        let pem = runner.path().join("mirror.pem");
        fs::write(&pem, authority.pem()).unwrap();
        let programs = releases::gh(runner.path());
        let runner = runner.programs(&programs).env("SSL_CERT_FILE", pem);
        Self { server, runner }
    }

    fn job(&self, inputs: &str) -> Outcome {
        let releases = format!(
            "{}/cargo-credential-bridge/cargo-credential-bridge/releases/download",
            self.server.url()
        );
        self.runner.job(
            &format!("releases: {releases}\n{inputs}{CONFIG}"),
            "- run: echo \"ran=$(cargo-credential-bridge --version)\"\n",
        )
    }
}

fn said(run: &Outcome) -> String {
    format!("{}{}", run.stdout, run.stderr)
}

/// Checks that the job has failed with these words, and that the program was not run.
fn assert_refused(run: &Outcome, words: &str) {
    let said = said(run);
    assert!(!run.success() && said.contains(words), "{said}");
    assert!(
        !said.contains("ran=") && !said.contains("makes sense"),
        "{said}"
    );
}

#[test]
fn a_release_is_checked_and_attested() {
    let mirror = Mirror::start(|sums| sums);
    let run = mirror.job("");
    let said = said(&run);
    assert!(run.success(), "{said}");
    for words in [
        "/SHA256SUMS",
        "is attested: cargo-credential-bridge/cargo-credential-bridge/.github/workflows/release.yml built it",
        &format!("ran=cargo-credential-bridge {VERSION}"),
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn a_wrong_checksum_stops_it() {
    let mirror = Mirror::start(|sums| sums.replace(releases::sum(), &"ab".repeat(32)));
    let run = mirror.job("");
    assert_refused(&run, "SHA256SUMS says abab");
    // What is wrong by its sum is shown to nobody.
    assert!(!mirror.runner.path().join("programs/gh-arguments").exists());
}

#[test]
fn a_release_without_a_checksum_stops_it() {
    let mirror = Mirror::start(|_| String::new());
    assert_refused(&mirror.job(""), "no checksum for");
}

#[test]
fn a_missing_attestation_stops_it() {
    let mirror = Mirror::start(|sums| sums);
    fs::write(mirror.runner.path().join("programs/gh-refuses"), "").unwrap();
    let run = mirror.job("");
    assert_refused(&run, "has no attestation of");
    assert!(said(&run).contains("Error: no attestations found for subject"));
}

#[test]
fn a_checksum_in_the_workflow_counts_instead_of_the_releases() {
    let mirror = Mirror::start(|_| String::new());
    let off = format!(
        "attestation: off\nsha256: {}\n",
        releases::sum().to_uppercase()
    );
    let run = mirror.job(&off);
    assert!(run.success(), "{}", said(&run));
    assert!(said(&run).contains("attestation: off: nobody was asked who built it"));
    assert!(!mirror.runner.path().join("programs/gh-arguments").exists());

    let wrong = format!("attestation: off\nsha256: {}\n", "0".repeat(64));
    assert_refused(&mirror.job(&wrong), "the input `sha256` says 0000");
}

#[test]
fn what_makes_no_sense_is_said_before_anything_is_fetched() {
    let mirror = Mirror::start(|sums| sums);
    for (inputs, words) in [
        ("version: latest\n", "`latest` is not a version"),
        ("version: 0.1.0/../../x\n", "is not a version"),
        ("install: docker\n", "the input `install` is `docker`"),
        ("attestation: maybe\n", "the input `attestation` is `maybe`"),
        ("install: path\n", "`install: path` without a path"),
        (
            "install: path\npath: nothing/here\n",
            "`nothing/here` is not a program",
        ),
    ] {
        assert_refused(&mirror.job(inputs), words);
    }
    assert!(mirror.server.requests().is_empty());
    assert_refused(
        &mirror.job("version: 9.9.9\n"),
        "can't fetch https://127.0.0.1",
    );
}

/// A `cargo` that writes down what it is asked for, and leaves the binary under test.
#[test]
fn by_cargo_what_is_built_has_no_part_in_the_jobs_identity() {
    let runner = Runner::new();
    let programs = releases::gh(runner.path());
    let asked = runner.path().join("asked");
    let cargo = format!(
        "#!/bin/sh\n{{ printf '%s\\n' \"$@\"; env; }} >'{}'\nmkdir \"$4/bin\" && cp '{BINARY}' \"$4/bin/\"\n",
        asked.display()
    );
    let program = programs.join("cargo");
    fs::copy(programs.join("gh"), &program).unwrap();
    fs::write(&program, cargo).unwrap();
    let issuer = test_servers::Issuer::start();
    let runner = runner.programs(&programs).identity(&issuer);
    let run = runner.job(&format!("install: cargo\n{CONFIG}"), "");
    assert!(run.success(), "{}", said(&run));
    let asked = fs::read_to_string(asked).unwrap();
    let folder = asked.lines().nth(3).unwrap();
    assert!(
        asked.starts_with(&format!(
            "install\n--locked\n--root\n{folder}\n--version\n={VERSION}\ncargo-credential-bridge\n"
        )),
        "{asked}"
    );
    assert!(!asked.contains("ACTIONS_ID_TOKEN_REQUEST"), "{asked}");
}
