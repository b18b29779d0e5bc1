//! Every request of every way to a token, and everything that can go wrong with it: `ci/faults` prints the table.

// How a port refuses, or is deaf, is Linux's own.
#![cfg(target_os = "linux")]

mod cloud;
mod faults;
mod matrix;
mod model;
mod signals;
mod ways;

const BINARY: &str = env!("CARGO_BIN_EXE_cargo-credential-bridge");
