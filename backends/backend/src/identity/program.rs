//! Tokens that a program of the CI system prints.

use core::str;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::process::Command;

use super::system::System;
use crate::program::{self, Terminal};
use crate::{Context, Error, shell_word};

/// The command as a person would type it.
pub(super) fn shown(name: &str, arguments: &[String]) -> String {
    let words = arguments.iter().map(|argument| shell_word(argument));
    core::iter::once(name.to_owned())
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs it, without a shell and by the deadline, and gives what it prints.
///
/// # Errors
///
/// What [`program::printed_by`] fails with.
pub(super) async fn ask(
    system: &System,
    name: &str,
    arguments: &[String],
    context: &Context,
) -> Result<SecretString, Error> {
    let mut command = Command::new(name);
    command.args(arguments);
    let printed = program::printed_by(command, Terminal::Away, context.deadline)
        .await
        .map_err(|failure| {
            let error = system
                .not_minted(failure.kind)
                .because(format!("`{}`: {failure}", shown(name, arguments)));
            match failure.is_missing {
                true => error.help(format!(
                    "{} puts the program `{name}` into each job, but not into a container that the job starts: pass a token on by \
                     `identity = {{ env = \"NAME\" }}`, or name no other audience than that of the token in the job",
                    system.vendor
                )),
                false => error.help(system.help),
            }
        })?;
    // What is no text is no token either, and the next check says so.
    Ok(SecretString::from(
        str::from_utf8(printed.expose_secret()).unwrap_or_default(),
    ))
}
