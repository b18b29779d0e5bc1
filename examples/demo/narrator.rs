//! Prints the story: headings, steps with their time, checks.

use std::io::{IsTerminal as _, stdout};
use std::sync::Mutex;
use std::time::Instant;

use test_servers::http::percent_decode;

/// Prints for people, from any thread.
pub(crate) struct Narrator {
    colour: bool,
    state: Mutex<State>,
}

struct State {
    chapter: Instant,
    checks: usize,
    failed: usize,
}

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";

impl Narrator {
    pub(crate) fn new() -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colour: stdout().is_terminal() && !no_colour,
            state: Mutex::new(State {
                chapter: Instant::now(),
                checks: 0,
                failed: 0,
            }),
        }
    }

    /// Begins a chapter; its steps are timed from here.
    pub(crate) fn heading(&self, text: &str) {
        self.state.lock().expect("printing does not panic").chapter = Instant::now();
        println!("\n{}", self.paint(BOLD, text));
    }

    /// One step: when, who, what and what about it.
    pub(crate) fn step(&self, who: &str, what: &str, detail: &str) {
        let seconds = self
            .state
            .lock()
            .expect("printing does not panic")
            .chapter
            .elapsed()
            .as_secs_f64();
        let when = self.paint(DIM, &format!("{seconds:>7.3} s"));
        let line = format!("{when}  {who:<8}  {what:<57}  {detail}");
        println!("{}", line.trim_end());
    }

    /// One answer of a server; refusals stand out.
    pub(crate) fn answer(&self, who: &str, what: &str, status: u16, detail: &str) {
        let what = format!("{status}  {}", percent_decode(what));
        self.step(
            who,
            &what,
            &if status >= 400 {
                self.paint(RED, detail)
            } else {
                detail.to_owned()
            },
        );
    }

    /// The result of a check.
    pub(crate) fn check(&self, passed: bool, text: &str) {
        let mut state = self.state.lock().expect("printing does not panic");
        state.checks += 1;
        state.failed += usize::from(!passed);
        let mark = if passed {
            self.paint(GREEN, "  ok  ")
        } else {
            self.paint(RED, "FAILED")
        };
        println!("  {mark}  {text}");
    }

    /// Something worth knowing that is no check.
    pub(crate) fn note(&self, text: &str) {
        println!("  {}", self.paint(DIM, text));
    }

    /// The last line; the answer is whether all checks passed.
    pub(crate) fn conclude(&self) -> bool {
        let state = self.state.lock().expect("printing does not panic");
        if state.failed == 0 {
            println!(
                "\n{}",
                self.paint(GREEN, &format!("all {} checks passed", state.checks))
            );
        } else {
            println!(
                "\n{}",
                self.paint(
                    RED,
                    &format!("{} of {} checks failed", state.failed, state.checks)
                )
            );
        }
        state.failed == 0
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}
