//! What a server was asked, and what it answers.

use std::fmt::Write as _;

use serde_json::Value;

/// One request, as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method in upper case, `LIST` included.
    pub method: String,
    /// The path, still percent-encoded, without the query.
    pub path: String,
    /// The query without the question mark; empty if there was none.
    pub query: String,
    /// The headers in the order of arrival, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// The number of the connection that it came over, from 1.
    pub connection: u64,
}

impl Request {
    /// The first value of a header; the name's case does not matter.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The first value of a query parameter, percent-decoded.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decode(key) == name).then(|| percent_decode(&value.replace('+', " ")))
        })
    }

    /// The body as JSON; `None` if it is not JSON.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// One answer. Build it with [`Response::json`] or [`Response::text`] and add headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Headers besides `Content-Length` and `Date`, which the server adds.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// Whether an answer is sent at all.
    pub delivery: Delivery,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is sent.
    Send,
    /// Nothing is ever sent, and the connection stays open.
    Hang,
    /// The connection is closed without an answer.
    Disconnect,
}

impl Response {
    /// An answer with a JSON body and its content type.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::bytes(status, body.to_string().into_bytes())
            .header("content-type", "application/json")
    }

    /// An answer with a text body.
    #[must_use]
    pub fn text(status: u16, body: &str) -> Self {
        Self::bytes(status, body.as_bytes().to_vec())
            .header("content-type", "text/plain; charset=utf-8")
    }

    /// An answer with any body and no content type.
    #[must_use]
    pub fn bytes(status: u16, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
            delivery: Delivery::Send,
        }
    }

    /// An answer without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self::bytes(status, Vec::new())
    }

    /// No answer: the request is read, and then nothing happens.
    #[must_use]
    pub fn hang() -> Self {
        Self {
            delivery: Delivery::Hang,
            ..Self::empty(0)
        }
    }

    /// No answer: the connection closes after the request.
    #[must_use]
    pub fn disconnect() -> Self {
        Self {
            delivery: Delivery::Disconnect,
            ..Self::empty(0)
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Decodes percent-encoding; what is not UTF-8 afterwards is replaced.
#[must_use]
pub fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        let code = (first == b'%' && tail.len() >= 2)
            .then(|| std::str::from_utf8(&tail[..2]).ok())
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        decoded.push(code.unwrap_or(first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
#[must_use]
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes any text");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_round_trips() {
        let text = "https://vault.example.com/a b?c=%&é";
        assert_eq!(percent_decode(&percent_encode(text)), text);
        assert_eq!(percent_decode("%zz%4"), "%zz%4");
    }

    #[test]
    fn parameters_are_decoded() {
        let request = Request {
            method: "GET".into(),
            path: "/".into(),
            query: "api-version=2.0&audience=https%3A%2F%2Fa+b".into(),
            headers: vec![("x-a".into(), "1".into())],
            body: Vec::new(),
            connection: 1,
        };
        assert_eq!(request.parameter("audience").unwrap(), "https://a b");
        assert_eq!(request.parameter("none"), None);
        assert_eq!(request.header("X-A"), Some("1"));
    }
}
