//! Files that are to be there: what they are now, what they will be, the difference, and the change of all at once.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use cargo_credential_bridge_backend::{Error, Kind};
use similar::TextDiff;

use crate::replacement::{Replacement, Rights};

const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const HEADING: Style = Style::new().bold();

/// A file of the store's side.
pub(super) struct Made {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) mode: u32,
}

impl Made {
    pub(super) fn text(name: &str, text: String) -> Self {
        Self {
            name: name.to_owned(),
            text,
            mode: 0o666,
        }
    }

    /// One to be run.
    pub(super) fn program(name: &str, text: String) -> Self {
        Self {
            mode: 0o777,
            ..Self::text(name, text)
        }
    }
}

/// A file, as it is and as it will be.
pub(super) struct File {
    path: PathBuf,
    before: Option<String>,
    after: String,
    /// What may be seen of both.
    shown: Option<(String, String)>,
    /// The mode of a new one, without what the user's mask takes away.
    mode: u32,
}

impl File {
    pub(super) fn new(path: &Path, before: Option<String>, after: String, mode: u32) -> Self {
        Self {
            path: path.to_owned(),
            before,
            after,
            shown: None,
            mode,
        }
    }

    /// Hides parts of it: `shown` makes of a text what may be seen.
    pub(super) fn hiding(mut self, shown: impl Fn(&str) -> String) -> Self {
        let before = self.before.as_deref().map(&shown);
        self.shown = Some((before.unwrap_or_default(), shown(&self.after)));
        self
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_new(&self) -> bool {
        self.before.is_none()
    }

    pub(super) fn is_changed(&self) -> bool {
        self.before.as_deref() != Some(&self.after)
    }

    /// Shows what will be other than it is. No line is shown that stays as it is: it is the user's.
    pub(super) fn write_difference(&self, out: &mut impl Write) -> io::Result<()> {
        let path = self.path.display();
        let before = self.before.as_deref().unwrap_or_default();
        let (before, after) = match &self.shown {
            Some((before, after)) => (before.as_str(), after.as_str()),
            None => (before, self.after.as_str()),
        };
        let old = match self.is_new() {
            true => "/dev/null".to_owned(),
            false => path.to_string(),
        };
        let difference = TextDiff::from_lines(before, after);
        let difference = difference
            .unified_diff()
            .context_radius(0)
            .header(&old, &path.to_string())
            .to_string();
        for line in difference.lines() {
            let style = match line.as_bytes().first() {
                _ if line.starts_with("---") || line.starts_with("+++") => HEADING,
                Some(b'+') => ADDED,
                Some(b'-') => REMOVED,
                _ => Style::new(),
            };
            writeln!(out, "{style}{line}{style:#}")?;
        }
        writeln!(out)
    }

    /// Shows it: a new one as it will be, else the change.
    pub(super) fn write_whole(&self, out: &mut impl Write) -> io::Result<()> {
        if !self.is_new() {
            return self.write_difference(out);
        }
        write_text(out, &self.path.display().to_string(), &self.after)
    }

    /// Prepares the change, beside the file.
    fn stage(&self) -> io::Result<Replacement> {
        // A link stays a link.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let there = fs::metadata(&path).ok();
        if there
            .as_ref()
            .is_some_and(|there| there.permissions().readonly())
        {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "it is read-only",
            ));
        }
        if read(&self.path)? != self.before {
            return Err(io::Error::other("somebody has changed it meanwhile"));
        }
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let rights = match &there {
            Some(there) => Rights::Kept(there),
            None => Rights::New(self.mode),
        };
        Replacement::stage(path, &self.after, &rights)
    }
}

/// A text under its name.
pub(super) fn write_text(out: &mut impl Write, name: &str, text: &str) -> io::Result<()> {
    writeln!(out, "{HEADING}==> {name}{HEADING:#}\n{text}")
}

/// What is in a file, `None` if there is none.
pub(super) fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Changes all of them. Whatever can fail is done before the first one is put in its place.
///
/// # Errors
///
/// If one can't be written: then none is changed.
pub(super) fn write_all(files: &[&File]) -> Result<(), Error> {
    let failed = |file: &File, error: &io::Error| {
        Error::new(
            Kind::Invalid,
            format!("can't write `{}`; nothing was changed", file.path.display()),
        )
        .because(error.to_string())
    };
    let mut staged = Vec::new();
    for file in files {
        staged.push(file.stage().map_err(|error| failed(file, &error))?);
    }
    for (staged, file) in staged.into_iter().zip(files) {
        staged.put().map_err(|error| {
            Error::new(
                Kind::Invalid,
                format!("can't write `{}`", file.path.display()),
            )
            .because(error.to_string())
        })?;
    }
    Ok(())
}
