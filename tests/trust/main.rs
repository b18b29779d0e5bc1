//! What a repository, a registry or a store may try, and what they get: `docs/trust.md` is the table of it. And where secrets
//! are when the answer is out.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[cfg(unix)]
mod cargo_config;
#[cfg(target_os = "linux")]
mod children;
mod debug;
#[cfg(unix)]
mod docs;
#[cfg(unix)]
mod environment;
#[cfg(target_os = "linux")]
mod heap;
mod index_url;
#[cfg(unix)]
mod job;
#[cfg(unix)]
mod place;
#[cfg(unix)]
mod registry;

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_cargo-credential-bridge");

/// The index URL of the registry that the user's config has.
const URL: &str = "sparse+https://crates.example.com/index/";
