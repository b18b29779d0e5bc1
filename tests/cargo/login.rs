//! `cargo login` and `cargo logout`, as people type them.

use std::path::PathBuf;

use serde_json::json;
use test_servers::cargo::quoted;
use test_servers::{CargoHome, Outcome, leaks};

use crate::job::{Job, PROGRAM};

/// A job whose chain begins with a variable that is not set and ends with Cargo's own file.
fn job(cargo: CargoHome) -> Job {
    let job = Job::start(cargo);
    job.corp(Some(&quoted(&format!("{PROGRAM} --a"))), "");
    job.sources("{ backend = \"job\", var = \"NOT_SET\" }, \"cargo:token\"");
    job
}

fn credentials(job: &Job) -> PathBuf {
    job.cargo.home().join("credentials.toml")
}

fn stored(job: &Job) -> String {
    std::fs::read_to_string(credentials(job)).unwrap_or_default()
}

/// Types a token at `cargo login` with these arguments.
fn login(job: &Job, arguments: &[&str], typed: &str) -> Outcome {
    let arguments = [&["login"], arguments].concat();
    let outcome = job.cargo.run_typed(job.cargo.path(), &arguments, typed);
    job.assert_no_leaks(&outcome);
    outcome
}

fn logout(job: &Job) -> Outcome {
    job.run(job.cargo.path(), &["logout", "--registry", "corp"])
}

/// The round that a person makes: in, to work, out.
#[test]
fn in_and_out() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo);
        let token = job.registry.tokens().read.clone();
        let before = job.fetch(&[]);
        assert!(!before.success());

        // The line break that a pipe has is no part of it.
        let done = login(&job, &["--registry", "corp"], &format!("{token}\n"));
        assert!(done.success(), "{}", done.stderr);
        assert!(
            done.stderr.contains("is stored in `cargo:token`"),
            "{}",
            done.stderr
        );
        assert_eq!(
            stored(&job),
            format!("[registries.corp]\ntoken = \"{token}\"\n")
        );
        let fetched = job.fetch(&[]);
        assert!(fetched.success(), "{}", fetched.stderr);

        // Cargo finds it without us too.
        let alone = "registries.corp.credential-provider='cargo:token'";
        let fetched = job.fetch(&["--config", alone]);
        assert!(fetched.success(), "{}", fetched.stderr);

        let done = logout(&job);
        assert!(done.success(), "{}", done.stderr);
        assert!(
            done.stderr
                .contains("the registry takes it until it is revoked there"),
            "{}",
            done.stderr
        );
        assert_eq!(stored(&job), "[registries.corp]\n");
        let again = logout(&job);
        assert!(again.success(), "{}", again.stderr);
        assert!(
            again.stderr.contains("not currently logged in to `corp`"),
            "{}",
            again.stderr
        );
    });
}

/// What Cargo asks: from its `login`, `login_token_from_stdin` and `logout`.
#[test]
fn what_cargo_asks() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo);
        let registry = json!({ "index-url": job.registry.index_url(), "name": "corp" });
        let done = login(
            &job,
            &["--registry", "corp", "--", "word", "--flag"],
            "abcdefgh\n",
        );
        assert!(done.success(), "{}", done.stderr);
        // The registry demands a token of who looks for the address of its login page.
        assert_eq!(job.operations(), ["read", "login"]);
        let url = format!("{}/me", job.registry.url());
        // Cargo 1.74 passes on the line break; what is stored has none.
        let token = job.asked()[1]["token"].as_str().unwrap().to_owned();
        assert_eq!(token.trim_end(), "abcdefgh");
        assert!(token == "abcdefgh" || job.cargo.minor() < 86);
        assert!(stored(&job).contains("token = \"abcdefgh\"\n"));
        let expected = json!({
            "v": 1, "registry": registry, "kind": "login", "token": token, "login-url": url,
            "args": ["--a", "word", "--flag"],
        });
        assert_eq!(job.asked()[1], expected);

        let done = logout(&job);
        assert!(done.success(), "{}", done.stderr);
        let expected = json!({ "v": 1, "registry": registry, "kind": "logout", "args": ["--a"] });
        assert_eq!(job.asked().pop().unwrap(), expected);
    });
}

/// From Cargo's `registry_credentials` and `login_with_differently_sized_token`.
#[test]
fn other_registries_keep_theirs() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo);
        let others = "[registry]\ntoken = \"cratesio\"\n\n[registries.other]\ntoken = \"others\"\n";
        std::fs::write(credentials(&job), others).unwrap();
        for token in [
            "a-long-token-of-many-words",
            "short-1",
            "a-long-token-of-many-words",
        ] {
            let done = login(&job, &["--registry", "corp"], token);
            assert!(done.success(), "{}", done.stderr);
            let expected = format!("{others}\n[registries.corp]\ntoken = \"{token}\"\n");
            assert_eq!(stored(&job), expected);
        }
    });
}

/// From Cargo's `default_registry_configured`, that of login and that of logout.
#[test]
fn the_registry_that_is_the_default() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo);
        job.cargo.config("[registry]\ndefault = 'corp'");
        let crates_io = "[registry]\ntoken = \"cratesio\"\n";
        std::fs::write(credentials(&job), crates_io).unwrap();
        let done = login(&job, &[], "a-new-token");
        assert!(done.success(), "{}", done.stderr);
        assert!(stored(&job).contains("[registries.corp]\ntoken = \"a-new-token\"\n"));
        let done = job.run(job.cargo.path(), &["logout"]);
        assert!(done.success(), "{}", done.stderr);
        assert!(stored(&job).starts_with(crates_io));
        assert!(!stored(&job).contains("a-new-token"));
        let again = job.run(job.cargo.path(), &["logout"]);
        assert!(again.success() && again.stderr.contains("not currently logged in to `corp`"));
    });
}

/// From Cargo's `login_existing_token`: what is there is replaced.
#[test]
fn a_token_that_is_there_already() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo);
        let token = job.registry.tokens().read.clone();
        for token in ["t0ken-of-nobody", &token] {
            let done = login(&job, &["--registry", "corp"], token);
            assert!(done.success(), "{}", done.stderr);
        }
        assert!(!stored(&job).contains("t0ken-of-nobody"));
        let fetched = job.fetch(&[]);
        assert!(fetched.success(), "{}", fetched.stderr);
    });
}

/// From Cargo's `login_with_no_cargo_dir`, with all that there is to know in variables.
#[test]
fn a_home_that_is_not_there_yet() {
    CargoHome::old_and_new(|cargo| {
        let job = Job::start(cargo);
        let home = job.cargo.path().join("no/home");
        let url = job.registry.index_url();
        let config = format!("[registries.\"{url}\"]\nsources = [ \"cargo:token\" ]");
        let job = job
            .env("CARGO_HOME", home.to_str().unwrap())
            .env("CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML", &config)
            .env("CARGO_REGISTRIES_CORP_INDEX", &url)
            .env("CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER", PROGRAM);
        let done = login(&job, &["--registry", "corp"], "a-new-token");
        assert!(done.success(), "{}", done.stderr);
        let stored = std::fs::read_to_string(home.join("credentials.toml")).unwrap();
        assert_eq!(stored, "[registries.corp]\ntoken = \"a-new-token\"\n");
    });
}

/// From Cargo's `empty_login_token` and `invalid_login_token`.
#[test]
fn tokens_that_are_none() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo);
        for (typed, why) in [
            ("\t\n", "there is no token to store"),
            ("", "there is no token to store"),
            ("s3cret\u{16}", "has control characters in it"),
            ("s3cret\u{1f604}", "has characters in it that are not ASCII"),
            ("s3cret\u{4f60}", "has characters in it that are not ASCII"),
        ] {
            let done = login(&job, &["--registry", "corp"], typed);
            assert!(!done.success(), "{typed:?}");
            let stderr = &done.stderr;
            assert!(stderr.contains("failed action `login`"), "{stderr}");
            assert!(stderr.contains(why), "{typed:?}: {stderr}");
            assert!(!stderr.contains("s3cret"), "{stderr}");
            assert_eq!(stored(&job), "");
        }
        let all: String = (' '..='~').collect();
        for typed in ["foo\tbar", "foo bar", all.trim()] {
            let done = login(&job, &["--registry", "corp"], typed);
            assert!(done.success(), "{typed:?}: {}", done.stderr);
        }
    });
}

/// From Cargo's `basic_unsupported`: what only gives tokens can't keep them.
#[test]
fn where_nothing_can_be_stored() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo);
        for (source, place) in [
            (
                "{ backend = \"job\", var = \"NOT_SET\" }",
                "it is kept in the environment variable `NOT_SET` of `job`",
            ),
            (
                "\"cargo:token-from-stdout true\"",
                "it is kept in what `true` prints",
            ),
        ] {
            job.sources(source);
            for done in [
                login(&job, &["--registry", "corp"], "a-new-token"),
                logout(&job),
            ] {
                assert!(!done.success());
                let stderr = &done.stderr;
                assert!(stderr.contains("can't change the token for"), "{stderr}");
                assert!(stderr.contains(place), "{stderr}");
                leaks::assert_absent(&["a-new-token"], &[("standard error", stderr.as_bytes())]);
            }
        }
        assert_eq!(stored(&job), "");
    });
}

/// From Cargo's `multiple_providers`: a registry that is not ours is logged in to by the next of the list.
#[test]
fn a_registry_that_is_not_ours() {
    CargoHome::old_and_new(|cargo| {
        let job = Job::start(cargo);
        job.bridge_config("");
        job.corp(
            None,
            &format!("[registry]\nglobal-credential-providers = ['cargo:token', '{PROGRAM}']"),
        );
        let done = login(&job, &["--registry", "corp", "-v"], "a-new-token");
        assert!(done.success(), "{}", done.stderr);
        let ours = done
            .stderr
            .find(&format!("Credential {PROGRAM} login corp"));
        let cargos = done.stderr.find("Credential cargo:token login corp");
        assert!(ours.is_some() && ours < cargos, "{}", done.stderr);
        assert!(stored(&job).contains("a-new-token"));
        let done = logout(&job);
        assert!(done.success(), "{}", done.stderr);
        assert!(!stored(&job).contains("a-new-token"));
    });
}
