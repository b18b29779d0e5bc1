//! HTTP by hand: one request and one answer on a connection, so that either can be spoilt at any byte.

use std::io::Read;

use crate::http::{Request, Response};

/// How long the head is, with the empty line at its end; all of it where there is none.
pub(super) fn head_length(response: &[u8]) -> usize {
    let end = response.windows(4).position(|four| four == b"\r\n\r\n");
    end.map_or(response.len(), |end| end + 4)
}

/// A whole request, `None` if the client has none.
pub(super) fn read(stream: &mut (impl Read + ?Sized)) -> std::io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    let head = loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&buffer[..length]);
        let head = head_length(&bytes);
        if bytes[..head].ends_with(b"\r\n\r\n") {
            break head;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, length)| length.parse().unwrap_or_default());
    while bytes.len() < head + length {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&buffer[..length]);
    }
    Ok(Some(Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: bytes.split_off(head),
        connection: 0,
    }))
}

/// The answer as it goes out, the last one on its connection.
pub(super) fn written(response: &Response) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} Said\r\nconnection: close\r\n", response.status);
    for (name, value) in &response.headers {
        head += &format!("{name}: {value}\r\n");
    }
    if response.status != 204 {
        head += &format!("content-length: {}\r\n", response.body.len());
    }
    let mut bytes = (head + "\r\n").into_bytes();
    bytes.extend_from_slice(&response.body);
    bytes
}
