//! A gate before an answer.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// Holds an answer back.
#[derive(Debug, Default)]
pub struct Gate {
    /// Whether somebody stands before it, and whether it is open.
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl Gate {
    /// Waits until somebody stands before it.
    pub fn wait(&self) {
        let state = self.state.lock().expect("nobody panics with it");
        let limit = Duration::from_secs(60);
        let waited = self
            .changed
            .wait_timeout_while(state, limit, |(is_reached, _)| !*is_reached);
        let (state, _) = waited.expect("nobody panics with it");
        assert!(state.0, "nobody came to the gate");
    }

    /// Lets whoever stands before it through, and all who come.
    pub fn open(&self) {
        self.state.lock().expect("nobody panics with it").1 = true;
        self.changed.notify_all();
    }

    /// Waits until it is open.
    pub(super) fn pass(&self) {
        let mut state = self.state.lock().expect("nobody panics with it");
        state.0 = true;
        self.changed.notify_all();
        let passed = self.changed.wait_while(state, |(_, is_open)| !*is_open);
        drop(passed);
    }
}
