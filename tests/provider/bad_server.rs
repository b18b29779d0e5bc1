//! A Vault that is not well: what the user gets to read, and whether the next source is asked.

mod answers;
mod certificates;
mod connections;
mod logins;
mod redirects;
mod statuses;

use test_servers::provider::{error_text, get_request};
use test_servers::{Provider, Response};

use crate::BINARY;

/// The registry whose chain ends at a store that can't be reached.
const STOPS: &str = "sparse+https://stops.example.com/index/";
/// The one whose chain then goes on, to [`SECOND`].
const GOES_ON: &str = "sparse+https://goes-on.example.com/index/";

/// What we show to Vault.
const TOKEN: &str = "hvs.giv3n-s3cret-token";
/// What is stored in Vault.
const STORED: &str = "st0red-s3cret-token";
/// What the second source has.
const SECOND: &str = "s3cond-s3cret-token";

/// How a server's fault ends the question, which decides what the chain does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// There is no such secret: the next source is asked.
    NotFound,
    /// The next source is asked only where `on-unavailable = "next"` says so.
    Unavailable,
    /// The next source is never asked.
    Refused,
}

/// A provider with Vault at `address`, a variable as the second source, and `more` keys on the backend.
fn provider(address: &str, more: &str) -> Provider {
    Provider::new(BINARY)
        .config(&format!(
            r#"
            [backends.corp]
            type = "vault"
            address = "{address}"
            {more}
            [backends.job]
            type = "env"

            [registries."{STOPS}"]
            sources = [
                {{ backend = "corp", path = "ci/cargo", field = "token" }},
                {{ backend = "job", var = "SECOND" }},
            ]
            [registries."{GOES_ON}"]
            on-unavailable = "next"
            sources = [
                {{ backend = "corp", path = "ci/cargo", field = "token" }},
                {{ backend = "job", var = "SECOND" }},
            ]
            "#
        ))
        .env("VAULT_TOKEN", TOKEN)
        .env("SECOND", SECOND)
        .secret(TOKEN)
        .secret(STORED)
        .secret(SECOND)
}

/// Asks for both registries and compares the text that the user reads, line by line, and what the chain did.
/// `address` stands as `$VAULT` in `expected`.
fn check(name: &str, provider: &Provider, address: &str, ends: Ends, expected: &[&str]) {
    for registry in [STOPS, GOES_ON] {
        let run = provider.run(get_request(registry, "read").as_bytes());
        let answer = run.answer();
        let next = match ends {
            Ends::NotFound => true,
            Ends::Unavailable => registry == GOES_ON,
            Ends::Refused => false,
        };
        if next {
            assert_eq!(
                answer["Ok"]["token"], SECOND,
                "{name} of {registry}: {run:?}"
            );
            let note = run.stderr.replace(address, "$VAULT");
            // Before another source, a source has its share of the time.
            let what = expected[0].split(" within ").next().unwrap_or_default();
            assert!(note.contains(what), "{name} of {registry}: {note}");
        } else {
            let text = error_text(&answer).replace(address, "$VAULT");
            let lines: Vec<_> = text.lines().collect();
            assert_eq!(lines, expected, "{name} of {registry}");
            assert_eq!(run.stderr, "", "{name} of {registry}");
        }
    }
}

/// The answer of a KV v2 engine with [`STORED`] in it.
fn stored() -> Response {
    Response::json(
        200,
        &serde_json::json!({ "data": { "data": { "token": STORED }, "metadata": { "version": 1 } } }),
    )
}
