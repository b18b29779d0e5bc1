//! `cargo:token-from-stdout`: a program that prints a token and knows nothing of the protocol.

use cargo_credential_bridge_backend::program::{self, Terminal};
use cargo_credential_bridge_backend::{Context, Error, Kind};
use secrecy::{ExposeSecret as _, SecretString};

use super::Command;
use crate::protocol::Request;

/// The first line that the program prints. Cargo takes one line too, and what comes behind it for a mistake.
pub(super) async fn ask(
    command: &Command,
    request: &Request,
    context: &Context,
) -> Result<SecretString, Error> {
    let failed = |kind, why: String| {
        Error::new(kind, format!("`{}` gave no token", command.program))
            .because(why)
            .help("it must print the token on one line and exit with status 0")
    };
    let mut program = tokio::process::Command::new(&command.program);
    program
        .env("CARGO_REGISTRY_INDEX_URL", &request.index_url)
        // It may be this program, by its `get`.
        .env(super::plugin::ASKED, &request.index_url);
    if let Some(name) = &request.name {
        program.env("CARGO_REGISTRY_NAME_OPT", name);
    }
    for argument in &command.arguments {
        program.arg(argument.replace("{index_url}", &request.index_url));
    }
    let printed = program::printed_by(program, Terminal::Shared, context.deadline)
        .await
        .map_err(|failure| match failure.is_missing {
            true => failed(Kind::NotAvailable, failure.to_string())
                .help("is it installed, and on the PATH of this job?"),
            false => failed(failure.kind, failure.to_string()),
        })?;
    let text = str::from_utf8(printed.expose_secret())
        .map_err(|_| failed(Kind::Invalid, "what it printed is not text".to_owned()))?;
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    if !rest.is_empty() {
        return Err(failed(
            Kind::Invalid,
            "it printed more than one line".to_owned(),
        ));
    }
    match line.strip_suffix('\r').unwrap_or(line) {
        "" => Err(failed(Kind::NotFound, "it printed nothing".to_owned())),
        token => Ok(token.into()),
    }
}
