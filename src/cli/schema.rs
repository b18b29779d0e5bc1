//! `config schema`: the config table for editors.
//!
//! The schema is written by hand: what checks a config for us says more than a schema can. That both know the same keys is
//! tested where the config is.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;

use super::{Outcome, report};

/// The JSON Schema (draft 7) of the config table.
pub(crate) const SCHEMA: &str = include_str!("schema.json");

/// Print the JSON Schema of the config, for editors
///
/// An editor with taplo (Even Better TOML) completes and checks a config by it, if the
/// first line of the config names the file that the schema was put in:
///
///   #:schema ./credential-bridge.schema.json
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
    cargo-credential-bridge config schema > ~/.cargo/credential-bridge.schema.json
"
)]
pub(super) struct Arguments {}

pub(super) fn run() -> Outcome {
    report::out().write_all(SCHEMA.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
