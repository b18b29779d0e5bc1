//! `cargo:token`: the variable, and the file that `cargo login` writes.
//!
//! Source: the Cargo book, "Registry Authentication" (`cargo:token`) and "Configuration" (hierarchical structure,
//! credentials), and Cargo's `util/auth`, which finds the registry's name by its URL.

pub(crate) mod files;
mod store;

use std::collections::BTreeSet;

use cargo_credential_bridge_backend::{Context, Environment, Error, Kind};
use secrecy::SecretString;

use crate::protocol::Request;
use crate::registry::IndexUrl;
use files::{File, configs, credentials};
#[cfg(any(test, fuzzing))]
pub(crate) use store::fuzzing;

/// What Cargo calls crates.io in every request, whatever protocol it speaks.
pub(crate) const CRATES_IO: &str = "https://github.com/rust-lang/crates.io-index";

/// Which of Cargo's registries a URL is.
enum Registry {
    CratesIo,
    Named(String),
}

/// The token of the registry that Cargo asks for.
pub(super) fn get(request: &Request, context: &Context) -> Result<SecretString, Error> {
    let environment = &context.environment;
    let configs = configs(environment)?;
    let registry = registry(request, &configs, environment)?;
    // An empty variable is a secret that the job does not have; to Cargo it is a token.
    if let Some(token) = environment.var(&registry.variable())? {
        return Ok(token.into());
    }
    let mut files = Vec::new();
    files.extend(credentials(environment)?);
    files.extend(configs);
    for file in &files {
        if let Some(token) = file.token(&registry)? {
            return Ok(token);
        }
    }
    Err(Error::new(
        Kind::NotFound,
        format!("Cargo itself has no token for {registry}"),
    )
    .because(format!(
        "`{}` is not set, and neither `credentials.toml` nor a config of Cargo's has one",
        registry.variable()
    ))
    .help(registry.login()))
}

/// Stores a token where Cargo does, or with none erases the one that is there. Gives what the user should know.
pub(super) async fn change(
    request: &Request,
    token: Option<&SecretString>,
    context: &Context,
) -> Result<Option<String>, Error> {
    let environment = &context.environment;
    let registry = registry(request, &configs(environment)?, environment)?;
    store::change(&registry, token, context).await?;
    let variable = registry.variable();
    let is_set = environment.var(&variable)?.is_some();
    Ok(is_set.then(|| format!("`{variable}` is set here, and comes before what is stored")))
}

/// Which of Cargo's registries is asked for.
fn registry(
    request: &Request,
    configs: &[File],
    environment: &Environment,
) -> Result<Registry, Error> {
    Ok(match request.index_url == CRATES_IO {
        true => Registry::CratesIo,
        false => Registry::Named(name(request, configs, environment)?),
    })
}

/// The name under which Cargo knows the URL: by the variables first, and only without one by the configs.
fn name(request: &Request, configs: &[File], environment: &Environment) -> Result<String, Error> {
    let Ok(url) = request.index_url.parse::<IndexUrl>() else {
        return Err(unnamed(request));
    };
    let is_ours = |text: &str| text.parse().is_ok_and(|other: IndexUrl| other == url);
    let mut names: BTreeSet<_> = environment
        .variables()
        .into_iter()
        .filter(|(_, value)| is_ours(value))
        .filter_map(|(variable, _)| {
            let name = variable
                .strip_prefix("CARGO_REGISTRIES_")?
                .strip_suffix("_INDEX")?;
            Some(name.to_lowercase())
        })
        .collect();
    if names.is_empty() {
        for file in configs {
            names.extend(file.names(&is_ours)?);
        }
    }
    let mut names = names.into_iter();
    match (names.next(), names.next()) {
        (Some(name), None) => Ok(name),
        (None, _) => Err(unnamed(request)),
        (Some(one), Some(other)) => Err(Error::new(
            Kind::Invalid,
            format!(
                "Cargo's config has two names for `{}`: `{one}` and `{other}`",
                request.index_url
            ),
        )
        .help("Cargo takes neither: leave one of them out")),
    }
}

fn unnamed(request: &Request) -> Error {
    Error::new(
        Kind::NotFound,
        format!("Cargo's config has no name for `{}`", request.index_url),
    )
    .help("`[registries] NAME = { index = \"…\" }` in Cargo's config gives it one, under which Cargo keeps its token")
}

impl Registry {
    fn variable(&self) -> String {
        match self {
            Self::CratesIo => "CARGO_REGISTRY_TOKEN".to_owned(),
            Self::Named(name) => format!(
                "CARGO_REGISTRIES_{}_TOKEN",
                name.to_uppercase().replace('-', "_")
            ),
        }
    }

    fn login(&self) -> String {
        match self {
            Self::CratesIo => "`cargo login` stores one".to_owned(),
            Self::Named(name) => format!("`cargo login --registry {name}` stores one"),
        }
    }
}

impl core::fmt::Display for Registry {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::CratesIo => f.write_str("crates.io"),
            Self::Named(name) => write!(f, "the registry `{name}`"),
        }
    }
}
