//! Containers: the image with the program alone, the builds of `examples/buildkit` in it, and what `ci/containers/check`
//! finds, all by the real buildah.
//!
//! `ci/test containers` installs what it needs and runs this, as root. By hand: `CCB_BASE_IMAGE=PATH CCB_GOOGLE_PYTHON=PATH
//! cargo test --features real-servers --test kit_containers`, with what `ci/install base-image` and `ci/install google` print.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod buildah;
mod check;
mod image;
mod leaky;
mod private;

use std::path::{Path, PathBuf};

/// A file of this repository.
fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
