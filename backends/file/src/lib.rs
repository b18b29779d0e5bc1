//! Secrets in files, as a backend: Docker and Kubernetes secret mounts, systemd credentials.
//!
//! What protects the secret is the file's rights, so a file that others may read is answered with a warning.

use core::fmt;
use std::path::{Path, PathBuf};

use cargo_credential_bridge_backend::{
    Backend, Context, Edit, Environment, Error, Fetched, Kind, Known, Payload, SecretSlice, Step,
    Value,
};
use serde::Deserialize;

/// The files of this machine.
#[derive(Debug)]
pub struct File {
    environment: Environment,
}

/// `[backends.NAME]` with `type = "file"`: there is nothing to set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// A file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Where it is; `~/` is the home directory, and a relative path is below the config file.
    path: Value<PathBuf>,
}

impl Backend for File {
    type Config = Config;
    type Reference = Reference;

    fn open(_: &str, _: &Config, context: &Context) -> Result<Self, Error> {
        Ok(Self {
            environment: context.environment.clone(),
        })
    }

    fn by_hand(_: &Config, reference: &Reference, _: &Edit<'_>) -> String {
        format!("{reference} is written by whoever mounts it")
    }

    async fn explain(
        name: &str,
        config: &Config,
        reference: &Reference,
        context: &Context,
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        let file = Self::open(name, config, context)?;
        let path = file.path(reference)?;
        steps.push(Step::Read(format!("the file `{}`", path.display())));
        match path.exists() {
            true => Ok(()),
            false => Err(absent(&path)),
        }
    }

    /// An empty file is an absent one: a secret mount that was not filled.
    async fn fetch(&mut self, reference: &Reference) -> Result<Fetched, Error> {
        let path = self.path(reference)?;
        let content = self
            .environment
            .read("the secret in", &path)?
            .filter(|content| !content.is_empty())
            .ok_or_else(|| absent(&path))?;
        Ok(Fetched {
            payload: Payload::Bytes(SecretSlice::from(content)),
            lifetime: None,
            binding: None,
            warnings: warning(&path).into_iter().collect(),
            known: Known::default(),
        })
    }
}

impl File {
    fn path(&self, reference: &Reference) -> Result<PathBuf, Error> {
        let path = reference.path.resolve("path", &self.environment)?;
        self.environment.path(&path)
    }
}

fn absent(path: &Path) -> Error {
    Error::new(
        Kind::NotFound,
        format!("the file `{}` does not exist, or is empty", path.display()),
    )
}

#[cfg(unix)]
fn warning(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    (mode & 0o004 != 0).then(|| {
        format!(
            "every user of this machine can read the secret in `{}` (mode {:04o})",
            path.display(),
            mode & 0o7777
        )
    })
}

#[cfg(not(unix))]
fn warning(_: &Path) -> Option<String> {
    None
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Value::Given(path) => write!(f, "the file `{}`", path.display()),
            Value::Supplied(supplied) => write!(f, "the file named by {supplied}"),
        }
    }
}
