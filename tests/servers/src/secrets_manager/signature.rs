//! Signature version 4, checked as AWS checks it.
//!
//! Source: the page "Create a signed AWS API request" of the IAM guide.

use std::fmt::Write as _;

use ring::hmac;
use sha2::{Digest as _, Sha256};

use crate::http::Request;

/// What the `Authorization` header of a request says.
pub(super) struct Authorization<'a> {
    pub(super) key_id: &'a str,
    date: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    pub(super) fn of(request: &'a Request) -> Option<Self> {
        let text = request
            .header("authorization")?
            .strip_prefix("AWS4-HMAC-SHA256 ")?;
        let part = |name: &str| {
            text.split(',')
                .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let mut scope = part("Credential")?.split('/');
        Some(Self {
            key_id: scope.next()?,
            date: scope.next()?,
            region: scope.next()?,
            service: scope.next()?,
            headers: part("SignedHeaders")?,
            signature: part("Signature")?,
        })
    }

    /// Whether it is the signature of this request by that key.
    pub(super) fn is_by(&self, secret: &str, request: &Request) -> bool {
        let names: Vec<_> = self.headers.split(';').collect();
        if !["host", "x-amz-date"]
            .iter()
            .all(|name| names.contains(name))
        {
            return false;
        }
        let mut canonical = format!("{}\n{}\n{}\n", request.method, request.path, request.query);
        for name in &names {
            let value = request.header(name).unwrap_or_default();
            writeln!(canonical, "{name}:{}", value.trim()).expect("a string takes any text");
        }
        write!(
            canonical,
            "\n{}\n{}",
            self.headers,
            hex(&Sha256::digest(&request.body))
        )
        .expect("a string takes any text");
        let scope = format!(
            "{}/{}/{}/aws4_request",
            self.date, self.region, self.service
        );
        let time = request.header("x-amz-date").unwrap_or_default();
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
            hex(&Sha256::digest(canonical.as_bytes()))
        );
        let mut key = format!("AWS4{secret}").into_bytes();
        for part in [self.date, self.region, self.service, "aws4_request"] {
            key = sign(&key, part);
        }
        hex(&sign(&key, &to_sign)) == self.signature
    }
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
