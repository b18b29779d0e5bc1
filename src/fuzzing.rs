//! What must hold whatever the bytes are that come from outside: each target takes some, and panics where a law is broken.
//!
//! In builds with `--cfg fuzzing`, where `ci/fuzz` makes up the bytes, and in tests, which run each target over its corpus.

mod binding;
mod config;
mod field;
mod guard;
mod request;
mod url;

use crate::audit;
use crate::provider::{cargo_token, plugin_laws};

/// A fuzz target, by the name of its corpus in `tests/fuzz/corpus`.
pub type Target = (&'static str, fn(&[u8]));

/// Those of this crate.
pub const TARGETS: &[Target] = &[
    ("request", request::laws),
    ("config", |data| text(data, config::laws)),
    ("url", |data| text(data, url::laws)),
    ("field", |data| text(data, field::laws)),
    ("binding", |data| text(data, binding::laws)),
    ("guard", |data| text(data, guard::laws)),
    ("audit", |data| text(data, audit::fuzzing::laws)),
    ("plugin", plugin_laws::laws),
    ("credentials", |data| text(data, cargo_token::fuzzing::laws)),
];

/// The token of the corpora, which nothing that is for people may hold. No word of ours is like it.
pub(crate) const TOKEN: &str = "Zq7-t0ken";

/// What Cargo reads is one line of JSON.
pub(crate) fn json(line: &[u8]) -> serde_json::Value {
    let (end, line) = line.split_last().expect("there is a line");
    assert_eq!(*end, b'\n', "the line does not end");
    assert!(!line.contains(&b'\n'), "there is more than one line");
    serde_json::from_slice(line).expect("the line is JSON")
}

/// Takes the next line off the text; the empty one behind its end.
pub(crate) fn line<'a>(text: &mut &'a str) -> &'a str {
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    *text = rest;
    line
}

fn text(data: &[u8], laws: impl FnOnce(&str)) {
    if let Ok(text) = str::from_utf8(data) {
        laws(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpora_keep_the_laws() {
        for (name, laws) in TARGETS {
            test_servers::corpus::replay(name, laws);
        }
    }
}
