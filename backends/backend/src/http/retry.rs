use core::time::Duration;
use std::time::SystemTime;

use http::{HeaderMap, StatusCode, header};

/// When and how often a request is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How often one request is sent at the most, the first time included.
    pub tries: u32,
    /// The wait before the second try is drawn from zero to this, doubled for each further one.
    pub first_wait: Duration,
    /// No wait that we choose ourselves is longer.
    pub longest_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            tries: 3,
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_secs(2),
        }
    }
}

impl Retry {
    /// Whether the same request may succeed when it is sent again: it timed out at the server (408), reached
    /// a replica that lags behind (412, Vault's consistency), came too often (429), or the server failed in a
    /// way that passes (5xx, except 501 which says that it can't do this at all).
    pub fn is_transient(status: StatusCode) -> bool {
        matches!(status.as_u16(), 408 | 412 | 429) || (status.is_server_error() && status != 501)
    }

    /// How long to wait after try number `made` (from 1), `None` if there must be no further try.
    ///
    /// The server's wish, if there is one, is granted as it is; otherwise the wait is drawn by `random`
    /// (zero to one) from the whole window, so that the jobs of a matrix do not return in step.
    pub fn wait(&self, made: u32, server_wish: Option<Duration>, random: f64) -> Option<Duration> {
        if made >= self.tries {
            return None;
        }
        Some(server_wish.unwrap_or_else(|| {
            let window = self
                .first_wait
                .saturating_mul(1 << (made - 1).min(16))
                .min(self.longest_wait);
            window.mul_f64(random.clamp(0.0, 1.0))
        }))
    }
}

/// What a `Retry-After` header asks for: seconds or a date (RFC 9110, section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_doubles_up_to_its_limit() {
        let retry = Retry {
            tries: 9,
            ..Retry::default()
        };
        let waits: Vec<_> = (1..=6)
            .map(|made| retry.wait(made, None, 1.0).unwrap().as_millis())
            .collect();
        assert_eq!(waits, [200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(retry.wait(1, None, 0.0), Some(Duration::ZERO));
    }

    #[test]
    fn three_tries_and_no_more() {
        let retry = Retry::default();
        assert!(retry.wait(2, None, 0.5).is_some());
        assert_eq!(retry.wait(3, None, 0.5), None);
        assert_eq!(retry.wait(3, Some(Duration::ZERO), 0.5), None);
    }

    #[test]
    fn transient_statuses() {
        let transient: Vec<u16> = (100..600)
            .filter(|&code| StatusCode::from_u16(code).is_ok_and(Retry::is_transient))
            .collect();
        let mut expected = vec![408, 412, 429, 500];
        expected.extend(502..600);
        assert_eq!(transient, expected);
    }

    #[test]
    fn retry_after_in_both_forms() {
        let now = httpdate::parse_http_date("Fri, 20 Nov 2026 10:00:00 GMT").unwrap();
        let ask = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            retry_after(&headers, now)
        };
        assert_eq!(ask("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            ask("Fri, 20 Nov 2026 10:00:05 GMT"),
            Some(Duration::from_secs(5))
        );
        assert_eq!(ask("Fri, 20 Nov 2026 09:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(ask("soon"), None);
        assert_eq!(ask("-1"), None);
    }
}
