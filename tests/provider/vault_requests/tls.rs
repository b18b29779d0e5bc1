//! TLS: whom we trust, whom we expect, and who we are.

use test_servers::provider::error_text;
use test_servers::{Authority, Provider, Server, Tls, TlsVersion};

use super::{SOURCE, TOKEN, URL, address, get, lines, provider, vault};

const READ: &str = "GET /v1/secret/data/ci/cargo";

fn with_token(backend: &str) -> Provider {
    provider(backend, SOURCE).env("VAULT_TOKEN", TOKEN)
}

#[test]
fn each_way_to_name_an_authority() {
    let authority = Authority::new();
    let server = Server::start_tls(&authority.server(&["127.0.0.1"]), None, vault);
    let with = |backend: &str| {
        with_token(&format!("{}\n{backend}", address(&server)))
            .file("tls/ca.pem", authority.pem())
            .file("tls/README", "not a certificate")
    };
    let home = |provider: Provider, variable: &str, path: &str| {
        let path = provider.home().join(path);
        provider.env(variable, path)
    };
    get(&with(r#"ca-file = "~/tls/ca.pem""#));
    get(&with(r#"ca-file = "../tls/ca.pem""#));
    get(&home(with(""), "VAULT_CACERT", "tls/ca.pem"));
    get(&home(with(""), "VAULT_CAPATH", "tls"));
    get(&with("").env("VAULT_CACERT_BYTES", authority.pem()));
    // The system's.
    get(&home(with(""), "SSL_CERT_FILE", "tls/ca.pem"));
    get(&home(with(""), "SSL_CERT_DIR", "tls"));
    assert_eq!(lines(&server), [READ; 7]);

    // Earlier ones replace later ones, as Vault's client has it: they are not added up.
    let other = Authority::new();
    let provider = home(
        with("").file("tls/other.pem", other.pem()),
        "VAULT_CACERT",
        "tls/other.pem",
    )
    .env("VAULT_CACERT_BYTES", authority.pem());
    assert!(error_text(&provider.get(URL, "read")).contains("UnknownIssuer"));
    get(&home(
        with(r#"ca-file = "~/tls/ca.pem""#).file("tls/other.pem", other.pem()),
        "VAULT_CACERT",
        "tls/other.pem",
    ));
}

#[test]
fn authorities_that_are_not_there() {
    let authority = Authority::new();
    let server = Server::start_tls(&authority.server(&["127.0.0.1"]), None, vault);
    let with = |backend: &str| {
        with_token(&format!("{}\n{backend}", address(&server))).file(".cargo/empty.pem", "nothing")
    };
    let pem = "help: it must hold the certificate authority in PEM form, from `-----BEGIN CERTIFICATE-----` on";
    for (provider, expected) in [
        (
            with(r#"ca-file = "empty.pem""#),
            format!("no certificate in `empty.pem` (`ca-file`)\n{pem}"),
        ),
        (
            with("").env("VAULT_CACERT_BYTES", "nothing"),
            format!("no certificate in VAULT_CACERT_BYTES\n{pem}"),
        ),
        (
            with("").env("VAULT_CACERT", "/nonexistent/ca.pem"),
            "`/nonexistent/ca.pem` does not exist, to which VAULT_CACERT points".to_owned(),
        ),
        (
            with("").env("SSL_CERT_FILE", "/nonexistent/ca.pem"),
            "`/nonexistent/ca.pem` does not exist, to which SSL_CERT_FILE points".to_owned(),
        ),
    ] {
        assert_eq!(error_text(&provider.get(URL, "read")), expected);
    }
    assert_eq!(server.connections(), 0);
}

/// The system's bundle is looked through when a server shows its certificate.
#[test]
fn a_bundle_is_read_for_its_server() {
    let authority = Authority::new();
    let server = Server::start_tls(&authority.server(&["127.0.0.1"]), None, vault);
    let provider = with_token(&address(&server)).file("tls/empty.pem", "nothing");
    let empty = provider.home().join("tls/empty.pem");
    let text = error_text(&provider.env("SSL_CERT_FILE", &empty).get(URL, "read"));
    let expected = format!(
        "this system has no certificate authorities\nlooked in `{}`\nGET {}/v1/secret/data/ci/cargo\n",
        empty.display(),
        server.url()
    );
    assert!(text.starts_with(&expected), "{text}");

    // What a shell's `<(…)` gives can be read once.
    let provider = with_token(&address(&server));
    let pipe = provider.home().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("it can be made");
    let bundle = format!("{}{}", Authority::new().pem(), authority.pem());
    let end = pipe.clone();
    let writer = std::thread::spawn(move || std::fs::write(end, bundle));
    get(&provider.env("SSL_CERT_FILE", pipe));
    writer.join().expect("it ends").expect("somebody reads");
    assert_eq!(lines(&server), [READ]);
}

/// The name is for TLS alone: the connection goes to the address, and so does the `Host` header.
#[test]
fn a_server_with_another_name() {
    let authority = Authority::new();
    let server = Server::start_tls(&authority.server(&["vault.example.com"]), None, vault);
    let trusting = |backend: &str| {
        with_token(&format!(
            "{}\nca-file = \"ca.pem\"\n{backend}",
            address(&server)
        ))
        .file(".cargo/ca.pem", authority.pem())
    };
    get(&trusting(r#"tls-server-name = "vault.example.com""#));
    get(&trusting("").env("VAULT_TLS_SERVER_NAME", "vault.example.com"));
    for request in server.requests() {
        assert_eq!(
            request.header("host"),
            Some(format!("127.0.0.1:{}", server.port()).as_str())
        );
    }
    assert_eq!(lines(&server), [READ; 2]);
    let text = error_text(
        &trusting("")
            .env("VAULT_TLS_SERVER_NAME", "other.example.com")
            .get(URL, "read"),
    );
    assert!(
        text.starts_with(&format!("no secure connection to `{}`\n", server.url())),
        "{text}"
    );
    assert!(
        text.contains("certificate not valid for name \"other.example.com\""),
        "{text}"
    );
    let text = error_text(
        &trusting("")
            .env("VAULT_TLS_SERVER_NAME", "127.0.0.1")
            .get(URL, "read"),
    );
    assert_eq!(
        text,
        "`127.0.0.1` is not a DNS name, as the server's name in TLS must be"
    );
}

#[test]
fn a_certificate_of_our_own() {
    let authority = Authority::new();
    let (client, foreign) = (authority.client("ci"), Authority::new().client("ci"));
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let tls = Tls {
            certificate: authority.server(&["127.0.0.1"]),
            client_authority_pem: Some(authority.pem().to_owned()),
            version,
        };
        let server = Server::start_with(Some(&tls), vault);
        let with = |certificate: &str, key: &str| {
            let provider = with_token(&address(&server))
                .env("VAULT_CACERT_BYTES", authority.pem())
                .file("client.pem", certificate)
                .file("client.key", key);
            let (certificate, key) = (
                provider.home().join("client.pem"),
                provider.home().join("client.key"),
            );
            provider
                .env("VAULT_CLIENT_CERT", certificate)
                .env("VAULT_CLIENT_KEY", key)
        };
        get(&with(&client.cert_pem, &client.key_pem));
        assert_eq!(lines(&server), [READ]);
        let text = error_text(&with(&foreign.cert_pem, &foreign.key_pem).get(URL, "read"));
        assert!(
            text.starts_with(&format!("no secure connection to `{}`\n", server.url())),
            "{text}"
        );
        // Halves that do not belong together, or are none, are found here and not at the server.
        for (certificate, key, why) in [
            (
                &client.cert_pem,
                &"n0-key-but-s3cret".to_owned(),
                "its key is not a private key in PEM form",
            ),
            (
                &client.key_pem,
                &client.key_pem,
                "there is no certificate in PEM form in it",
            ),
            (
                &client.cert_pem,
                &foreign.key_pem,
                "keys may not be consistent: KeyMismatch",
            ),
        ] {
            let provider = with(certificate, key)
                .secret("n0-key-but-s3cret")
                .secret(&key[key.len() / 2..]);
            let text = error_text(&provider.get(URL, "read"));
            let what = format!(
                "the client certificate `{}` is no use",
                provider.home().join("client.pem").display()
            );
            assert_eq!(text, format!("{what}\n{why}"));
        }
    }
    for (set, unset) in [("CERT", "key"), ("KEY", "cert")] {
        let variable = format!("VAULT_CLIENT_{set}");
        let provider = with_token("address = \"https://127.0.0.1:1\"")
            .file(".cargo/half.pem", &client.cert_pem);
        let text = error_text(&provider.env(variable, "half.pem").get(URL, "read"));
        let set = set.to_lowercase();
        assert_eq!(
            text,
            format!("`client-{set}` is set without `client-{unset}`")
        );
    }
}
