//! The provider against a real HashiCorp Vault over TLS, and under a real Cargo.
//!
//! `ci/test real` builds Vault, finds a second Cargo, moto and a fake of Google, and runs this. By hand: `CCB_VAULT=PATH
//! cargo test --features real-servers --test real_vault`, with `CCB_CARGO_1_96=PATH` for the second Cargo,
//! `CCB_MOTO_PYTHON=PATH` for moto and `CCB_GOOGLE_PYTHON=PATH` for Google. One Vault serves all tests; each of them has mounts, roles and policies of its own in it, a
//! [`Tenant`](tenant::Tenant).

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod approle;
mod audit;
mod aws;
mod cargo;
mod cargo_refused;
mod certificate;
mod choice;
mod doctor;
mod gcp;
mod gcp_refused;
mod index_url;
mod init;
#[path = "../initiated/mod.rs"]
mod initiated;
mod job;
mod jwt;
mod kv;
mod lease;
mod mount;
mod pod;
mod policy;
mod refused;
mod tenant;
mod token;
mod unavailable;
mod vault;
mod write;
mod writing;

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_cargo-credential-bridge");
