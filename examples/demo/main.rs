//! The whole way of a token, from `cargo build` to Vault and back, on this machine alone.
//!
//!     cargo run --example demo
//!     cargo run --example demo -- --vault
//!
//! In this process run a registry that demands a token, an OIDC issuer that speaks for a CI job, and a small double of
//! Vault. A real Cargo then builds a crate that depends on a private one, and publishes another with a publish
//! token of its own, both through `cargo-credential-bridge`. Each step is printed as it happens. At the end it is checked that
//! no token is in any file, in any environment or in any output; a failed check fails the demo.
//!
//! With `--vault`, the secrets live in the Vault at `VAULT_ADDR`, set up with `VAULT_TOKEN` and removed at the end:
//! `vault server -dev -dev-root-token-id=root`, `VAULT_ADDR=http://127.0.0.1:8200`, `VAULT_TOKEN=root`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the demo is for people at a terminal"
)]

mod contrast;
mod job;
mod narrator;
mod provider;
mod stage;
mod vault;
mod watch;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use crate::job::Job;
use crate::narrator::Narrator;
use crate::stage::Stage;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let real_vault = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--vault"] => true,
        _ => {
            eprintln!("usage: cargo run --example demo [-- --vault]");
            return ExitCode::from(2);
        }
    };
    match tell(real_vault) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Tells the story; the answer is whether all checks passed.
fn tell(real_vault: bool) -> Result<bool, Box<dyn Error>> {
    let narrator = Arc::new(Narrator::new());
    narrator.heading("the provider");
    let provider = provider::build(&narrator)?;

    narrator.heading("the stage");
    let stage = Stage::set(&narrator, real_vault)?;
    let job = Job::new(&stage, &provider);

    narrator.heading("cargo build, with a private dependency");
    job.build(&narrator)?;
    narrator.heading("cargo publish, with a token of its own");
    job.publish(&narrator)?;

    narrator.heading("what is left");
    stage.check(&narrator, &job)?;
    narrator.heading("for contrast, the same build with the token in a variable");
    contrast::check(&narrator, &stage)?;
    Ok(narrator.conclude())
}
