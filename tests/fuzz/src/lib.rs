//! The fuzz targets: each takes bytes from outside through what reads them, and panics where a law does not hold.
//!
//! Those of this crate ask the crates of the stores by what is public. `ci/fuzz` adds, with `--cfg fuzzing`, those of what is
//! not: they are beside what they look at, in `src/fuzzing.rs` and `backends/backend/src/http/pem.rs`, and the tests there
//! run them over their corpora.

mod credentials;
mod google;
mod identity;
mod store;
mod vault;

use std::sync::LazyLock;

/// A fuzz target, by the name of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// Those of this crate.
pub const TARGETS: &[Target] = &[
    ("identity", identity::laws),
    ("vault", vault::path),
    ("vault-raw", vault::raw_path),
    ("aws", store::aws),
    ("google", google::laws),
    ("google-credentials", credentials::laws),
];

/// The token of the corpora, which nothing that is for people may hold. No word of ours is like it.
pub(crate) const TOKEN: &str = "Zq7-t0ken";

/// Runs the target that `FUZZ_TARGET` names.
///
/// # Panics
///
/// Where there is no such target, and where a law does not hold.
pub fn run(data: &[u8]) {
    static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
        let name = std::env::var("FUZZ_TARGET").expect("`FUZZ_TARGET` names a target");
        let target = all().find(|(known, _)| *known == name);
        target.expect("`FUZZ_TARGET` is one of the targets").1
    });
    TARGET(data);
}

#[cfg(not(fuzzing))]
fn all() -> impl Iterator<Item = Target> {
    TARGETS.iter().copied()
}

#[cfg(fuzzing)]
fn all() -> impl Iterator<Item = Target> {
    use cargo_credential_bridge::fuzzing::TARGETS as PRIVATE;
    use cargo_credential_bridge_backend::http::fuzzing;

    let pem: Target = ("pem", fuzzing::laws);
    TARGETS.iter().chain(PRIVATE).copied().chain([pem])
}
