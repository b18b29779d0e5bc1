//! The provider as Cargo sees it, with servers in this process only.

mod audit;
mod aws_errors;
mod aws_identity;
mod aws_requests;
mod aws_writes;
mod bad_server;
mod behaviour;
mod cargo_token;
mod chain;
mod cli;
mod config;
mod conformance;
mod doctor;
mod gcp_errors;
mod gcp_files;
mod gcp_identity;
mod gcp_programs;
mod gcp_requests;
mod gcp_writes;
mod guard;
mod identity;
mod index_url;
mod init;
mod log;
mod login;
mod plugins;
mod real_cargo;
mod vault_requests;
mod vault_writes;

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_cargo-credential-bridge");
