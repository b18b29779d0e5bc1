//! `config check`.

use snapbox::str;
use test_servers::Provider;

use super::{compare, provider, shown, tool};
use crate::BINARY;

#[test]
fn a_config_that_makes_sense() {
    compare(
        tool(&["config", "check"]),
        str![[r#"
looked for in, the first counts:
  $CARGO_CREDENTIAL_BRIDGE_CONFIG
  $CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML
  `[HOME]/.cargo/credential-bridge.toml`
  `/etc/cargo-credential-bridge/config.toml`
`[HOME]/.cargo/credential-bridge.toml` makes sense: 1 backend, 1 registry
--- 0

"#]],
    );
    compare(
        tool(&["config", "check", "--format", "json"]),
        str![[r#"
{
  "backends": [
    "job"
  ],
  "config": "[HOME]/.cargo/credential-bridge.toml",
  "looked-for-in": [
    "$CARGO_CREDENTIAL_BRIDGE_CONFIG",
    "$CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML",
    "[HOME]/.cargo/credential-bridge.toml",
    "/etc/cargo-credential-bridge/config.toml"
  ],
  "registries": [
    "sparse+https://crates.example.com/index/"
  ]
}
--- 0

"#]],
    );
}

#[test]
fn a_file_of_choice() {
    let provider = provider().file("work/other.toml", "quiet = true\n");
    compare(
        shown(
            &provider,
            &provider.tool(&["config", "check", "other.toml"]),
        ),
        str![[r#"
`other.toml` makes sense: 0 backends, 0 registries
--- 0

"#]],
    );
    compare(
        shown(
            &provider,
            &provider.tool(&["config", "check", "nowhere.toml"]),
        ),
        str![[r#"
--- 1
error: the config `nowhere.toml` does not exist

"#]],
    );
}

#[test]
fn one_that_makes_none_is_told_as_cargo_is() {
    let provider =
        Provider::new(BINARY).config("[backends.corp]\ntype = \"vault\"\nadress = \"x\"\n");
    compare(
        shown(&provider, &provider.tool(&["config", "check"])),
        str![[r#"
looked for in, the first counts:
  $CARGO_CREDENTIAL_BRIDGE_CONFIG
  $CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML
  `[HOME]/.cargo/credential-bridge.toml`
  `/etc/cargo-credential-bridge/config.toml`
--- 1
error: bad config: unknown key `adress`
 --> `[HOME]/.cargo/credential-bridge.toml`:3:1
  |
3 | adress = "…"
  | ^^^^^^
help: did you mean `address`?

"#]],
    );
    compare(
        shown(
            &provider,
            &provider.tool(&["config", "check", "--format", "json"]),
        ),
        str![[r#"
{
  "error": {
    "caused-by": [
      " --> `[HOME]/.cargo/credential-bridge.toml`:3:1\n  |\n3 | adress = \"…\"\n  | ^^^^^^"
    ],
    "help": "did you mean `address`?",
    "kind": "invalid",
    "message": "bad config: unknown key `adress`"
  },
  "looked-for-in": [
    "$CARGO_CREDENTIAL_BRIDGE_CONFIG",
    "$CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML",
    "[HOME]/.cargo/credential-bridge.toml",
    "/etc/cargo-credential-bridge/config.toml"
  ]
}
--- 1

"#]],
    );
}

#[test]
fn none_at_all() {
    let provider = Provider::new(BINARY);
    compare(
        shown(&provider, &provider.tool(&["config", "check"])),
        str![[r#"
looked for in, the first counts:
  $CARGO_CREDENTIAL_BRIDGE_CONFIG
  $CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML
  `[HOME]/.cargo/credential-bridge.toml`
  `/etc/cargo-credential-bridge/config.toml`
--- 1
error: there is no config
help: `cargo-credential-bridge --help` shows one

"#]],
    );
}
