//! Tools that people have beside Cargo, the real ones, with a private registry whose tokens are in Vault's double.
//!
//! `ci/test tools` finds them and runs this. By hand: `cargo test --features real-servers --test other_tools`, with
//! `CCB_TOOLS` and `CCB_RENOVATE` for what `ci/install tools` and `ci/install renovate` print. `docs/tools.md` says what
//! each test shows. Some of them show what does not work: they fail when the tool has learnt it, and the page is to be changed.

#![cfg(unix)]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod binstall;
mod edit;
mod job;
mod release_plz;
mod renovate;
mod update;

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_cargo-credential-bridge");
