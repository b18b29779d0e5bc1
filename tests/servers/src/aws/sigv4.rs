//! Checks the signature of a request, as AWS does.
//!
//! Source: the page "Create a signed AWS API request" of the IAM guide.

use std::fmt::Write as _;

use ring::hmac;
use sha2::{Digest as _, Sha256};
use time::{Date, Month, OffsetDateTime, Time};

use crate::http::Request;

/// How far a request's time may be from the server's, in seconds.
const TOLERANCE: i64 = 5 * 60;

/// What a request says of its signature.
#[derive(Debug)]
pub(super) struct Signature<'a> {
    /// The access key.
    pub(super) key: &'a str,
    /// The region that it is signed for.
    pub(super) region: &'a str,
    /// The service that it is signed for.
    pub(super) service: &'a str,
    /// `X-Amz-Security-Token`.
    pub(super) token: Option<&'a str>,
    date: &'a str,
    time: &'a str,
    signed: &'a str,
    value: &'a str,
}

/// Why a signature is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is of another time than the server's.
    Time,
    /// It is another one than the server calculates.
    Value,
}

impl<'a> Signature<'a> {
    /// Reads it; `None` if there is none.
    pub(super) fn of(request: &'a Request) -> Option<Self> {
        let rest = request
            .header("authorization")?
            .strip_prefix("AWS4-HMAC-SHA256 ")?;
        let part = |name: &str| {
            rest.split(',').find_map(|part| {
                part.trim()
                    .strip_prefix(name)
                    .and_then(|part| part.strip_prefix('='))
            })
        };
        let mut scope = part("Credential")?.split('/');
        let (key, date, region, service) =
            (scope.next()?, scope.next()?, scope.next()?, scope.next()?);
        (scope.next() == Some("aws4_request")).then_some(())?;
        Some(Self {
            key,
            region,
            service,
            token: request.header("x-amz-security-token"),
            date,
            time: request.header("x-amz-date")?,
            signed: part("SignedHeaders")?,
            value: part("Signature")?,
        })
    }

    /// Checks it with the secret of the key, at a time in seconds since the epoch.
    pub(super) fn check(&self, request: &Request, secret: &str, now: i64) -> Result<(), Fault> {
        let signed_at = unix(self.time).ok_or(Fault::Value)?;
        if (now - signed_at).abs() > TOLERANCE {
            return Err(Fault::Time);
        }
        let is_whole = ["host", "x-amz-date"]
            .iter()
            .all(|name| self.signed.split(';').any(|signed| signed == *name));
        if is_whole && self.value == self.calculated(request, secret) {
            Ok(())
        } else {
            Err(Fault::Value)
        }
    }

    fn calculated(&self, request: &Request, secret: &str) -> String {
        let scope = format!(
            "{}/{}/{}/aws4_request",
            self.date, self.region, self.service
        );
        let text = format!(
            "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
            self.time,
            hex(&Sha256::digest(self.canonical(request).as_bytes()))
        );
        let key = [self.date, self.region, self.service, "aws4_request"]
            .iter()
            .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
                sign(&key, part)
            });
        hex(&sign(&key, &text))
    }

    /// The request in the one form that is signed. Everything here is asked of the path `/`, without a query.
    fn canonical(&self, request: &Request) -> String {
        let headers = self.signed.split(';').fold(String::new(), |text, name| {
            let value = request.header(name).unwrap_or_default().trim();
            text + name + ":" + value + "\n"
        });
        format!(
            "{}\n{}\n{}\n{headers}\n{}\n{}",
            request.method,
            request.path,
            request.query,
            self.signed,
            hex(&Sha256::digest(&request.body))
        )
    }
}

/// `20261121T080910Z` in seconds since the epoch.
fn unix(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u8>().ok();
    let month = Month::try_from(number(4..6)?).ok()?;
    let date = Date::from_calendar_date(text.get(..4)?.parse().ok()?, month, number(6..8)?).ok()?;
    let time = Time::from_hms(number(9..11)?, number(11..13)?, number(13..15)?).ok()?;
    Some(OffsetDateTime::new_utc(date, time).unix_timestamp())
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes any text");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in AWS's documentation of Signature Version 4 ("get-vanilla" of its test suite).
    #[test]
    fn the_example_of_aws() {
        let request = Request {
            method: "GET".into(),
            path: "/".into(),
            query: String::new(),
            headers: vec![
                ("host".into(), "example.amazonaws.com".into()),
                ("x-amz-date".into(), "20150830T123600Z".into()),
                (
                    "authorization".into(),
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                     SignedHeaders=host;x-amz-date, \
                     Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
                        .into(),
                ),
            ],
            body: Vec::new(),
            connection: 1,
        };
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let signature = Signature::of(&request).unwrap();
        assert_eq!(
            (signature.key, signature.region),
            ("AKIDEXAMPLE", "us-east-1")
        );
        let then = 1_440_938_160;
        assert_eq!(signature.check(&request, secret, then), Ok(()));
        assert_eq!(signature.check(&request, "other", then), Err(Fault::Value));
        assert_eq!(
            signature.check(&request, secret, then + 301),
            Err(Fault::Time)
        );
        let other = Request {
            body: b"x".to_vec(),
            ..request.clone()
        };
        assert_eq!(signature.check(&other, secret, then), Err(Fault::Value));
    }
}
