//! [Google Secret Manager] as a backend.
//!
//! One answer is one proof of who this job is (an exchange of tokens, or none where a service account's key signs for
//! itself) and one read, over the HTTP client that all backends share.
//!
//! For Vault's auth method `gcp`, which has the same identities, [`sign_identity`] makes the statement that Vault is shown.
//!
//! [Google Secret Manager]: https://cloud.google.com/secret-manager/docs

mod adc;
mod answer;
mod client;
mod config;
mod credentials_file;
mod error;
mod executable;
mod external_account;
mod impersonation;
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

pub use client::Gcp;
pub use config::{Config, Reference};
pub use signed_identity::{Proof, SignedIdentity, sign_identity};
