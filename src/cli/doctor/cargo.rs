//! Cargo's own configuration: every file and variable that says which registry asks which provider.
//!
//! Source: the Cargo book, "Configuration" (hierarchical structure, environment variables), "Registry Authentication";
//! and Cargo's `util/auth`, which finds a registry's settings by its URL.

use core::fmt;
use std::env;
use std::path::{Path, PathBuf};

use cargo_credential_bridge_backend::{Environment, Error};

use crate::provider::cargo_token::files::{self, File, Words};
use crate::registry::IndexUrl;

/// Cargo's files, with what goes before what.
pub(super) struct Cargo {
    /// The credentials first, then the configs, the nearest first.
    files: Vec<File>,
    home: Option<PathBuf>,
}

/// What one place says.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) words: Words,
    pub(super) place: Place,
    /// Whether it is for this user or this job; otherwise whoever writes the repository says it.
    pub(super) is_ours: bool,
    /// What a relative path in it is below.
    pub(super) base: PathBuf,
}

/// Where something is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Line(PathBuf, usize),
    Variable(String),
}

/// A name that Cargo has for a registry.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) index: String,
    pub(super) place: Place,
}

impl Cargo {
    /// Reads all there is, from the working directory upwards and in Cargo's home.
    ///
    /// # Errors
    ///
    /// If a file can't be read or is not TOML.
    pub(super) fn load(environment: &Environment) -> Result<Self, Error> {
        let mut files = Vec::new();
        files.extend(files::credentials(environment)?);
        files.extend(files::configs(environment)?);
        Ok(Self {
            files,
            home: files::home(environment)?,
        })
    }

    /// Cargo's config in its home, which may not be there yet.
    pub(super) fn home_config(&self) -> String {
        let file = self.files.iter().find(|file| {
            let name = file.path.file_stem();
            let is_whole = file.path == file.read_for;
            is_whole && self.is_home(file) && name.is_some_and(|name| name == "config")
        });
        match (file, &self.home) {
            (Some(file), _) => format!("`{}`", file.path.display()),
            (None, Some(home)) => format!("`{}`", home.join("config.toml").display()),
            (None, None) => "`$CARGO_HOME/config.toml`".to_owned(),
        }
    }

    /// All that is said under these keys and in this variable, what counts most first.
    ///
    /// # Errors
    ///
    /// If a file is not TOML.
    pub(super) fn said(&self, variable: &str, keys: &[&str]) -> Result<Vec<Said>, Error> {
        let mut all = Vec::new();
        // An empty variable counts.
        if let Some(text) = env::var_os(variable) {
            all.push(Said {
                words: Words::Text(text.to_string_lossy().into_owned()),
                place: Place::Variable(variable.to_owned()),
                is_ours: true,
                base: env::current_dir().unwrap_or_default(),
            });
        }
        for file in &self.files {
            if let Some(setting) = file.setting(keys)? {
                all.push(Said {
                    words: setting.words,
                    place: Place::Line(file.path.clone(), setting.line),
                    is_ours: self.is_home(file),
                    base: base(&file.path),
                });
            }
        }
        Ok(all)
    }

    /// The names that Cargo has for this index: those in variables, and only without one those in files.
    ///
    /// # Errors
    ///
    /// If a file is not TOML.
    pub(super) fn names(&self, url: &IndexUrl) -> Result<Vec<Named>, Error> {
        let is_it = |named: &Named| {
            named
                .index
                .parse()
                .is_ok_and(|other: IndexUrl| other == *url)
        };
        let named: Vec<_> = variables().into_iter().filter(is_it).collect();
        if !named.is_empty() {
            return Ok(named);
        }
        Ok(self.in_files()?.into_iter().filter(is_it).collect())
    }

    /// Every registry that has a name.
    ///
    /// # Errors
    ///
    /// If a file is not TOML.
    pub(super) fn registries(&self) -> Result<Vec<Named>, Error> {
        let mut all = variables();
        all.extend(self.in_files()?);
        Ok(all)
    }

    /// The keys of a table, in all files.
    ///
    /// # Errors
    ///
    /// If a file is not TOML.
    pub(super) fn keys(&self, keys: &[&str]) -> Result<Vec<String>, Error> {
        let mut all = Vec::new();
        for file in &self.files {
            for key in file.keys(keys)? {
                if !all.contains(&key) {
                    all.push(key);
                }
            }
        }
        Ok(all)
    }

    /// The registries in files; of several files that name one, the nearest says where it is.
    fn in_files(&self) -> Result<Vec<Named>, Error> {
        let mut all = Vec::new();
        for name in self.keys(&["registries"])? {
            for file in &self.files {
                if let Some(setting) = file.setting(&["registries", &name, "index"])?
                    && let Words::Text(index) = setting.words
                {
                    all.push(Named {
                        name,
                        index,
                        place: Place::Line(file.path.clone(), setting.line),
                    });
                    break;
                }
            }
        }
        Ok(all)
    }

    fn is_home(&self, file: &File) -> bool {
        file.read_for.parent() == self.home.as_deref()
    }
}

/// The registries in variables. Cargo can't tell which case and which dashes their names had.
fn variables() -> Vec<Named> {
    let named = |(variable, index): (std::ffi::OsString, std::ffi::OsString)| {
        let (variable, index) = (variable.into_string().ok()?, index.into_string().ok()?);
        let name = variable
            .strip_prefix("CARGO_REGISTRIES_")?
            .strip_suffix("_INDEX")?;
        Some(Named {
            name: name.to_lowercase(),
            index,
            place: Place::Variable(variable.clone()),
        })
    };
    let mut all: Vec<_> = env::vars_os().filter_map(named).collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

/// The variable that stands for a setting of the registry `name`.
pub(super) fn variable(name: &str, setting: &str) -> String {
    let name = name.to_uppercase().replace('-', "_");
    format!("CARGO_REGISTRIES_{name}_{setting}")
}

/// The directory that holds the `.cargo` of a file: what its relative paths are below.
fn base(file: &Path) -> PathBuf {
    let directory = file.parent().and_then(Path::parent);
    directory.map(Path::to_owned).unwrap_or_default()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(path, line) => write!(f, "`{}`, line {line}", path.display()),
            Self::Variable(name) => write!(f, "the variable `{name}`"),
        }
    }
}
