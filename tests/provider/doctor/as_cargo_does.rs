//! What `doctor` says of Cargo's configuration, and what a real Cargo makes of it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use test_servers::{CargoHome, Registry};

use super::{TOKEN, registry};
use crate::BINARY;

/// A configuration, and whether Cargo asks us for its registry.
struct Case<'a> {
    home: &'a str,
    repository: &'a str,
    variables: &'a [(&'a str, &'a str)],
    asks_us: bool,
}

const OURS: &str = "credential-provider = [\"[BINARY]\"]\n";
const INDEX: &str = "[registries.corp]\nindex = \"[INDEX]\"\n";

/// Runs both in the repository: `cargo fetch`, and `doctor` with the same environment.
fn both(registry: &Registry, case: &Case<'_>) -> (bool, Output) {
    let filled = |text: &str| {
        text.replace("[BINARY]", BINARY)
            .replace("[INDEX]", &registry.index_url())
    };
    let cargo = case
        .variables
        .iter()
        .fold(CargoHome::new(), |cargo, (name, value)| {
            cargo.env(*name, filled(value))
        })
        .env("TOKEN", TOKEN);
    cargo.config(&filled(case.home));
    cargo.bridge_config(&format!(
        "[backends.job]\ntype = \"env\"\n[registries.\"{}\"]\nsources = [ {{ backend = \"job\", var = \"TOKEN\" }} ]\n",
        registry.index_url()
    ));
    let app = cargo.package("app", &[("internal", "1.0")]);
    fs::create_dir(app.join(".cargo")).expect("the package is ours");
    fs::write(app.join(".cargo/config.toml"), filled(case.repository))
        .expect("the package is ours");
    let fetched = cargo.run(&app, &["fetch"]).success();
    (fetched, doctor(&cargo, &app))
}

/// `doctor` where and how that Cargo would run.
fn doctor(cargo: &CargoHome, directory: &Path) -> Output {
    let like = cargo.command(directory, &[]);
    let variables = like
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    Command::new(BINARY)
        .args(["doctor", "corp"])
        .env_clear()
        .envs(variables)
        .current_dir(directory)
        .output()
        .expect("the provider can be started")
}

#[test]
fn doctor_finds_a_problem_where_cargo_does_not_ask_us() {
    let own = format!("{INDEX}{OURS}");
    let token_elsewhere = "[registries.corp]\ncredential-provider = \"cargo:token\"\n";
    let global = format!("{INDEX}[registry]\nglobal-credential-providers = [\"[BINARY]\"]\n");
    let alias = format!(
        "{INDEX}credential-provider = \"bridge\"\n[credential-alias]\nbridge = \"[BINARY]\"\n"
    );
    let case = Case {
        home: &own,
        repository: "",
        variables: &[],
        asks_us: true,
    };
    let registry = registry();
    registry.add_crate("internal", "1.0.0", "");
    for case in [
        Case { ..case },
        Case {
            repository: token_elsewhere,
            asks_us: false,
            ..case
        },
        Case {
            home: "",
            repository: &own,
            ..case
        },
        Case {
            home: &global,
            ..case
        },
        Case {
            home: &global,
            repository: token_elsewhere,
            asks_us: false,
            ..case
        },
        Case {
            home: &alias,
            ..case
        },
        Case {
            home: INDEX,
            asks_us: false,
            ..case
        },
        Case {
            variables: &[("CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER", "cargo:token")],
            asks_us: false,
            ..case
        },
        Case {
            home: INDEX,
            variables: &[("CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER", "[BINARY]")],
            ..case
        },
        Case {
            variables: &[("CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER", "")],
            asks_us: false,
            ..case
        },
        Case {
            repository: "[registries.other]\nindex = \"[INDEX]\"\n",
            asks_us: false,
            ..case
        },
    ] {
        let (fetched, doctor) = both(&registry, &case);
        let said = String::from_utf8(doctor.stdout).unwrap();
        let shown = (case.home, case.repository, case.variables);
        assert_eq!(fetched, case.asks_us, "{shown:?}");
        assert_eq!(doctor.status.success(), case.asks_us, "{shown:?}: {said}");
    }
}
