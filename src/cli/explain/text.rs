//! The report for people.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use cargo_credential_bridge_backend::{Error, Step};

use super::{Asked, Explained};
use crate::chain::makes_way;
use crate::publish_guard::PublishGuard;
use crate::registry::By;

const SOURCE: Style = Style::new().bold();
const KEYWORD: Style = AnsiColor::Green.on_default();
const END: Style = AnsiColor::Yellow.on_default();

/// So wide is the column of what a line is about.
const COLUMN: usize = 9;

pub(super) fn write(explained: &Explained<'_>, out: &mut impl Write) -> io::Result<()> {
    let Explained {
        url,
        operation,
        origin,
        entry,
        sources,
    } = explained;
    let registry = entry.value;
    let by = match entry.by {
        By::Url => "exactly",
        By::Also => "by its `also`",
        By::Prefix => "as a prefix",
    };
    line(out, "", KEYWORD, "registry", &format!("`{url}`"))?;
    line(out, "", KEYWORD, "entry", &format!("`{}`, {by}", entry.url))?;
    line(out, "", KEYWORD, "config", origin)?;
    let key = registry.chain_key(*operation);
    let chain = format!("`{key}`, to {}", operation.as_str());
    line(out, "", KEYWORD, "chain", &chain)?;
    for (position, rule) in guarded(explained).iter().enumerate() {
        let keyword = if position == 0 { "guard" } else { "" };
        line(out, "", KEYWORD, keyword, rule)?;
    }
    for (position, source) in sources.iter().enumerate() {
        let title = match &source.field {
            Some(field) => format!("{}, field `{field}`", source.place),
            None => source.place.clone(),
        };
        writeln!(out, "\n{SOURCE}{}. {title}{SOURCE:#}", position + 1)?;
        let is_last = position + 1 == sources.len();
        write_source(source, is_last, explained, out)?;
    }
    if sources.len() == 1 {
        return Ok(());
    }
    let away = match registry.next_if_unavailable {
        true => "So does a store that is not reached. A refusal ends the chain.",
        false => "A refusal ends the chain, and so does a store that is not reached.",
    };
    writeln!(
        out,
        "\nA source without this secret, or of no use on this machine, makes way for the next. {away}"
    )
}

/// What must hold before any source is asked.
pub(super) fn guarded(explained: &Explained<'_>) -> Vec<String> {
    let guard = explained.entry.value.guard(explained.operation);
    guard.map(PublishGuard::described).unwrap_or_default()
}

fn write_source(
    source: &Asked,
    is_last: bool,
    explained: &Explained<'_>,
    out: &mut impl Write,
) -> io::Result<()> {
    let Some(steps) = &source.steps else {
        return line(
            out,
            "   ",
            END,
            "not asked",
            "the chain has ended before it",
        );
    };
    if !source.variables.is_empty() {
        let text = variables(&source.variables);
        line(out, "   ", KEYWORD, "settings", &text)?;
    }
    for step in steps {
        write_step(step, out)?;
    }
    let Some(end) = &source.end else {
        return Ok(());
    };
    let then = match makes_way(end, explained.entry.value) {
        true if is_last => "and there is no other source",
        true => "and the next source is asked",
        false => "and the chain ends",
    };
    line(out, "   ", END, "ends", &format!("{}, {then}", end.what()))?;
    write_rest(end, out)
}

/// Where settings are from that are not in the config.
pub(in crate::cli) fn variables(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("from the environment: {}", names.join(", "))
}

fn write_step(step: &Step, out: &mut impl Write) -> io::Result<()> {
    match step {
        Step::PassedOver { method, why } => {
            let text = format!("not `{method}`: {}", why.what());
            line(out, "   ", KEYWORD, "auth", &text)
        }
        Step::Taken { method, identity } => line(
            out,
            "   ",
            KEYWORD,
            "auth",
            &format!("`{method}`: {identity}"),
        ),
        Step::Read(what) => line(out, "   ", KEYWORD, "read", what),
        Step::Run(what) => line(out, "   ", KEYWORD, "run", what),
        Step::Ask(planned) => {
            line(out, "   ", KEYWORD, &planned.method, &planned.url)?;
            let mut notes = vec![planned.purpose.clone()];
            notes.extend(
                planned
                    .audience
                    .iter()
                    .map(|audience| format!("for the audience `{audience}`")),
            );
            notes.extend(planned.condition.clone());
            line(out, "   ", KEYWORD, "", &notes.join(", "))
        }
    }
}

/// What else an error knows.
fn write_rest(error: &Error, out: &mut impl Write) -> io::Result<()> {
    let help = error.help_text().map(|help| format!("help: {help}"));
    for text in error.causes().iter().chain(&help) {
        line(out, "   ", KEYWORD, "", text)?;
    }
    Ok(())
}

fn line(
    out: &mut impl Write,
    indent: &str,
    style: Style,
    keyword: &str,
    text: &str,
) -> io::Result<()> {
    writeln!(out, "{indent}{style}{keyword:COLUMN$}{style:#} {text}")
}
