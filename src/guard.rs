//! What holds whatever happens: exactly one answer to each request, in time, and no secret left in a core dump.

use std::fs::File;
use std::io::Write as _;
use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::protocol::Answer;

/// Whether Cargo waits for an answer. Whoever takes this gives it.
static AWAITED: AtomicBool = AtomicBool::new(false);

/// Where answers go when standard output is for others.
static ANSWERS: OnceLock<File> = OnceLock::new();

/// What is bounded by the deadline itself gets this much longer to say what it was waiting for.
#[cfg(unix)]
const GRACE_SECONDS: u64 = 2;

/// From here on a request is to be answered.
pub(crate) fn expect_answer() {
    AWAITED.store(true, Ordering::SeqCst);
}

/// Gives the answer, unless it was given.
pub(crate) fn give(answer: &Answer) {
    if AWAITED.swap(false, Ordering::SeqCst) {
        answer.write(send);
        answer.log();
    }
}

/// Sends a line to Cargo at once. If Cargo is gone there is nobody to tell.
pub(crate) fn send(line: &[u8]) {
    let _ = match ANSWERS.get() {
        Some(mut own) => own.write_all(line),
        None => {
            let mut out = std::io::stdout().lock();
            out.write_all(line).and_then(|()| out.flush())
        }
    };
}

/// From here on, what a library prints goes to standard error, and answers alone to Cargo.
#[cfg(all(target_os = "linux", not(target_feature = "crt-static")))]
pub(crate) fn keep_stdout_for_answers() {
    use std::os::fd::AsFd as _;

    // It does not pass to children, as standard output itself would not.
    if let Ok(own) = std::io::stdout().as_fd().try_clone_to_owned()
        && ANSWERS.set(File::from(own)).is_ok()
    {
        let _ = nix::unistd::dup2_stdout(std::io::stderr());
    }
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
    let _ = nix::sys::prctl::set_dumpable(false);
    #[cfg(unix)]
    {
        use nix::sys::resource::{Resource, setrlimit};
        let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    }
}

/// Ends the process when a request takes much longer than its deadline.
///
/// Everything that waits is bounded by the deadline itself, and says what it waited for. What is left is a
/// file of a network file system that is gone: nothing can be said then, but Cargo, which would wait for ever,
/// is told by our end. A thread that watched the time would take a tenth of the whole answer.
pub(crate) struct Watchdog(());

impl Watchdog {
    /// Gives the request this long from now, and a little more.
    pub(crate) fn start(timeout: Duration) -> Self {
        #[cfg(unix)]
        {
            let seconds = timeout.as_secs().saturating_add(GRACE_SECONDS);
            nix::unistd::alarm::set(seconds.try_into().unwrap_or(u32::MAX));
        }
        #[cfg(not(unix))]
        let _ = timeout;
        Self(())
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        #[cfg(unix)]
        nix::unistd::alarm::cancel();
    }
}
