//! On a terminal.

use std::fs::File;
use std::io::Read as _;
use std::process::Stdio;

use nix::pty::openpty;
use snapbox::str;

use super::get::TOKEN;
use super::{URL, compare, provider};

/// Which output is on a terminal; the other is a pipe.
#[derive(Clone, Copy)]
enum On {
    Output,
    Errors,
}

/// Runs with one output on a terminal of its own: what stood on it, the other output and the status.
fn on_a_terminal(on: On, arguments: &[&str], no_color: &str) -> (String, String, Option<i32>) {
    let terminal = openpty(None, None).expect("there are terminals");
    let provider = provider().env("TERM", "xterm").env("NO_COLOR", no_color);
    let mut command = provider.command_with(arguments);
    command.stdin(Stdio::null());
    match on {
        On::Output => command.stdout(terminal.slave),
        On::Errors => command.stderr(terminal.slave),
    };
    let child = command.spawn().expect("the provider can be started");
    // Its end of the terminal is the last one only when ours is closed.
    drop(command);
    let reader = std::thread::spawn(move || {
        let mut shown = Vec::new();
        // The end of a terminal is an error on Linux.
        let _ = File::from(terminal.master).read_to_end(&mut shown);
        String::from_utf8(shown).expect("the provider prints UTF-8")
    });
    let output = child.wait_with_output().expect("the provider is our child");
    let other = match on {
        On::Output => output.stderr,
        On::Errors => output.stdout,
    };
    (
        reader.join().expect("reading does not panic"),
        String::from_utf8(other).expect("the provider prints UTF-8"),
        output.status.code(),
    )
}

#[test]
fn a_terminal_shows_the_token_only_if_that_is_wanted() {
    let (shown, errors, code) = on_a_terminal(On::Output, &["get", URL], "");
    assert_eq!((shown.as_str(), code), ("", Some(2)));
    compare(
        errors,
        str![[r#"
error: the token would stand on the terminal
help: pipe it into the program that takes it, or say `--show` if it is to be seen

"#]],
    );
    let (shown, errors, code) = on_a_terminal(On::Output, &["get", URL, "--show"], "");
    assert_eq!(
        (shown, errors, code),
        (format!("{TOKEN}\r\n"), String::new(), Some(0))
    );
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    const ESCAPE: char = '\u{1b}';
    for (on, arguments) in [
        (On::Output, &["explain", URL][..]),
        (On::Output, &["--help"]),
        (On::Errors, &["get", "nothing"]),
    ] {
        let (shown, _, _) = on_a_terminal(on, arguments, "");
        assert!(shown.contains(ESCAPE), "{shown}");
        let (shown, _, _) = on_a_terminal(on, arguments, "1");
        assert!(!shown.is_empty() && !shown.contains(ESCAPE), "{shown}");
    }
    let run = provider().env("TERM", "xterm").tool(&["explain", URL]);
    assert!(!run.stdout.contains(ESCAPE), "{}", run.stdout);
}
