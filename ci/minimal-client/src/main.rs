//! The smallest TLS client that reads a secret from Vault: the physical limit that `ci/bench` compares with.
//!
//! One TCP connection, one `GET` with `X-Vault-Token` from `VAULT_TOKEN`, one pinned CA file; the standard library
//! and rustls with ring, nothing else. It prints the length of the body and parses no more of the answer than
//! that needs.
//!
//! ```sh
//! VAULT_TOKEN=root minimal-client 127.0.0.1:8200 ca.pem /v1/secret/data/ci/cargo
//! ```

use std::env;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let (Some(address), Some(ca_file), Some(path)) = (args.next(), args.next(), args.next()) else {
        return Err("usage: VAULT_TOKEN=… minimal-client HOST:PORT CA-FILE PATH".into());
    };
    let token = env::var("VAULT_TOKEN")?;
    let mut stream = connect(&address, &ca_file)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nX-Vault-Token: {token}\r\nX-Vault-Request: true\r\n\
         Connection: close\r\n\r\n"
    )?;
    let length = read_body(&mut stream)?;
    writeln!(io::stdout(), "{length}")?;
    Ok(())
}

fn connect(
    address: &str,
    ca_file: &str,
) -> Result<StreamOwned<ClientConnection, TcpStream>, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca_file)? {
        roots.add(certificate?)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let name = ServerName::try_from(host.to_owned())?;
    let connection = ClientConnection::new(Arc::new(config), name)?;
    Ok(StreamOwned::new(connection, TcpStream::connect(address)?))
}

/// Reads one answer with status 200 and a `Content-Length`, and returns the length of its body in bytes.
fn read_body(stream: &mut impl Read) -> Result<usize, Box<dyn Error>> {
    let mut answer = Vec::with_capacity(4096);
    let mut part = [0; 4096];
    loop {
        let read = stream.read(&mut part)?;
        if read == 0 {
            return Err("the connection ended before the answer did".into());
        }
        answer.extend_from_slice(&part[..read]);
        let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let length = content_length(&answer[..head])?;
        if answer.len() >= head + 4 + length {
            return Ok(length);
        }
    }
}

fn content_length(head: &[u8]) -> Result<usize, Box<dyn Error>> {
    let head = str::from_utf8(head)?;
    let mut lines = head.lines();
    if lines
        .next()
        .is_none_or(|line| !line.starts_with("HTTP/1.1 200"))
    {
        return Err(format!("not a 200 answer: {head}").into());
    }
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .ok_or("the answer has no content-length")?;
    Ok(length.1.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_the_body_is_returned() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
        assert_eq!(read_body(&mut answer.as_slice()).ok(), Some(5));
    }

    #[test]
    fn half_a_body_is_an_error() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel";
        assert!(read_body(&mut answer.as_slice()).is_err());
    }

    #[test]
    fn a_refusal_is_an_error() {
        let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
        let error = read_body(&mut answer.as_slice())
            .expect_err("a refusal")
            .to_string();
        assert!(error.contains("403"), "{error}");
    }
}
