use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Adds a line to a file, in one piece: of several processes that do so at the same time, each has its line whole.
///
/// The file is made for its owner alone, if it is not there. No link of somebody else's is followed, and nothing but a file
/// of ours or the system's is written to.
pub(super) fn append(path: &Path, line: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    let mut file = open(&mut options, path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    // The rest in another piece could be in the middle of somebody else's line.
    match file.write(line)? {
        written if written == line.len() => Ok(()),
        _ => Err(io::Error::other(
            "only a part of the line was written: is the disk full?",
        )),
    }
}

#[cfg(unix)]
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};

    use nix::fcntl::OFlag;

    let us = nix::unistd::geteuid().as_raw();
    let is_trusted = |owner| owner == us || owner == 0;
    for above in path.ancestors().skip(1) {
        // Of what can't be looked at, the error of opening the file says more.
        let Ok(there) = above.symlink_metadata() else {
            continue;
        };
        if there.is_symlink() && !is_trusted(there.uid()) {
            return Err(io::Error::other(format!(
                "`{}` on the way to it is a link of user {}, who could make it lead elsewhere",
                above.display(),
                there.uid()
            )));
        }
    }
    if path
        .symlink_metadata()
        .is_ok_and(|there| there.is_symlink())
    {
        return Err(io::Error::other("it is a link, which is not followed"));
    }
    // It may have become a link since then, or be a pipe that nobody reads from.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = options.mode(0o600).custom_flags(flags.bits()).open(path)?;
    let owner = file.metadata()?.uid();
    match is_trusted(owner) {
        true => Ok(file),
        false => Err(io::Error::other(format!("it belongs to user {owner}"))),
    }
}

#[cfg(not(unix))]
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.open(path)
}
