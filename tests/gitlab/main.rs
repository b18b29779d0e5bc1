//! GitLab's template and component, as jobs run them: the examples under `gitlab-ci-local`, the script in the shells that
//! images have.
//!
//! `ci/test gitlab` installs what is needed and runs this. By hand: `CCB_GITLAB_CI_LOCAL=PATH CCB_MOTO_PYTHON=PATH cargo test
//! --features real-servers --test kit_gitlab`, with what `ci/install gitlab-ci-local` and `ci/install moto` print, and with
//! busybox, curl, dash and wget.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod examples;
mod forms;
mod install;
mod jobs;
mod pipeline;
mod release;

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_cargo-credential-bridge");
