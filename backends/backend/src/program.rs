//! Programs that supply a token: run without a shell, inside a limit, and killed at its end.

use core::fmt;
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::io;
use std::process::{ExitStatus, Stdio};

use secrecy::SecretSlice;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::log::{Program, Timer};
use crate::{Deadline, Kind, step};

/// No program prints more than this many bytes for one token.
const OUTPUT_LIMIT: usize = 1 << 20;

/// How long its output is read after its end. What it has printed itself is in the pipe by then and is read at once;
/// whether somebody whom it left behind, with the pipe in hand, still has a word to say can't be known, so time decides.
const GRACE: Duration = Duration::from_millis(100);

/// Whether a program may turn to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// It has nothing to ask: it is killed with all that it started.
    Away,
    /// It may ask for a password, say: it stays in our group, and is killed alone.
    Shared,
}

/// What a program has come to.
#[derive(Debug)]
pub struct Ended {
    /// The status that it ended with.
    pub status: ExitStatus,
    /// What it printed.
    pub output: SecretSlice<u8>,
}

/// Why a program has given nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// [`Kind::Timeout`], or [`Kind::Invalid`].
    pub kind: Kind,
    /// Whether there is no such program here.
    pub is_missing: bool,
    why: String,
}

/// Runs `program` to its end, by the deadline, and gives what it printed. It reads nothing, and what it complains of on
/// standard error goes where ours goes.
///
/// # Errors
///
/// As [`run`], and a [`Failure`] if it ends with another status than 0.
pub async fn printed_by(
    program: Command,
    terminal: Terminal,
    deadline: Deadline,
) -> Result<SecretSlice<u8>, Failure> {
    run(program, terminal, deadline).await?.printed()
}

/// As [`printed_by`], for programs that also say something when they fail.
///
/// # Errors
///
/// A [`Failure`] if it can't be started, prints more than any token is long, or has not ended by the deadline, at which it
/// is killed with all that it started.
pub async fn run(
    mut program: Command,
    terminal: Terminal,
    deadline: Deadline,
) -> Result<Ended, Failure> {
    // A program that waits for another is killed with it only in a group of their own. The terminal then counts it as one
    // in the background: Ctrl-C does not reach it, and it can't ask the user anything. If we are killed outright, nobody
    // kills it: it goes on to its own end, or to the first thing that it prints, for which there is no reader any more.
    #[cfg(unix)]
    if terminal == Terminal::Away {
        program.process_group(0);
    }
    let timer = Timer::start();
    step!(
        "program started",
        program = Program(program.as_std().get_program())
    );
    let child = program
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(Failure::of)?;
    let ended = Group(child, terminal).ended(deadline).await?;
    step!("program ended", status = ended.status, took = timer.took());
    Ok(ended)
}

/// A program and, where it has no terminal, all that it started; who is left of them is killed when this goes.
struct Group(Child, Terminal);

/// What comes first.
enum First {
    /// The end of what is printed.
    Output(io::Result<()>),
    /// The end of the program.
    Exit(io::Result<ExitStatus>),
}

impl Ended {
    /// What it printed, if it ended well.
    ///
    /// # Errors
    ///
    /// A [`Failure`] that names any other status than 0.
    pub fn printed(self) -> Result<SecretSlice<u8>, Failure> {
        if self.status.success() {
            return Ok(self.output);
        }
        Err(Failure::invalid(format!("it ended with {}", self.status)))
    }
}

impl Group {
    async fn ended(mut self, deadline: Deadline) -> Result<Ended, Failure> {
        let late = |_| Failure {
            kind: Kind::Timeout,
            is_missing: false,
            why: format!("it did not end within {:?}", deadline.total()),
        };
        let mut output = Vec::with_capacity(4096);
        let stdout = self.0.stdout.take();
        let status = {
            let mut reading = pin!(async {
                if let Some(mut stdout) = stdout {
                    while output.len() <= OUTPUT_LIMIT && stdout.read_buf(&mut output).await? > 0 {}
                }
                match output.len() {
                    ..=OUTPUT_LIMIT => Ok(()),
                    _ => Err(io::Error::other(format!(
                        "it printed more than {} MiB",
                        OUTPUT_LIMIT >> 20
                    ))),
                }
            });
            let mut waiting = pin!(self.0.wait());
            let first = poll_fn(|context| match reading.as_mut().poll(context) {
                Poll::Ready(read) => Poll::Ready(First::Output(read)),
                Poll::Pending => waiting.as_mut().poll(context).map(First::Exit),
            });
            match timeout(deadline.remaining(), first).await.map_err(late)? {
                First::Output(read) => {
                    read.map_err(Failure::of)?;
                    timeout(deadline.remaining(), waiting).await.map_err(late)?
                }
                First::Exit(status) => {
                    let grace = GRACE.min(deadline.remaining());
                    if let Ok(read) = timeout(grace, reading).await {
                        read.map_err(Failure::of)?;
                    }
                    status
                }
            }
        };
        Ok(Ended {
            status: status.map_err(Failure::of)?,
            output: output.into(),
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Once it has ended there is no id: the number may be somebody else's.
        #[cfg(unix)]
        if self.1 == Terminal::Away
            && let Some(id) = self.0.id().and_then(|id| i32::try_from(id).ok())
        {
            use nix::sys::signal::{Signal, killpg};
            use nix::unistd::Pid;

            // Whoever can't be killed is gone.
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
    }
}

impl Failure {
    fn invalid(why: String) -> Self {
        Self {
            kind: Kind::Invalid,
            is_missing: false,
            why,
        }
    }

    fn of(error: io::Error) -> Self {
        Self {
            is_missing: error.kind() == io::ErrorKind::NotFound,
            ..Self::invalid(error.to_string())
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::process;
    use std::thread;

    use secrecy::ExposeSecret as _;

    use super::*;

    fn shell(script: &str, limit: Duration) -> Result<Ended, Failure> {
        let mut program = Command::new("sh");
        program.arg("-c").arg(script);
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime without threads starts")
            .block_on(run(program, Terminal::Away, Deadline::after(limit)))
    }

    #[test]
    fn status_and_output_of_a_failure() {
        let ended = shell("echo why; exit 3", Duration::from_secs(60)).unwrap();
        assert_eq!(ended.output.expose_secret(), b"why\n");
        assert_eq!(ended.status.code(), Some(3));
        let failure = ended.printed().unwrap_err();
        assert_eq!(failure.to_string(), "it ended with exit status: 3");
    }

    #[test]
    fn more_than_any_token_is_told_at_once() {
        let failure = shell("exec cat /dev/zero", Duration::from_secs(60)).unwrap_err();
        assert_eq!(failure.kind, Kind::Invalid);
        assert_eq!(failure.to_string(), "it printed more than 1 MiB");
    }

    #[test]
    fn whoever_is_left_behind_with_the_pipe_is_not_waited_for() {
        let ended = shell("sleep 120 & echo $!", Duration::from_secs(60)).unwrap();
        let printed = ended.printed().unwrap();
        let left = str::from_utf8(printed.expose_secret()).unwrap().trim();
        let killed = process::Command::new("kill").arg(left).status().unwrap();
        assert!(killed.success());
    }

    #[test]
    fn output_is_closed_before_the_end() {
        let ended = shell("echo t0ken; exec >&-; exit 0", Duration::from_secs(60)).unwrap();
        assert_eq!(ended.printed().unwrap().expose_secret(), b"t0ken\n");
    }

    /// Whoever is not killed holds the pipe open until he has said so.
    #[test]
    fn the_deadline_ends_all_that_it_started() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        let made = process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let script = format!(
            "exec 3>'{}'; (sleep 30; echo alive >&3) & wait",
            pipe.display()
        );
        let heard = thread::spawn(move || std::fs::read_to_string(pipe));
        let failure = shell(&script, Duration::from_secs(1)).unwrap_err();
        assert_eq!(failure.kind, Kind::Timeout);
        assert_eq!(heard.join().unwrap().unwrap(), "");
    }
}
