//! `[audit]`: one line of JSON for each answer, which says who was given what, and never the token.
//!
//! It is written before the answer is given: a token that somebody has is a token that the line is about, unless it could
//! not be written and need not be.

mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod record;
mod summary;
mod syslog;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cargo_credential_bridge_backend::{Environment, Error, Kind};

use self::record::Record;
use crate::chain::Found;
use crate::config::Config;
use crate::note::note;
use crate::protocol::{Action, Answer, Request};
use crate::publish_guard::{Claims, PublishGuard};

/// Where the line goes; at least one of them is there.
#[derive(Debug)]
pub(crate) struct Audit {
    /// The end of a file.
    pub(crate) file: Option<PathBuf>,
    /// The socket of the system's log.
    pub(crate) syslog: Option<PathBuf>,
    /// The summary of a GitHub job.
    pub(crate) job_summary: bool,
    /// Whether there is no token without its line.
    pub(crate) required: bool,
}

/// The line of one answer in the making, if there is to be one.
pub(crate) struct Trail<'a>(Option<Box<Open<'a>>>);

struct Open<'a> {
    audit: &'a Audit,
    environment: Environment,
    start: Instant,
    record: Record,
}

impl<'a> Trail<'a> {
    /// Begins with what is asked.
    pub(crate) fn begin(config: &'a Config, request: &Request) -> Self {
        Self(config.audit.as_ref().map(|audit| {
            let environment = Environment::process(config.base.clone());
            Box::new(Open {
                audit,
                start: Instant::now(),
                record: Record::new(request, &environment),
                environment,
            })
        }))
    }

    /// Adds what the identity token of this job states of it, for a guard.
    pub(crate) fn claims(&mut self, claims: &Claims, guard: &PublishGuard) {
        if let Some(open) = &mut self.0 {
            open.record.claims(claims, guard);
        }
    }

    /// Adds where the token is from.
    pub(crate) fn found(&mut self, found: &Found) {
        if let Some(open) = &mut self.0 {
            open.record.found(found);
        }
    }

    /// Writes the line, and gives the answer that is to be given.
    ///
    /// # Errors
    ///
    /// That of the answer; and if there may be no token without its line, that of writing it.
    pub(crate) fn end(self, answer: Result<Answer, Error>) -> Result<Answer, Error> {
        let Some(mut open) = self.0 else {
            return answer;
        };
        open.record.answered(&answer, open.start.elapsed());
        let Err(error) = open.write() else {
            return answer;
        };
        if open.audit.required && matches!(answer, Ok(Answer::Token { .. })) {
            return Err(error);
        }
        note(&error.to_string());
        answer
    }
}

/// Writes the line of an answer that was made without asking anybody for a token.
pub(crate) fn record(config: &Config, request: &Request, answer: Answer) -> Answer {
    let ended = Trail::begin(config, request).end(Ok(answer));
    ended.unwrap_or_else(|error| crate::answer::failure(&error))
}

impl Open<'_> {
    /// Writes the line to each place, whatever becomes of the others.
    fn write(&self) -> Result<(), Error> {
        let audit = self.audit;
        let line = self.record.line();
        let mut failed = Vec::new();
        let mut add = |place: String, outcome: io::Result<()>| {
            failed.extend(outcome.err().map(|error| format!("{place}: {error}")));
        };
        if let Some(path) = &audit.file {
            let place = format!("the file `{}`", path.display());
            add(place, self.at(path, |path| file::append(path, &line)));
        }
        if let Some(path) = &audit.syslog {
            let place = format!("the system's log at `{}`", path.display());
            add(place, self.at(path, |path| syslog::send(path, &line)));
        }
        if audit.job_summary {
            let place = "the job's summary".to_owned();
            add(place, summary::append(&self.environment, &self.record));
        }
        if failed.is_empty() {
            return Ok(());
        }
        let what = match audit.required {
            true => "the audit line can't be written, and there is no token without it",
            false => "the audit line can't be written",
        };
        Err(Error::new(Kind::Unavailable, what)
            .because_all(failed)
            .help("make the place writable for this job, or change `[audit]` in the config"))
    }

    /// Does it with a path of the config.
    fn at(&self, path: &Path, append: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
        let path = self.environment.path(path).map_err(io::Error::other)?;
        append(&path)
    }
}

/// The operation of a request, as the line has it.
fn operation(action: Action) -> &'static str {
    match action {
        Action::Get(operation) => operation.as_str(),
        Action::Login => "login",
        Action::Logout => "logout",
        Action::Unknown => "unknown",
    }
}
