//! Where requests go: agents, sockets, proxies, and plain HTTP that must not leave the machine.

use std::io::{Read as _, Write as _};

use test_servers::provider::error_text;
use test_servers::{Response, Server};

use super::{SOURCE, STORED, TOKEN, URL, address, get, lines, provider, vault};

const READ: &str = "GET /v1/secret/data/ci/cargo";

#[test]
fn vaults_own_variable() {
    let server = Server::start(vault);
    get(&provider("", SOURCE)
        .env("VAULT_ADDR", format!("{}/", server.url()))
        .env("VAULT_TOKEN", TOKEN));
    assert_eq!(lines(&server), [READ]);
}

#[test]
fn no_address_at_all() {
    let text = error_text(
        &provider("", SOURCE)
            .env("VAULT_TOKEN", TOKEN)
            .get(URL, "read"),
    );
    assert_eq!(
        text,
        "no address for Vault here: neither `address` in `[backends.corp]` nor `VAULT_ADDR` is set"
    );
    for (address, why) in [
        (
            "vault.example.com:8200",
            "an address starts with `https://`",
        ),
        (
            "8200",
            "the address is not a URL: relative URL without a base",
        ),
        (
            "https://ci:pa55-s3cret@vault.example.com",
            "an address holds no user name and no password",
        ),
    ] {
        let provider = provider("", SOURCE)
            .env("VAULT_ADDR", address)
            .env("VAULT_TOKEN", TOKEN)
            .secret("pa55-s3cret");
        let text = error_text(&provider.get(URL, "read"));
        assert_eq!(
            text,
            format!("the environment variable `VAULT_ADDR` is not an address\n{why}")
        );
    }
}

/// An agent puts in its own token where we have none, and may be told another where we have one.
#[test]
fn behind_an_agent() {
    let (agent, server) = (Server::start(vault), Server::start(vault));
    let agent_only = |backend: &str| {
        provider(backend, SOURCE)
            .env("VAULT_AGENT_ADDR", agent.url())
            .env("VAULT_ADDR", server.url())
    };
    get(&agent_only(""));
    get(&agent_only("").env("VAULT_TOKEN", TOKEN));
    assert_eq!(lines(&agent), [READ; 2]);
    let requests = agent.requests();
    assert_eq!(requests[0].header("x-vault-token"), None);
    assert_eq!(requests[0].header("x-vault-request"), Some("true"));
    assert_eq!(requests[1].header("x-vault-token"), Some(TOKEN));
    assert_eq!(server.connections(), 0);
    // An address in the config is the user's last word, and then a token is needed.
    let text = error_text(&agent_only(&address(&server)).get(URL, "read"));
    assert_eq!(
        text,
        "no Vault token here: `VAULT_TOKEN` is not set, `~/.vault-token` does not exist, and there is no token helper\n\
         help: `vault login` on a laptop; in a job, say how it logs in by `auth` on the backend"
    );
    assert_eq!((agent.connections(), server.connections()), (2, 0));
}

#[cfg(unix)]
#[test]
fn an_agents_socket() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("agent.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let agent = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let length = stream.read(&mut request).unwrap();
        let body = format!(r#"{{"data":{{"data":{{"token":"{STORED}"}}}}}}"#);
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    get(&provider("", SOURCE).env("VAULT_AGENT_ADDR", format!("unix://{}", socket.display())));
    let request = agent.join().unwrap();
    assert!(
        request.starts_with("GET /v1/secret/data/ci/cargo HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("\r\nhost: localhost\r\n"), "{request}");
    assert!(!request.contains("x-vault-token"), "{request}");
}

/// Refused before anything is looked up or sent.
#[test]
fn plain_http_stays_on_this_machine() {
    for address in [
        "http://vault.invalid",
        "http://vault.invalid:8200/prefix",
        "http://10.0.0.1:8200",
    ] {
        let backend = format!("address = \"{address}\"");
        let proxy = Server::start(vault);
        let provider = provider(&backend, SOURCE)
            .env("VAULT_TOKEN", TOKEN)
            .env("VAULT_PROXY_ADDR", proxy.url());
        let text = error_text(&provider.get(URL, "read"));
        let shown = url::Url::parse(address).unwrap();
        assert_eq!(
            text,
            format!(
                "`{shown}` is plain HTTP: everyone on the way could read the secret\n\
                 help: use https; a backend may say `allow-http = true` if nobody is on the way"
            )
        );
        assert_eq!(proxy.connections(), 0);
    }
}

/// A proxy stands in for the network: what is let out is seen there.
#[test]
fn plain_http_leaves_it_where_the_backend_says_so() {
    let backend = "address = \"http://vault.invalid:8200/prefix\"\nallow-http = true";
    for variable in [
        "VAULT_PROXY_ADDR",
        "VAULT_HTTP_PROXY",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
    ] {
        let proxy = Server::start(vault);
        get(&provider(backend, SOURCE)
            .env("VAULT_TOKEN", TOKEN)
            .env(variable, proxy.url()));
        assert_eq!(
            lines(&proxy),
            ["GET /prefix/v1/secret/data/ci/cargo"],
            "{variable}"
        );
        assert_eq!(
            proxy.requests()[0].header("host"),
            Some("vault.invalid:8200")
        );
    }
}

#[test]
fn no_proxy_to_this_machine() {
    let (proxy, server) = (Server::start(vault), Server::start(vault));
    let mut provider = provider(&address(&server), SOURCE).env("VAULT_TOKEN", TOKEN);
    for variable in [
        "VAULT_PROXY_ADDR",
        "VAULT_HTTP_PROXY",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "HTTPS_PROXY",
    ] {
        provider = provider.env(variable, proxy.url());
    }
    get(&provider);
    assert_eq!(
        (lines(&server), proxy.connections()),
        (vec![READ.to_owned()], 0)
    );
}

/// A proxy sees the name of the host and nothing else of what is meant for Vault.
#[test]
fn a_proxy_that_does_not_let_us_through() {
    let proxy = Server::start(|_| Response::text(403, "not to there"));
    let backend = "address = \"https://vault.invalid:8200\"\nca-file = \"ca.pem\"";
    let authority = test_servers::Authority::new();
    let provider = provider(backend, SOURCE)
        .file(".cargo/ca.pem", authority.pem())
        .env("VAULT_TOKEN", TOKEN)
        .env(
            "HTTPS_PROXY",
            proxy.url().replace("://", "://ci:pr0xy-s3cret@"),
        )
        .secret("pr0xy-s3cret");
    let text = error_text(&provider.get(URL, "read"));
    let expected = "can't reach `https://vault.invalid:8200`\n\
         GET https://vault.invalid:8200/v1/secret/data/ci/cargo\n\
         tunnel error: unsuccessful\n\
         help: check the address, and that this machine may reach it (proxy, firewall, VPN)";
    assert_eq!(text, expected);
    for request in proxy.requests() {
        assert_eq!(
            (request.method.as_str(), request.header("x-vault-token")),
            ("CONNECT", None)
        );
    }
    assert_eq!(proxy.requests().len(), 3);
}
