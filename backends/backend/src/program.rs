//! Programs that supply a token: run without a shell, inside a limit, killed with it.

use core::fmt;
use std::process::Stdio;

use secrecy::{ExposeSecret as _, SecretSlice};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::{Deadline, Kind};

/// No program prints more than this many bytes for one token.
const OUTPUT_LIMIT: u64 = 1 << 20;

/// Why a program has given nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// [`Kind::Timeout`], or [`Kind::Invalid`].
    pub kind: Kind,
    why: String,
}

/// Runs `program` to its end, by the deadline, and gives what it printed. It reads nothing, and what it complains of on
/// standard error goes where ours goes.
///
/// # Errors
///
/// A [`Failure`] if it can't be started, ends with another status than 0, prints more than any token is long, or has not
/// ended by the deadline, at which it is killed.
pub async fn printed_by(
    mut program: Command,
    deadline: Deadline,
) -> Result<SecretSlice<u8>, Failure> {
    let invalid = |why: String| Failure {
        kind: Kind::Invalid,
        why,
    };
    let mut child = program
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| invalid(error.to_string()))?;
    let ended = async {
        let mut output = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            stdout
                .take(OUTPUT_LIMIT + 1)
                .read_to_end(&mut output)
                .await?;
        }
        let output = SecretSlice::from(output);
        child.wait().await.map(|status| (status, output))
    };
    let (status, output) = match tokio::time::timeout(deadline.remaining(), ended).await {
        Err(_) => {
            return Err(Failure {
                kind: Kind::Timeout,
                why: format!("it did not end within {:?}", deadline.total()),
            });
        }
        Ok(ended) => ended.map_err(|error| invalid(error.to_string()))?,
    };
    if output.expose_secret().len() as u64 > OUTPUT_LIMIT {
        return Err(invalid(format!(
            "it printed more than {} MiB",
            OUTPUT_LIMIT >> 20
        )));
    }
    if !status.success() {
        return Err(invalid(format!("it ended with {status}")));
    }
    Ok(output)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}
