//! `CARGO_CREDENTIAL_BRIDGE_LOG`: what is said of each step, and what never is.

use serde_json::json;
use test_servers::leaks::assert_absent;
use test_servers::provider::{error_text, get_request};
use test_servers::secrets_manager::Keys;
use test_servers::{
    Issuer, Provider, Request, Response, Role, SecretsManager, Server, VaultServer,
};

use crate::BINARY;
use crate::aws_requests;

const LOG: &str = "CARGO_CREDENTIAL_BRIDGE_LOG";
const PREFIX: &str = "cargo-credential-bridge: ";
const URL: &str = "sparse+https://crates.example.com/index/";
const STORED: &str = "st0red-s3cret-token";

/// The lines, with what differs from run to run replaced: numbers of milliseconds, addresses of servers.
fn lines(stderr: &str, replaced: &[(&str, &str)]) -> Vec<String> {
    let word = |word: &str| {
        let number = word
            .strip_suffix("ms")
            .map(|word| match word.strip_prefix("took=") {
                Some(number) => ("took=", number),
                None => ("", word),
            });
        match number {
            Some((before, number)) if number.parse::<u64>().is_ok() => format!("{before}0ms"),
            _ => word.to_owned(),
        }
    };
    let line = |line: &str| {
        let line = line.strip_prefix(PREFIX).unwrap_or(line);
        let line = line.split(' ').map(word).collect::<Vec<_>>().join(" ");
        replaced
            .iter()
            .fold(line, |line, (from, to)| line.replace(from, to))
    };
    stderr.lines().map(line).collect()
}

/// The provider with a Vault or an OpenBao that is logged in to as a job of GitHub's.
fn github_job(r#type: &str, address: &str, issuer: &Issuer) -> Provider {
    Provider::new(BINARY)
        .config(&format!(
            r#"
            [backends.corp]
            type = "{type}"
            address = "{address}"
            auth = {{ method = "jwt", role = "ci", audience = "corp" }}
            [registries."{URL}"]
            sources = [
                {{ backend = "corp", path = "ci/other", field = "token" }},
                {{ backend = "corp", path = "ci/cargo", field = "token" }},
            ]
            "#
        ))
        .in_github(issuer)
        .secret(STORED)
}

fn vault(issuer: &Issuer) -> VaultServer {
    let vault = VaultServer::start();
    vault.put("ci/cargo", json!({ "token": STORED }));
    vault.policy("ci", &["secret/data/ci/cargo", "secret/data/ci/other"]);
    vault.role("ci", Role::new(issuer, "corp", &["ci"]));
    vault
}

/// What Vault was shown: the job's token, and that of the login.
fn shown(requests: &[Request]) -> Vec<String> {
    let jwt = |request: &Request| Some(request.json()?["jwt"].as_str()?.to_owned());
    let token = |request: &Request| request.header("x-vault-token").map(str::to_owned);
    let shown: Vec<_> = requests
        .iter()
        .filter_map(|request| jwt(request).or_else(|| token(request)))
        .collect();
    assert!(shown.len() >= 2, "{requests:?}");
    shown
}

#[test]
fn a_login_to_vault_and_a_read() {
    let issuer = Issuer::start();
    let vault = vault(&issuer);
    let provider = github_job("vault", &vault.url(), &issuer).env(LOG, "debug");
    let home = provider.home().to_string_lossy().into_owned();
    let run = provider.run(get_request(URL, "read").as_bytes());
    assert_eq!(run.answer()["Ok"]["token"], STORED);
    let shown = shown(&vault.requests());
    let shown: Vec<_> = shown.iter().map(String::as_str).collect();
    assert_absent(&shown, &[("standard error", run.stderr.as_bytes())]);
    let replaced = [
        (vault.url(), "$VAULT"),
        (issuer.url(), "$ISSUER"),
        (home, "$HOME"),
    ];
    let replaced = replaced.each_ref().map(|(from, to)| (from.as_str(), *to));
    let expected = [
        r#"0ms DEBUG request action="get read" registry=sparse+https://crates.example.com/index/"#,
        "0ms DEBUG config from=`$HOME/.cargo/credential-bridge.toml`",
        "0ms DEBUG entry matched=sparse+https://crates.example.com/index/",
        r#"0ms DEBUG asking source="the path `ci/other` of `corp`""#,
        r#"0ms DEBUG identity from="the identity token of this GitHub job""#,
        r#"0ms DEBUG http request="GET $ISSUER/github/token" status=200 took=0ms"#,
        r#"0ms DEBUG http request="POST $VAULT/v1/auth/jwt/login" status=200 took=0ms"#,
        "0ms DEBUG login to=Vault method=jwt",
        r#"0ms DEBUG http request="GET $VAULT/v1/secret/data/ci/other" status=404 took=0ms"#,
        r#"0ms DEBUG http request="GET $VAULT/v1/sys/internal/ui/mounts/secret/ci/other" status=200 took=0ms"#,
        r#"0ms DEBUG done source="the path `ci/other` of `corp`" outcome=not-found took=0ms"#,
        r#"0ms DEBUG asking source="the path `ci/cargo` of `corp`""#,
        r#"0ms DEBUG http request="GET $VAULT/v1/secret/data/ci/cargo" status=200 took=0ms"#,
        r#"0ms DEBUG done source="the path `ci/cargo` of `corp`" outcome=token took=0ms"#,
        "the token for `sparse+https://crates.example.com/index/` is from the path `ci/cargo` of `corp`; before it: \
         Vault has no secret at the path `ci/other` in the mount `secret`",
        "0ms DEBUG answer kind=token cache=session",
        "0ms DEBUG revoking the login",
        r#"0ms DEBUG http request="POST $VAULT/v1/auth/token/revoke-self" status=204 took=0ms"#,
    ];
    assert_eq!(lines(&run.stderr, &replaced), expected);
}

#[test]
fn keys_of_aws_are_in_no_line_of_it() {
    let server = SecretsManager::start();
    let keys: Keys = server.user("ci");
    server.put("prod/cargo", &format!("{{\"token\":\"{STORED}\"}}"));
    let provider = aws_requests::provider(
        "region = \"eu-west-1\"",
        r#"secret = "prod/cargo", field = "token""#,
    );
    let provider = aws_requests::equipped(provider, &keys, &server.url()).secret(&keys.id);
    // `get` goes the same way as Cargo's request.
    let run = provider.env(LOG, "debug").tool(&["get", URL]);
    assert_eq!(run.stdout, format!("{STORED}\n"));
    let expected = [
        "0ms DEBUG entry matched=sparse+https://crates.example.com/index/",
        r#"0ms DEBUG asking source="the secret `prod/cargo` of `store`""#,
        "0ms DEBUG login to=AWS method=default",
        r#"0ms DEBUG http request="POST $AWS/" status=200 took=0ms"#,
        r#"0ms DEBUG done source="the secret `prod/cargo` of `store`" outcome=token took=0ms"#,
        "0ms DEBUG answer kind=token cache=session",
    ];
    let lines = lines(&run.stderr, &[(&server.url(), "$AWS")]);
    assert_eq!(lines[1..], expected);
}

#[test]
fn a_refusal() {
    let issuer = Issuer::start();
    // What a server says is in no line, whatever it is.
    let refusing = Server::start(|request: &Request| {
        let jwt = request.json().unwrap_or_default()["jwt"].clone();
        let said = format!("role \"ci\" could not be found\n\u{1b}[31m{jwt}");
        Response::json(400, &json!({ "errors": [said] }))
    });
    let provider = github_job("openbao", &refusing.url(), &issuer).env(LOG, "DEBUG");
    let run = provider.run(get_request(URL, "read").as_bytes());
    let text = error_text(&run.answer());
    let help = "`bao read auth/jwt/role/ci` shows; `bao list auth/jwt/role` names the roles that there are";
    assert!(text.ends_with(help), "{text}");
    let replaced = [(refusing.url(), "$BAO"), (issuer.url(), "$ISSUER")];
    let replaced = replaced.each_ref().map(|(from, to)| (from.as_str(), *to));
    let expected = [
        r#"0ms DEBUG asking source="the path `ci/other` of `corp`""#,
        r#"0ms DEBUG identity from="the identity token of this GitHub job""#,
        r#"0ms DEBUG http request="GET $ISSUER/github/token" status=200 took=0ms"#,
        r#"0ms DEBUG http request="POST $BAO/v1/auth/jwt/login" status=400 took=0ms"#,
        r#"0ms DEBUG done source="the path `ci/other` of `corp`" outcome=unauthenticated took=0ms"#,
        "0ms DEBUG answer kind=other",
    ];
    assert_eq!(lines(&run.stderr, &replaced)[3..], expected);
}

/// Nobody is answering, and a program is asked for the rest.
#[cfg(unix)]
#[test]
fn a_server_that_is_away_and_a_program() {
    let refused = test_servers::refused_port();
    let address = format!("http://127.0.0.1:{}", refused.port());
    let provider = Provider::new(BINARY)
        .config(&format!(
            r#"
            [backends.corp]
            type = "vault"
            address = "{address}"
            [registries."{URL}"]
            sources = [
                {{ backend = "corp", path = "ci/cargo", field = "token" }},
                "cargo:token-from-stdout /bin/echo {STORED}",
            ]
            on-unavailable = "next"
            "#
        ))
        .env("VAULT_MAX_RETRIES", "0")
        .env("VAULT_TOKEN", "hvs.giv3n-s3cret-token")
        .env(LOG, "debug")
        .secret("hvs.giv3n-s3cret-token")
        .secret(STORED);
    let run = provider.run(get_request(URL, "read").as_bytes());
    assert_eq!(run.answer()["Ok"]["token"], STORED, "{run:?}");
    let lines = lines(&run.stderr, &[(&address, "$VAULT")]);
    for expected in [
        "0ms DEBUG login to=Vault method=token",
        r#"0ms DEBUG http request="GET $VAULT/v1/secret/data/ci/cargo" failed=unavailable took=0ms"#,
        r#"0ms DEBUG done source="the path `ci/cargo` of `corp`" outcome=unavailable took=0ms"#,
        "0ms DEBUG program started program=/bin/echo",
        r#"0ms DEBUG program ended status="exit status: 0" took=0ms"#,
    ] {
        assert!(lines.iter().any(|line| line == expected), "{lines:#?}");
    }
}

#[test]
fn only_who_asks_for_it_gets_it() {
    let issuer = Issuer::start();
    let vault = vault(&issuer);
    let run = |level: Option<&str>| {
        let provider = github_job("vault", &vault.url(), &issuer);
        let provider = match level {
            Some(level) => provider.env(LOG, level),
            None => provider,
        };
        let run = provider.run(get_request(URL, "read").as_bytes());
        assert_eq!(run.answer()["Ok"]["token"], STORED);
        lines(&run.stderr, &[])
    };
    let silent = run(None);
    assert_eq!(silent.len(), 1, "{silent:?}");
    assert_eq!(run(Some("")), silent);
    let note = "`CARGO_CREDENTIAL_BRIDGE_LOG` asks for a log that there is not: it may be `debug`, or empty for none";
    for level in ["trace", "1", "cargo_credential_bridge=debug", "hyper\n"] {
        assert_eq!(run(Some(level)), [note, &silent[0]], "{level:?}");
    }
}

/// Names that a config has, and those that it is under itself, may have anything in them.
#[cfg(unix)]
#[test]
fn nothing_breaks_a_line() {
    let odd = "a\nb\r\u{1b}[31m\u{85}\u{2028}\u{202e}c\" d";
    let toml = json!(odd);
    let path = format!(".cargo/{odd}.toml");
    let provider = Provider::new(BINARY)
        .file(
            &path,
            &format!(
                "[backends.{toml}]\ntype = \"file\"\n\
                 [registries.\"{URL}\"]\nsources = [ {{ backend = {toml}, path = {toml} }} ]\n"
            ),
        )
        .env(LOG, "debug")
        .file(&format!(".cargo/{odd}"), STORED)
        .secret(STORED);
    let path = provider.home().join(path);
    let provider = provider.env("CARGO_CREDENTIAL_BRIDGE_CONFIG", path);
    let request = |url: &str| {
        let request =
            json!({ "v": 1, "registry": { "index-url": url }, "kind": "get", "operation": "read" });
        format!("{request}\n")
    };
    let requests = request(URL)
        + &request(odd)
        + &request("https://us3r-s3cret@other.example.com/?t0ken-s3cret");
    let provider = provider.secret("us3r-s3cret").secret("t0ken-s3cret");
    let run = provider.run(requests.as_bytes());
    assert_eq!(run.answers()[0]["Ok"]["token"], STORED, "{run:?}");
    let log: Vec<_> = run.stderr.split_inclusive('\n').collect();
    assert!(log.len() >= 9, "{log:#?}");
    for line in log {
        assert!(
            line.starts_with(PREFIX) && line.contains("ms DEBUG "),
            "{line:?}"
        );
        let line = line.strip_suffix('\n').unwrap_or(line);
        let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{202e}');
        assert!(!line.contains(breaks), "{line:?}");
    }
}
