//! `cargo:token`: the variable, and the file that `cargo login` writes.
//!
//! Source: the Cargo book, "Registry Authentication" (`cargo:token`) and "Configuration" (hierarchical structure,
//! credentials), and Cargo's `util/auth`, which finds the registry's name by its URL.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cargo_credential_bridge_backend::{Context, Environment, Error, Kind};
use secrecy::{ExposeSecret as _, SecretString};
use toml::de::{DeTable, DeValue};

use crate::config::cargo_home;
use crate::protocol::Request;
use crate::registry::IndexUrl;

/// What Cargo calls crates.io in every request, whatever protocol it speaks.
const CRATES_IO: &str = "https://github.com/rust-lang/crates.io-index";

/// A file of Cargo's, with its text, which may hold tokens.
struct File {
    path: PathBuf,
    text: SecretString,
}

/// Which of Cargo's registries a URL is.
enum Registry {
    CratesIo,
    Named(String),
}

/// The token of the registry that Cargo asks for.
pub(super) fn ask(request: &Request, context: &Context) -> Result<SecretString, Error> {
    let environment = &context.environment;
    let configs = configs(environment)?;
    let registry = match request.index_url == CRATES_IO {
        true => Registry::CratesIo,
        false => Registry::Named(name(request, &configs, environment)?),
    };
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

impl File {
    fn open(path: PathBuf, environment: &Environment) -> Result<Option<Self>, Error> {
        let content = environment.read("Cargo's config", &path)?;
        content
            .map(|content| {
                let text = String::from_utf8(content).map_err(|_| {
                    Error::new(
                        Kind::Invalid,
                        format!("`{}` is not UTF-8 text", path.display()),
                    )
                })?;
                Ok(Self {
                    path,
                    text: text.into(),
                })
            })
            .transpose()
    }

    /// The names of the registries in it whose index is the one that is looked for.
    fn names(&self, is_ours: &dyn Fn(&str) -> bool) -> Result<Vec<String>, Error> {
        let table = self.table()?;
        let registries = below(Some(&table), "registries");
        let names = registries.into_iter().flatten().filter(|(_, registry)| {
            let index = string(registry.get_ref().as_table(), "index");
            index.is_some_and(is_ours)
        });
        Ok(names.map(|(name, _)| name.get_ref().to_string()).collect())
    }

    /// The token in it.
    fn token(&self, registry: &Registry) -> Result<Option<SecretString>, Error> {
        let top = self.table()?;
        let table = match registry {
            Registry::CratesIo => below(Some(&top), "registry"),
            Registry::Named(name) => below(below(Some(&top), "registries"), name),
        };
        let token = string(table, "token");
        // Before Cargo had other registries, the file was one of crates.io's alone.
        let old = match registry {
            Registry::CratesIo => string(Some(&top), "token"),
            Registry::Named(_) => None,
        };
        Ok(token.or(old).map(SecretString::from))
    }

    fn table(&self) -> Result<DeTable<'_>, Error> {
        let text = self.text.expose_secret();
        let table = DeTable::parse(text).map_err(|error| {
            // Its own words show the line, which may be a token's.
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            Error::new(
                Kind::Invalid,
                format!("Cargo's file `{}` is not TOML", self.path.display()),
            )
            .because(format!("line {line} makes no sense"))
        })?;
        Ok(table.into_inner())
    }
}

fn below<'a, 'text>(table: Option<&'a DeTable<'text>>, key: &str) -> Option<&'a DeTable<'text>> {
    table?.get(key)?.get_ref().as_table()
}

fn string<'a>(table: Option<&'a DeTable<'_>>, key: &str) -> Option<&'a str> {
    match table?.get(key)?.get_ref() {
        DeValue::String(text) => Some(text),
        _ => None,
    }
}

/// The file that `cargo login` writes. Where the old one is still there, Cargo reads it alone.
fn credentials(environment: &Environment) -> Result<Option<File>, Error> {
    let Some(home) = home(environment)? else {
        return Ok(None);
    };
    either(&home, "credentials", environment)
}

/// Cargo's configs, the nearest first: those from the working directory upwards, then the one in Cargo's home.
fn configs(environment: &Environment) -> Result<Vec<File>, Error> {
    let mut directories = Vec::new();
    if let Ok(work) = std::env::current_dir() {
        directories.extend(work.ancestors().map(|directory| directory.join(".cargo")));
    }
    if let Some(home) = home(environment)?
        && !directories.contains(&home)
    {
        directories.push(home);
    }
    let mut configs = Vec::new();
    for directory in directories {
        configs.extend(either(&directory, "config", environment)?);
    }
    Ok(configs)
}

/// The file without an extension, as it was called once, else the one with it.
fn either(directory: &Path, name: &str, environment: &Environment) -> Result<Option<File>, Error> {
    match File::open(directory.join(name), environment)? {
        Some(file) => Ok(Some(file)),
        None => File::open(directory.join(format!("{name}.toml")), environment),
    }
}

/// Where Cargo is at home, as a whole path.
fn home(environment: &Environment) -> Result<Option<PathBuf>, Error> {
    let home = cargo_home(environment)?;
    Ok(home.map(|home| environment.path_from_variable(home)))
}
