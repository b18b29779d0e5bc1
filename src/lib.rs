//! The provider: what stands between Cargo's credential protocol and the secret stores.
//!
//! The library is there for the binary and its tests. One request is read top to bottom in this order:
//! `plugin` (Cargo's door), `protocol`, `config`, `registry`, `chain`, a backend, `token`, the answer. `cli` is the door
//! for people.

mod answer;
mod audit;
mod backends;
mod chain;
mod cli;
mod config;
mod departure;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod guard;
mod log;
mod login;
mod note;
mod plugin;
mod protocol;
mod provider;
mod publish_guard;
pub mod registry;
mod replacement;
mod token;

pub use cli::run as run_tool;
pub use guard::{answer_panics, panic_while_answering};
pub use plugin::run as run_cargo_plugin;
