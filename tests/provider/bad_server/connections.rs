//! Servers that are not there, do not speak, break off, or can't prove who they are.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use test_servers::provider::error_text;
use test_servers::{Authority, Fault, FaultServer, Response, Server, refused_port};

use super::{Ends, STOPS, check, provider, stored};

const READ: &str = "GET $VAULT/v1/secret/data/ci/cargo";
const NO_TLS: &str = "no secure connection to `$VAULT`";
const UNREACHABLE: &str = "can't reach `$VAULT`";
const BROKEN: &str = "`$VAULT` gave no whole answer";
const REACH: &str =
    "help: check the address, and that this machine may reach it (proxy, firewall, VPN)";
const BETWEEN: &str = "help: see what stands between it and this machine (load balancer, proxy)";
const SCHEME: &str =
    "help: check the address: if the server speaks TLS on this port, it must be `https://…`";
const NOT_TLS: &str =
    "help: it does not speak TLS on this port: is its address `http://…`, or another port?";

/// How this system calls a reset connection.
fn reset() -> String {
    let server = FaultServer::start(Fault::Reset);
    let stream = TcpStream::connect(("127.0.0.1", server.port()));
    let mut stream = stream.expect("the server accepts");
    stream.write_all(b"hello").expect("the connection is open");
    let error = stream.read(&mut [0]).expect_err("the server resets it");
    error.to_string()
}

#[test]
fn broken_off() {
    let cut = |response: &str| Fault::CutAfter {
        response: response.as_bytes().to_vec(),
        bytes: response.len(),
    };
    let closed = "connection closed before message completed";
    let reset = reset();
    for (fault, expected) in [
        (Fault::Close, &[closed, SCHEME][..]),
        (Fault::Reset, &["connection error", &reset, SCHEME]),
        (cut("HTTP/1.1 200 OK\r\ncontent-le"), &[closed, SCHEME]),
        (
            cut(
                "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"data\":{\"data\":{\"token\":\"st0red-s3cret-token\"",
            ),
            &[
                "error reading a body from connection",
                "end of file before message length reached",
                BETWEEN,
            ],
        ),
        (
            cut("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"dat\r\n"),
            &[
                "error reading a body from connection",
                "unexpected EOF during chunk size line",
                BETWEEN,
            ],
        ),
        (
            Fault::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
            &["invalid HTTP version parsed", SCHEME],
        ),
        // A TLS alert, as a TLS server answers a plain request.
        (
            Fault::Bytes(b"\x15\x03\x03\0\x02\x02\x46".to_vec()),
            &["invalid HTTP version parsed", SCHEME],
        ),
    ] {
        let server = FaultServer::start(fault.clone());
        let expected = [&[BROKEN, READ], expected].concat();
        let provider = provider(&server.url(), "");
        check(
            &format!("{fault:?}"),
            &provider,
            &server.url(),
            Ends::Unavailable,
            &expected,
        );
        // To read a secret twice does no harm.
        assert_eq!(server.connections(), 6, "{fault:?}");
    }
}

/// It may have been acted upon: a login would leave a token that nobody revokes, and a path of any engine a lease.
#[test]
fn what_does_more_than_reading_is_not_sent_again() {
    let jwt =
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlLmNvbSJ9.s1gnature-s3cret";
    let login = r#"auth = { method = "jwt", role = "cargo-ci", identity = { env = "JOB_TOKEN" } }"#;
    for (auth, source) in [
        (login, r#"path = "ci/cargo""#),
        ("", r#"raw-path = "consul/creds/ci""#),
    ] {
        let server = FaultServer::start(Fault::Close);
        let provider = provider(&server.url(), auth)
            .env("JOB_TOKEN", jwt)
            .secret(jwt);
        let config = provider.home().join(".cargo/credential-bridge.toml");
        let config = std::fs::read_to_string(config).expect("the config was written");
        let provider = provider.config(&config.replace(r#"path = "ci/cargo""#, source));
        let text = error_text(&provider.get(STOPS, "read"));
        assert!(text.contains("gave no whole answer"), "{text}");
        assert_eq!(server.connections(), 1, "{source}");
    }
}

#[test]
fn not_there() {
    let port = refused_port();
    let refused = TcpStream::connect(("127.0.0.1", port.port()))
        .unwrap_err()
        .to_string();
    let expected = [UNREACHABLE, READ, "tcp connect error", &refused, REACH];
    let provider = provider(&port.url(), "");
    check(
        "refused",
        &provider,
        &port.url(),
        Ends::Unavailable,
        &expected,
    );
}

/// What a resolver says of a name that does not exist depends on the machine, and so does how soon.
#[test]
fn no_such_name() {
    let text = error_text(&provider("https://vault.invalid", "").get(STOPS, "read"));
    let mut lines = text.lines();
    let what = lines.next().unwrap_or_default();
    assert!(
        [
            "can't reach `https://vault.invalid`",
            "`https://vault.invalid` did not answer within 20s"
        ]
        .contains(&what),
        "{text}"
    );
    assert_eq!(
        lines.next(),
        Some("GET https://vault.invalid/v1/secret/data/ci/cargo")
    );
    assert!(
        text.lines()
            .last()
            .is_some_and(|line| line.starts_with("help: check the address")),
        "{text}"
    );
}

#[test]
fn no_answer_before_the_deadline() {
    let expected = [
        "`$VAULT` did not answer within 300ms",
        READ,
        "help: check the address, and that this machine may reach it; `timeout` in the config sets the limit",
    ];
    let soon = |address: &str| provider(address, "").within("300ms");
    let server = Server::start(|_| Response::hang());
    check(
        "silence",
        &soon(&server.url()),
        &server.url(),
        Ends::Unavailable,
        &expected,
    );
    let server = FaultServer::start(Fault::BlackHole);
    check(
        "black hole",
        &soon(&server.url()),
        &server.url(),
        Ends::Unavailable,
        &expected,
    );
    // In the middle of the handshake.
    let url = server.https_url();
    check(
        "black hole, TLS",
        &soon(&url),
        &url,
        Ends::Unavailable,
        &expected,
    );
    // In the middle of the answer.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"data\":{\"data\":{\"token\":\"st0red-s3cret-token\"";
    let server = thread::spawn(move || {
        let serve = |_| {
            let (mut stream, _) = listener.accept().unwrap();
            let _request = stream.read(&mut [0; 4096]).unwrap();
            stream.write_all(half).unwrap();
            stream
        };
        [0, 1].map(serve)
    });
    check(
        "half an answer",
        &soon(&url),
        &url,
        Ends::Unavailable,
        &expected,
    );
    drop(server.join());
}

#[test]
fn too_slow_for_vaults_own_variable() {
    let server = Server::start(|_| Response::hang());
    let provider = provider(&server.url(), "").env("VAULT_CLIENT_TIMEOUT", "300ms");
    let expected = [
        "`$VAULT` took too long to answer",
        READ,
        "operation timed out",
        REACH,
    ];
    check(
        "slow",
        &provider,
        &server.url(),
        Ends::Unavailable,
        &expected,
    );
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn the_wrong_scheme() {
    let authority = Authority::new();
    let trusting = |address: &str| {
        provider(address, r#"ca-file = "ca.pem""#).file(".cargo/ca.pem", authority.pem())
    };
    let server = Server::start_tls(&authority.server(&["127.0.0.1"]), None, |_| stored());
    let url = server.url().replacen("https", "http", 1);
    let expected = [BROKEN, READ, "invalid HTTP version parsed", SCHEME];
    check(
        "HTTP to HTTPS",
        &trusting(&url),
        &url,
        Ends::Unavailable,
        &expected,
    );

    let server = Server::start(|_| stored());
    let url = server.url().replacen("http", "https", 1);
    let expected = [
        NO_TLS,
        READ,
        "received corrupt message of type InvalidContentType",
        NOT_TLS,
    ];
    check(
        "HTTPS to HTTP",
        &trusting(&url),
        &url,
        Ends::Unavailable,
        &expected,
    );
    assert!(server.requests().is_empty());

    let reset = reset();
    for (fault, expected) in [
        (Fault::Close, &["tls handshake eof", REACH][..]),
        (Fault::Reset, &[&reset, REACH]),
    ] {
        let server = FaultServer::start(fault);
        let url = server.https_url();
        let expected = [&[UNREACHABLE, READ], expected].concat();
        check(
            "no handshake",
            &trusting(&url),
            &url,
            Ends::Unavailable,
            &expected,
        );
        // Nothing was sent yet, so it is tried again.
        assert_eq!(server.connections(), 6);
    }
}

/// Whoever has shown a certificate is at the right address: what breaks off stands between.
#[test]
fn broken_off_behind_tls() {
    let authority = Authority::new();
    let certificate = authority.server(&["127.0.0.1"]);
    let server = Server::start_tls(&certificate, None, |_| Response::disconnect());
    let provider =
        provider(&server.url(), r#"ca-file = "ca.pem""#).file(".cargo/ca.pem", authority.pem());
    let text = error_text(&provider.get(STOPS, "read")).replace(&server.url(), "$VAULT");
    assert!(
        text.starts_with(BROKEN) && text.ends_with(BETWEEN),
        "{text}"
    );
}
