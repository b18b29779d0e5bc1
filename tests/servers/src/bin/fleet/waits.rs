//! How long the commands waited before they sent a request again, by their own logs.

use std::time::Duration;

/// The width of a bar of a histogram, in milliseconds.
pub(crate) const BUCKET: u128 = 50;

/// The wait before each further try, by the number of the try before it.
#[derive(Debug, Default)]
pub(crate) struct Waits(Vec<Vec<Duration>>);

/// A line of the log about a request.
struct Try<'a> {
    request: &'a str,
    ended: Duration,
    took: Duration,
    may_be_repeated: bool,
}

impl Waits {
    /// Adds what is in the log of one command.
    pub(crate) fn add(&mut self, log: &str) {
        let mut before: Option<(Try<'_>, usize)> = None;
        for this in log.lines().filter_map(Try::read) {
            let made = match &before {
                Some((last, made)) if last.may_be_repeated && last.request == this.request => {
                    let began = this.ended.saturating_sub(this.took);
                    self.keep(*made, began.saturating_sub(last.ended));
                    made + 1
                }
                _ => 1,
            };
            before = Some((this, made));
        }
    }

    /// The waits after that many tries, in milliseconds.
    pub(crate) fn after(&self, made: usize) -> Vec<u128> {
        let waits = self.0.get(made - 1).into_iter().flatten();
        waits.map(Duration::as_millis).collect()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    fn keep(&mut self, made: usize, wait: Duration) {
        if self.0.len() < made {
            self.0.resize_with(made, Vec::new);
        }
        self.0[made - 1].push(wait);
    }
}

/// How many of the waits are in each 50 ms, from zero on; the last one holds what is longer too.
pub(crate) fn histogram(waits: &[u128], bars: usize) -> Vec<usize> {
    let mut histogram = vec![0; bars];
    for wait in waits {
        let bar = usize::try_from(wait / BUCKET).unwrap_or(usize::MAX);
        histogram[bar.min(bars - 1)] += 1;
    }
    histogram
}

/// How often the last request before the answer was sent.
pub(crate) fn tries_before_the_answer(log: &str) -> u32 {
    let before = log
        .lines()
        .take_while(|line| !line.contains(" DEBUG answer "));
    let mut last = ("", 0);
    for this in before.filter_map(Try::read) {
        last = match last.0 == this.request {
            true => (last.0, last.1 + 1),
            false => (this.request, 1),
        };
    }
    last.1
}

impl<'a> Try<'a> {
    /// `cargo-credential-bridge: 12ms DEBUG http request="GET https://…" status=200 took=3ms`
    fn read(line: &'a str) -> Option<Self> {
        let line = line.strip_prefix("cargo-credential-bridge: ")?;
        let (since, event) = line.split_once("ms DEBUG http request=\"")?;
        let (request, outcome) = event.split_once("\" ")?;
        let (outcome, took) = outcome.strip_suffix("ms")?.split_once(" took=")?;
        Some(Self {
            request,
            ended: milliseconds(since)?,
            took: milliseconds(took)?,
            may_be_repeated: outcome != "status=200" && outcome != "status=204",
        })
    }
}

fn milliseconds(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_millis)
}
