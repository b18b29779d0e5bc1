//! `get`: the token, on one line.

use serde_json::json;
use snapbox::str;
use test_servers::{Issuer, Provider, Role, VaultServer};

use super::{URL, compare, provider, shown};
use crate::BINARY;

pub(super) const TOKEN: &str = "v4riable-s3cret";

#[test]
fn the_token_on_one_line() {
    let run = provider().tool(&["get", URL]);
    assert_eq!(run.stdout, format!("{TOKEN}\n"));
    assert_eq!((run.stderr.as_str(), run.code), ("", Some(0)));
}

#[test]
fn the_url_is_what_cargo_tells_the_program_of_token_from_stdout() {
    let run = provider()
        .env("CARGO_REGISTRY_INDEX_URL", URL)
        .env("CARGO_REGISTRY_NAME_OPT", "corp")
        .tool(&["get"]);
    assert_eq!(run.stdout, format!("{TOKEN}\n"));
}

#[test]
fn without_a_url_and_with_one_that_is_none() {
    let provider = provider();
    compare(
        shown(&provider, &provider.tool(&["get"])),
        str![[r#"
--- 2
error: which registry's token?
help: name its index URL, or set CARGO_REGISTRY_INDEX_URL as Cargo does

"#]],
    );
    compare(
        shown(&provider, &provider.tool(&["get", "corp"])),
        str![[r#"
--- 2
error: `corp` is not the index URL of a registry
  `corp` is not a URL: relative URL without a base
help: it is the registry's `index` as Cargo's config has it, such as `sparse+https://crates.example.com/index/`

"#]],
    );
}

#[test]
fn a_registry_that_is_not_in_the_config() {
    let provider = provider();
    compare(
        shown(
            &provider,
            &provider.tool(&["get", "sparse+https://crates.example.com/indx/"]),
        ),
        str![[r#"
--- 1
error: no entry for `sparse+https://crates.example.com/indx/` in `[HOME]/.cargo/credential-bridge.toml`
help: the nearest is `sparse+https://crates.example.com/index/`: Cargo's `index` and the entry must be the same

"#]],
    );
    compare(
        shown(
            &provider,
            &provider.tool(&["get", "sparse+https://other.example.com/"]),
        ),
        str![[r#"
--- 1
error: no entry for `sparse+https://other.example.com/` in `[HOME]/.cargo/credential-bridge.toml`
help: add one, `[registries."sparse+https://other.example.com/"]`; Cargo is left to its other providers until then

"#]],
    );
}

#[test]
fn no_config_and_a_bad_one() {
    let nothing = Provider::new(BINARY);
    compare(
        shown(&nothing, &nothing.tool(&["get", URL])),
        str![[r#"
--- 1
error: there is no config
  looked for in $CARGO_CREDENTIAL_BRIDGE_CONFIG, $CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML, `[HOME]/.cargo/credential-bridge.toml`, `/etc/cargo-credential-bridge/config.toml`
help: `cargo-credential-bridge --help` shows one

"#]],
    );
    let bad = Provider::new(BINARY).config("[backends.corp]\ntype = \"vault\"\nadress = \"x\"\n");
    compare(
        shown(&bad, &bad.tool(&["get", URL])),
        str![[r#"
--- 1
error: bad config: unknown key `adress`
 --> `[HOME]/.cargo/credential-bridge.toml`:3:1
  |
3 | adress = "…"
  | ^^^^^^
help: did you mean `address`?

"#]],
    );
}

#[test]
fn an_operation_of_its_own_and_one_without_a_chain() {
    let provider = Provider::new(BINARY)
        .config(&format!(
            "[backends.job]\ntype = \"env\"\n[registries.\"{URL}\"]\npublish = [ {{ backend = \"job\", var = \"TOKEN\" }} ]\n"
        ))
        .env("TOKEN", TOKEN);
    let run = provider.tool(&["get", URL, "--operation", "publish"]);
    assert_eq!(run.stdout, format!("{TOKEN}\n"));
    // What Cargo is told in its place is no token.
    compare(
        shown(&provider, &provider.tool(&["get", URL])),
        str![[r#"
--- 1
error: no read token for `sparse+https://crates.example.com/index/`: its entry has neither `sources` nor `read`

"#]],
    );
}

#[test]
fn what_is_not_there_and_what_is_refused() {
    let server = VaultServer::start();
    server.policy("ci", &["secret/data/ci/nothing"]);
    let token = server.token(&["ci"]);
    let provider = |path: &str| {
        Provider::new(BINARY)
            .config(&format!(
                "[backends.corp]\ntype = \"vault\"\n[registries.\"{URL}\"]\nsources = [ {{ backend = \"corp\", path = \"{path}\" }} ]\n"
            ))
            .env("VAULT_ADDR", server.url())
            .env("VAULT_TOKEN", &token)
            .secret(&token)
    };
    let shown = |provider: Provider| {
        shown(&provider, &provider.tool(&["get", URL])).replace(&server.url(), "[VAULT]")
    };
    compare(
        shown(provider("ci/nothing")),
        str![[r#"
--- 1
cargo-credential-bridge: no read token for `sparse+https://crates.example.com/index/`: Vault has no secret at the path `ci/nothing` in the mount `secret`

"#]],
    );
    compare(
        shown(provider("ci/cargo")),
        str![[r#"
--- 1
error: Vault does not let the token of this machine read the path `ci/cargo` in the mount `secret`
  GET [VAULT]/v1/secret/data/ci/cargo answered 403 Forbidden
  1 error occurred: * permission denied
help: its policies must have this, unless the mount in it is mistyped or the token has expired:
path "secret/data/ci/cargo" {
  capabilities = ["read"]
}

"#]],
    );
}

#[test]
fn the_way_is_cargos_with_the_revocation_at_its_end() {
    let server = VaultServer::start();
    server.put("ci/cargo", json!({ "token": TOKEN }));
    server.policy("ci", &["secret/data/ci/cargo"]);
    let issuer = Issuer::start();
    server.role("ci", Role::new(&issuer, "vault", &["ci"]));
    let run = Provider::new(BINARY)
        .config(&format!(
            "[backends.corp]\ntype = \"vault\"\naddress = \"{}\"\n\
             auth = {{ method = \"jwt\", role = \"ci\", audience = \"vault\" }}\n\
             [registries.\"{URL}\"]\nscheme = \"Bearer\"\nsources = [ {{ backend = \"corp\", path = \"ci/cargo\", field = \"token\" }} ]\n",
            server.url()
        ))
        .in_github(&issuer)
        .tool(&["get", URL]);
    assert_eq!(run.stdout, format!("Bearer {TOKEN}\n"), "{}", run.stderr);
    let asked: Vec<_> = server
        .requests()
        .iter()
        .map(|request| format!("{} {}", request.method, request.path))
        .collect();
    assert_eq!(
        asked,
        [
            "POST /v1/auth/jwt/login",
            "GET /v1/secret/data/ci/cargo",
            "POST /v1/auth/token/revoke-self",
        ]
    );
}

#[test]
fn a_chain_that_leads_back_to_it_ends() {
    let provider = Provider::new(BINARY).config(&format!(
        "[registries.\"{URL}\"]\nsources = [ [\"cargo:token-from-stdout\", \"{BINARY}\", \"get\"] ]\n"
    ));
    let run = provider.tool(&["get", URL]);
    assert_eq!((run.stdout.as_str(), run.code), ("", Some(1)));
    assert!(
        run.stderr
            .contains("a source in its config leads back to it"),
        "{}",
        run.stderr
    );
}
