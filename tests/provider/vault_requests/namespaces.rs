//! Namespaces, and the variables of Vault and OpenBao that stand in for settings.

use test_servers::{Provider, Server};

use super::{LOGIN, SOURCE, TOKEN, address, get, lines, of_type, provider, vault};

fn namespaces(server: &Server) -> Vec<Option<String>> {
    let namespace =
        |request: &test_servers::Request| request.header("x-vault-namespace").map(str::to_owned);
    server.requests().iter().map(namespace).collect()
}

/// Login, read and revocation; `vaultrs` knows no variable for it.
#[test]
fn login_read_and_revocation_are_each_in_their_namespace() {
    for (namespace, of_login, variable, expected) in [
        ("", "", None, [None, None, None]),
        ("team-a", "", None, [Some("team-a"); 3]),
        ("", "", Some("team-v"), [Some("team-v"); 3]),
        ("team-a", "", Some("team-v"), [Some("team-a"); 3]),
        (
            "team-a/sub",
            "admin",
            None,
            [Some("admin"), Some("team-a/sub"), Some("admin")],
        ),
        ("", "admin", None, [Some("admin"), None, Some("admin")]),
        (
            "",
            "admin",
            Some("team-v"),
            [Some("admin"), Some("team-v"), Some("admin")],
        ),
    ] {
        let server = Server::start(vault);
        let key = |value: &str| match value {
            "" => String::new(),
            value => format!("namespace = \"{value}\""),
        };
        let of_login = match of_login {
            "" => String::new(),
            value => format!(", {}", key(value)),
        };
        let auth = format!("auth = {{ method = \"approle\", role-id = \"r0le\"{of_login} }}");
        let backend = format!("{}\n{}\n{auth}", address(&server), key(namespace));
        let mut provider = provider(&backend, SOURCE);
        if let Some(variable) = variable {
            provider = provider.env("VAULT_NAMESPACE", variable);
        }
        get(&provider);
        assert_eq!(
            namespaces(&server),
            expected.map(|one| one.map(str::to_owned)),
            "{backend} {variable:?}"
        );
    }
}

#[test]
fn a_given_token_reads_in_the_namespace() {
    let server = Server::start(vault);
    get(&provider(&address(&server), SOURCE)
        .env("VAULT_TOKEN", TOKEN)
        .env("VAULT_NAMESPACE", "team-v"));
    // Unwrapping is a part of the login.
    let auth = r#"auth = { method = "approle", role-id = "r", secret-id = { env = "ID" }, wrapped = true, namespace = "admin" }"#;
    get(&provider(&format!("{}\n{auth}", address(&server)), SOURCE).env("ID", "wr4pping-token"));
    let expected = [
        Some("team-v"),
        Some("admin"),
        Some("admin"),
        None,
        Some("admin"),
    ];
    assert_eq!(
        namespaces(&server),
        expected.map(|one| one.map(str::to_owned))
    );
}

/// The variables that are set, for both products: each value names the variable.
fn with_both(provider: Provider, bao: &Server, vault: &Server) -> Provider {
    provider
        .env("BAO_ADDR", bao.url())
        .env("BAO_TOKEN", "b4o-s3cret-token")
        .env("BAO_NAMESPACE", "bao")
        .env("VAULT_ADDR", vault.url())
        .env("VAULT_TOKEN", TOKEN)
        .env("VAULT_NAMESPACE", "vault")
        .secret("b4o-s3cret-token")
}

#[test]
fn openbao_looks_at_its_own_variables_first_and_vault_never() {
    for (kind, asked, token, namespace) in [
        ("openbao", 0, "b4o-s3cret-token", "bao"),
        ("vault", 1, TOKEN, "vault"),
    ] {
        let servers = [Server::start(vault), Server::start(vault)];
        get(&with_both(
            of_type(kind, "", SOURCE),
            &servers[0],
            &servers[1],
        ));
        assert_eq!(servers[1 - asked].connections(), 0, "{kind}");
        let request = &servers[asked].requests()[0];
        assert_eq!(request.header("x-vault-token"), Some(token));
        assert_eq!(request.header("x-vault-namespace"), Some(namespace));
        assert_eq!(lines(&servers[asked]), ["GET /v1/secret/data/ci/cargo"]);
    }
}

/// Each for itself: an OpenBao that is told of by Vault's variables alone, or by some of both. Empty is unset.
#[test]
fn openbao_takes_vaults_variables_where_it_has_none() {
    let server = Server::start(vault);
    get(&of_type("openbao", "", SOURCE)
        .env("VAULT_ADDR", server.url())
        .env("VAULT_TOKEN", TOKEN));
    get(&of_type("openbao", "", SOURCE)
        .env("BAO_ADDR", "")
        .env("BAO_TOKEN", LOGIN)
        .env("VAULT_ADDR", server.url())
        .env("VAULT_TOKEN", TOKEN));
    let tokens: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("x-vault-token").map(str::to_owned))
        .collect();
    assert_eq!(tokens, [Some(TOKEN.to_owned()), Some(LOGIN.to_owned())]);
}

#[test]
fn the_config_comes_before_the_variables() {
    let servers = [
        Server::start(vault),
        Server::start(vault),
        Server::start(vault),
    ];
    let backend = format!("{}\nnamespace = \"mine\"", address(&servers[2]));
    get(&with_both(
        of_type("openbao", &backend, SOURCE),
        &servers[0],
        &servers[1],
    ));
    assert_eq!(
        [0, 1].map(|other: usize| servers[other].connections()),
        [0, 0]
    );
    assert_eq!(namespaces(&servers[2]), [Some("mine".to_owned())]);
}
