//! The corpora of the fuzz targets, for the tests that run a target over each of its inputs.

use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

/// Has `laws` look at each input of a target.
///
/// # Panics
/// With the input, if a law is broken; as [`inputs`].
pub fn replay(target: &str, laws: impl Fn(&[u8])) {
    for path in inputs(target) {
        let data = std::fs::read(&path).expect("an input can be read");
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| laws(&data)));
        assert!(
            outcome.is_ok(),
            "{} breaks a law of `{target}`, said above",
            path.display()
        );
    }
}

/// The files of a corpus, sorted.
///
/// # Panics
/// If the folder can't be read, or has no file.
#[must_use]
pub fn inputs(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let files = std::fs::read_dir(folder.join(target));
    let mut files: Vec<_> = files
        .into_iter()
        .flatten()
        .map(|file| file.expect("the folder can be read").path())
        .collect();
    assert!(!files.is_empty(), "`{target}` has no corpus");
    files.sort();
    files
}
