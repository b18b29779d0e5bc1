//! `cargo-credential-bridge`: a Cargo credential provider.

use std::io::Write as _;
use std::process::ExitCode;

const HELP: &str = "\
cargo-credential-bridge: registry tokens for Cargo, straight from the secret store

Cargo runs it; there is nothing to run by hand. Tell Cargo so in $CARGO_HOME/config.toml:

    [registries.corp]
    index = \"sparse+https://crates.example.com/index/\"
    credential-provider = \"cargo-credential-bridge\"

and say where the token is in $CARGO_HOME/credential-bridge.toml:

    [backends.corp]
    type = \"vault\"
    address = \"https://vault.example.com:8200\"

    [registries.\"sparse+https://crates.example.com/index/\"]
    sources = [ { backend = \"corp\", path = \"ci/cargo\", field = \"token\" } ]

Options:
    --cargo-plugin  speak Cargo's credential protocol on standard input and output
    --help          print this
    --version       print the version
";

fn main() -> ExitCode {
    let door = std::env::args_os().nth(1);
    match door.as_deref().and_then(|door| door.to_str()) {
        Some("--cargo-plugin") => cargo_credential_bridge::run_cargo_plugin(),
        Some("--help" | "-h") => print(HELP),
        Some("--version" | "-V") => print(concat!(
            "cargo-credential-bridge ",
            env!("CARGO_PKG_VERSION"),
            "\n"
        )),
        _ => {
            let _ = write!(std::io::stderr(), "{HELP}");
            ExitCode::from(2)
        }
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
