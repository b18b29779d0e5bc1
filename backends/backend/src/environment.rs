use core::fmt;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::{Error, Kind};

/// No setting, identity token or certificate bundle is larger than this many bytes.
const FILE_LIMIT: u64 = 4 << 20;

/// The machine as a backend sees it: environment variables, the home directory, files.
///
/// An empty variable is an absent one: a CI system exports a missing secret as an empty string.
#[derive(Clone)]
pub struct Environment {
    variables: Variables,
    base: PathBuf,
}

#[derive(Clone)]
enum Variables {
    Process,
    Fixed(BTreeMap<String, String>),
}

impl Environment {
    /// The environment of this process; relative paths in settings are below `base`.
    pub fn process(base: impl Into<PathBuf>) -> Self {
        Self {
            variables: Variables::Process,
            base: base.into(),
        }
    }

    /// An environment with exactly these variables, for tests and dry runs.
    pub fn fixed<K: Into<String>, V: Into<String>>(
        variables: impl IntoIterator<Item = (K, V)>,
        base: impl Into<PathBuf>,
    ) -> Self {
        Self {
            variables: Variables::Fixed(
                variables
                    .into_iter()
                    .map(|(name, value)| (name.into(), value.into()))
                    .collect(),
            ),
            base: base.into(),
        }
    }

    /// The variable `name`, if it is set and not empty.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if the value is not UTF-8.
    pub fn var(&self, name: &str) -> Result<Option<String>, Error> {
        let value = match &self.variables {
            Variables::Fixed(variables) => variables.get(name).cloned(),
            Variables::Process => std::env::var_os(name)
                .map(|value| {
                    value.into_string().map_err(|_| {
                        Error::new(
                            Kind::Invalid,
                            format!("the environment variable `{name}` is not UTF-8"),
                        )
                    })
                })
                .transpose()?,
        };
        Ok(value.filter(|value| !value.is_empty()))
    }

    /// The user's home directory.
    pub fn home(&self) -> Option<PathBuf> {
        match &self.variables {
            Variables::Process => std::env::home_dir(),
            Variables::Fixed(variables) => variables.get("HOME").map(PathBuf::from),
        }
        .filter(|home| !home.as_os_str().is_empty())
    }

    /// A path from the settings: `~/` is the home directory, and a relative path is below the config file.
    pub fn path(&self, path: &Path) -> PathBuf {
        // Finding the home directory may take a look into the system's user database.
        if let Ok(rest) = path.strip_prefix("~")
            && let Some(home) = self.home()
        {
            return home.join(rest);
        }
        self.base.join(path)
    }

    /// The content of a file, `None` if there is no such file; `what` names it in messages.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if the file can't be read or is larger than any setting is.
    pub fn read(&self, what: &str, path: &Path) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(path);
        let failed = |error: io::Error| {
            Error::new(
                Kind::Invalid,
                format!("can't read {what} `{}`", path.display()),
            )
            .because(error.to_string())
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let metadata = file.metadata().map_err(failed)?;
        let mut content = Vec::new();
        // A file of known size is one allocation and one read; a pipe or a device may be endless.
        let is_sized = metadata.is_file() && (1..=FILE_LIMIT).contains(&metadata.len());
        let outcome = if is_sized {
            (&file).read_to_end(&mut content)
        } else {
            (&file).take(FILE_LIMIT + 1).read_to_end(&mut content)
        };
        outcome.map_err(failed)?;
        if content.len() as u64 > FILE_LIMIT {
            return Err(failed(io::Error::other(format!(
                "it is larger than {} MiB",
                FILE_LIMIT >> 20
            ))));
        }
        Ok(Some(content))
    }

    /// As [`read`](Self::read), for text, with surrounding white space cut off.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and [`Kind::Invalid`] if the file is not UTF-8.
    pub fn read_text(&self, what: &str, path: &Path) -> Result<Option<String>, Error> {
        let Some(content) = self.read(what, path)? else {
            return Ok(None);
        };
        let text = str::from_utf8(&content).map_err(|_| {
            Error::new(
                Kind::Invalid,
                format!("{what} `{}` is not UTF-8 text", self.path(path).display()),
            )
        })?;
        Ok(Some(text.trim().to_owned()))
    }
}

impl fmt::Debug for Environment {
    /// Values of variables are left out: any of them may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_absent() {
        let environment = Environment::fixed([("EMPTY", ""), ("SET", "x")], "/etc");
        assert_eq!(environment.var("EMPTY").unwrap(), None);
        assert_eq!(environment.var("SET").unwrap().as_deref(), Some("x"));
    }

    #[test]
    fn paths_are_relative_to_the_config() {
        let environment = Environment::fixed([("HOME", "/home/ci")], "/etc/bridge");
        assert_eq!(
            environment.path(Path::new("ca.pem")),
            Path::new("/etc/bridge/ca.pem")
        );
        assert_eq!(
            environment.path(Path::new("~/ca.pem")),
            Path::new("/home/ci/ca.pem")
        );
        assert_eq!(environment.path(Path::new("/ca.pem")), Path::new("/ca.pem"));
    }

    #[test]
    fn debug_shows_no_value() {
        let environment = Environment::fixed([("VAULT_TOKEN", "hvs.secret")], "/");
        assert!(!format!("{environment:?}").contains("hvs.secret"));
    }

    #[test]
    fn files_have_a_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("big");
        std::fs::write(&path, vec![b'x'; FILE_LIMIT as usize + 1]).unwrap();
        let environment = Environment::fixed([("", ""); 0], directory.path());
        let error = environment.read("the file", Path::new("big")).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(
            environment
                .read("the file", Path::new("none"))
                .unwrap()
                .is_none()
        );
    }
}
