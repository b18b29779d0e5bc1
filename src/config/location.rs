//! Where the config is: never in the working directory, because a checked-out repository must not be able to
//! say which secret goes to which registry.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use cargo_credential_bridge_backend::{Environment, Error, Kind};

use crate::note::note;

const PATH_VARIABLE: &str = "CARGO_CREDENTIAL_BRIDGE_CONFIG";
const TEXT_VARIABLE: &str = "CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML";

/// No config is larger than this many bytes.
const LIMIT: u64 = 4 << 20;

/// The text of a config, and where it is from.
pub(crate) struct Text {
    /// What messages call it.
    pub(crate) origin: String,
    pub(crate) text: String,
    /// The directory that relative paths are below; the text in a variable has none.
    pub(crate) base: Option<PathBuf>,
}

/// Finds the config, `None` if there is none.
///
/// # Errors
///
/// [`Kind::Invalid`] if it can't be read, or others may write it.
pub(crate) fn find() -> Result<Option<Text>, Error> {
    let environment = Environment::process(None);
    let path = environment.var(PATH_VARIABLE)?;
    let text = environment.var(TEXT_VARIABLE)?;
    match (path, text) {
        (Some(_), Some(_)) => Err(Error::new(
            Kind::Invalid,
            format!("both `{PATH_VARIABLE}` and `{TEXT_VARIABLE}` are set"),
        )
        .help("set one of them: the path of a config, or its text")),
        (None, Some(text)) => Ok(Some(Text {
            origin: format!("${TEXT_VARIABLE}"),
            text,
            base: None,
        })),
        (Some(path), None) => match open(Path::new(&path))? {
            Some(text) => Ok(Some(text)),
            None => Err(Error::new(
                Kind::Invalid,
                format!("`{path}` does not exist, to which `{PATH_VARIABLE}` points"),
            )),
        },
        (None, None) => {
            for path in usual_places(&environment)? {
                if let Some(text) = open(&path)? {
                    check_place(&path)?;
                    return Ok(Some(text));
                }
            }
            Ok(None)
        }
    }
}

/// The config in a file that somebody names.
///
/// # Errors
///
/// As [`find`], and if there is no such file.
pub(super) fn file(path: &Path) -> Result<Text, Error> {
    open(path)?.ok_or_else(|| {
        Error::new(
            Kind::Invalid,
            format!("the config `{}` does not exist", path.display()),
        )
    })
}

/// The file that is the config, or that a new one goes into: another one would hide it, or be hidden.
///
/// # Errors
///
/// If the config is the text of a variable, or there is no place for one.
pub(crate) fn target() -> Result<PathBuf, Error> {
    let environment = Environment::process(None);
    if environment.var(TEXT_VARIABLE)?.is_some() {
        return Err(Error::new(
            Kind::Invalid,
            format!("the config is the text in `{TEXT_VARIABLE}`, no file"),
        )
        .help("unset it, or name a file by `--config`"));
    }
    if let Some(path) = environment.var(PATH_VARIABLE)? {
        return Ok(PathBuf::from(path));
    }
    let places = usual_places(&environment)?;
    let there = places.iter().find(|path| path.exists());
    let target = there.or_else(|| places.first()).cloned().ok_or_else(|| {
        Error::new(Kind::NotFound, "there is no place for a config here")
            .help("set `CARGO_HOME`, or name a file by `--config`")
    })?;
    check_place(&target)?;
    Ok(target)
}

/// Refuses a home of Cargo's that moves with the working directory: the config there is that of whatever was checked out.
fn check_place(path: &Path) -> Result<(), Error> {
    if path.is_absolute() {
        return Ok(());
    }
    Err(Error::new(
        Kind::Invalid,
        format!(
            "the config `{}` depends on the working directory, as `CARGO_HOME` is relative",
            path.display()
        ),
    )
    .help(format!(
        "make `CARGO_HOME` absolute, or name the config by `{PATH_VARIABLE}`"
    )))
}

/// Where a config is looked for, for the note to someone who has none.
pub(crate) fn places() -> String {
    candidates().join(", ")
}

/// The places where a config may be, in the order in which they count, as messages call them.
pub(crate) fn candidates() -> Vec<String> {
    let variables = [PATH_VARIABLE, TEXT_VARIABLE].map(|variable| format!("${variable}"));
    let usual = usual_places(&Environment::process(None)).unwrap_or_default();
    let usual = usual.iter().map(|path| format!("`{}`", path.display()));
    variables.into_iter().chain(usual).collect()
}

/// Where Cargo is at home: where the variable says, from the working directory on, or `.cargo` in the user's home.
pub(crate) fn cargo_home(environment: &Environment) -> Result<Option<PathBuf>, Error> {
    Ok(match environment.var("CARGO_HOME")? {
        Some(path) => Some(PathBuf::from(path)),
        None => environment.home().map(|home| home.join(".cargo")),
    })
}

fn usual_places(environment: &Environment) -> Result<Vec<PathBuf>, Error> {
    let mut places = Vec::new();
    places.extend(cargo_home(environment)?.map(|home| home.join("credential-bridge.toml")));
    if cfg!(windows) {
        let data = environment.var("ProgramData")?;
        places.extend(data.map(|data| {
            Path::new(&data)
                .join("cargo-credential-bridge")
                .join("config.toml")
        }));
    } else {
        places.push(PathBuf::from("/etc/cargo-credential-bridge/config.toml"));
    }
    Ok(places)
}

/// The directory of the config, absolute: a relative path to it is the user's own word, unlike those inside.
fn directory(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.parent().map(Path::to_owned).unwrap_or_default()
}

fn open(path: &Path) -> Result<Option<Text>, Error> {
    let origin = format!("`{}`", path.display());
    let failed = |error: io::Error| {
        Error::new(Kind::Invalid, format!("can't read the config {origin}"))
            .because(error.to_string())
    };
    // A pipe would keep us waiting before anything limits the wait.
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > LIMIT => {
            return Err(failed(io::Error::other(format!(
                "it is larger than {} MiB",
                LIMIT >> 20
            ))));
        }
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => {
            return Err(failed(io::Error::other("it is not a file"))
                .help(format!("`{TEXT_VARIABLE}` takes the text itself")));
        }
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    }
    let mut file = File::open(path).map_err(failed)?;
    check_rights(&file, &origin)?;
    let mut content = Vec::new();
    file.read_to_end(&mut content).map_err(failed)?;
    let text = String::from_utf8(content).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count()
            + 1;
        failed(io::Error::other(format!("line {line} is not UTF-8")))
    })?;
    Ok(Some(Text {
        origin,
        text,
        base: Some(directory(path)),
    }))
}

/// Refuses a config that someone else could have written: it decides which secret goes where.
///
/// The rights are those of the opened file, after all symbolic links.
#[cfg(unix)]
fn check_rights(file: &File, origin: &str) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt as _;

    let metadata = file.metadata().map_err(|error| {
        Error::new(Kind::Invalid, format!("can't read the rights of {origin}"))
            .because(error.to_string())
    })?;
    let us = nix::unistd::geteuid().as_raw();
    let rights = Rights {
        mode: metadata.mode(),
        owner: metadata.uid(),
        group: metadata.gid(),
    };
    match rights.fault(us) {
        None => Ok(()),
        // In a container, as root, mounted files belong to whoever the host says.
        Some(Unsafe::Owner) if us == 0 => {
            note(&format!(
                "the config {origin} belongs to user {}, not to root",
                rights.owner
            ));
            Ok(())
        }
        Some(Unsafe::Owner) => Err(Error::new(
            Kind::Invalid,
            format!(
                "the config {origin} belongs to user {}, who could change it",
                rights.owner
            ),
        )
        .help(format!(
            "`chown` it to root or to user {us}, whom this runs as"
        ))),
        Some(Unsafe::Mode) => Err(Error::new(
            Kind::Invalid,
            format!(
                "others can write the config {origin} (mode {:04o})",
                rights.mode & 0o7777
            ),
        )
        .help("`chmod go-w` it: who writes it decides which secret goes to which registry")),
    }
}

#[cfg(not(unix))]
fn check_rights(_: &File, _: &str) -> Result<(), Error> {
    Ok(())
}

/// What decides who can write a file.
#[cfg(unix)]
struct Rights {
    mode: u32,
    owner: u32,
    group: u32,
}

#[cfg(unix)]
#[derive(Debug, PartialEq, Eq)]
enum Unsafe {
    Mode,
    Owner,
}

#[cfg(unix)]
impl Rights {
    /// Why the file is not safe for the user `us`. A group that has the owner's number is the user's private
    /// one, as Debian and Fedora make them, with nobody else in it.
    fn fault(&self, us: u32) -> Option<Unsafe> {
        let by_group = self.mode & 0o020 != 0 && self.group != self.owner;
        let by_others = self.mode & 0o002 != 0;
        if by_group || by_others {
            return Some(Unsafe::Mode);
        }
        (self.owner != 0 && self.owner != us).then_some(Unsafe::Owner)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn who_may_own_and_write_a_config() {
        let fault = |mode, owner, group, us| Rights { mode, owner, group }.fault(us);
        assert_eq!(fault(0o100_644, 1000, 1000, 1000), None);
        assert_eq!(fault(0o100_644, 0, 0, 1000), None);
        assert_eq!(fault(0o100_664, 1000, 1000, 1000), None);
        assert_eq!(fault(0o100_664, 1000, 50, 1000), Some(Unsafe::Mode));
        assert_eq!(fault(0o100_666, 1000, 1000, 1000), Some(Unsafe::Mode));
        assert_eq!(fault(0o100_600, 1001, 1001, 1000), Some(Unsafe::Owner));
        assert_eq!(fault(0o100_600, 1000, 1000, 0), Some(Unsafe::Owner));
    }
}
