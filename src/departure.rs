//! When nobody waits for the answer any more: what was begun at a store is ended, and so are we.
//!
//! Cargo that dies closes its end of our standard output, whatever it was killed by. Standard input tells nothing: whoever
//! pipes a request into us closes it at once. A signal to us, such as Ctrl-C to all of a terminal's job, counts the same.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::task::{Context, Poll};
use core::time::Duration;
use std::sync::{Arc, LazyLock};

use cargo_credential_bridge_backend::is_unbroken;

/// What must not be broken off gets this much longer.
const GRACE: Duration = Duration::from_secs(2);

/// Why nobody waits.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(unix),
    expect(dead_code, reason = "there is no telling where there are no signals")
)]
pub(crate) enum Departure {
    /// Whoever would read the answer is gone.
    Reader,
    /// We are asked to end, by the signal of this number.
    Signal(i32),
}

impl Departure {
    /// Ends the process, with the status by which a shell tells of a signal.
    pub(crate) fn leave(self) -> ! {
        std::process::exit(match self {
            Self::Reader => 0,
            Self::Signal(number) => 128 + number,
        })
    }
}

/// Runs this, which waits for something to do: a signal that came while the last thing was done ends us before it, and one
/// that comes now ends us at once.
///
/// A handler stays, once it is there: without this nobody would hear of a signal between two requests.
pub(crate) fn idle<T>(wait: impl FnOnce() -> T) -> T {
    IDLE.store(true, Ordering::SeqCst);
    if let number @ 1.. = SIGNAL.load(Ordering::SeqCst) {
        Departure::Signal(number as i32).leave();
    }
    let done = wait();
    IDLE.store(false, Ordering::SeqCst);
    done
}

static IDLE: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
/// The number of the signal that came, 0 as long as there was none.
static SIGNAL: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// Runs this to its end, unless nobody waits for it any more.
///
/// What never waits itself pays nothing: the watch begins when there is time for it. From then on a signal ends what waits
/// here and nothing else: the revocation of a login, which is short, goes on to its end.
///
/// # Errors
///
/// The departure, once what must not be broken off is done.
pub(crate) async fn unless_left<T>(work: impl Future<Output = T>) -> Result<T, Departure> {
    let mut work = pin!(work);
    let mut watch: Option<Pin<Box<dyn Future<Output = Departure>>>> = None;
    let mut left: Option<(Departure, Pin<Box<tokio::time::Sleep>>)> = None;
    poll_fn(|cx: &mut Context<'_>| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Ok(done));
        }
        if left.is_none() {
            let watch = watch.get_or_insert_with(|| Box::pin(watched()));
            match watch.as_mut().poll(cx) {
                Poll::Ready(departure) => {
                    left = Some((departure, Box::pin(tokio::time::sleep(GRACE))));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        let Some((departure, grace)) = &mut left else {
            return Poll::Pending;
        };
        if is_unbroken() && grace.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(Err(*departure))
    })
    .await
}

/// Waits for a departure.
#[cfg(unix)]
async fn watched() -> Departure {
    use core::future::pending;

    use tokio::io::Interest;
    use tokio::signal::unix::{SignalKind, signal};

    let reader = async {
        // What can't be watched, a file for example, has nobody who could leave.
        match output() {
            Ok(output) if output.ready(Interest::ERROR).await.is_ok() => {}
            _ => pending().await,
        }
    };
    end_when_idle([SignalKind::interrupt(), SignalKind::terminate()]);
    let signalled = async |kind: SignalKind| match signal(kind) {
        Ok(mut signals) => drop(signals.recv().await),
        Err(_) => pending().await,
    };
    // Whoever was started to outlive a terminal is not asked to end. The reader of anybody else is gone with it.
    let survived = async {
        signalled(SignalKind::hangup()).await;
        pending::<()>().await;
    };
    let (mut reader, mut interrupted, mut terminated, mut survived) = (
        pin!(reader),
        pin!(signalled(SignalKind::interrupt())),
        pin!(signalled(SignalKind::terminate())),
        pin!(survived),
    );
    poll_fn(move |cx| {
        let number = |kind: SignalKind| Poll::Ready(Departure::Signal(kind.as_raw_value()));
        if interrupted.as_mut().poll(cx).is_ready() {
            return number(SignalKind::interrupt());
        }
        if terminated.as_mut().poll(cx).is_ready() {
            return number(SignalKind::terminate());
        }
        let _never = survived.as_mut().poll(cx);
        reader.as_mut().poll(cx).map(|()| Departure::Reader)
    })
    .await
}

/// Has these signals do what they do where nobody handles them, while we are idle, and be known to us otherwise.
#[cfg(unix)]
fn end_when_idle(kinds: [tokio::signal::unix::SignalKind; 2]) {
    use std::sync::Once;

    use signal_hook::flag::{register_conditional_default, register_usize};

    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for number in kinds.map(|kind| kind.as_raw_value()) {
            // Where it can't be had, the end of standard input ends us, as ever.
            let _known = register_usize(number, Arc::clone(&SIGNAL), number as usize);
            let _ends = register_conditional_default(number, Arc::clone(&IDLE));
        }
    });
}

/// Standard output, to be watched and never written to: it keeps its mode.
#[cfg(unix)]
fn output() -> std::io::Result<tokio::net::unix::pipe::Sender> {
    use std::os::fd::AsFd as _;

    let own = std::io::stdout().as_fd().try_clone_to_owned()?;
    tokio::net::unix::pipe::Sender::from_owned_fd_unchecked(own)
}

/// There is no telling.
#[cfg(not(unix))]
async fn watched() -> Departure {
    core::future::pending().await
}
