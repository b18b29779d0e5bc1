//! What the secret stores of [cargo-credential-bridge] have in common.
//!
//! A *backend* is a client of one secret store. It implements [`Backend`]: it is told which secret to fetch
//! and by when, and knows nothing of Cargo, of chains or of the config file. What a backend may fail with
//! is an [`Error`], whose [`Kind`] decides what the chain does next.
//!
//! * [`Environment`] is the machine as a backend sees it: variables, the home directory, files.
//! * [`Value`] and [`SecretValue`] are settings that may be written down or supplied by the job.
//! * [`Deadline`] is the one moment by which a whole answer must be ready.
//! * [`Edit`] is what `cargo login` and `cargo logout` change in a secret.
//! * [`Binding`] is what a store says of the registries that a secret is for.
//! * [`unbroken`] is what goes on when nobody waits for the answer any more.
//! * [`log`] is what may be said of each step to whoever asks for a log.
//! * `http` (feature `http`) is the hardened HTTP client, with its retries, certificates and proxies.
//! * `identity` (feature `identity`) gets the workload identity token of the CI job that this runs in.
//! * `program` (feature `program`) runs a program that prints a token.
//!
//! [cargo-credential-bridge]: https://crates.io/crates/cargo-credential-bridge

mod backend;
mod binding;
mod deadline;
mod edit;
mod environment;
mod error;
mod explain;
mod fields;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "identity")]
pub mod identity;
mod inspect;
pub mod log;
#[cfg(feature = "program")]
pub mod program;
mod unbroken;
mod value;

pub use backend::{Backend, Context, Fetched, Known, Payload, Running, Written};
pub use binding::{Binding, Consent};
pub use deadline::Deadline;
pub use edit::{Change, Edit};
pub use environment::{Environment, Heard};
pub use error::{Error, Kind};
pub use explain::{Choice, Planned, Step};
pub use fields::Fields;
pub use inspect::{Fact, Inspection};
pub use secrecy::{ExposeSecret, SecretSlice, SecretString};
pub use unbroken::{is_unbroken, unbroken};
pub use value::{OneOrMany, SecretValue, Supplied, Value, shell_word};
