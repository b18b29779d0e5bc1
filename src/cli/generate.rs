//! What is made from the commands: completions for shells, the manual.

use std::io::{self, Write as _};
use std::process::ExitCode;

use cargo_credential_bridge_backend::{Error, Kind};
use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use super::Outcome;
use super::report::Failure;

/// Print the completions for a shell
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
    cargo-credential-bridge completions bash > /etc/bash_completion.d/cargo-credential-bridge
    cargo-credential-bridge completions fish > ~/.config/fish/completions/cargo-credential-bridge.fish
")]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Print a manual page, in roff
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
    cargo-credential-bridge man > /usr/local/share/man/man1/cargo-credential-bridge.1
    cargo-credential-bridge man config check | man -l -
")]
pub(super) struct Manual {
    /// The command that it is about; without one, the program
    command: Vec<String>,
}

pub(super) fn completions(arguments: &Completions, mut command: Command) -> Outcome {
    let name = command.get_name().to_owned();
    // It panics where it can't write.
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, name, &mut text);
    print(&text)
}

pub(super) fn manual(arguments: &Manual, mut command: Command) -> Outcome {
    // Each command gets its whole name only now.
    command.build();
    let mut found = &command;
    for name in &arguments.command {
        found = found.find_subcommand(name).ok_or_else(|| {
            Failure::usage(
                Error::new(
                    Kind::NotFound,
                    format!("there is no command `{}`", arguments.command.join(" ")),
                )
                .help("`cargo-credential-bridge --help` lists them"),
            )
        })?;
    }
    let mut text = Vec::new();
    Man::new(found.clone())
        .source(concat!(
            "cargo-credential-bridge ",
            env!("CARGO_PKG_VERSION")
        ))
        .render(&mut text)?;
    print(&text)
}

fn print(text: &[u8]) -> Outcome {
    io::stdout().lock().write_all(text)?;
    Ok(ExitCode::SUCCESS)
}
