//! The entry of the config for a registry, as `get` and `explain` look for it.

use cargo_credential_bridge_backend::{Error, Kind};

use super::report::Failure;
use crate::config::{self, Config, Registry, Source};
use crate::protocol::Operation;
use crate::registry::{IndexUrl, Matched};

/// The index URL that somebody names.
///
/// # Errors
///
/// If it can't be one.
pub(super) fn parse_url(text: &str) -> Result<IndexUrl, Failure> {
    text.parse().map_err(|why: String| {
        Failure::usage(
            Error::new(
                Kind::Invalid,
                format!("`{text}` is not the index URL of a registry"),
            )
            .because(why)
            .help(
                "it is the registry's `index` as Cargo's config has it, such as `sparse+https://crates.example.com/index/`",
            ),
        )
    })
}

/// The config.
///
/// # Errors
///
/// If there is none, besides those of reading it.
pub(super) fn config() -> Result<Config, Error> {
    Config::load()?.ok_or_else(|| none().because(format!("looked for in {}", config::places())))
}

/// The error where there is no config.
pub(super) fn none() -> Error {
    Error::new(Kind::NotFound, "there is no config")
        .help("`cargo-credential-bridge --help` shows one")
}

/// The entry that `url` belongs to.
///
/// # Errors
///
/// If there is none; the nearest on the same host is named.
pub(super) fn find<'a>(config: &'a Config, url: &IndexUrl) -> Result<Matched<'a, Registry>, Error> {
    let registries = &config.registries;
    registries.matched(url).ok_or_else(|| {
        let error = Error::new(
            Kind::NotFound,
            format!("no entry for `{url}` in {}", config.origin),
        );
        match registries.nearest(url) {
            Some(nearest) => error.help(format!(
                "the nearest is `{nearest}`: Cargo's `index` and the entry must be the same"
            )),
            None => error.help(format!(
                "add one, `[registries.\"{url}\"]`; Cargo is left to its other providers until then"
            )),
        }
    })
}

/// The chain of an operation.
///
/// # Errors
///
/// If the entry has none.
pub(super) fn chain<'a>(
    entry: &Matched<'a, Registry>,
    operation: Operation,
) -> Result<&'a [Source], Error> {
    entry.value.chain(operation).ok_or_else(|| {
        let name = operation.as_str();
        Error::new(
            Kind::NotFound,
            format!(
                "no {name} token for `{}`: its entry has neither `sources` nor `{name}`",
                entry.url
            ),
        )
    })
}
