use core::fmt;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use crate::{Deadline, Error, Kind};

/// No setting, identity token or certificate bundle is larger than this many bytes.
pub(crate) const FILE_LIMIT: u64 = 4 << 20;

/// The machine as a backend sees it: environment variables, the home directory, files.
///
/// An empty variable is an absent one: a CI system exports a missing secret as an empty string.
#[derive(Clone)]
pub struct Environment {
    variables: Variables,
    base: Option<PathBuf>,
    deadline: Option<Deadline>,
    /// The names of the variables that had something to say, where somebody wants to know.
    heard: Option<Heard>,
}

/// The names of the variables that were read, and were set and not empty.
#[derive(Clone, Debug, Default)]
pub struct Heard(Arc<Mutex<BTreeSet<String>>>);

impl Heard {
    /// The names, sorted, and forgets them.
    pub fn take(&self) -> Vec<String> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        core::mem::take(&mut *names).into_iter().collect()
    }
}

#[derive(Clone)]
enum Variables {
    Process,
    Fixed(BTreeMap<String, String>),
}

impl Environment {
    /// The environment of this process; relative paths in settings are below `base`, and refused without one.
    pub fn process(base: Option<PathBuf>) -> Self {
        Self {
            variables: Variables::Process,
            base,
            deadline: None,
            heard: None,
        }
    }

    /// The same, in which no read takes longer than this.
    #[must_use]
    pub fn until(self, deadline: Deadline) -> Self {
        Self {
            deadline: Some(deadline),
            ..self
        }
    }

    /// The same, in which it is noted which variables are read, for reports that say where a setting is from.
    #[must_use]
    pub fn heard_by(self, heard: &Heard) -> Self {
        Self {
            heard: Some(heard.clone()),
            ..self
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
            base: Some(base.into()),
            deadline: None,
            heard: None,
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
        let value = value.filter(|value| !value.is_empty());
        if let (Some(heard), Some(_)) = (&self.heard, &value) {
            let mut names = heard.0.lock().unwrap_or_else(PoisonError::into_inner);
            names.insert(name.to_owned());
        }
        Ok(value)
    }

    /// All variables that are set and not empty, but for those that are not UTF-8.
    pub fn variables(&self) -> Vec<(String, String)> {
        let all: Vec<_> = match &self.variables {
            Variables::Fixed(variables) => variables.clone().into_iter().collect(),
            Variables::Process => std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
        };
        all.into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }

    /// The user's home directory.
    pub fn home(&self) -> Option<PathBuf> {
        match &self.variables {
            Variables::Process => std::env::home_dir(),
            Variables::Fixed(variables) => variables.get("HOME").map(PathBuf::from),
        }
        .filter(|home| !home.as_os_str().is_empty())
    }

    /// A path from the settings: `~/` is the home directory, and a relative path is below the config file. Never
    /// in the working directory: what lies there is for anybody to choose who writes the repository.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if the path is relative to something that there is not.
    pub fn path(&self, path: &Path) -> Result<PathBuf, Error> {
        if path.is_absolute() {
            return Ok(path.to_owned());
        }
        let refused = |why: &str| {
            Error::new(
                Kind::Invalid,
                format!("can't tell where `{}` is", path.display()),
            )
            .because(why)
            .help("write the whole path, from `/` on")
        };
        // Finding the home directory may take a look into the system's user database.
        if let Ok(rest) = path.strip_prefix("~") {
            let home = self
                .home()
                .ok_or_else(|| refused("there is no home directory here"))?;
            return Ok(home.join(rest));
        }
        match &self.base {
            Some(base) => Ok(base.join(path)),
            None => Err(refused(
                "a config in a variable has no directory that it could be relative to",
            )),
        }
    }

    /// A path from a variable, which is relative to the working directory, as for the tools that the variable is of.
    pub fn path_from_variable(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
    }

    /// The content of a file, `None` if there is no such file; `what` names it in messages.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if the file can't be read or is larger than any setting is, [`Kind::Timeout`] if it is a pipe
    /// that nobody writes to.
    pub fn read(&self, what: &str, path: &Path) -> Result<Option<Vec<u8>>, Error> {
        let path = match self.path(path) {
            Ok(path) => path,
            // What is looked for in a home that there is not is not there.
            Err(_) if path.starts_with("~") => return Ok(None),
            Err(error) => return Err(error),
        };
        let failed = |error: io::Error| {
            Error::new(
                Kind::Invalid,
                format!("can't read {what} `{}`", path.display()),
            )
            .because(error.to_string())
        };
        let metadata = match std::fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let content = match self.deadline {
            _ if metadata.is_file() && (1..=FILE_LIMIT).contains(&metadata.len()) => {
                // A file of known size is one allocation and one read.
                std::fs::read(&path)
            }
            // A pipe or a device may be endless, or never begin.
            None => read_limited(&path),
            Some(deadline) => {
                let (sender, receiver) = mpsc::channel();
                let from = path.clone();
                thread::spawn(move || {
                    // Nobody listens any more when it comes too late.
                    let _ = sender.send(read_limited(&from));
                });
                match receiver.recv_timeout(deadline.remaining()) {
                    Ok(content) => content,
                    Err(_) => {
                        return Err(Error::new(
                            Kind::Timeout,
                            format!(
                                "{what} `{}` gave nothing within {:?}",
                                path.display(),
                                deadline.total()
                            ),
                        ));
                    }
                }
            }
        }
        .map_err(failed)?;
        if content.len() as u64 > FILE_LIMIT {
            return Err(failed(io::Error::other(format!(
                "it is larger than {} MiB",
                FILE_LIMIT >> 20
            ))));
        }
        Ok(Some(content))
    }

    /// As [`read`](Self::read), for a file that a setting names and that therefore must exist; `key` is the
    /// setting.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and [`Kind::Invalid`] if there is no such file.
    pub fn read_existing(&self, key: &str, path: &Path) -> Result<Vec<u8>, Error> {
        let path = &self.path(path)?;
        self.read(key, path)?.ok_or_else(|| {
            Error::new(
                Kind::Invalid,
                format!("`{}` does not exist, to which {key} points", path.display()),
            )
        })
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
                format!("{what} `{}` is not UTF-8 text", path.display()),
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

/// The content, up to one byte more than may be.
fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?
        .take(FILE_LIMIT + 1)
        .read_to_end(&mut content)?;
    Ok(content)
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
        let path = |text: &str| environment.path(Path::new(text)).unwrap();
        assert_eq!(path("ca.pem"), Path::new("/etc/bridge/ca.pem"));
        assert_eq!(path("~/ca.pem"), Path::new("/home/ci/ca.pem"));
        assert_eq!(path("/ca.pem"), Path::new("/ca.pem"));
    }

    #[test]
    fn no_path_is_in_the_working_directory() {
        let environment = Environment {
            base: None,
            ..Environment::fixed([("", ""); 0], "/")
        };
        for text in ["Cargo.toml", "./Cargo.toml", "src/lib.rs"] {
            let error = environment.read("the file", Path::new(text)).unwrap_err();
            assert_eq!(error.what(), format!("can't tell where `{text}` is"));
        }
        // Without a home there is nothing in it, whatever a repository calls its directories.
        assert!(
            environment
                .read("the file", Path::new("~/Cargo.toml"))
                .unwrap()
                .is_none()
        );
        assert!(environment.path(Path::new("~/Cargo.toml")).is_err());
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
