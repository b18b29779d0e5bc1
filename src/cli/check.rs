//! `config check`: whether a config makes sense, and which one it is.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use cargo_credential_bridge_backend::Error;
use clap::Args;
use serde_json::json;

use super::report::{self, Failure, Format};
use super::{Outcome, entry};
use crate::config::{self, Config};

/// Check the config: whose it may be, and whether it makes sense
///
/// Nothing is asked of any store. Without a file the config is looked for where it is for Cargo.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
    cargo-credential-bridge config check
    cargo-credential-bridge config check ci/credential-bridge.toml

Exit status: 0; 1 if there is no config or it makes no sense; 2 if the command could not be run as it was given.
"
)]
pub(super) struct Arguments {
    /// The config, if it is not the one that Cargo's requests are answered by
    file: Option<PathBuf>,

    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let outcome = match &arguments.file {
        Some(file) => Config::load_from(file),
        None => Config::load().and_then(|config| config.ok_or_else(entry::none)),
    };
    let looked = match arguments.file {
        Some(_) => Vec::new(),
        None => config::candidates(),
    };
    match arguments.format {
        Format::Text => text(&looked, outcome),
        Format::Json => json(&looked, outcome),
    }
}

fn text(looked: &[String], outcome: Result<Config, Error>) -> Outcome {
    let mut out = report::out();
    if !looked.is_empty() {
        writeln!(out, "looked for in, the first counts:")?;
        for place in looked {
            writeln!(out, "  {place}")?;
        }
    }
    let config = outcome?;
    let counts = [
        count(config.backends.len(), "backend", "backends"),
        count(config.registries.urls().count(), "registry", "registries"),
    ];
    writeln!(out, "{} makes sense: {}", config.origin, counts.join(", "))?;
    Ok(ExitCode::SUCCESS)
}

fn count(number: usize, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    }
}

fn json(looked: &[String], outcome: Result<Config, Error>) -> Outcome {
    let looked: Vec<_> = looked.iter().map(|place| report::bare(place)).collect();
    match outcome {
        Ok(config) => {
            let backends: Vec<_> = config.backends.iter().map(|(name, _)| name).collect();
            let registries: Vec<_> = config.registries.urls().map(ToString::to_string).collect();
            report::write_json(&json!({
                "looked-for-in": looked,
                "config": report::bare(&config.origin),
                "backends": backends,
                "registries": registries,
            }))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            report::write_json(&json!({
                "looked-for-in": looked,
                "error": report::error_json(&error),
            }))?;
            Err(Failure::told())
        }
    }
}
