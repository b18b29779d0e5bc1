//! `doctor`: what it finds, and that its help, followed to the letter, repairs it.

mod cargo_config;
mod forms;
mod live;

use std::fs;
use std::path::Path;

use test_servers::{Provider, Registry, Run, Tokens};

use crate::BINARY;

const TOKEN: &str = "r3gistry-s3cret-token";

/// A registry that takes [`TOKEN`] for everything.
fn registry() -> Registry {
    Registry::start_with(Tokens {
        read: TOKEN.to_owned(),
        publish: TOKEN.to_owned(),
    })
}

/// Where the binary is, for the `PATH` of a run.
fn directory() -> &'static str {
    let directory = Path::new(BINARY).parent().and_then(Path::to_str);
    directory.expect("the binary is in a directory")
}

/// Cargo's config of a registry called `corp`, with this provider.
fn cargo_config(url: &str, provider: &str) -> String {
    format!("[registries.corp]\nindex = \"{url}\"\ncredential-provider = {provider}\n")
}

/// A setup in which all is well: the token is in a variable of the job.
fn provider(url: &str) -> Provider {
    Provider::new(BINARY)
        .config(&format!(
            "[backends.job]\ntype = \"env\"\n[registries.\"{url}\"]\nsources = [ {{ backend = \"job\", var = \"TOKEN\" }} ]\n"
        ))
        .file(".cargo/config.toml", &cargo_config(url, "\"cargo-credential-bridge\""))
        .env("PATH", directory())
        .env("TOKEN", TOKEN)
        .secret(TOKEN)
}

/// The text of the first problem, with its details and help as they are printed.
fn first_problem(run: &Run) -> String {
    assert_eq!(run.code, Some(1), "{run:?}");
    let lines: Vec<_> = run.stdout.lines().collect();
    let start = lines
        .iter()
        .position(|line| line.starts_with("    problem "));
    let start = start.expect("there is a problem");
    let end = lines[start + 1..]
        .iter()
        .position(|line| !line.starts_with("            "))
        .map_or(lines.len(), |length| start + 1 + length);
    let text: Vec<_> = lines[start..end]
        .iter()
        .enumerate()
        .map(|(at, line)| match at {
            0 => line
                .trim_start()
                .trim_start_matches("problem ")
                .trim_start(),
            _ => line.strip_prefix("            ").unwrap_or(line),
        })
        .collect();
    text.join("\n")
}

/// The help of the first problem.
fn help(run: &Run) -> String {
    let text = first_problem(run);
    let (_, help) = text.split_once("\nhelp: ").expect("there is help");
    help.to_owned()
}

/// What help says between the backticks that come behind `before`.
fn quoted<'a>(help: &'a str, before: &str) -> &'a str {
    let (_, rest) = help.split_once(before).expect("help says it");
    let rest = rest.strip_prefix('`').unwrap_or(rest);
    rest.split('`').next().expect("help quotes it")
}

/// All is well, and nothing is left to say.
fn assert_well(run: &Run) {
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    assert!(
        run.stdout.ends_with("\nno problem found\n"),
        "{}",
        run.stdout
    );
}

/// Replaces text in a file below the home directory.
fn edit(provider: &Provider, path: &str, from: &str, to: &str) {
    let path = provider.home().join(path);
    let text = fs::read_to_string(&path).expect("the file is there");
    assert!(text.contains(from), "{text}");
    fs::write(&path, text.replace(from, to)).expect("the file is ours");
}
