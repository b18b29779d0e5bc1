//! Runs the private registry on its own, for trying the README's steps by hand.
//!
//! Prints one line of JSON and serves until its standard input is closed:
//!
//! * `index_url`: the `index` of the registry in Cargo's config
//! * `read`, `publish`: its tokens
//! * `crate`: the name of the crate that it has, in version 1.0.0

use std::io::{Read as _, Write as _};

use serde_json::json;
use test_servers::Registry;

const CRATE: &str = "greeting";

fn main() -> std::io::Result<()> {
    let registry = Registry::start();
    registry.add_crate(CRATE, "1.0.0", "pub const GREETING: &str = \"hello\";\n");
    let line = json!({
        "index_url": registry.index_url(),
        "read": registry.tokens().read,
        "publish": registry.tokens().publish,
        "crate": CRATE,
    });
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{line}")?;
    stdout.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
