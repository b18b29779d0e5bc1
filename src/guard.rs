//! What holds whatever happens: exactly one answer to each request, in time, and no secret left in a core dump.

use std::io::Write as _;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use cargo_credential_bridge_backend::Deadline;

use crate::protocol::Answer;

/// Whether Cargo waits for an answer. Whoever takes this gives it.
static AWAITED: AtomicBool = AtomicBool::new(false);

/// What is bounded by the deadline itself gets this much longer to say what it was waiting for.
const GRACE: Duration = Duration::from_millis(500);

/// From here on a request is to be answered.
pub(crate) fn expect_answer() {
    AWAITED.store(true, Ordering::SeqCst);
}

/// Gives the answer, unless it was given.
pub(crate) fn give(answer: &Answer) {
    if AWAITED.swap(false, Ordering::SeqCst) {
        answer.write(send);
    }
}

/// Sends a line to Cargo at once. If Cargo is gone there is nobody to tell.
pub(crate) fn send(line: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(line).and_then(|()| out.flush());
}

/// Makes a panic an answer, and the exit a success: to Cargo, a process that ends in any other way is a
/// broken provider, and the release profile aborts on a panic.
///
/// What the panic says is left out, as it may quote a value; where it is tells us enough.
pub fn answer_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = match panic.location() {
            Some(place) => format!("at {}:{}", place.file(), place.line()),
            None => "at an unknown place".to_owned(),
        };
        give(&Answer::other(
            "cargo-credential-bridge has a bug and gave up",
            [
                place,
                format!(
                    "help: please report it at {}/issues",
                    env!("CARGO_PKG_REPOSITORY")
                ),
            ],
        ));
        process::exit(0);
    }));
}

/// For the tests: stands in for a request that panics.
#[doc(hidden)]
pub fn panic_while_answering() -> ! {
    expect_answer();
    #[expect(clippy::panic, reason = "this is what it is for")]
    {
        panic!("s3cret")
    }
}

/// No core dump of this process, and no debugger on it (Linux), where the operating system can be told so.
pub(crate) fn hide_memory() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        let _ = setrlimit(Resource::Core, none);
    }
}

/// Counts the beginnings and ends of what is watched: a watchdog whose count has passed has nothing to do.
static WATCHES: Mutex<u64> = Mutex::new(0);
static CALLED_OFF: Condvar = Condvar::new();

/// Answers in our place and ends the process when the deadline has passed: what waits for the network is
/// bounded by itself, but a read of a pipe or of a dead network file system is not.
///
/// Dropping it calls the watchdog off.
pub(crate) struct Watchdog(());

impl Watchdog {
    pub(crate) fn start(deadline: Deadline) -> Self {
        let watch = count();
        // The thread allocates nothing before its time has come: its first allocation would make it an
        // arena of its own, which costs more than the thread.
        let watch = move || {
            let mut watches = WATCHES.lock().unwrap_or_else(PoisonError::into_inner);
            while *watches == watch {
                let wait = (deadline.at() + GRACE).saturating_duration_since(Instant::now());
                if wait.is_zero() {
                    bark(deadline);
                }
                watches = CALLED_OFF
                    .wait_timeout(watches, wait)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            }
        };
        // Without a thread the deadline of the network still holds.
        let _ = thread::Builder::new().stack_size(64 << 10).spawn(watch);
        Self(())
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        count();
        CALLED_OFF.notify_all();
    }
}

fn count() -> u64 {
    let mut watches = WATCHES.lock().unwrap_or_else(PoisonError::into_inner);
    *watches += 1;
    *watches
}

fn bark(deadline: Deadline) -> ! {
    give(&Answer::other(
        format!("no answer within {:?}", deadline.total()),
        ["this machine itself keeps us waiting: a file, a pipe or a program that the config names".to_owned()],
    ));
    process::exit(0)
}
