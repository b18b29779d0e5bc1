use core::cell::Cell;
use core::future::Future;

thread_local! {
    static UNBROKEN: Cell<u32> = const { Cell::new(0) };
}

/// Runs what must not be broken off while nobody waits for the answer any more: a request whose answer alone says what is
/// to be ended then, such as a login.
pub async fn unbroken<T>(work: impl Future<Output = T>) -> T {
    let _mark = Mark::set();
    work.await
}

/// Whether something is under way on this thread that must not be broken off.
pub fn is_unbroken() -> bool {
    UNBROKEN.get() > 0
}

/// Stands for one such piece of work, however it ends.
struct Mark;

impl Mark {
    fn set() -> Self {
        UNBROKEN.set(UNBROKEN.get() + 1);
        Self
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        UNBROKEN.set(UNBROKEN.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stands_until_the_last_work_under_it_has_ended() {
        assert!(!is_unbroken());
        let outer = Mark::set();
        let inner = Mark::set();
        assert!(is_unbroken());
        drop(inner);
        assert!(is_unbroken());
        drop(outer);
        assert!(!is_unbroken());
    }
}
