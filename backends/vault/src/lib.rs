//! HashiCorp [Vault] and [OpenBao] as backends.
//!
//! One answer is at most one login, one read and one revocation, over one connection; a write follows its read, by
//! check-and-set. The requests are those
//! of [`vaultrs`]; they go out over the HTTP client that all backends share instead of that crate's own,
//! which sends the token along to other hosts on a redirect, panics on a token with a newline in it, puts
//! `/v1` before the path prefix of an address, has neither timeout nor retries, and keeps the server's words
//! to itself. Answers are read by types of our own, because Vault leaves out or nulls what that crate wants.
//!
//! [Vault]: https://developer.hashicorp.com/vault/api-docs
//! [OpenBao]: https://openbao.org/api-docs/

mod answer;
mod auth;
#[cfg(feature = "aws")]
mod aws;
mod by_hand;
mod client;
mod config;
mod dialect;
mod error;
mod explain;
#[cfg(feature = "gcp")]
mod gcp;
mod inspect;
mod method;
mod path;
mod read;
mod token;
mod write;

pub use client::{OpenBao, Server, Vault};
pub use config::{Config, Reference};
