//! The provider against Google: a fake of it on Google's own messages, which Google's own clients have to agree with.
//!
//! `ci/test real` installs those and runs this. By hand: `CCB_GOOGLE_PYTHON=PATH cargo test --features real-servers --test
//! real_google`, with what `ci/install google` prints.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod fake;
