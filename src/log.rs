//! `CARGO_CREDENTIAL_BRIDGE_LOG=debug`: each step on standard error, a line each.
//!
//! What an event of ours may hold is settled where it is made, by [`Public`]. Those of others are passed over, whatever
//! they are about: an HTTP library sees headers, and an SDK keys.
//!
//! [`Public`]: cargo_credential_bridge_backend::log::Public

use core::fmt::{self, Write as _};
use std::io::Write as _;
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, Subscriber, set_global_default};
use tracing::{Event, Metadata};

use crate::note::note;

const VARIABLE: &str = "CARGO_CREDENTIAL_BRIDGE_LOG";

/// What the targets of our events, the modules that they are made in, begin with, in every crate of ours.
const OURS: &str = "cargo_credential_bridge";

/// Starts the log if the variable asks for it.
pub(crate) fn start() {
    match std::env::var_os(VARIABLE) {
        Some(level) if level.eq_ignore_ascii_case("debug") => {
            let log = Log {
                start: Instant::now(),
            };
            // Nobody else sets one.
            let _ = set_global_default(log);
        }
        // What it is may be something that was meant for another variable, so it is not repeated.
        Some(level) if !level.is_empty() => note(&format!(
            "`{VARIABLE}` asks for a log that there is not: it may be `debug`, or empty for none"
        )),
        _ => {}
    }
}

struct Log {
    start: Instant,
}

impl Subscriber for Log {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        match self.enabled(metadata) {
            true => Interest::always(),
            false => Interest::never(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with(OURS)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let line = format!(
            "cargo-credential-bridge: {}ms {} {}{}\n",
            self.start.elapsed().as_millis(),
            event.metadata().level(),
            line.message,
            line.fields
        );
        // In one piece, as others write there too. There is nobody to tell that it can't be written.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }

    // There are no spans of ours, and those of others are not enabled.

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// What an event holds, as text.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let value = format!("{value:?}");
        // Text takes everything that is written to it.
        let _ = match field.name() {
            "message" => write!(self.message, "{value}"),
            key => write!(self.fields, " {key}={}", Value(&value)),
        };
    }
}

/// A value that stays on its line and in its place, whatever is in it.
struct Value<'a>(&'a str);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        match !self.0.is_empty() && self.0.bytes().all(is_plain) {
            true => f.write_str(self.0),
            false => write!(f, "{:?}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_is_one_word_or_is_in_quotes() {
        for (value, expected) in [
            ("https://a.example/b?c=d", "https://a.example/b?c=d"),
            ("", "\"\""),
            ("a b", "\"a b\""),
            ("a\"b\\", "\"a\\\"b\\\\\""),
            ("a\n\u{1b}[31m", "\"a\\n\\u{1b}[31m\""),
            ("a\u{202e}b", "\"a\\u{202e}b\""),
            ("ä", "\"ä\""),
        ] {
            assert_eq!(Value(value).to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn nothing_breaks_a_line(value in any::<String>()) {
            let shown = Value(&value).to_string();
            let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
            prop_assert!(!shown.contains(breaks));
        }
    }
}
