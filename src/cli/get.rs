//! `get`: one token, for what does not speak Cargo's protocol.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use cargo_credential_bridge_backend::{Error, Kind};
use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::report::Failure;
use super::{Outcome, entry};
use crate::guard;
use crate::plugin;
use crate::protocol::{Answer, Operation, Request};

/// What Cargo tells the program of `cargo:token-from-stdout`.
const URL_VARIABLE: &str = "CARGO_REGISTRY_INDEX_URL";
const NAME_VARIABLE: &str = "CARGO_REGISTRY_NAME_OPT";

/// Print the token of a registry, on one line
///
/// It goes the same way as a token for Cargo: the same chain, the same limit, and the login
/// is revoked. What is printed is the value of the header `Authorization`, scheme included.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
    cargo-credential-bridge get sparse+https://crates.example.com/index/ | some-release-bot
    cargo-credential-bridge get --operation publish sparse+https://crates.example.com/index/ > /dev/shm/token

For a Cargo that shall ask a program of its own, in $CARGO_HOME/config.toml:
    credential-provider = \"cargo:token-from-stdout cargo-credential-bridge get\"

Exit status: 0; 1 if there is no token, and standard error says why; 2 if the command could not be run as it was given.
"
)]
pub(super) struct Arguments {
    /// The registry's index URL, as Cargo's config has it [default: $CARGO_REGISTRY_INDEX_URL]
    url: Option<String>,

    /// What the token is for
    #[arg(long, value_enum, default_value = "read", value_name = "OPERATION")]
    operation: Operation,

    /// Print it on a terminal too, where everybody can read it
    #[arg(long)]
    show: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    guard::hide_memory();
    if !arguments.show && io::stdout().is_terminal() {
        return Err(Failure::usage(
            Error::new(Kind::Invalid, "the token would stand on the terminal").help(
                "pipe it into the program that takes it, or say `--show` if it is to be seen",
            ),
        ));
    }
    let request = request(arguments)?;
    plugin::check_way(&request)?;
    let url = entry::parse_url(&request.index_url)?;
    let config = entry::config()?;
    let entry = entry::find(&config, &url)?;
    let sources = entry::chain(&entry, arguments.operation)?;
    let mut outcome = Err(Failure::told());
    plugin::get(
        &config,
        entry.value,
        sources,
        arguments.operation,
        &request,
        &url,
        |answer| {
            if let Ok(answer) = &answer {
                answer.log();
            }
            outcome = match answer {
                Ok(Answer::Token { token, .. }) => print(&token),
                // It was said on the way.
                Ok(_) => Err(Failure::told()),
                Err(error) => Err(error.into()),
            };
        },
    )?;
    outcome
}

/// The request as Cargo would have sent it.
fn request(arguments: &Arguments) -> Result<Request, Failure> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(url) = arguments.url.clone().or_else(|| variable(URL_VARIABLE)) else {
        return Err(Failure::usage(
            Error::new(Kind::Invalid, "which registry's token?").help(format!(
                "name its index URL, or set {URL_VARIABLE} as Cargo does"
            )),
        ));
    };
    let mut registry = json!({ "index-url": url });
    if let Some(name) = variable(NAME_VARIABLE) {
        registry["name"] = name.into();
    }
    let line = json!({
        "v": 1,
        "registry": registry,
        "kind": "get",
        "operation": arguments.operation.as_str(),
    });
    Request::parse(line.to_string().as_bytes()).map_err(|_| {
        Failure::usage(Error::new(
            Kind::Invalid,
            "can't ask for this registry's token",
        ))
    })
}

fn print(token: &SecretString) -> Outcome {
    let mut out = io::stdout().lock();
    out.write_all(token.expose_secret().as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
