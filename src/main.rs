//! `cargo-credential-bridge`: a Cargo credential provider.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Cargo waits behind its own door: nothing of what is for people is set up there.
    match std::env::args_os().nth(1) {
        Some(door) if door == "--cargo-plugin" => cargo_credential_bridge::run_cargo_plugin(),
        _ => cargo_credential_bridge::run_tool(),
    }
}
