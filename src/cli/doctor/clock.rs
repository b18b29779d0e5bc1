//! This machine's clock, beside that of a server.

use core::time::Duration;
use std::time::SystemTime;

use http::{Response, header};

use super::finding::{Finding, Level};

/// A clock may be this many seconds off before somebody refuses a signature or a token because of it.
const SKEW_WARNING: u64 = 60;
const SKEW_PROBLEM: u64 = 300;

/// How far this machine's clock is from the registry's.
pub(super) fn skew(answer: &Response<Vec<u8>>, now: SystemTime) -> Option<Finding> {
    let date = answer.headers().get(header::DATE)?.to_str().ok()?;
    let date = httpdate::parse_http_date(date).ok()?;
    let (off, way) = match now.duration_since(date) {
        Ok(ahead) => (ahead.as_secs(), "ahead of"),
        Err(behind) => (behind.duration().as_secs(), "behind"),
    };
    if off <= SKEW_WARNING {
        return Some(Finding::ok(
            "this machine's clock agrees with the registry's",
        ));
    }
    let level = match off > SKEW_PROBLEM {
        true => Level::Problem,
        false => Level::Warning,
    };
    let off = humantime::format_duration(Duration::from_secs(off));
    Some(
        Finding::new(
            level,
            format!("this machine's clock is {off} {way} the registry's"),
        )
        .help("set the clock (NTP): tokens and signatures hold for minutes"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_may_be_a_minute_off() {
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let answer = Response::builder()
            .header(header::DATE, httpdate::fmt_http_date(date))
            .body(Vec::new())
            .unwrap();
        for (seconds, level, what) in [
            (
                60,
                Level::Ok,
                "this machine's clock agrees with the registry's",
            ),
            (
                61,
                Level::Warning,
                "this machine's clock is 1m 1s ahead of the registry's",
            ),
            (
                -300,
                Level::Warning,
                "this machine's clock is 5m behind the registry's",
            ),
            (
                301,
                Level::Problem,
                "this machine's clock is 5m 1s ahead of the registry's",
            ),
        ] {
            let now = date.checked_add(Duration::from_secs(1000)).unwrap();
            let off = Duration::from_secs(1000_i64.saturating_sub(seconds).unsigned_abs());
            let finding = skew(&answer, now - off).unwrap();
            assert_eq!((finding.level, finding.what.as_str()), (level, what));
        }
    }
}
