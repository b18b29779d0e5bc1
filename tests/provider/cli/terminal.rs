//! On a terminal.

use snapbox::str;
use test_servers::Run;
use test_servers::provider::Terminal;

use super::get::TOKEN;
use super::{URL, compare, provider};

/// Runs with one output on a terminal of its own.
fn on_a_terminal(terminal: Terminal, arguments: &[&str], no_color: &str) -> Run {
    provider()
        .env("NO_COLOR", no_color)
        .tool_on(terminal, arguments)
}

#[test]
fn a_terminal_shows_the_token_only_if_that_is_wanted() {
    let run = on_a_terminal(Terminal::Output, &["get", URL], "");
    assert_eq!((run.stdout.as_str(), run.code), ("", Some(2)));
    compare(
        run.stderr,
        str![[r#"
error: the token would stand on the terminal
help: pipe it into the program that takes it, or say `--show` if it is to be seen

"#]],
    );
    let run = on_a_terminal(Terminal::Output, &["get", URL, "--show"], "");
    assert_eq!(
        (run.stdout, run.stderr, run.code),
        (format!("{TOKEN}\r\n"), String::new(), Some(0))
    );
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    const ESCAPE: char = '\u{1b}';
    for (terminal, arguments) in [
        (Terminal::Output, &["explain", URL][..]),
        (Terminal::Output, &["doctor", URL]),
        (Terminal::Output, &["--help"]),
        (Terminal::Errors, &["get", "nothing"]),
    ] {
        let shown = |no_color| {
            let run = on_a_terminal(terminal, arguments, no_color);
            match terminal {
                Terminal::Output => run.stdout,
                Terminal::Errors => run.stderr,
            }
        };
        let coloured = shown("");
        assert!(coloured.contains(ESCAPE), "{coloured}");
        let plain = shown("1");
        assert!(!plain.is_empty() && !plain.contains(ESCAPE), "{plain}");
    }
    let run = provider().env("TERM", "xterm").tool(&["explain", URL]);
    assert!(!run.stdout.contains(ESCAPE), "{}", run.stdout);
}
