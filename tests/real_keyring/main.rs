//! The provider with a real keyring of Linux, and with plugins that people have.
//!
//! `ci/test real` installs GNOME Keyring and the plugins, and runs this. By hand, after `ci/install keyring`:
//! `CCB_PLUGINS=PATH cargo test --features real-servers --test real_keyring`, with what `ci/install plugins` prints, and
//! `CCB_CARGO_1_96=PATH` for the second Cargo. Each test has a session bus and a keyring of its own.

#![cfg(target_os = "linux")]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod absent;
mod login;
mod plugins;
mod session;
mod stored;

use test_servers::Provider;
use test_servers::provider::get_request;

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_cargo-credential-bridge");

/// A registry that nobody asks.
const URL: &str = "sparse+https://crates.example.com/Index/";

/// What is in the source behind the one that a test is about.
const NEXT: &str = "n3xt-s3cret-token";

/// The provider with this source, and behind it one that always has a token.
fn provider(source: &str) -> Provider {
    alone(&format!(
        "{source}, {{ backend = \"job\", var = \"NEXT\" }}"
    ))
}

/// The provider with this source.
fn alone(source: &str) -> Provider {
    Provider::new(BINARY)
        .config(&format!(
            "timeout = \"5s\"\n[backends.job]\ntype = \"env\"\n\
             [registries.\"{URL}\"]\nsources = [ {source} ]\n"
        ))
        .env("NEXT", NEXT)
        .env("PATH", "/usr/bin:/bin")
        .secret(NEXT)
}

/// The token of an answer, and what was told beside it.
fn token(provider: &Provider, url: &str) -> (String, String) {
    let request = get_request(url, "read");
    let run = provider.run(request.as_bytes());
    let answer = run.answer();
    assert_eq!(answer["Ok"]["cache"], "session", "{answer}");
    assert_eq!(answer["Ok"]["operation_independent"], true, "{answer}");
    let token = answer["Ok"]["token"].as_str().unwrap();
    (token.to_owned(), run.stderr)
}
