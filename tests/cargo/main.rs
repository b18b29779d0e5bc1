//! Every way in which Cargo reaches the provider, and the credential tests of Cargo's own suite, with Cargo itself.
//!
//! `ci/test real` finds the Cargos and runs this. By hand: `cargo test --features real-servers --test real_cargo`, with
//! `CCB_CARGO_1_74`, `CCB_CARGO_1_86` and `CCB_CARGO_1_96` for what `ci/install cargo-1.74` and the like print, and
//! `CCB_RUST_ANALYZER` for what `ci/install rust-analyzer` does. The registry is in this process, and the tokens are in
//! variables. `docs/cargo.md` and `docs/tools.md` say which test shows what.

#![cfg(unix)]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod crates_io;
mod docs;
mod editor;
mod git;
mod global;
mod job;
mod login;
mod names;
mod requests;
mod sources;
mod vendor;
mod ways;

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_cargo-credential-bridge");
