//! The other side of the protocol: a plugin is asked as Cargo asks it, but for the deadline, which Cargo does not have.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;

use std::io;
use std::process::Stdio;

use cargo_credential_bridge_backend::log::{Program, Timer};
use cargo_credential_bridge_backend::{Context, Error, Kind, SecretSlice, step};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};

use super::{Command, Given, Terms};
use crate::protocol::{Cache, Request};

/// No line of a plugin is longer than this many bytes.
const LINE_LIMIT: u64 = 256 << 10;

/// Names, in the environment of a plugin, the registries that we are asked for already: a plugin that leads back to us
/// would go round for ever.
pub(crate) const ASKED: &str = "CARGO_CREDENTIAL_BRIDGE_ASKED";

#[derive(Deserialize)]
struct Hello {
    v: Vec<u64>,
}

/// What a plugin answers; what it says besides is for others.
#[derive(Deserialize)]
enum Answer {
    Ok(Success),
    Err(Refusal),
}

#[derive(Deserialize)]
struct Success {
    kind: String,
    #[serde(default)]
    token: Option<SecretString>,
    #[serde(default)]
    cache: Option<String>,
    #[serde(default)]
    expiration: Option<i64>,
    #[serde(default)]
    operation_independent: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Refusal {
    kind: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    caused_by: Vec<String>,
}

/// The token that Cargo asks us for.
pub(super) async fn get(
    command: &Command,
    request: &Request,
    context: &Context,
) -> Result<Given, Error> {
    match ask(command, request, None, context).await? {
        Answer::Ok(success) => given(command, success),
        Answer::Err(refusal) => Err(refused(command, &refusal)),
    }
}

/// Stores a token, or with none erases the one that is stored, as Cargo asks us to.
pub(super) async fn change(
    command: &Command,
    request: &Request,
    token: Option<&SecretString>,
    context: &Context,
) -> Result<(), Error> {
    let done = match token {
        Some(_) => "login",
        None => "logout",
    };
    match ask(command, request, token, context).await? {
        Answer::Ok(success) if success.kind == done => Ok(()),
        Answer::Ok(_) => Err(failed(
            command,
            Kind::Invalid,
            "it answers another question than it was asked",
        )),
        // One that only reads is no place for tokens, and the next one may be.
        Answer::Err(refusal)
            if matches!(
                refusal.kind.as_str(),
                "operation-not-supported" | "url-not-supported"
            ) =>
        {
            Err(Error::new(
                Kind::NotAvailable,
                format!(
                    "the plugin `{}` keeps no tokens for this registry",
                    command.program
                ),
            ))
        }
        Answer::Err(refusal) => Err(refused(command, &refusal)),
    }
}

/// Asks what Cargo asks us.
async fn ask(
    command: &Command,
    request: &Request,
    token: Option<&SecretString>,
    context: &Context,
) -> Result<Answer, Error> {
    let line = request
        .passed_on(&command.arguments, token)
        .ok_or_else(|| Error::new(Kind::Invalid, "the request can't be passed on"))?;
    let spoken = tokio::time::timeout(
        context.deadline.remaining(),
        speak(command, request, &line, context),
    );
    spoken.await.unwrap_or_else(|_| {
        Err(failed(
            command,
            Kind::Timeout,
            &format!("it did not answer within {:?}", context.deadline.total()),
        ))
    })
}

/// Starts it, and exchanges one line for another.
async fn speak(
    command: &Command,
    request: &Request,
    line: &SecretString,
    context: &Context,
) -> Result<Answer, Error> {
    let broken = |error: io::Error| failed(command, Kind::Invalid, &error.to_string());
    let path = program(command, context)?;
    let timer = Timer::start();
    step!("program started", program = Program(path.as_os_str()));
    let mut child = tokio::process::Command::new(path)
        .arg("--cargo-plugin")
        .env(ASKED, &request.index_url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::new(
                Kind::NotAvailable,
                format!("the plugin `{}` is not installed here", command.program),
            )
            .because(error.to_string())
            .help("is it on the PATH of this job? `cargo install` puts plugins into Cargo's `bin`"),
            _ => broken(error),
        })?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(failed(command, Kind::Invalid, "it has no pipes"));
    };
    let mut stdout = BufReader::new(stdout);
    let hello = next_line(&mut stdout).await.map_err(broken)?;
    let versions = serde_json::from_slice::<Hello>(hello.expose_secret())
        .map_err(|_| {
            failed(
                command,
                Kind::Invalid,
                "the first thing it says is not the protocol's hello",
            )
        })?
        .v;
    if !versions.contains(&1) {
        return Err(failed(
            command,
            Kind::Invalid,
            &format!("it speaks versions {versions:?} of the protocol, and not 1"),
        ));
    }
    // Whoever has heard enough may have closed its end.
    let said = async {
        stdin.write_all(line.expose_secret().as_bytes()).await?;
        stdin.write_all(b"\n").await
    };
    if let Err(error) = said.await
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        return Err(broken(error));
    }
    let answer = next_line(&mut stdout).await.map_err(broken)?;
    // It ends when nobody asks, and nobody listens, any more.
    drop((stdin, stdout));
    let status = child.wait().await.map_err(broken)?;
    step!("program ended", status = status, took = timer.took());
    if answer.expose_secret().is_empty() {
        return Err(failed(
            command,
            Kind::Invalid,
            &format!("it said nothing, and ended with {status}"),
        ));
    }
    let answer = serde_json::from_slice(answer.expose_secret()).map_err(|_| {
        failed(
            command,
            Kind::Invalid,
            "what it answers is not what the protocol lays down",
        )
    })?;
    // Cargo drops the answer of one that ends otherwise. Killed for talking on is its own way to end.
    match status.code() {
        Some(0) | None => Ok(answer),
        Some(_) => Err(failed(
            command,
            Kind::Invalid,
            &format!("it ended with {status}"),
        )),
    }
}

/// The program to start: a path as the config has it, or a name to look for.
fn program(command: &Command, context: &Context) -> Result<std::path::PathBuf, Error> {
    let name = std::path::Path::new(&command.program);
    match command.program.contains(std::path::is_separator) {
        true => context.environment.path(name),
        false => Ok(name.to_owned()),
    }
}

/// The next line, without its end; empty where there is none.
async fn next_line(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<SecretSlice<u8>> {
    let mut line = Vec::new();
    from.take(LINE_LIMIT + 1)
        .read_until(b'\n', &mut line)
        .await?;
    if line.len() as u64 > LINE_LIMIT {
        return Err(io::Error::other(format!(
            "it says more than {} KiB without a line break",
            LINE_LIMIT >> 10
        )));
    }
    while line
        .last()
        .is_some_and(|byte| matches!(byte, b'\n' | b'\r'))
    {
        line.pop();
    }
    Ok(SecretSlice::from(line))
}

/// The token, if the answer is one.
fn given(command: &Command, success: Success) -> Result<Given, Error> {
    let incomplete = |why: &str| failed(command, Kind::Invalid, why);
    if success.kind != "get" {
        return Err(incomplete("it answers another question than it was asked"));
    }
    let token = success
        .token
        .ok_or_else(|| incomplete("its answer has no token"))?;
    let cache = match (success.cache.as_deref(), success.expiration) {
        (Some("session"), _) => Cache::Session,
        (Some("expires"), Some(at)) => Cache::Expires(at),
        (Some("expires"), None) => {
            return Err(incomplete("its answer expires, and does not say when"));
        }
        // What is newer than we are is not kept, as Cargo has it.
        (Some(_), _) => Cache::Never,
        (None, _) => {
            return Err(incomplete(
                "its answer does not say how long the token may be kept",
            ));
        }
    };
    Ok(Given {
        token,
        terms: Terms {
            cache,
            operation_independent: success.operation_independent.unwrap_or(false),
        },
    })
}

/// The error for a plugin that has no token to give.
fn refused(command: &Command, refusal: &Refusal) -> Error {
    let plugin = &command.program;
    match refusal.kind.as_str() {
        "not-found" => Error::new(
            Kind::NotFound,
            format!("the plugin `{plugin}` has no token for this registry"),
        ),
        "url-not-supported" => Error::new(
            Kind::NotFound,
            format!("the plugin `{plugin}` is not for this registry"),
        ),
        "operation-not-supported" => Error::new(
            Kind::Invalid,
            format!("the plugin `{plugin}` has no tokens for this operation"),
        ),
        "other" => {
            let message = refusal.message.iter().chain(&refusal.caused_by);
            Error::new(Kind::Invalid, format!("the plugin `{plugin}` failed"))
                .because_all(message.map(|line| shown(line)))
        }
        _ => failed(
            command,
            Kind::Invalid,
            "it failed in a way that is newer than this program",
        ),
    }
}

/// What a plugin says, fit for a message: without what moves the cursor, and not endless.
fn shown(said: &str) -> String {
    const LIMIT: usize = 2000;
    let said: String = said
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .take(LIMIT)
        .collect();
    said.trim_end().to_owned()
}

fn failed(command: &Command, kind: Kind, why: &str) -> Error {
    Error::new(kind, format!("the plugin `{}` failed", command.program)).because(why)
}
