//! The provider against AWS: a real moto with boto3 beside it, and doubles for what moto does not check.
//!
//! `ci/test real` installs moto and runs this. By hand: `CCB_MOTO_PYTHON=PATH cargo test --features real-servers --test
//! real_aws`, with what `ci/install moto` prints, and `CCB_CARGO_1_96=PATH` for the second Cargo. One moto serves all
//! tests that need no rights; each of them has secrets of its own in it, under the name of a [`Team`](team::Team).

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod broken;
mod cargo;
mod denied;
mod doctor;
mod index_url;
mod init;
#[path = "../initiated/mod.rs"]
mod initiated;
mod instance;
mod profiles;
mod regions;
mod roles;
mod secrets;
mod shapes;
mod skew;
mod team;
mod web_identity;
mod write;

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_cargo-credential-bridge");
