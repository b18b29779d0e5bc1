//! Servers that can't prove who they are, or that want us to.

use test_servers::provider::{error_text, get_request};
use test_servers::{Authority, Server, Tls, TlsVersion};

use super::{Ends, STOPS, check, provider, stored};

const READ: &str = "GET $VAULT/v1/secret/data/ci/cargo";
const NO_TLS: &str = "no secure connection to `$VAULT`";

/// Certificates that are not to be trusted, each of which ends the connection before anything is sent.
#[test]
fn who_are_you() {
    let (authority, other) = (Authority::new(), Authority::new());
    let good = authority.server(&["127.0.0.1"]);
    let foreign = authority.server(&["vault.example.com"]);
    for (certificate, roots, expected) in [
        (
            &foreign,
            &authority,
            [
                "invalid peer certificate: certificate not valid for name \"127.0.0.1\"; certificate is only valid for DnsName(\"vault.example.com\")",
                "help: its certificate is for another name: use that name in the address, or set `tls-server-name` on the backend",
            ],
        ),
        (
            &good,
            &other,
            [
                "invalid peer certificate: UnknownIssuer",
                "help: its certificate authority is not trusted here: set `ca-file` on the backend (or SSL_CERT_FILE) to the authority's certificate; verification is never switched off",
            ],
        ),
    ] {
        let server = Server::start_tls(certificate, None, |_| stored());
        let provider =
            provider(&server.url(), r#"ca-file = "ca.pem""#).file(".cargo/ca.pem", roots.pem());
        let expected = [&[NO_TLS, READ], &expected[..]].concat();
        check(
            "a certificate",
            &provider,
            &server.url(),
            Ends::Unavailable,
            &expected,
        );
        assert_eq!((server.requests().len(), server.connections()), (0, 2));
    }
}

#[test]
fn a_certificate_of_old() {
    let authority = Authority::new();
    let server = Server::start_tls(&authority.expired_server(&["127.0.0.1"]), None, |_| {
        stored()
    });
    let run = provider(&server.url(), r#"ca-file = "ca.pem""#)
        .file(".cargo/ca.pem", authority.pem())
        .run(get_request(STOPS, "read").as_bytes());
    let text = error_text(&run.answer()).replace(&server.url(), "$VAULT");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..2], [NO_TLS, READ]);
    // How long it has been is told, too.
    assert!(
        lines[2].starts_with("invalid peer certificate: certificate expired: "),
        "{text}"
    );
    assert_eq!(
        lines[3..],
        [
            "help: its certificate has expired: it must be renewed at the server (or this machine's clock is wrong)"
        ]
    );
    assert!(server.requests().is_empty());
}

#[test]
fn a_server_that_wants_a_certificate() {
    let authority = Authority::new();
    for version in [TlsVersion::Tls13, TlsVersion::Tls12] {
        let tls = Tls {
            certificate: authority.server(&["127.0.0.1"]),
            client_authority_pem: Some(authority.pem().to_owned()),
            version,
        };
        let server = Server::start_with(Some(&tls), |_| stored());
        let provider =
            provider(&server.url(), r#"ca-file = "ca.pem""#).file(".cargo/ca.pem", authority.pem());
        let expected = [
            NO_TLS,
            READ,
            "received fatal alert: CertificateRequired",
            "help: the server ended the handshake: does it want a client certificate (`client-cert`, `client-key`), or a TLS version older than 1.2?",
        ];
        check(
            "no certificate",
            &provider,
            &server.url(),
            Ends::Unavailable,
            &expected,
        );
        assert!(server.requests().is_empty());
    }
}
