//! The forms of the report.

use std::fs;

use serde_json::Value;
use test_servers::Provider;
use test_servers::provider::Terminal;

use super::{TOKEN, provider, registry};

#[test]
fn json_has_the_same_findings() {
    let registry = registry();
    let url = registry.index_url();
    let provider = provider(&url).env("CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER", "cargo:token");
    let run = provider.tool(&["doctor", "--format", "json"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(1), ""));
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["outcome"], "problem");
    assert_eq!(
        (&report["problems"], &report["warnings"]),
        (&1.into(), &0.into())
    );
    let config = provider.home().join(".cargo/credential-bridge.toml");
    assert_eq!(report["config"], config.display().to_string());
    let corp = &report["registries"][0];
    assert_eq!(
        (&corp["index-url"], &corp["name"]),
        (&url.into(), &"corp".into())
    );
    let titles: Vec<_> = corp["sections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|section| &section["title"])
        .collect();
    assert_eq!(
        titles,
        [
            "Cargo",
            "the config",
            "read, publish, yank, unyank, owners: the environment variable `TOKEN` of `job`",
            "the registry"
        ]
    );
    let parts = ["cargo", "config", "source", "registry"];
    for (section, part) in corp["sections"].as_array().unwrap().iter().zip(parts) {
        assert_eq!(section["part"], part);
    }
    let finding = &corp["sections"][0]["findings"][0];
    assert_eq!(finding["level"], "problem");
    assert_eq!(
        finding["message"],
        "Cargo asks `cargo:token` for `corp`, and not this program: the variable `CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER` says so"
    );
    assert_eq!(
        finding["help"],
        "unset `CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER`"
    );
}

#[test]
fn in_a_github_job_there_are_annotations_and_a_summary() {
    let registry = registry();
    let provider = provider(&registry.index_url()).env("TOKEN", "");
    let path = provider.home().join("summary.md");
    fs::write(&path, "before\n").unwrap();
    let provider = provider
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", &path);
    let run = provider.tool(&["doctor"]);
    assert_eq!(
        run.stderr,
        "::error title=cargo-credential-bridge%3A corp::the environment variable `TOKEN` is not set, or is empty\n"
    );
    let summary = fs::read_to_string(path).unwrap();
    assert!(
        summary.starts_with("before\n### cargo-credential-bridge doctor: 1 problem\n"),
        "{summary}"
    );
    assert!(
        summary.contains("\n  - ❌ the environment variable `TOKEN` is not set, or is empty\n"),
        "{summary}"
    );
}

#[test]
fn progress_is_for_a_person_who_waits() {
    let registry = registry();
    let url = registry.index_url();
    let run = provider(&url).tool_on(Terminal::Errors, &["doctor"]);
    let index = url.trim_start_matches("sparse+");
    assert_eq!(
        run.stderr,
        format!(
            "asking the environment variable `TOKEN` of `job` …\r\nasking {index}config.json …\r\n"
        )
    );
}

#[test]
fn only_what_an_operation_needs() {
    let registry = registry();
    let url = registry.index_url();
    let provider = provider(&url).config(&format!(
        "[backends.job]\ntype = \"env\"\n[registries.\"{url}\"]\nsources = [ {{ backend = \"job\", var = \"TOKEN\" }} ]\n\
         publish = [ {{ backend = \"job\", var = \"PUBLISH\" }} ]\n"
    ));
    assert_eq!(provider.tool(&["doctor"]).code, Some(1));
    assert_eq!(
        provider.tool(&["doctor", "--operation", "read"]).code,
        Some(0)
    );
}

#[test]
fn the_whole_chain_is_asked() {
    let registry = registry();
    let url = registry.index_url();
    let sources = |list: &str| {
        provider(&url)
            .config(&format!(
                "[backends.job]\ntype = \"env\"\n[registries.\"{url}\"]\nsources = [ {list} ]\n"
            ))
            .env("OTHER", "an0ther-s3cret")
            .secret("an0ther-s3cret")
    };
    let source = |name: &str| format!("{{ backend = \"job\", var = \"{name}\" }}");
    let levels = |provider: &Provider| {
        let run = provider.tool(&["doctor"]);
        let of = run
            .stdout
            .lines()
            .skip_while(|line| !line.starts_with("  read"));
        of.take_while(|line| *line != "  the registry")
            .filter(|line| line.starts_with("    ") && !line.starts_with("     "))
            .map(|line| {
                line.split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect::<Vec<_>>()
    };
    // A source behind the one that answers is asked too, and its token goes nowhere.
    let both = sources(&format!("{}, {}", source("TOKEN"), source("OTHER")));
    assert_eq!(levels(&both), ["ok", "ok"]);
    let shown: Vec<_> = registry
        .authorizations()
        .into_iter()
        .filter_map(|(_, _, shown)| shown)
        .collect();
    assert_eq!(shown, [TOKEN]);
    let second = sources(&format!("{}, {}", source("NONE"), source("TOKEN")));
    assert_eq!(levels(&second), ["warning", "ok"]);
    let first = sources(&format!("{}, {}", source("TOKEN"), source("NONE")));
    assert_eq!(levels(&first), ["ok", "ok"]);
    let none = sources(&format!("{}, {}", source("NONE"), source("NOR")));
    assert_eq!(levels(&none), ["problem", "problem"]);
}
