//! CircleCI: the token that each job has, and the program that mints one for somebody else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use test_servers::provider::error_text;
use test_servers::{Provider, Server};

use super::systems::MINTED;
use super::{SECOND, URL, get, provider, shown, vault};

const OTHER: &str = "https://vault.example.com";

/// The token in the variable: for the organization.
fn own() -> String {
    let payload = URL_SAFE_NO_PAD.encode(r#"{"aud":"of-the-organization"}"#);
    format!("eyJhbGciOiJSUzI1NiJ9.{payload}.c1rcle-s3cret")
}

/// A job of CircleCI whose login names this audience, and in which `circleci` is this script.
fn job(vault: &Server, audience: &str, script: Option<&str>) -> Provider {
    let auth = format!("{{ method = \"jwt\", role = \"ci\"{audience} }}");
    let mut provider = provider(vault, &auth)
        .env("CI", "true")
        .env("CIRCLECI", "true")
        .env("CIRCLE_OIDC_TOKEN", "not.the.one")
        .env("CIRCLE_OIDC_TOKEN_V2", own())
        .secret(&own())
        .secret(MINTED);
    if let Some(script) = script {
        provider = provider.file("bin/circleci", &format!("#!/bin/sh\n{script}\n"));
        let path = provider.home().join("bin/circleci");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("the file is ours");
    }
    let path = format!("{}:/usr/bin:/bin", provider.home().join("bin").display());
    provider.env("PATH", path)
}

fn named(audience: &str) -> String {
    format!(", audience = \"{audience}\"")
}

#[test]
fn the_token_at_hand_is_taken_where_it_will_do() {
    for audience in [String::new(), named("of-the-organization")] {
        let vault = vault();
        get(&job(&vault, &audience, Some("exit 9")));
        assert_eq!(shown(&vault), own());
    }
}

#[test]
fn another_audience_is_minted_by_the_program() {
    let vault = vault();
    let script = format!("printf '%s\\n' \"$@\" >\"$HOME/arguments\"\necho {MINTED}");
    let job = job(&vault, &named(OTHER), Some(&script));
    get(&job);
    assert_eq!(shown(&vault), MINTED);
    let arguments = fs::read_to_string(job.home().join("arguments")).expect("it was run");
    assert_eq!(
        arguments,
        "run\noidc\nget\n--claims\n{\"aud\":\"https://vault.example.com\"}\n"
    );
}

#[test]
fn explain_runs_nothing() {
    let vault = vault();
    let told = |audience: &str| {
        let run = job(&vault, audience, Some("exit 9")).tool(&["explain", URL]);
        run.stdout
    };
    let text = told(&named(OTHER));
    assert!(
        text.contains("   run       `circleci run oidc get --claims '{\"aud\":\"https://vault.example.com\"}'`\n"),
        "{text}"
    );
    let text = told("");
    assert!(
        text.contains(
            "   read      the identity token of this CircleCI job, `CIRCLE_OIDC_TOKEN_V2`\n"
        ),
        "{text}"
    );
    assert_eq!(vault.connections(), 0);
}

#[test]
fn a_program_that_gives_no_token() {
    let run = "`circleci run oidc get --claims '{\"aud\":\"https://vault.example.com\"}'`";
    let not_minted = "CircleCI did not mint an identity token for this job";
    for (script, expected, help) in [
        (
            None,
            vec![
                not_minted.to_owned(),
                format!("{run}: No such file or directory (os error 2)"),
            ],
            "CircleCI puts the program `circleci` into each job",
        ),
        (
            Some("exit 3"),
            vec![
                not_minted.to_owned(),
                format!("{run}: it ended with exit status: 3"),
            ],
            "each CircleCI job has its identity",
        ),
        (
            Some("exec sleep 600"),
            vec![
                not_minted.to_owned(),
                format!("{run}: it did not end within 500ms"),
            ],
            "each CircleCI job has its identity",
        ),
        (
            Some("echo n0t-a-jwt-but-s3cret"),
            vec!["the identity token of this CircleCI job is not a JWT".to_owned()],
            "a JWT is three parts",
        ),
        (
            Some("printf '\\377'"),
            vec!["the identity token of this CircleCI job is not a JWT".to_owned()],
            "a JWT is three parts",
        ),
    ] {
        let vault = vault();
        let job = job(&vault, &named(OTHER), script)
            .env("SECOND", SECOND)
            .secret("n0t-a-jwt-but-s3cret");
        let job = match script {
            Some("exec sleep 600") => job.within("500ms"),
            _ => job,
        };
        let text = error_text(&job.get(URL, "read"));
        let lines: Vec<_> = text.lines().collect();
        let (last, above) = lines.split_last().expect("there is an error");
        assert_eq!(above, expected);
        assert!(last.starts_with("help: ") && last.contains(help), "{text}");
        assert_eq!(vault.connections(), 0);
    }
}

/// A mistake of the program's is told as such, and not by Vault.
#[test]
fn a_program_that_mints_for_somebody_else() {
    let vault = vault();
    let payload = URL_SAFE_NO_PAD.encode(json!({ "aud": "else" }).to_string());
    let script = format!("echo eyJhbGciOiJSUzI1NiJ9.{payload}.c1rcle-s3cret");
    let job = job(&vault, &named(OTHER), Some(&script)).env("SECOND", SECOND);
    let text = error_text(&job.get(URL, "read"));
    assert!(
        text.starts_with("the identity token of this CircleCI job is for `else`, and not for `https://vault.example.com`\n"),
        "{text}"
    );
    assert_eq!(vault.connections(), 0);
}
