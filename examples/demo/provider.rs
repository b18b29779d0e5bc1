//! Builds the provider, so that what runs is what the sources say.

use std::error::Error;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::narrator::Narrator;

const NAME: &str = "cargo-credential-bridge";

/// Builds the binary with the profile and in the target directory of this example, and returns where it is.
pub(crate) fn build(narrator: &Narrator) -> Result<PathBuf, Box<dyn Error>> {
    let example = std::env::current_exe()?;
    // TARGET/PROFILE/examples/demo
    let profile_dir = example
        .ancestors()
        .nth(2)
        .ok_or("the example is not in a target directory")?;
    let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let target_dir = example
        .ancestors()
        .find(|dir| dir.join("CACHEDIR.TAG").is_file());
    let mut command = Command::new(env!("CARGO"));
    command.args([
        "build",
        "--quiet",
        "--bin",
        NAME,
        "--profile",
        profile,
        "--message-format=json-render-diagnostics",
    ]);
    command.args(target_dir.map(|dir| format!("--target-dir={}", dir.display())));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit());
    // What `cargo run` has set for this example would make build scripts that look at it run again, each time.
    let of_this_run = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_CRATE_NAME",
        "CARGO_BIN_NAME",
    ];
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| of_this_run.iter().any(|start| name.starts_with(start)))
        {
            command.env_remove(name);
        }
    }
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("`{NAME}` does not build").into());
    }
    let path =
        executable(&String::from_utf8_lossy(&output.stdout)).ok_or("cargo built no executable")?;
    narrator.step(
        "cargo",
        &format!("built {NAME}"),
        &format!("profile {profile}"),
    );
    Ok(path)
}

/// The executable that Cargo's messages name.
fn executable(messages: &str) -> Option<PathBuf> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut built = messages.filter(|message| message["target"]["name"] == NAME);
    built.find_map(|message| message["executable"].as_str().map(PathBuf::from))
}
