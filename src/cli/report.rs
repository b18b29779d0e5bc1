//! What people are told, and in which form.

use std::io::{self, Write};
use std::process::{self, ExitCode};

use anstyle::{AnsiColor, Style};
use cargo_credential_bridge_backend::{Error, Kind};
use clap::ValueEnum;
use serde_json::{Value, json};

pub(super) const ERROR: Style = AnsiColor::Red.on_default().bold();
pub(super) const HELP: Style = AnsiColor::Cyan.on_default().bold();

/// The status if there is a problem to see to.
const PROBLEM: u8 = 1;

/// The status if the command could not be run as it was given.
const USAGE: u8 = 2;

/// The form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs: one JSON object
    Json,
}

/// Why a command ends without what it is for.
pub(super) struct Failure {
    status: u8,
    /// `None` if it was told already.
    error: Option<Error>,
}

impl Failure {
    /// The command can't be run as it was given.
    pub(super) fn usage(error: Error) -> Self {
        Self {
            status: USAGE,
            error: Some(error),
        }
    }

    /// Somebody has told the user already what the problem is.
    pub(super) fn told() -> Self {
        Self {
            status: PROBLEM,
            error: None,
        }
    }

    /// Tells the user, on standard error.
    pub(super) fn report(&self) -> ExitCode {
        if let Some(error) = &self.error {
            // There is nobody to tell that nobody can be told.
            let _ = write_error(&mut anstream::stderr().lock(), error);
        }
        ExitCode::from(self.status)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            status: PROBLEM,
            error: Some(error),
        }
    }
}

/// Standard output that is gone ends the command: nobody reads on.
impl From<io::Error> for Failure {
    fn from(_: io::Error) -> Self {
        Self::told()
    }
}

/// An error for people: what failed, what was asked and answered, what to do.
pub(super) fn write_error(out: &mut impl Write, error: &Error) -> io::Result<()> {
    writeln!(out, "{ERROR}error{ERROR:#}: {}", error.what())?;
    for cause in error.causes() {
        // A cause of several lines, such as a place in the config, is shown as it is.
        match cause.contains('\n') {
            true => writeln!(out, "{cause}")?,
            false => writeln!(out, "  {cause}")?,
        }
    }
    if let Some(help) = error.help_text() {
        writeln!(out, "{HELP}help{HELP:#}: {help}")?;
    }
    Ok(())
}

/// Standard output, with colours where they can be seen.
pub(super) fn out() -> impl Write {
    anstream::stdout().lock()
}

/// An object for programs, on several lines as people look at it too.
pub(super) fn write_json(object: &Value) -> io::Result<()> {
    writeln!(out(), "{object:#}")
}

/// An error for programs.
pub(super) fn error_json(error: &Error) -> Value {
    json!({
        "kind": kind(error.kind()),
        "message": error.what(),
        "caused-by": error.causes(),
        "help": error.help_text(),
    })
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::NotFound => "not-found",
        Kind::NotAvailable => "not-available",
        Kind::Unauthenticated => "unauthenticated",
        Kind::PermissionDenied => "permission-denied",
        Kind::Unavailable => "unavailable",
        Kind::Timeout => "timeout",
        Kind::Invalid => "invalid",
    }
}

/// A place as programs take it, without the marks around a literal.
pub(super) fn bare(place: &str) -> &str {
    place.trim_matches('`')
}

/// Makes a panic a message without what the panic says, as that may quote a value.
pub(super) fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let mut err = anstream::stderr();
        let _ = writeln!(
            err,
            "{ERROR}error{ERROR:#}: cargo-credential-bridge has a bug and gave up"
        );
        if let Some(place) = panic.location() {
            let _ = writeln!(err, "  at {}:{}", place.file(), place.line());
        }
        let _ = writeln!(
            err,
            "{HELP}help{HELP:#}: please report it at {}/issues",
            env!("CARGO_PKG_REPOSITORY")
        );
        process::exit(USAGE.into());
    }));
}
