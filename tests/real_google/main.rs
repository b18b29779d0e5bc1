//! The provider against Google: a fake of it on Google's own messages, which Google's own clients have to agree with.
//!
//! `ci/test real` installs those and runs this. By hand: `CCB_GOOGLE_PYTHON=PATH cargo test --features real-servers --test
//! real_google`, with what `ci/install google` prints, and `CCB_CARGO_1_96=PATH` for the second Cargo. Every test has a
//! fake of its own, which is the proxy to Google's own hosts: the provider is told of no other address.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod adc;
mod amazon;
mod broken;
mod cargo;
mod external;
mod fake;
mod index_url;
mod init;
#[path = "../initiated/mod.rs"]
mod initiated;
mod refused;
mod secrets;
mod team;
mod versions;
mod workload_identity;
mod write;

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_cargo-credential-bridge");
