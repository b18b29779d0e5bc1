//! The GitHub action and the example workflows, run by `act` on this machine, without a container.
//!
//! `ci/test github` installs act and Vault, and runs this. By hand: `CCB_ACT=PATH CCB_VAULT=PATH cargo test --features
//! real-servers --test kit_github`, with what `ci/install act` and `ci/install vault` print.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod example;
mod identity;
mod install;
mod page;
mod releases;
mod runner;
mod settings;
mod stores;
mod world;

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_cargo-credential-bridge");

/// Its version, which is the action's too.
const VERSION: &str = env!("CARGO_PKG_VERSION");
