//! Cargo's own providers as sources of ours, under Cargo itself.

use serde_json::json;
use test_servers::CargoHome;
use test_servers::cargo::quoted;

use crate::job::{Job, PROGRAM};

fn job(cargo: CargoHome, sources: &str) -> Job {
    let job = Job::start(cargo);
    job.corp(Some(&quoted(PROGRAM)), "");
    job.sources(sources);
    job
}

/// From Cargo's `environment_token`, and its `simple` for the file.
#[test]
fn the_token_that_cargo_has() {
    CargoHome::old_and_new(|cargo| {
        let by_variable = job(cargo.anew(), "\"cargo:token\"");
        let token = by_variable.registry.tokens().read.clone();
        let by_variable = by_variable.env("CARGO_REGISTRIES_CORP_TOKEN", &token);
        by_variable.assert_fetched(&by_variable.fetch(&[]));

        let by_file = job(cargo, "\"cargo:token\"");
        let token = &by_file.registry.tokens().read;
        let text = format!("[registries.corp]\ntoken = \"{token}\"\n");
        std::fs::write(by_file.cargo.home().join("credentials.toml"), text).unwrap();
        by_file.assert_fetched(&by_file.fetch(&[]));
    });
}

/// From Cargo's `environment_config`: no file knows of the registry.
#[test]
fn the_token_of_a_registry_that_only_variables_know() {
    CargoHome::old_and_new(|cargo| {
        let job = Job::start(cargo);
        job.sources("\"cargo:token\"");
        let (url, token) = (job.registry.index_url(), job.registry.tokens().read.clone());
        let job = job
            .env("CARGO_REGISTRIES_CORP_INDEX", &url)
            .env("CARGO_REGISTRIES_CORP_TOKEN", &token)
            .env("CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER", PROGRAM);
        job.assert_fetched(&job.fetch(&[]));
    });
}

/// From Cargo's `basic_provider` and `basic_provider_crlf`.
#[test]
fn the_token_that_a_program_prints() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo, "");
        let script = job.cargo.path().join("print.sh");
        let text = "test \"$1\" = \"$CARGO_REGISTRY_INDEX_URL\" && printf '%s\\r\\n' \"$BRIDGE_READ\"\n\
                    echo \"CARGO_REGISTRY_NAME_OPT=$CARGO_REGISTRY_NAME_OPT\" >&2\n";
        std::fs::write(&script, text).unwrap();
        let source = json!([
            "cargo:token-from-stdout",
            "/bin/sh",
            script.to_str().unwrap(),
            "{index_url}"
        ]);
        job.sources(&source.to_string());
        let fetched = job.fetch(&[]);
        job.assert_fetched(&fetched);
        assert!(
            fetched.stderr.contains("CARGO_REGISTRY_NAME_OPT=corp\n"),
            "{}",
            fetched.stderr
        );
    });
}

/// From Cargo's `invalid_token_output`.
#[test]
fn a_program_that_prints_more_than_one_line() {
    CargoHome::old_and_new(|cargo| {
        let job = job(
            cargo,
            r#"[ "cargo:token-from-stdout", "printf", "a-line\nb-line\n" ]"#,
        );
        let fetched = job.fetch(&[]);
        assert!(!fetched.success());
        let stderr = &fetched.stderr;
        assert!(stderr.contains("failed action `get`"), "{stderr}");
        assert!(stderr.contains("it printed more than one line"), "{stderr}");
        assert!(!stderr.contains("b-line"), "{stderr}");
    });
}

#[test]
fn a_plugin_that_has_nothing_and_then_one_that_has() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo, "");
        let plugin = job.plugin(&json!({ "Err": { "kind": "url-not-supported" } }));
        job.sources(&format!("{plugin}, \"cargo:token\""));
        let token = job.registry.tokens().read.clone();
        let job = job.env("CARGO_REGISTRIES_CORP_TOKEN", &token);
        job.assert_fetched(&job.fetch(&[]));
        assert_eq!(job.plugin_was_asked(), 1);
    });
}

/// An alias that Cargo has leads to us, and our own source leads there again.
#[test]
fn a_source_that_leads_back_to_us() {
    CargoHome::old_and_new(|cargo| {
        let path = |job: &Job| job.path_with_space();
        let job = Job::start(cargo);
        let alias = json!([path(&job)]);
        job.corp(
            Some("'bridge'"),
            &format!("[credential-alias]\nbridge = {alias}"),
        );
        for source in [alias.to_string(), quoted(PROGRAM)] {
            job.sources(&source);
            let before = job.asked().len();
            let fetched = job.fetch(&[]);
            assert!(!fetched.success());
            let stderr = &fetched.stderr;
            assert!(
                stderr.contains("this program is asked for")
                    && stderr.contains("by a plugin that it asks itself"),
                "{stderr}"
            );
            assert!(
                stderr.contains(
                    "help: a source in its config leads back to it, perhaps through an alias"
                ),
                "{stderr}"
            );
            // Cargo asked, and so did we, once.
            assert_eq!(job.asked().len() - before, 2);
        }
    });
}

/// `credential-alias` is for Cargo: in our config its name is no source, and is not repeated.
#[test]
fn an_alias_is_no_source() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo, "\"bridge\"");
        job.cargo
            .config(&format!("[credential-alias]\nbridge = '{PROGRAM}'"));
        let fetched = job.fetch(&[]);
        assert!(!fetched.success());
        assert!(
            fetched
                .stderr
                .contains("neither a provider of Cargo's nor a plugin"),
            "{}",
            fetched.stderr
        );
    });
}
