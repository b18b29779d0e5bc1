//! On a terminal.

use std::fs::File;
use std::io::Read as _;
use std::process::Stdio;

use nix::pty::openpty;
use snapbox::str;

use super::get::TOKEN;
use super::{URL, compare, provider};

/// Runs with standard output on a terminal of its own; what stood on it, standard error and the status.
fn on_a_terminal(arguments: &[&str]) -> (String, String, Option<i32>) {
    let terminal = openpty(None, None).expect("there are terminals");
    let provider = provider();
    let mut command = provider.command_with(arguments);
    let child = command
        .stdin(Stdio::null())
        .stdout(terminal.slave)
        .spawn()
        .expect("the provider can be started");
    // Its end of the terminal is the last one only when ours is closed.
    drop(command);
    let reader = std::thread::spawn(move || {
        let mut shown = Vec::new();
        // The end of a terminal is an error on Linux.
        let _ = File::from(terminal.master).read_to_end(&mut shown);
        String::from_utf8(shown).expect("the provider prints UTF-8")
    });
    let output = child.wait_with_output().expect("the provider is our child");
    (
        reader.join().expect("reading does not panic"),
        String::from_utf8(output.stderr).expect("the provider prints UTF-8"),
        output.status.code(),
    )
}

#[test]
fn a_terminal_shows_the_token_only_if_that_is_wanted() {
    let (shown, errors, code) = on_a_terminal(&["get", URL]);
    assert_eq!((shown.as_str(), code), ("", Some(2)));
    compare(
        errors,
        str![[r#"
error: the token would stand on the terminal
help: pipe it into the program that takes it, or say `--show` if it is to be seen

"#]],
    );
    let (shown, errors, code) = on_a_terminal(&["get", URL, "--show"]);
    assert_eq!(
        (shown, errors, code),
        (format!("{TOKEN}\r\n"), String::new(), Some(0))
    );
}
