//! Which program it is that Cargo runs.

use std::env;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

/// What the first word of a provider leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// This very program.
    This,
    /// Another file of the same name.
    Namesake(PathBuf),
    /// Something else: another provider, one of Cargo's own.
    Other,
    /// A file that is not there, or not on the `PATH`.
    Missing,
}

/// What `word` leads to, found as Cargo finds it: with a separator in it below `base`, else on the `PATH`.
pub(super) fn find(word: &str, base: &Path) -> Program {
    let name = format!("cargo-credential-bridge{}", env::consts::EXE_SUFFIX);
    let is_ours = Path::new(word).file_stem() == Path::new(&name).file_stem();
    if word.starts_with("cargo:") {
        return Program::Other;
    }
    let found = match word.contains(['/', MAIN_SEPARATOR]) {
        true => Some(base.join(word)).filter(|path| is_program(path)),
        false => on_path(word),
    };
    let this = env::current_exe().and_then(|path| path.canonicalize()).ok();
    match found.map(|path| (path.canonicalize().ok(), path)) {
        Some((real, _)) if real.is_some() && real == this => Program::This,
        Some((_, path)) if is_ours => Program::Namesake(path),
        None if is_ours => Program::Missing,
        Some(_) => Program::Other,
        // What is not there can't be told from what is meant.
        None => Program::Missing,
    }
}

/// Whether `text`, spaces and all, is the path of a program, or begins with one that has spaces in it.
pub(super) fn has_spaces(text: &str, base: &Path) -> bool {
    let ends = text.match_indices(' ').map(|(at, _)| at).skip(1);
    ends.chain([text.len()]).any(|end| {
        let path = &text[..end];
        path.contains(' ') && path.contains(['/', MAIN_SEPARATOR]) && is_program(&base.join(path))
    })
}

fn on_path(word: &str) -> Option<PathBuf> {
    let file = match word.ends_with(env::consts::EXE_SUFFIX) {
        true => word.to_owned(),
        false => format!("{word}{}", env::consts::EXE_SUFFIX),
    };
    env::split_paths(&env::var_os("PATH")?)
        .map(|directory| directory.join(&file))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    #[cfg(unix)]
    let may_run = |metadata: &std::fs::Metadata| {
        use std::os::unix::fs::PermissionsExt as _;
        metadata.permissions().mode() & 0o111 != 0
    };
    #[cfg(not(unix))]
    let may_run = |_: &std::fs::Metadata| true;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && may_run(&metadata))
}
