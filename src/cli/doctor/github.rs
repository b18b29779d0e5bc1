//! In a GitHub job: annotations, and the job's summary.
//!
//! Source: GitHub's page "Workflow commands": commands are lines that begin with `::`, on standard output or standard error, in
//! which some characters are escaped; what is appended to the file in `GITHUB_STEP_SUMMARY` is shown as Markdown.

use std::env;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};

use super::finding::{Finding, Level, Report};
use super::print;

const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Tells GitHub, if this is a job of it.
///
/// Annotations go to standard error, so that standard output is the report alone.
pub(super) fn tell(report: &Report) {
    if env::var_os("GITHUB_ACTIONS").is_none_or(|value| value != "true") {
        return;
    }
    // The report is told in any case; where GitHub keeps it is GitHub's.
    let _ = io::stderr().write_all(annotations(report).as_bytes());
    if let Some(path) = env::var_os(SUMMARY).filter(|path| !path.is_empty()) {
        let file = OpenOptions::new().append(true).create(true).open(path);
        let _ = file.and_then(|mut file| file.write_all(summary(report).as_bytes()));
    }
}

fn annotations(report: &Report) -> String {
    let mut text = String::new();
    for (registry, _, finding) in report.findings() {
        let command = match finding.level {
            Level::Ok => continue,
            Level::Warning => "warning",
            Level::Problem => "error",
        };
        let title = registry.name.as_deref().unwrap_or(&registry.url);
        let _ = writeln!(
            text,
            "::{command} title={}::{}",
            property(&format!("cargo-credential-bridge: {title}")),
            data(&whole(finding))
        );
    }
    text
}

/// A finding with all that is said about it.
fn whole(finding: &Finding) -> String {
    let mut text = finding.what.clone();
    for detail in &finding.details {
        text.push('\n');
        text.push_str(detail);
    }
    if let Some(help) = &finding.help {
        text.push_str("\nhelp: ");
        text.push_str(help);
    }
    text
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

fn summary(report: &Report) -> String {
    let mut text = format!(
        "### cargo-credential-bridge doctor: {}\n",
        print::summary(report)
    );
    for registry in &report.registries {
        let _ = writeln!(text, "\n#### `{}`\n", plain(&registry.url));
        for section in &registry.sections {
            let _ = writeln!(text, "- {}", plain(&section.title));
            for finding in &section.findings {
                let mark = match finding.level {
                    Level::Ok => "✅",
                    Level::Warning => "⚠️",
                    Level::Problem => "❌",
                };
                let _ = writeln!(text, "  - {mark} {}", plain(&finding.what));
                if finding.level != Level::Ok {
                    write_block(&mut text, finding);
                }
            }
        }
    }
    text.push('\n');
    text
}

/// What was asked and answered, and what to do, as it is.
fn write_block(text: &mut String, finding: &Finding) {
    let whole = whole(finding);
    let rest: Vec<_> = whole.lines().skip(1).collect();
    if rest.is_empty() {
        return;
    }
    let fence = "`````";
    let _ = writeln!(text, "    {fence}text");
    for line in rest {
        let _ = writeln!(text, "    {}", line.replace(fence, ""));
    }
    let _ = writeln!(text, "    {fence}");
}

/// Text in which nothing is a tag or a line of its own.
fn plain(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace(['\r', '\n'], " ")
}

#[cfg(test)]
mod tests {
    use super::super::finding::{Part, Registry, Section};
    use super::*;

    #[test]
    fn nothing_in_a_finding_is_a_command_or_a_tag() {
        let finding = Finding::problem("100% <b>wrong</b>")
            .detail("::error::said the server\r\nand `````")
            .help("do\nthis");
        let report = Report {
            config: "`c`".to_owned(),
            registries: vec![Registry {
                url: "sparse+https://r.example/".to_owned(),
                name: Some("a:b,c".to_owned()),
                sections: vec![Section::new(
                    Part::Cargo,
                    "Cargo",
                    vec![Finding::ok("fine"), finding],
                )],
            }],
        };
        assert_eq!(
            annotations(&report),
            "::error title=cargo-credential-bridge%3A a%3Ab%2Cc::100%25 <b>wrong</b>%0A::error::said the server%0D%0Aand \
             `````%0Ahelp: do%0Athis\n"
        );
        assert_eq!(
            summary(&report),
            "### cargo-credential-bridge doctor: 1 problem\n\n#### `sparse+https://r.example/`\n\n- Cargo\n  - ✅ fine\n  \
             - ❌ 100% &lt;b>wrong&lt;/b>\n    `````text\n    ::error::said the server\n    and \n    help: do\n    this\n    \
             `````\n\n"
        );
    }
}
