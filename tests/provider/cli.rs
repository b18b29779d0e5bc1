//! What the program does for people: exact outputs and exit statuses.

mod check;
mod explain;
mod generate;
mod get;
mod terminal;

use snapbox::{Assert, IntoData, str};
use test_servers::{Provider, Run};

use crate::BINARY;

const URL: &str = "sparse+https://crates.example.com/index/";

/// A registry whose token is in a variable of the job.
fn provider() -> Provider {
    Provider::new(BINARY)
        .config(&format!(
            "[backends.job]\ntype = \"env\"\n[registries.\"{URL}\"]\nsources = [ {{ backend = \"job\", var = \"TOKEN\" }} ]\n"
        ))
        .env("TOKEN", "v4riable-s3cret")
        .secret("v4riable-s3cret")
}

/// Compares with a snapshot; `SNAPSHOTS=overwrite` writes it anew.
fn compare(actual: impl AsRef<str>, expected: impl IntoData) {
    Assert::new()
        .action_env(snapbox::assert::DEFAULT_ACTION_ENV)
        .normalize_paths(false)
        .eq(actual.as_ref(), expected);
}

/// An output, with the home directory of the run taken out of it.
fn plain(provider: &Provider, text: &str) -> String {
    text.replace(&provider.home().display().to_string(), "[HOME]")
}

/// The exit status and both outputs as one text.
fn shown(provider: &Provider, run: &Run) -> String {
    let code = run.code.expect("nothing has killed it");
    let text = format!("{}--- {code}\n{}", run.stdout, run.stderr);
    plain(provider, &text)
}

fn tool(arguments: &[&str]) -> String {
    let provider = provider();
    shown(&provider, &provider.tool(arguments))
}

#[test]
fn help() {
    compare(tool(&["--help"]), snapbox::file!["cli/help.txt"]);
}

#[test]
fn help_of_get() {
    compare(tool(&["get", "--help"]), snapbox::file!["cli/help-get.txt"]);
}

#[test]
fn help_of_explain() {
    compare(
        tool(&["explain", "--help"]),
        snapbox::file!["cli/help-explain.txt"],
    );
}

#[test]
fn help_of_config_check() {
    compare(
        tool(&["config", "check", "--help"]),
        snapbox::file!["cli/help-config-check.txt"],
    );
}

#[test]
fn without_arguments_it_is_help_and_a_mistake() {
    let text = tool(&[]);
    assert!(
        text.starts_with("--- 2\nRegistry tokens for Cargo"),
        "{text}"
    );
}

#[test]
fn version() {
    let version = concat!("cargo-credential-bridge ", env!("CARGO_PKG_VERSION"));
    assert_eq!(tool(&["--version"]), format!("{version}\n--- 0\n"));
}

#[test]
fn a_mistake_is_told_with_what_was_meant() {
    compare(
        tool(&["gett"]),
        str![[r#"
--- 2
error: unrecognized subcommand 'gett'

  tip: a similar subcommand exists: 'get'

Usage: cargo-credential-bridge <COMMAND>

For more information, try '--help'.

"#]],
    );
}

#[test]
fn cargos_door_is_the_first_argument_only() {
    compare(
        tool(&["get", "--cargo-plugin"]),
        str![[r#"
--- 2
error: unexpected argument '--cargo-plugin' found

  tip: to pass '--cargo-plugin' as a value, use '-- --cargo-plugin'

Usage: cargo-credential-bridge get [OPTIONS] [URL]

For more information, try '--help'.

"#]],
    );
}
