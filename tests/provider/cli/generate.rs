//! What is made from the commands and the config's keys.

use super::{compare, provider, shown, tool};
use snapbox::str;

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = provider().tool(&["completions", shell]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{shell}");
        assert!(run.stdout.contains("cargo-credential-bridge"), "{shell}");
        assert!(run.stdout.contains("explain"), "{shell}");
    }
}

#[test]
fn manual_pages() {
    let page = tool(&["man", "get"]).replace(env!("CARGO_PKG_VERSION"), "[VERSION]");
    compare(page, snapbox::file!["man-get.txt"]);
    let page = tool(&["man"]);
    assert!(
        page.contains("cargo\\-credential\\-bridge\\-explain(1)"),
        "{page}"
    );
    compare(
        tool(&["man", "nothing"]),
        str![[r#"
--- 2
error: there is no command `nothing`
help: `cargo-credential-bridge --help` lists them

"#]],
    );
}

#[test]
fn the_schema_is_one() {
    let provider = provider();
    let run = provider.tool(&["config", "schema"]);
    let schema: serde_json::Value = serde_json::from_str(&run.stdout).expect("it is JSON");
    assert_eq!(schema["title"], "cargo-credential-bridge");
    assert!(shown(&provider, &run).ends_with("--- 0\n"));
}
