//! Changing the file that `cargo login` writes: under the lock that Cargo takes, and whole or not at all.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;

use std::fs::{self, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cargo_credential_bridge_backend::{Context, Deadline, Error, Kind};
use secrecy::{ExposeSecret as _, SecretString};
use toml_edit::{DocumentMut, Item, Table, TableLike};

use super::Registry;
use super::files::{home, not_toml};
use crate::replacement::{Replacement, Rights};

/// How often it is tried to get the lock.
const PAUSE: Duration = Duration::from_millis(20);

/// What `cargo logout` takes out: the token, and what stood for one in `cargo:paseto`.
const KEYS: [&str; 3] = ["token", "secret-key", "secret-key-subject"];

/// Stores the token of `registry`, or with none erases it.
pub(super) async fn change(
    registry: &Registry,
    token: Option<&SecretString>,
    context: &Context,
) -> Result<(), Error> {
    let home = home(&context.environment)?.ok_or_else(|| {
        Error::new(
            Kind::NotAvailable,
            "there is no place for Cargo's files here",
        )
        .help("set `CARGO_HOME`, or `HOME`")
    })?;
    // Where the file of old is still there, Cargo looks at no other.
    let old = home.join("credentials");
    let path = match old.exists() {
        true => old,
        false => home.join("credentials.toml"),
    };
    let nothing = || {
        Error::new(
            Kind::NotFound,
            format!("`{}` has no token for {registry}", path.display()),
        )
    };
    if token.is_none() && !path.exists() {
        return Err(nothing());
    }
    let failed = |error: io::Error| failed(&path, &error);
    fs::create_dir_all(&home).map_err(failed)?;
    let mut file = locked(&path, context.deadline).await?;
    let mut text = String::new();
    file.file.read_to_string(&mut text).map_err(failed)?;
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| not_toml(&path, &text, error.span()))?;
    let is_changed = match token {
        Some(token) => set(&mut document, registry, token),
        None => erase(&mut document, registry),
    };
    match is_changed {
        Some(true) => {}
        Some(false) => return Err(nothing()),
        None => {
            return Err(Error::new(
                Kind::Invalid,
                format!(
                    "Cargo's file `{}` is not as Cargo writes it",
                    path.display()
                ),
            )
            .because(format!("the entry of {registry} is no table")));
        }
    }
    file.replace(&document.to_string()).map_err(failed)
}

/// The file, opened and locked.
struct Locked {
    file: fs::File,
    /// Where it really is.
    path: PathBuf,
}

/// Opens the file and waits for the lock on it, the same that Cargo takes.
async fn locked(path: &Path, deadline: Deadline) -> Result<Locked, Error> {
    loop {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| failed(path, &error))?;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if deadline.remaining().is_zero() => {
                    return Err(Error::new(
                        Kind::Timeout,
                        format!("`{}` is locked by another process", path.display()),
                    ));
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
                // Not every file system has locks, and Cargo does without there, too.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                    break;
                }
                Err(TryLockError::Error(error)) => return Err(failed(path, &error)),
            }
        }
        let locked = Locked {
            file,
            path: fs::canonicalize(path).map_err(|error| failed(path, &error))?,
        };
        // Whoever had the lock before us may have put another file in the place of this one.
        if locked.is_in_place().map_err(|error| failed(path, &error))? {
            return Ok(locked);
        }
    }
}

impl Locked {
    #[cfg(unix)]
    fn is_in_place(&self) -> io::Result<bool> {
        use std::os::unix::fs::MetadataExt as _;

        let (ours, there) = (self.file.metadata()?, fs::metadata(&self.path)?);
        Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino()))
    }

    #[cfg(not(unix))]
    fn is_in_place(&self) -> io::Result<bool> {
        Ok(true)
    }

    /// Puts another file in the place of this one: for its owner only, as Cargo has it.
    fn replace(&self, text: &str) -> io::Result<()> {
        let before = self.file.metadata()?;
        Replacement::stage(self.path.clone(), text, &Rights::Private(&before))?.put()
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::new(
        Kind::Unavailable,
        format!("can't change Cargo's file `{}`", path.display()),
    )
    .because(error.to_string())
}

/// Puts the token in. `None` if the file is built otherwise than Cargo builds it.
fn set(document: &mut DocumentMut, registry: &Registry, token: &SecretString) -> Option<bool> {
    // As it was before there were other registries: Cargo moves it, too.
    if let Some(old) = document.remove("token") {
        let table = below(document.as_table_mut(), "registry")?;
        if table.get("token").is_none() {
            table.insert("token", old);
        }
    }
    let top = document.as_table_mut();
    let table = match registry {
        Registry::CratesIo => below(top, "registry")?,
        Registry::Named(name) => below(below(top, "registries")?, name)?,
    };
    let mut value = toml_edit::Value::from(token.expose_secret());
    if let Some(before) = table.get("token").and_then(Item::as_value) {
        *value.decor_mut() = before.decor().clone();
    }
    match table.get_mut("token") {
        Some(item) => *item = Item::Value(value),
        None => {
            table.insert("token", Item::Value(value));
        }
    }
    Some(true)
}

/// Takes the token out, and says whether there was one.
fn erase(document: &mut DocumentMut, registry: &Registry) -> Option<bool> {
    let top = document.as_table_mut();
    let is_old = matches!(registry, Registry::CratesIo) && top.remove("token").is_some();
    let table = match registry {
        Registry::CratesIo => top.get_mut("registry"),
        Registry::Named(name) => match top.get_mut("registries") {
            Some(registries) => registries.as_table_like_mut()?.get_mut(name),
            None => None,
        },
    };
    let Some(table) = table else {
        return Some(is_old);
    };
    let table = table.as_table_like_mut()?;
    let erased = KEYS.map(|key| table.remove(key).is_some());
    Some(is_old || erased.contains(&true))
}

/// The table of this name, made if there is none.
fn below<'a>(table: &'a mut dyn TableLike, name: &str) -> Option<&'a mut dyn TableLike> {
    let table = table.entry(name).or_insert_with(|| {
        let mut table = Table::new();
        // It has a heading of its own only if there is something in it.
        table.set_implicit(true);
        Item::Table(table)
    });
    table.as_table_like_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str, registry: &Registry, token: Option<&str>) -> Option<String> {
        let mut document: DocumentMut = text.parse().unwrap();
        let is_changed = match token {
            Some(token) => set(&mut document, registry, &token.into()),
            None => erase(&mut document, registry),
        };
        is_changed?.then(|| document.to_string())
    }

    fn corp() -> Registry {
        Registry::Named("my-corp".to_owned())
    }

    #[test]
    fn a_token_is_put_in_and_nothing_else_changes() {
        let text = "# mine\n[registry]\ntoken = \"c\" # crates.io\n\n[registries.my-corp] # work\ntoken = \"old\" # until May\nother = 1\n";
        assert_eq!(
            changed(text, &corp(), Some("a\"b\\c")).unwrap(),
            text.replace("\"old\"", "'a\"b\\c'")
        );
        assert_eq!(
            changed("", &corp(), Some("new")).unwrap(),
            "[registries.my-corp]\ntoken = \"new\"\n"
        );
        assert_eq!(
            changed(
                "registries = { other = { token = \"o\" } }\n",
                &corp(),
                Some("new")
            )
            .unwrap(),
            "registries = { other = { token = \"o\" } , my-corp.token = \"new\" }\n"
        );
        assert_eq!(
            changed("token = \"old\"\n", &Registry::CratesIo, Some("new")).unwrap(),
            "[registry]\ntoken = \"new\"\n"
        );
        assert_eq!(
            changed("token = \"old\"\n", &corp(), Some("new")).unwrap(),
            "[registry]\ntoken = \"old\"\n\n[registries.my-corp]\ntoken = \"new\"\n"
        );
        assert_eq!(changed("registries = 1\n", &corp(), Some("new")), None);
    }

    #[test]
    fn a_token_is_taken_out_and_nothing_else_changes() {
        assert_eq!(
            changed(
                "[registries.my-corp]\n# work\ntoken = \"old\"\nsecret-key = \"k\"\nother = 1\n[registries.b]\ntoken = \"b\"\n",
                &corp(),
                None
            )
            .unwrap(),
            "[registries.my-corp]\nother = 1\n[registries.b]\ntoken = \"b\"\n"
        );
        assert_eq!(
            changed("token = \"old\"\n", &Registry::CratesIo, None).unwrap(),
            ""
        );
        assert_eq!(
            changed("[registries.b]\ntoken = \"b\"\n", &corp(), None),
            None
        );
        assert_eq!(changed("", &corp(), None), None);
    }
}
