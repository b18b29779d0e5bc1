//! [AWS Secrets Manager] as a backend, through AWS's own SDK.
//!
//! One answer is one proof of who this job is (none where keys are at hand) and one read; a field is written if its
//! secret is still what was read. The SDK finds keys, signs
//! requests, finds endpoints and tries again; what goes out goes over the HTTP client that all backends share, instead of
//! the SDK's own, which has no limit for an answer, does not know `AWS_CA_BUNDLE`, and costs three times as much.
//! Errors are told apart by the code that AWS gives, in `error`, and nowhere else.
//!
//! For Vault's auth method `aws` and for Google's external accounts, which have the same identities,
//! [`sign_caller_identity`] signs the request that they send on.
//!
//! [AWS Secrets Manager]: https://docs.aws.amazon.com/secretsmanager/

mod binding;
mod by_hand;
mod caller;
mod client;
mod config;
mod connector;
mod credentials;
mod error;
mod explain;
mod inspect;
mod method;
mod name;
mod policy;
mod read;
mod refusal;
mod sdk;
mod write;

pub use caller::{CallerIdentity, Recipient, sign_caller_identity};
pub use client::Aws;
pub use config::{Config, Reference};
pub use explain::explain_identity;
pub use method::{Method, check};
pub use name::Region;
