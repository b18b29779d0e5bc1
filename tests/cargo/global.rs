//! `registry.global-credential-providers`, where we stand beside `cargo:token` and others.

use serde_json::json;
use test_servers::{CargoHome, Registry};

use crate::job::{Job, PROGRAM};

/// A job whose only providers are these, for every registry.
fn job(cargo: CargoHome, providers: &[&str]) -> Job {
    let job = Job::start(cargo);
    let list = json!(providers);
    job.corp(
        None,
        &format!("[registry]\nglobal-credential-providers = {list}"),
    );
    job
}

/// A config for some other registry than `corp`.
const FOR_ANOTHER: &str = "[registries.\"sparse+https://crates.example.com/index/\"]\n\
                           sources = [ { backend = \"job\", var = \"BRIDGE_READ\" } ]";

fn credential(provider: &str) -> String {
    format!("  Credential {provider} get corp\n")
}

/// The lines of `-v` that say which providers were asked, in order.
fn credentials(stderr: &str) -> String {
    let lines = stderr
        .lines()
        .filter(|line| line.starts_with("  Credential "));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_last_of_the_list_is_asked_first() {
    CargoHome::old_and_new(|cargo| {
        // A token of the environment that the registry would refuse.
        let job = job(cargo, &["cargo:token", PROGRAM])
            .env("CARGO_REGISTRIES_CORP_TOKEN", "t0ken-of-nobody");
        let fetched = job.fetch(&[]);
        job.assert_fetched(&fetched);
        assert_eq!(credentials(&fetched.stderr), credential(PROGRAM));
    });
}

#[test]
fn the_first_of_the_list_is_asked_last() {
    CargoHome::old_and_new(|cargo| {
        let list = [PROGRAM, "cargo:token"];
        let first = job(cargo.anew(), &list);
        let token = first.registry.tokens().read.clone();
        let first = first.env("CARGO_REGISTRIES_CORP_TOKEN", &token);
        let fetched = first.fetch(&[]);
        first.assert_fetched(&fetched);
        assert_eq!(credentials(&fetched.stderr), credential("cargo:token"));
        assert!(first.asked().is_empty());

        let second = job(cargo, &list);
        let fetched = second.fetch(&[]);
        second.assert_fetched(&fetched);
        let both = credential("cargo:token") + &credential(PROGRAM);
        assert_eq!(credentials(&fetched.stderr), both);
        assert_eq!(second.operations(), ["read"]);
    });
}

#[test]
fn a_registry_that_is_not_ours_is_left_to_the_others() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo, &["cargo:token", PROGRAM]);
        job.bridge_config(FOR_ANOTHER);
        let token = job.registry.tokens().read.clone();
        let job = job.env("CARGO_REGISTRIES_CORP_TOKEN", &token);
        let fetched = job.fetch(&[]);
        job.assert_fetched(&fetched);
        let both = credential(PROGRAM) + &credential("cargo:token");
        assert_eq!(credentials(&fetched.stderr), both);
        assert!(
            !fetched.stderr.contains("cargo-credential-bridge: "),
            "not worth a word: {}",
            fetched.stderr
        );
    });
}

#[test]
fn a_secret_that_is_missing_makes_way_for_the_others() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo, &["cargo:token", PROGRAM]);
        let token = job.registry.tokens().read.clone();
        let job = job
            .env("BRIDGE_READ", "")
            .env("CARGO_REGISTRIES_CORP_TOKEN", &token);
        let fetched = job.fetch(&[]);
        job.assert_fetched(&fetched);
        let both = credential(PROGRAM) + &credential("cargo:token");
        assert_eq!(credentials(&fetched.stderr), both);
        assert!(
            fetched.stderr.contains("`BRIDGE_READ` is not set"),
            "{}",
            fetched.stderr
        );
    });
}

#[test]
fn a_failure_is_the_end_of_the_list() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo, &["cargo:token", PROGRAM]);
        job.bridge_config("nonsense = 1");
        let token = job.registry.tokens().read.clone();
        let job = job.env("CARGO_REGISTRIES_CORP_TOKEN", &token);
        let fetched = job.fetch(&[]);
        assert!(!fetched.success());
        assert_eq!(credentials(&fetched.stderr), credential(PROGRAM));
        assert!(
            fetched
                .stderr
                .contains("credential provider `cargo-credential-bridge` failed action `get`"),
            "{}",
            fetched.stderr
        );
        assert!(fetched.stderr.contains("nonsense"), "{}", fetched.stderr);
    });
}

/// From Cargo's `all_not_supported`.
#[test]
fn nobody_for_a_registry() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo, &[PROGRAM]);
        job.bridge_config(FOR_ANOTHER);
        let fetched = job.fetch(&[]);
        assert!(!fetched.success());
        assert!(
            fetched
                .stderr
                .contains("no credential providers could handle the request"),
            "{}",
            fetched.stderr
        );
    });
}

/// From Cargo's `all_not_found`.
#[test]
fn nobody_has_a_token() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo, &[PROGRAM]).env("BRIDGE_READ", "");
        let fetched = job.fetch(&[]);
        assert!(!fetched.success());
        let stderr = &fetched.stderr;
        assert!(stderr.contains("no token found for `corp`"), "{stderr}");
        // The variable would be read by `cargo:token`, which is not in the list.
        assert!(!stderr.contains("CARGO_REGISTRIES_CORP_TOKEN"), "{stderr}");
        let newer =
            stderr.contains("You may need to log in using this registry's credential provider");
        assert_eq!(newer, job.cargo.minor() >= 86, "{stderr}");
    });
}

#[test]
fn from_a_variable_and_by_flags() {
    CargoHome::old_and_new(|cargo| {
        let job = Job::start(cargo.anew());
        job.corp(None, "");
        let list = format!("cargo:token {PROGRAM}");
        let job = job.env("CARGO_REGISTRY_GLOBAL_CREDENTIAL_PROVIDERS", &list);
        let fetched = job.fetch(&[]);
        job.assert_fetched(&fetched);
        assert_eq!(credentials(&fetched.stderr), credential(PROGRAM));

        let job = Job::start(cargo);
        job.corp(None, "");
        let list = format!("registry.global-credential-providers=['cargo:token', '{PROGRAM} --a']");
        let fetched = job.fetch(&["--config", &list]);
        job.assert_fetched(&fetched);
        assert_eq!(job.arguments(), [["--a"]]);
    });
}

/// A path with a space has to be an alias, because Cargo takes each entry of the list apart.
#[test]
fn by_an_alias() {
    CargoHome::old_and_new(|cargo| {
        let job = Job::start(cargo);
        let alias = json!([job.path_with_space(), "--a b"]);
        job.corp(
            None,
            &format!("[credential-alias]\nbridge = {alias}\n[registry]\nglobal-credential-providers = ['bridge']"),
        );
        let fetched = job.fetch(&[]);
        job.assert_fetched(&fetched);
        assert_eq!(job.arguments(), [["--a b"]]);
    });
}

/// A list in the variable goes before that of the project, and that before the home's.
#[test]
fn lists_of_several_files() {
    CargoHome::old_and_new(|cargo| {
        let job = Job::start(cargo);
        job.bridge_config(FOR_ANOTHER);
        let list = |arguments: &[&str]| {
            let words = arguments
                .iter()
                .map(|argument| format!("{PROGRAM} {argument}"));
            let list = json!(words.collect::<Vec<_>>());
            format!("[registry]\nglobal-credential-providers = {list}\n")
        };
        let alias = format!("[credential-alias]\nbridge = '{PROGRAM} --variable'\n");
        job.corp(None, &(alias + &list(&["--home-2", "--home-1"])));
        job.in_the_app(".cargo/config.toml", &list(&["--project-2", "--project-1"]));
        let job = job.env("CARGO_REGISTRY_GLOBAL_CREDENTIAL_PROVIDERS", "bridge");
        assert!(!job.fetch(&[]).success());
        let expected = [
            "--variable",
            "--project-1",
            "--project-2",
            "--home-1",
            "--home-2",
        ];
        assert_eq!(job.arguments(), expected.map(|argument| vec![argument]));
    });
}

/// From Cargo's `registry_provider_overrides_global` and `both_token_and_provider`.
#[test]
fn a_provider_of_the_registry_leaves_the_list_out() {
    CargoHome::old_and_new(|cargo| {
        let job = Job::start(cargo);
        job.corp(
            Some(&format!("'{PROGRAM}'")),
            "[registry]\nglobal-credential-providers = ['cargo:token', 'cargo-credential-nowhere']",
        );
        let job = job
            .env("BRIDGE_READ", "")
            .env("CARGO_REGISTRIES_CORP_TOKEN", "t0ken-of-nobody");
        let fetched = job.fetch(&[]);
        assert!(!fetched.success());
        assert_eq!(credentials(&fetched.stderr), credential(PROGRAM));
        let stderr = &fetched.stderr;
        assert!(stderr.contains("no token found for `corp`"), "{stderr}");
        assert!(
            stderr.contains("has a token configured in environment variable `CARGO_REGISTRIES_CORP_TOKEN` that will be ignored"),
            "{stderr}"
        );
    });
}

/// Two registries, each with its own entry, and one provider for both.
#[test]
fn one_provider_for_several_registries() {
    CargoHome::old_and_new(|cargo| {
        let job = job(cargo, &[PROGRAM]);
        let other = Registry::start();
        other.add_crate("inner", "1.0.0", "");
        let (url, other_url) = (job.registry.index_url(), other.index_url());
        job.cargo.registry("other", &other_url, &[]);
        job.bridge_config(&format!(
            "[registries.\"{url}\"]\nsources = [ {{ backend = \"job\", var = \"BRIDGE_READ\" }} ]\n\
             [registries.\"{other_url}\"]\nsources = [ {{ backend = \"job\", var = \"OTHER_READ\" }} ]"
        ));
        let job = job.env("OTHER_READ", &other.tokens().read);
        let app = job.app();
        let manifest = std::fs::read_to_string(app.join("Cargo.toml")).unwrap();
        let manifest = format!("{manifest}inner = {{ version = \"1\", registry = \"other\" }}\n");
        job.in_the_app("Cargo.toml", &manifest);
        let fetched = job.run(&app, &["fetch", "-v"]);
        job.assert_fetched(&fetched);
        assert_eq!(job.operations(), ["read", "read"]);
        let shown = other.authorizations();
        assert!(
            shown[1..]
                .iter()
                .all(|(_, _, token)| token.as_ref() == Some(&other.tokens().read))
        );
    });
}
