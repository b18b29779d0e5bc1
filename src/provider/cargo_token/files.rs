//! The files in which Cargo looks for tokens and for the names of registries.

use core::ops::Range;
use std::path::{Path, PathBuf};

use cargo_credential_bridge_backend::{Environment, Error, Kind};
use secrecy::{ExposeSecret as _, SecretString};
use toml::de::{DeTable, DeValue};

use super::Registry;
use crate::config::cargo_home;

/// A file of Cargo's, with its text, which may hold tokens.
pub(crate) struct File {
    pub(crate) path: PathBuf,
    /// The file that includes it, by way of others perhaps; itself if none does.
    pub(crate) read_for: PathBuf,
    text: SecretString,
}

/// What a setting in a file says, and the line that it is on.
pub(crate) struct Setting {
    pub(crate) words: Words,
    pub(crate) line: usize,
}

/// The forms in which Cargo takes a program and its arguments, or a list of programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    Text(String),
    Array(Vec<String>),
    /// Nothing that Cargo takes.
    Other,
}

#[cfg(any(test, fuzzing))]
impl File {
    /// A file that is nowhere.
    pub(super) fn of(text: &str) -> Self {
        Self {
            path: PathBuf::new(),
            read_for: PathBuf::new(),
            text: text.into(),
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
                    read_for: path.clone(),
                    path,
                    text: text.into(),
                })
            })
            .transpose()
    }

    /// The names of the registries in it whose index is the one that is looked for.
    pub(super) fn names(&self, is_ours: &dyn Fn(&str) -> bool) -> Result<Vec<String>, Error> {
        let table = self.table()?;
        let registries = below(Some(&table), "registries");
        let names = registries.into_iter().flatten().filter(|(_, registry)| {
            let index = string(registry.get_ref().as_table(), "index");
            index.is_some_and(is_ours)
        });
        Ok(names.map(|(name, _)| name.get_ref().to_string()).collect())
    }

    /// The setting at the end of `keys`, which must not lead to a token.
    pub(crate) fn setting(&self, keys: &[&str]) -> Result<Option<Setting>, Error> {
        let top = self.table()?;
        let Some((last, above)) = keys.split_last() else {
            return Ok(None);
        };
        let table = above
            .iter()
            .try_fold(&top, |table, key| below(Some(table), key));
        let Some((key, value)) = table.and_then(|table| table.get_key_value(*last)) else {
            return Ok(None);
        };
        Ok(Some(Setting {
            words: words(value.get_ref()),
            line: line(self.text.expose_secret(), key.span().start),
        }))
    }

    /// The keys of the table at the end of `keys`.
    pub(crate) fn keys(&self, keys: &[&str]) -> Result<Vec<String>, Error> {
        let top = self.table()?;
        let table = keys
            .iter()
            .try_fold(&top, |table, key| below(Some(table), key));
        let names = table.into_iter().flatten();
        Ok(names.map(|(name, _)| name.get_ref().to_string()).collect())
    }

    /// The token in it.
    pub(super) fn token(&self, registry: &Registry) -> Result<Option<SecretString>, Error> {
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

    /// The files that it includes, as newer Cargos have it (1.95 does), in their order.
    fn included(&self) -> Result<Vec<PathBuf>, Error> {
        let top = self.table()?;
        let Some(DeValue::Array(all)) = top.get("include").map(|value| value.get_ref()) else {
            return Ok(Vec::new());
        };
        let directory = self.path.parent().unwrap_or_else(|| Path::new(""));
        let path = |value: &DeValue<'_>| match value {
            DeValue::String(path) => Some(directory.join(path.as_ref())),
            DeValue::Table(table) => string(Some(table), "path").map(|path| directory.join(path)),
            _ => None,
        };
        Ok(all.iter().filter_map(|one| path(one.get_ref())).collect())
    }

    fn table(&self) -> Result<DeTable<'_>, Error> {
        let text = self.text.expose_secret();
        let table =
            DeTable::parse(text).map_err(|error| not_toml(&self.path, text, error.span()))?;
        Ok(table.into_inner())
    }
}

/// The error for a file that makes no sense at this place. The parser's own words show the line, which may be a token's.
pub(super) fn not_toml(path: &Path, text: &str, at: Option<Range<usize>>) -> Error {
    let line = at.map_or(1, |at| line(text, at.start));
    Error::new(
        Kind::Invalid,
        format!("Cargo's file `{}` is not TOML", path.display()),
    )
    .because(format!("line {line} makes no sense"))
}

pub(super) fn line(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    before.matches('\n').count() + 1
}

fn words(value: &DeValue<'_>) -> Words {
    let text = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    };
    let words = match value {
        DeValue::Array(all) => all
            .iter()
            .map(|one| text(one.get_ref()))
            .collect::<Option<Vec<_>>>()
            .map(Words::Array),
        one => text(one).map(Words::Text),
    };
    words.unwrap_or(Words::Other)
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
pub(crate) fn credentials(environment: &Environment) -> Result<Option<File>, Error> {
    let Some(home) = home(environment)? else {
        return Ok(None);
    };
    either(&home, "credentials", environment)
}

/// Cargo's configs, the nearest first: those from the working directory upwards, then the one in Cargo's home.
pub(crate) fn configs(environment: &Environment) -> Result<Vec<File>, Error> {
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
        if let Some(file) = either(&directory, "config", environment)? {
            add(file, environment, &mut configs)?;
        }
    }
    Ok(configs)
}

/// Adds a file, and behind it those that it includes: what it says itself counts first, then the last of them.
fn add(file: File, environment: &Environment, files: &mut Vec<File>) -> Result<(), Error> {
    let (included, read_for) = (file.included()?, file.read_for.clone());
    files.push(file);
    for path in included.into_iter().rev() {
        // Cargo refuses a circle.
        if files.iter().any(|known| known.path == path) {
            continue;
        }
        if let Some(file) = File::open(path, environment)? {
            let read_for = read_for.clone();
            add(File { read_for, ..file }, environment, files)?;
        }
    }
    Ok(())
}

/// The file without an extension, as it was called once, else the one with it.
fn either(directory: &Path, name: &str, environment: &Environment) -> Result<Option<File>, Error> {
    match File::open(directory.join(name), environment)? {
        Some(file) => Ok(Some(file)),
        None => File::open(directory.join(format!("{name}.toml")), environment),
    }
}

/// Where Cargo is at home, as a whole path.
pub(crate) fn home(environment: &Environment) -> Result<Option<PathBuf>, Error> {
    let home = cargo_home(environment)?;
    Ok(home.map(|home| environment.path_from_variable(home)))
}
