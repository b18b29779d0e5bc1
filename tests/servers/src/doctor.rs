//! What `doctor` says, as somebody reads it who follows its help to the letter.

use std::fs;

#[cfg(unix)]
use crate::provider::Terminal;
use crate::{Provider, Run};

/// Cargo's config of a registry called `corp`, which asks the provider by its name.
#[must_use]
pub fn cargo_config(url: &str) -> String {
    format!(
        "[registries.corp]\nindex = \"{url}\"\ncredential-provider = \"cargo-credential-bridge\"\n"
    )
}

/// The provider with Cargo's config of its registry, and on the `PATH`.
#[must_use]
pub fn with_cargo(provider: Provider, url: &str) -> Provider {
    let directory = provider.directory().to_owned();
    provider
        .file(".cargo/config.toml", &cargo_config(url))
        .env("PATH", directory)
}

/// Runs `doctor`, on a terminal too, and gives the first problem, with its details and its help as they are printed.
///
/// # Panics
///
/// If there is no problem, or a terminal shows another.
#[must_use]
pub fn first_problem(provider: &Provider) -> String {
    let problem = problem_of(&provider.tool(&["doctor"]));
    #[cfg(unix)]
    {
        let mut run = provider.tool_on(Terminal::Output, &["doctor"]);
        assert!(
            run.stdout.contains("\x1b["),
            "a terminal shows colours: {run:?}"
        );
        run.stdout = without_colours(&run.stdout);
        let shown = problem_of(&run);
        // Of a time in it, a second may have passed.
        let beginning = |text: &str| text.split(' ').take(6).collect::<Vec<_>>().join(" ");
        assert_eq!(beginning(&shown), beginning(&problem));
    }
    problem
}

/// The first problem of a run, with its details and its help as they are printed.
///
/// # Panics
///
/// If there is none.
#[must_use]
pub fn problem_of(run: &Run) -> String {
    assert_eq!(run.code, Some(1), "{run:?}");
    let lines: Vec<_> = run.stdout.lines().collect();
    let is_problem = |line: &&str| line.starts_with("    problem ");
    let start = lines.iter().position(is_problem);
    let start = start.expect("there is a problem");
    let mut text = lines[start].trim_start_matches("    problem ").to_owned();
    let below = lines[start + 1..]
        .iter()
        .map_while(|line| line.strip_prefix("            "));
    for line in below {
        text.push('\n');
        text.push_str(line);
    }
    text
}

/// The help of a problem.
///
/// # Panics
///
/// If it has none.
#[must_use]
pub fn help(problem: &str) -> &str {
    let (_, help) = problem.split_once("\nhelp: ").expect("there is help");
    help
}

/// What help says between the backticks that come behind `before`.
///
/// # Panics
///
/// If it does not.
#[must_use]
pub fn quoted<'a>(help: &'a str, before: &str) -> &'a str {
    assert!(
        help.contains(before),
        "help does not say `{before}`: {help}"
    );
    let (_, rest) = help.split_once(before).expect("it is there");
    let rest = rest.strip_prefix('`').unwrap_or(rest);
    rest.split('`').next().expect("a split has a first part")
}

/// All is well, and nothing is left to say.
///
/// # Panics
///
/// If it is not.
pub fn assert_well(run: &Run) {
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (Some(0), ""),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.ends_with("\nno problem found\n"),
        "{}",
        run.stdout
    );
}

/// Replaces text in a file below the home directory.
///
/// # Panics
///
/// If the text is not in it.
pub fn edit(provider: &Provider, path: &str, from: &str, to: &str) {
    let path = provider.home().join(path);
    let text = fs::read_to_string(&path).expect("the file is there");
    assert!(text.contains(from), "`{from}` is not in {text}");
    fs::write(&path, text.replacen(from, to, 1)).expect("the file is ours");
}

/// Adds a line to the config, behind the line that begins with `behind`.
///
/// # Panics
///
/// If there is no such line.
pub fn add(provider: &Provider, behind: &str, line: &str) {
    edit(
        provider,
        ".cargo/credential-bridge.toml",
        &format!("{behind}\n"),
        &format!("{behind}\n{line}\n"),
    );
}

/// The text without the escape sequences and the line ends of a terminal.
#[cfg(unix)]
fn without_colours(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    plain.replace('\r', "")
}
