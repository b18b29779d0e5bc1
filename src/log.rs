//! `CARGO_CREDENTIAL_BRIDGE_LOG=debug`: each step on standard error, a line each.
//!
//! What an event may hold is settled where it is made, by its type.

use core::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::OnceLock;
use std::time::Instant;

use cargo_credential_bridge_backend::log::{self, Public};

use crate::note::note;

const VARIABLE: &str = "CARGO_CREDENTIAL_BRIDGE_LOG";

/// When the log was started.
static START: OnceLock<Instant> = OnceLock::new();

/// Starts the log if the variable asks for it.
pub(crate) fn start() {
    match std::env::var_os(VARIABLE) {
        Some(level) if level.eq_ignore_ascii_case("debug") => {
            START.get_or_init(Instant::now);
            log::start(write);
        }
        // What it is may be something that was meant for another variable, so it is not repeated.
        Some(level) if !level.is_empty() => note(&format!(
            "`{VARIABLE}` asks for a log that there is not: it may be `debug`, or empty for none"
        )),
        _ => {}
    }
}

/// Writes an event down: milliseconds since the start, level, message, values.
fn write(message: &'static str, values: &[(&'static str, &dyn Public)]) {
    let since = START.get_or_init(Instant::now).elapsed().as_millis();
    let mut line = format!("cargo-credential-bridge: {since}ms DEBUG {message}");
    for (key, value) in values {
        // Text takes everything that is written to it.
        let _ = write!(line, " {key}={}", Value(&value.to_string()));
    }
    line.push('\n');
    // In one piece, as others write there too. There is nobody to tell that it can't be written.
    let _ = std::io::stderr().write_all(line.as_bytes());
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
