//! A person at a terminal.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use nix::pty::openpty;
use snapbox::str;
use test_servers::Provider;

use super::{REGISTRY, compare, files, machine};

/// Runs on a terminal where these lines are typed; what stood on it, and the status.
fn typed(machine: &Provider, arguments: &[&str], lines: &str) -> (String, Option<i32>) {
    let terminal = openpty(None, None).expect("there are terminals");
    let mut master = File::from(terminal.master);
    // Before anything is asked, so that the terminal shows it first.
    master
        .write_all(lines.as_bytes())
        .expect("the terminal takes it");
    let end = |fd: &OwnedFd| Stdio::from(fd.try_clone().expect("there are descriptors"));
    let mut command = machine.command_with(arguments);
    let mut child = command
        .env("NO_COLOR", "1")
        .stdin(end(&terminal.slave))
        .stdout(end(&terminal.slave))
        .stderr(end(&terminal.slave))
        .spawn()
        .expect("the provider can be started");
    // Its ends of the terminal are the last ones only when ours are closed.
    drop(command);
    drop(terminal.slave);
    let mut shown = Vec::new();
    // The end of a terminal is an error on Linux.
    let _ = master.read_to_end(&mut shown);
    let status = child.wait().expect("the provider is our child");
    let shown = String::from_utf8(shown).expect("the provider prints UTF-8");
    let shown = shown.replace('\r', "");
    let shown = shown.strip_prefix(lines).unwrap_or(&shown);
    (
        shown.replace(&machine.home().display().to_string(), "[HOME]"),
        status.code(),
    )
}

const ANSWERS: &str = "corp\nsparse+https://crates.example.com/index\nsparse+https://crates.example.com/index/\n\
    disk\nvault\nnone\n\n\nhttps://vault.example.com:8200\n\n";

#[test]
fn questions_until_the_answers_make_sense() {
    let machine = machine();
    let (shown, code) = typed(&machine, &["init"], &format!("{ANSWERS}y\n"));
    assert_eq!(code, Some(0), "{shown}");
    for part in [
        "the registry's name in Cargo's config: ",
        "its index URL:   Cargo refuses a sparse index without a slash at the end",
        "it is one of those, not `disk`",
        "the secret's path, without the mount [cargo/corp]: ",
        "the mount of its KV engine [secret]: ",
        "write these files? [y/N]: ",
        "written: [HOME]/.cargo/credential-bridge.toml\n",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    assert_eq!(files(&machine).len(), 2);
}

#[test]
fn no_is_no() {
    for (answers, said) in [
        (format!("{ANSWERS}n\n"), "error: nothing was written\n"),
        (format!("{ANSWERS}\n"), "error: nothing was written\n"),
        // Ctrl-D
        (
            format!("{ANSWERS}\u{4}"),
            "error: no answer; nothing was written\n",
        ),
    ] {
        let machine = machine();
        let (shown, code) = typed(&machine, &["init"], &answers);
        assert_eq!(code, Some(1), "{shown}");
        assert!(shown.ends_with(said), "{shown}");
        assert_eq!(files(&machine), []);
    }
}

#[test]
fn who_has_said_all_is_asked_but_once() {
    let machine = machine();
    let mut arguments = vec!["init"];
    arguments.extend(REGISTRY);
    arguments.extend("--store aws --account 123456789012 --region eu-west-1 --ci none --secret cargo --field token".split(' '));
    let (shown, code) = typed(&machine, &arguments, "y\n");
    assert_eq!(code, Some(0), "{shown}");
    compare(
        shown,
        str![[r#"
--- /dev/null
+++ [HOME]/.cargo/credential-bridge.toml
@@ -0,0 +1,6 @@
+[backends.corp]
+type = "aws"
+region = "eu-west-1"
+
+[registries."sparse+https://crates.example.com/index/"]
+sources = [ { backend = "corp", secret = "cargo", field = "token" } ]

--- /dev/null
+++ [HOME]/.cargo/config.toml
@@ -0,0 +1,3 @@
+[registries.corp]
+index = "sparse+https://crates.example.com/index/"
+credential-provider = "cargo-credential-bridge"

write these files? [y/N]: written: [HOME]/.cargo/credential-bridge.toml
written: [HOME]/.cargo/config.toml

next:
  cargo-credential-bridge config check

"#]],
    );
}
