//! Files that are changed whole or not at all.

use std::fs::{Metadata, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Only its owner reads and writes it.
pub(crate) const PRIVATE: u32 = 0o600;

/// Another content for a file, beside it, that has only to be put in its place.
pub(crate) struct Replacement {
    file: NamedTempFile,
    path: PathBuf,
}

/// Whose the file is to be, and who may read it.
pub(crate) enum Rights<'a> {
    /// Ours, with this mode.
    New(u32),
    /// Its owner's alone.
    Private(&'a Metadata),
    /// As they are.
    Kept(&'a Metadata),
}

impl Replacement {
    /// Writes the content down in the directory of `path`, which is no link. Whatever can fail for want of room or of
    /// rights fails here.
    pub(crate) fn stage(path: PathBuf, text: &str, rights: &Rights<'_>) -> io::Result<Self> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mode = match rights {
            Rights::New(mode) => *mode,
            Rights::Private(_) | Rights::Kept(_) => PRIVATE,
        };
        let mut file = temporary(directory, mode)?;
        file.write_all(text.as_bytes())?;
        if let Rights::Private(there) | Rights::Kept(there) = rights {
            keep_owner(&file, there)?;
        }
        if let Rights::Kept(there) = rights {
            let permissions: Permissions = there.permissions();
            file.as_file().set_permissions(permissions)?;
        }
        file.as_file().sync_all()?;
        Ok(Self { file, path })
    }

    /// Puts it in its place, so that at no time there is half of it.
    pub(crate) fn put(self) -> io::Result<()> {
        self.file.persist(&self.path)?;
        Ok(())
    }
}

#[cfg(unix)]
fn temporary(directory: &Path, mode: u32) -> io::Result<NamedTempFile> {
    use std::os::unix::fs::PermissionsExt as _;

    tempfile::Builder::new()
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(directory)
}

#[cfg(not(unix))]
fn temporary(directory: &Path, _: u32) -> io::Result<NamedTempFile> {
    NamedTempFile::new_in(directory)
}

#[cfg(unix)]
fn keep_owner(file: &NamedTempFile, there: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};

    let now = file.as_file().metadata()?;
    if (there.uid(), there.gid()) != (now.uid(), now.gid()) {
        fchown(file.as_file(), Some(there.uid()), Some(there.gid()))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn keep_owner(_: &NamedTempFile, _: &Metadata) -> io::Result<()> {
    Ok(())
}
