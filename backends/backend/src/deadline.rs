use core::time::Duration;
use std::time::Instant;

/// The moment by which a whole answer must be ready.
///
/// Cargo waits for a credential provider without a limit of its own, holding its package cache lock, so
/// every wait of every backend ends here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    at: Instant,
    total: Duration,
}

impl Deadline {
    /// The deadline `total` from now.
    pub fn after(total: Duration) -> Self {
        Self {
            at: Instant::now() + total,
            total,
        }
    }

    /// The moment itself.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// The time that was given at the start, for messages.
    pub fn total(&self) -> Duration {
        self.total
    }

    /// The time that is left; zero when the deadline has passed.
    pub fn remaining(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// The time for a request that only makes a message better: two seconds, if that much is left.
    pub fn for_detail(&self) -> Duration {
        self.remaining().min(Duration::from_secs(2))
    }

    /// This deadline, or the moment `limit` from now if that comes first.
    #[must_use]
    pub fn at_most(&self, limit: Duration) -> Self {
        Self {
            at: self.at.min(Instant::now() + limit),
            // For people: fractions of a millisecond are noise.
            total: self.total.min(Duration::from_millis(
                u64::try_from(limit.as_micros().div_ceil(1000)).unwrap_or(u64::MAX),
            )),
        }
    }
}
