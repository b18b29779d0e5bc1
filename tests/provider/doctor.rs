//! `doctor`: what it finds, and that its help, followed to the letter, repairs it.

mod as_cargo_does;
mod cargo_config;
mod forms;
mod live;
mod stores;

use std::path::Path;

use test_servers::doctor::cargo_config;
use test_servers::{Provider, Registry, Tokens};

use crate::BINARY;

const TOKEN: &str = "r3gistry-s3cret-token";

/// A registry that takes [`TOKEN`] for everything.
fn registry() -> Registry {
    Registry::start_with(Tokens {
        read: TOKEN.to_owned(),
        publish: TOKEN.to_owned(),
    })
}

/// Where the binary is, for the `PATH` of a run.
fn directory() -> &'static str {
    let directory = Path::new(BINARY).parent().and_then(Path::to_str);
    directory.expect("the binary is in a directory")
}

/// A setup in which all is well: the token is in a variable of the job.
fn provider(url: &str) -> Provider {
    Provider::new(BINARY)
        .config(&format!(
            "[backends.job]\ntype = \"env\"\n[registries.\"{url}\"]\nsources = [ {{ backend = \"job\", var = \"TOKEN\" }} ]\n"
        ))
        .file(".cargo/config.toml", &cargo_config(url))
        .env("PATH", directory())
        .env("TOKEN", TOKEN)
        .secret(TOKEN)
}
