//! The summary of a GitHub job, a table with a row for each answer.
//!
//! Source: GitHub's page "Workflow commands": what is appended to the file in `GITHUB_STEP_SUMMARY`, one a step, is shown as
//! Markdown.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use cargo_credential_bridge_backend::Environment;

use super::record::Record;

const HEAD: &str = "\
| registry | operation | crate | version | outcome | source |
|---|---|---|---|---|---|
";

/// GitHub shows no larger one.
const LIMIT: u64 = 1 << 20;

/// Adds the row, in a GitHub job; elsewhere nothing, for one config is for many machines.
pub(super) fn append(environment: &Environment, record: &Record) -> io::Result<()> {
    let variable = |name| environment.var(name).map_err(io::Error::other);
    if variable("GITHUB_ACTIONS")?.is_none_or(|value| value != "true") {
        return Ok(());
    }
    let Some(path) = variable("GITHUB_STEP_SUMMARY")? else {
        return Ok(());
    };
    let path = Path::new(&path);
    let text = match is_open(path) {
        true => row(record),
        false => format!("\n{HEAD}{}", row(record)),
    };
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(text.as_bytes())
}

/// Whether the summary ends with our table, so that a row goes on with it.
fn is_open(path: &Path) -> bool {
    let is_short = fs::metadata(path).is_ok_and(|there| there.is_file() && there.len() < LIMIT);
    let text = is_short
        .then(|| fs::read_to_string(path))
        .and_then(Result::ok);
    text.is_some_and(|text| {
        let last = text.rsplit("\n\n").next().unwrap_or_default();
        last.trim_start_matches('\n').starts_with(HEAD) && last.ends_with("|\n")
    })
}

pub(super) fn row(record: &Record) -> String {
    let cells = [
        Some(record.registry.as_str()),
        Some(record.operation),
        record.name.as_deref(),
        record.version.as_deref(),
        Some(record.outcome),
        record.source.as_deref(),
    ];
    let cells = cells.map(|cell| plain(cell.unwrap_or_default()));
    format!("| {} |\n", cells.join(" | "))
}

/// Text in which nothing is Markdown, and which is one line.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // A pair of backticks is how messages mark a literal.
            '`' => continue,
            _ if "\\*_{}[]<>()#+!|&~".contains(c) => plain.extend(['\\', c]),
            _ if c.is_control() => plain.push(' '),
            _ => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_markdown() {
        assert_eq!(plain("a|b\n<b>[x](y)"), "a\\|b \\<b\\>\\[x\\]\\(y\\)");
        assert_eq!(plain("the path `ci/cargo`"), "the path ci/cargo");
    }
}
