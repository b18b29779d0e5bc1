//! What is said of each step to whoever reads the log.
//!
//! A secret can't get into it: the [`step!`](crate::step) of an event takes values of [`Public`] types only, and a text
//! that is not the program's own is none of them until somebody has given it a type that says what it holds.

use core::fmt::{self, Display};
use std::ffi::OsStr;
use std::process::ExitStatus;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::Kind;

/// What is no secret by its type.
///
/// To implement it is to vouch for every value of the type: no header, no body, no query of a URL, nothing that a server
/// said, nothing that the job supplies for a setting.
pub trait Public: Display {}

/// Says what was done, for the log: a message and, for each key, a value of a [`Public`] type. Costs nothing where there is
/// no log: the values are not even computed.
#[macro_export]
macro_rules! step {
    ($message:literal $(, $key:ident = $value:expr)* $(,)?) => {
        if let Some(log) = $crate::log::log() {
            log($message, &[$((stringify!($key), &$value)),*]);
        }
    };
}

/// What writes an event down: its message, and its values by their keys.
///
/// It is no subscriber of `tracing`: where there may be one, the linker keeps every event of the HTTP libraries and of the
/// AWS SDK, of which none may be shown.
pub type Log = fn(&'static str, &[(&'static str, &dyn Public)]);

static LOG: OnceLock<Log> = OnceLock::new();

/// From here on, `log` gets every event. The first stays.
pub fn start(log: Log) {
    let _ = LOG.set(log);
}

/// What gets the events, if anything does.
#[doc(hidden)]
pub fn log() -> Option<&'static Log> {
    LOG.get()
}

/// Words of the program itself: nothing that is made at run time lives as long.
impl Public for &'static str {}

impl Public for Kind {}

impl Public for u16 {}

impl Public for ExitStatus {}

/// A program, without what it is told.
#[derive(Debug)]
pub struct Program<'a>(pub &'a OsStr);

impl Public for Program<'_> {}

impl Display for Program<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

/// The time that a step takes, if there is a log to show it in.
#[derive(Clone, Copy, Debug)]
pub struct Timer(Option<Instant>);

impl Timer {
    /// From now on.
    pub fn start() -> Self {
        Self(log().map(|_| Instant::now()))
    }

    /// Up to now.
    pub fn took(&self) -> Took {
        Took(self.0.map_or(Duration::ZERO, |start| start.elapsed()))
    }
}

/// How long a step took.
#[derive(Clone, Copy, Debug)]
pub struct Took(Duration);

impl Public for Took {}

impl Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

    fn write(message: &'static str, values: &[(&'static str, &dyn Public)]) {
        let values: Vec<_> = values
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let mut seen = SEEN.lock().unwrap();
        seen.push(format!("{message} {}", values.join(" ")));
    }

    #[test]
    fn the_first_log_gets_every_event_and_its_values() {
        start(write);
        start(|_, _| {});
        let timer = Timer::start();
        step!(
            "tried",
            program = Program(OsStr::new("gcloud")),
            kind = Kind::NotFound,
            took = Took(Duration::from_micros(1999))
        );
        let seen = SEEN.lock().unwrap();
        assert!(
            seen.iter()
                .any(|line| line == "tried program=gcloud kind=not-found took=1ms"),
            "{seen:?}"
        );
        assert!(timer.0.is_some());
    }
}
