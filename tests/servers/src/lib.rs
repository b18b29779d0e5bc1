//! Servers for the tests, the demo and the bench: in process, on loopback, stopped on drop.
//!
//! * [`Server`] answers HTTP and HTTPS from a closure and keeps what it was asked; [`FaultServer`] misbehaves below HTTP.
//!   [`Proxy`] leads the hosts of the world to them.
//! * [`Issuer`] is the workload identity of a CI job: an OIDC issuer with GitHub's token endpoint.
//! * [`VaultServer`] is a double of HashiCorp Vault 1.21's HTTP API, as far as this project uses it.
//!   `tests/agrees_with_vault.rs` runs one script against it and against a real Vault and compares the answers.
//! * [`SecretsManager`] is a double of AWS Secrets Manager and of what STS gives keys by.
//! * [`AwsServer`] is a double of AWS Secrets Manager and STS; [`InstanceMetadata`] and [`ContainerCredentials`] are
//!   where AWS's machines get their keys.
//! * [`GoogleServer`] is a double of Google Secret Manager, STS, IAM credentials and the metadata server.
//! * [`Registry`] is a sparse registry that demands a token, with different tokens for reading and publishing, or stands
//!   for crates.io.
//! * [`CargoHome`] runs a real Cargo in a directory and an environment of its own.
//! * [`Provider`] runs the provider itself, as Cargo does.
//! * [`doctor`] reads what the provider's `doctor` says, as somebody would who follows its help.
//! * [`Moto`] is no double of ours but a real moto, for the tests that want real servers.
//! * [`RealVault`] is no double either, and needs the Vault that `ci/install vault` builds.
//! * [`GoogleFake`] is a fake of Google on Google's own messages, checked with Google's own clients, for those tests too.
//! * [`corpus`] runs a fuzz target over the inputs that are kept for it.
//! * [`leaks`] searches output and files for secrets, and `memory` what a process has in its memory.
//! * [`page`] looks for the tests that a page of the guide names.
//!
//! All of it is test support: an invariant that breaks panics with the reason.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

pub mod authority;
pub mod aws;
pub mod cargo;
pub mod client;
pub mod clock;
pub mod corpus;
pub mod doctor;
pub mod faults;
mod form;
pub mod google;
pub mod google_fake;
pub mod http;
pub mod instance_metadata;
pub mod issuer;
pub mod jwt;
pub mod leaks;
#[cfg(target_os = "linux")]
pub mod memory;
pub mod moto;
pub mod page;
pub mod provider;
pub mod proxy;
pub mod random;
pub mod real_vault;
pub mod registry;
pub mod secrets_manager;
pub mod server;
pub mod vault;

pub use authority::{Authority, Certificate};
pub use aws::{AwsServer, Trust};
pub use cargo::{CargoHome, Outcome};
pub use faults::{Fault, FaultServer, refused_port};
pub use google::{GoogleServer, VersionState};
pub use google_fake::GoogleFake;
pub use http::{Request, Response};
pub use instance_metadata::{ContainerCredentials, InstanceMetadata};
pub use issuer::Issuer;
pub use moto::Moto;
pub use provider::{Provider, Run};
pub use proxy::{Proxy, Route};
pub use real_vault::RealVault;
pub use registry::{Registry, Tokens};
pub use secrets_manager::SecretsManager;
pub use server::{Exchange, Server, Tls, TlsVersion};
pub use vault::{AuditEntry, Role, VaultServer};
