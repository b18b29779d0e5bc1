//! Entries, chains, and what has no server.

use snapbox::str;
use test_servers::Provider;

use super::{compare, shown, told};
use crate::BINARY;
use crate::cli::URL;

const CONFIG: &str = r#"
[backends.job]
type = "env"
[backends.mounts]
type = "file"

[registries."sparse+https://crates.example.com/index/"]
also = [ "https://git.example.com/index" ]
sources = [
  { backend = "mounts", path = "~/token" },
  "cargo:token",
  "cargo:token-from-stdout pass show s3cret-argument",
  ["/opt/my plugins/x", "s3cret-argument"],
  { backend = "job", var = "TOKEN", field = "cargo" },
]
publish = [ { backend = "job", var = "NONE" } ]

[registries."sparse+https://all.example.com/"]
prefix = true
on-unavailable = "next"
sources = [ { backend = "job", var = "TOKEN" } ]
"#;

fn provider() -> Provider {
    Provider::new(BINARY)
        .config(CONFIG)
        .env("TOKEN", "v4riable-s3cret")
        .secret("v4riable-s3cret")
        .secret("s3cret-argument")
}

fn explain(arguments: &[&str]) -> String {
    let provider = provider();
    let all = [&["explain"], arguments].concat();
    shown(&provider, &provider.tool(&all))
}

#[test]
fn a_chain_of_all_kinds() {
    compare(
        told(&provider(), &[]),
        str![[r#"
registry  `sparse+https://crates.example.com/index/`
entry     `sparse+https://crates.example.com/index/`, exactly
config    `[HOME]/.cargo/credential-bridge.toml`
chain     `sources`, to read

1. the file `~/token` of `mounts`
   read      the file `[HOME]/token`
   ends      the file `[HOME]/token` does not exist, or is empty, and the next source is asked

2. `cargo:token`
   read      Cargo's variable for this registry, its `credentials.toml` and its configs

3. what `pass` prints
   run       `pass`

4. the plugin `/opt/my plugins/x`
   run       `/opt/my plugins/x --cargo-plugin`, which is asked what Cargo asks

5. the environment variable `TOKEN` of `job`, field `cargo`
   settings  from the environment: `TOKEN`
   read      the environment variable `TOKEN`

A source without this secret, or of no use on this machine, makes way for the next. A refusal ends the chain, and so does a store that is not reached.
--- 0

"#]],
    );
}

#[test]
fn an_operation_with_a_list_of_its_own_and_no_token() {
    compare(
        explain(&["https://git.example.com/index/", "--operation", "publish"]),
        str![[r#"
registry  `https://git.example.com/index`
entry     `sparse+https://crates.example.com/index/`, by its `also`
config    `[HOME]/.cargo/credential-bridge.toml`
chain     `publish`, to publish

1. the environment variable `NONE` of `job`
   read      the environment variable `NONE`
   ends      the environment variable `NONE` is not set, or is empty, and there is no other source
--- 1

"#]],
    );
}

#[test]
fn a_prefix() {
    compare(
        explain(&["sparse+https://all.example.com/a/b/", "--format", "json"]),
        str![[r#"
{
  "chain": "sources",
  "config": "[HOME]/.cargo/credential-bridge.toml",
  "entry": "sparse+https://all.example.com/",
  "guard": [],
  "matched-by": "prefix",
  "on-unavailable": "next",
  "operation": "read",
  "registry": "sparse+https://all.example.com/a/b/",
  "sources": [
    {
      "ends-with": null,
      "field": null,
      "is-asked": true,
      "place": "the environment variable `TOKEN` of `job`",
      "steps": [
        {
          "step": "read",
          "what": "the environment variable `TOKEN`"
        }
      ],
      "variables": [
        "TOKEN"
      ]
    }
  ]
}
--- 0

"#]],
    );
}

#[test]
fn a_miss_names_the_nearest() {
    let url = "sparse+https://crates.example.com/indx/";
    compare(
        explain(&[url]),
        str![[r#"
--- 1
error: no entry for `sparse+https://crates.example.com/indx/` in `[HOME]/.cargo/credential-bridge.toml`
help: the nearest is `sparse+https://crates.example.com/index/`: Cargo's `index` and the entry must be the same

"#]],
    );
    compare(
        explain(&[url, "--format", "json"]),
        str![[r#"
{
  "error": {
    "caused-by": [],
    "help": "the nearest is `sparse+https://crates.example.com/index/`: Cargo's `index` and the entry must be the same",
    "kind": "not-found",
    "message": "no entry for `sparse+https://crates.example.com/indx/` in `[HOME]/.cargo/credential-bridge.toml`"
  }
}
--- 1

"#]],
    );
}

#[test]
fn what_is_behind_the_end_is_not_asked() {
    let provider = Provider::new(BINARY)
        .config(&format!(
            "[backends.mounts]\ntype = \"file\"\n[backends.corp]\ntype = \"vault\"\naddress = {{ env = \"ADDRESS\" }}\n\
             [registries.\"{URL}\"]\nsources = [ {{ backend = \"corp\", path = \"a\" }}, {{ backend = \"mounts\", path = \"/b\" }} ]\n"
        ))
        .env("ADDRESS", "vault.example.com");
    compare(
        told(&provider, &[]),
        str![[r#"
registry  `sparse+https://crates.example.com/index/`
entry     `sparse+https://crates.example.com/index/`, exactly
config    `[HOME]/.cargo/credential-bridge.toml`
chain     `sources`, to read

1. the path `a` of `corp`
   settings  from the environment: `ADDRESS`
   ends      `address` from the environment variable `ADDRESS` is no use, and the chain ends
             the address is not a URL: relative URL without a base

2. the file `/b` of `mounts`
   not asked the chain has ended before it

A source without this secret, or of no use on this machine, makes way for the next. A refusal ends the chain, and so does a store that is not reached.
--- 1

"#]],
    );
}
