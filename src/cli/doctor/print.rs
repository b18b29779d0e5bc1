//! The report, for people and for programs.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use super::finding::{Finding, Level, Report};
use crate::cli::report::{self, ERROR, HELP};

const OK: Style = AnsiColor::Green.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const TITLE: Style = Style::new().bold();

/// For people.
pub(super) fn text(report: &Report) -> io::Result<()> {
    write_text(&mut report::out(), report)
}

/// For programs.
pub(super) fn json(report: &Report) -> io::Result<()> {
    report::write_json(&object(report))
}

fn write_text(out: &mut impl Write, report: &Report) -> io::Result<()> {
    for registry in &report.registries {
        match &registry.name {
            Some(name) => writeln!(out, "{TITLE}{}{TITLE:#} (`{name}`)", registry.url)?,
            None => writeln!(out, "{TITLE}{}{TITLE:#}", registry.url)?,
        }
        for section in &registry.sections {
            writeln!(out, "  {}", section.title)?;
            for finding in &section.findings {
                write_finding(out, finding)?;
            }
        }
        writeln!(out)?;
    }
    writeln!(out, "{}", summary(report))
}

/// How it ends, in one line.
pub(super) fn summary(report: &Report) -> String {
    let count = |level, one: &str, many: &str| match report.count(level) {
        0 => None,
        1 => Some(format!("1 {one}")),
        number => Some(format!("{number} {many}")),
    };
    let counts: Vec<_> = [
        count(Level::Problem, "problem", "problems"),
        count(Level::Warning, "warning", "warnings"),
    ]
    .into_iter()
    .flatten()
    .collect();
    match counts.is_empty() {
        true => "no problem found".to_owned(),
        false => counts.join(", "),
    }
}

fn write_finding(out: &mut impl Write, finding: &Finding) -> io::Result<()> {
    let style = match finding.level {
        Level::Ok => OK,
        Level::Warning => WARNING,
        Level::Problem => ERROR,
    };
    let level = finding.level.as_str();
    writeln!(out, "    {style}{level:7}{style:#} {}", finding.what)?;
    for detail in &finding.details {
        // What a server says must be no command to the runner of a GitHub job, which a line may begin with.
        let mut lines = detail.lines();
        writeln!(out, "            - {}", lines.next().unwrap_or_default())?;
        for line in lines {
            writeln!(out, "              | {line}")?;
        }
    }
    if let Some(help) = &finding.help {
        let mut lines = help.lines();
        let first = lines.next().unwrap_or_default();
        writeln!(out, "            {HELP}help{HELP:#}: {first}")?;
        for line in lines {
            writeln!(out, "            {line}")?;
        }
    }
    Ok(())
}

fn object(report: &Report) -> Value {
    let registries: Vec<_> = report
        .registries
        .iter()
        .map(|registry| {
            let sections: Vec<_> = registry
                .sections
                .iter()
                .map(|section| {
                    let findings: Vec<_> = section.findings.iter().map(finding).collect();
                    json!({
                        "part": section.part.as_str(),
                        "title": section.title,
                        "findings": findings,
                    })
                })
                .collect();
            json!({ "index-url": registry.url, "name": registry.name, "sections": sections })
        })
        .collect();
    json!({
        "outcome": report.worst().as_str(),
        "problems": report.count(Level::Problem),
        "warnings": report.count(Level::Warning),
        "config": report::bare(&report.config),
        "registries": registries,
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "level": finding.level.as_str(),
        "message": finding.what,
        "details": finding.details,
        "help": finding.help,
    })
}
