//! [Google Secret Manager] as a backend.
//!
//! One answer is one proof of who this job is (an exchange of tokens, or none where a service account's key signs for
//! itself) and one read, over the HTTP client that all backends share.
//!
//! # Why not Google's own crates
//!
//! `google-cloud-secretmanager-v1` with `google-cloud-auth` were measured first (`ci/bench --official` measures them again,
//! beside us). For one federated read they take 24.1 million instructions, where this takes 6.1 with one host and 8.9 with
//! two as Google has them; the budget is 9. Besides:
//!
//! * each step of a login builds an HTTP client of its own: no certificate authority of ours, no proxy rule of ours, a
//!   connection more for each;
//! * what is not reached is tried for the better part of a minute, in the client and again below it in the credentials, and
//!   a deadline from outside leaves no error that says what was asked;
//! * the checksum of a payload is not compared, and `Debug` of a payload prints it.
//!
//! Their types alone, behind our own transport (`SecretManagerService::from_stub`), would cost next to no time, and 43
//! crates more to trust, four of OpenTelemetry's and two generators of random numbers among them, for the two fields that
//! are read here. `read` has these, `error` Google's codes, and `credentials_file` the files that Google's tools write.
//! Whatever Google's own client for Python reads with those, this reads too, byte for byte: `tests/real_google` compares.
//!
//! For Vault's auth method `gcp`, which has the same identities, [`sign_identity`] makes the statement that Vault is shown.
//!
//! [Google Secret Manager]: https://cloud.google.com/secret-manager/docs

mod adc;
mod answer;
mod binding;
mod by_hand;
mod client;
mod config;
mod credentials_file;
mod error;
mod executable;
mod explain;
mod external_account;
mod impersonation;
mod inspect;
mod jwt;
mod login;
mod metadata;
mod method;
mod name;
mod read;
mod service_account;
mod session;
mod signed_identity;
mod sts;
mod subject_token;
mod user;
mod write;

pub use client::Gcp;
pub use config::{Config, Reference};
pub use explain::explain_identity;
pub use signed_identity::{Proof, SignedIdentity, sign_identity};
