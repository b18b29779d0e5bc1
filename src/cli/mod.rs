//! The door for people: what the program does when it is not Cargo that runs it.
//!
//! The doc comments of the commands are their help. Exit statuses: 0, 1 where there is a problem to see to, 2 where the
//! command could not be run as it was given.

mod check;
mod doctor;
mod entry;
mod explain;
mod generate;
mod get;
mod init;
mod report;
mod schema;

use std::process::ExitCode;

use clap::builder::PossibleValue;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::log;
use crate::protocol::Operation;
use report::Failure;
#[cfg(test)]
pub(crate) use schema::SCHEMA;

/// Registry tokens for Cargo, straight from the secret store.
#[derive(Debug, Parser)]
#[command(
    name = "cargo-credential-bridge",
    version,
    styles = STYLES,
    after_help = AFTER_HELP
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Doctor(doctor::Arguments),
    Get(get::Arguments),
    Explain(explain::Arguments),
    Init(Box<init::Arguments>),
    /// Check the config, or print its schema
    #[command(subcommand)]
    Config(ConfigCommand),
    Completions(generate::Completions),
    Man(generate::Manual),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    Check(check::Arguments),
    Schema(schema::Arguments),
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default())
    .error(report::ERROR);

const AFTER_HELP: &str = "\
Cargo runs it by itself, as `cargo-credential-bridge --cargo-plugin`. Tell Cargo so in $CARGO_HOME/config.toml:

    [registries.corp]
    index = \"sparse+https://crates.example.com/index/\"
    credential-provider = \"cargo-credential-bridge\"

and say where the token is in $CARGO_HOME/credential-bridge.toml:

    [backends.corp]
    type = \"vault\"
    address = \"https://vault.example.com:8200\"

    [registries.\"sparse+https://crates.example.com/index/\"]
    sources = [ { backend = \"corp\", path = \"ci/cargo\", field = \"token\" } ]

Examples:
    cargo-credential-bridge doctor
    cargo-credential-bridge config check
    cargo-credential-bridge explain sparse+https://crates.example.com/index/
    cargo-credential-bridge get sparse+https://crates.example.com/index/ | some-release-bot

Exit status: 0; 1 if there is a problem to see to; 2 if the command could not be run as it was given.
Colour only on a terminal, and never with NO_COLOR.
";

/// Runs the command that the arguments of this process name.
pub fn run() -> ExitCode {
    report::report_panics();
    log::start();
    let outcome = match Cli::parse().command {
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Get(arguments) => get::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Config(ConfigCommand::Check(arguments)) => check::run(&arguments),
        Command::Config(ConfigCommand::Schema(_)) => schema::run(),
        Command::Completions(arguments) => generate::completions(&arguments, Cli::command()),
        Command::Man(arguments) => generate::manual(&arguments, Cli::command()),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// What a command comes to.
type Outcome = Result<ExitCode, Failure>;

impl ValueEnum for Operation {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.as_str()))
    }
}
