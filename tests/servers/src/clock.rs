//! The time of day, in the two forms that the servers' answers need.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Seconds since the Unix epoch.
#[must_use]
pub fn unix_now() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is after 1970");
    i64::try_from(elapsed.as_secs()).expect("the clock is before the year 292 billion")
}

/// Now, in RFC 3339 with nanoseconds, as Vault writes its times.
#[must_use]
pub fn rfc3339_now() -> String {
    rfc3339(OffsetDateTime::now_utc())
}

/// A time that many seconds from now, in RFC 3339.
#[must_use]
pub fn rfc3339_after(seconds: i64) -> String {
    rfc3339(OffsetDateTime::now_utc() + time::Duration::seconds(seconds))
}

fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339)
        .expect("a UTC time has an RFC 3339 form")
}
