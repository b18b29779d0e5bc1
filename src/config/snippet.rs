//! Showing the line of the config that a fault is in, and no secret with it.

use core::ops::Range;

/// How much of the line with the fault is shown; anything in a config may be a misplaced secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// All but the insides of strings. The message names those that matter.
    Line,
    /// The key only: what follows is not TOML, so nothing tells where a string ends.
    Key,
}

/// The line at `span`, with a caret below, as compilers show it.
pub(super) fn snippet(origin: &str, text: &str, span: &Range<usize>, shown: Shown) -> String {
    let start = floor(text, span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |end| end + 1);
    let line_end = text[start..]
        .find('\n')
        .map_or(text.len(), |end| start + end);
    let number = text[..start].matches('\n').count() + 1;
    let column = text[line_start..start].chars().count() + 1;
    let end = floor(text, span.end).clamp(start, line_end);

    let (line, before, width) = match shown {
        Shown::Line => {
            let count = |end| masked(text, line_start..end).chars().count();
            (
                masked(text, line_start..line_end),
                count(start),
                count(end).saturating_sub(count(start)),
            )
        }
        Shown::Key => match text[line_start..line_end].split_once('=') {
            Some((key, _)) => (
                format!("{key}= …"),
                (column - 1).min(key.chars().count() + 2),
                1,
            ),
            // It may be the rest of a secret, or nothing but one.
            None => ("…".to_owned(), 0, 1),
        },
    };
    let gutter = " ".repeat(number.to_string().len());
    format!(
        "{gutter}--> {origin}:{number}:{column}\n{gutter} |\n{number} | {}\n{gutter} | {}{}",
        line.trim_end(),
        " ".repeat(before),
        "^".repeat(width.max(1))
    )
}

/// `line` without its comment and with the inside of every string struck out.
fn masked(text: &str, line: Range<usize>) -> String {
    let before = &text[..line.start];
    // Inside of a string of several lines nothing tells what is what.
    let is_inside = |quotes: &str| before.matches(quotes).count() % 2 == 1;
    if is_inside("\"\"\"") || is_inside("'''") {
        return "…".to_owned();
    }
    let mut shown = String::new();
    let mut quote = None;
    let mut is_escaped = false;
    for character in text[line].chars() {
        match quote {
            None if character == '#' => break,
            None => {
                shown.push(character);
                if matches!(character, '"' | '\'') {
                    quote = Some(character);
                    shown.push('…');
                }
            }
            Some(open) => {
                if character == open && !is_escaped {
                    quote = None;
                    shown.push(character);
                }
                is_escaped = character == '\\' && open == '"' && !is_escaped;
            }
        }
    }
    shown
}

/// The start of the character at byte `index`.
fn floor(text: &str, index: usize) -> usize {
    text.floor_char_boundary(index.min(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, what: &str, shown: Shown) -> String {
        let start = text.find(what).unwrap();
        snippet("`c.toml`", text, &(start..start + what.len()), shown)
    }

    #[test]
    fn strings_on_the_line_are_struck_out() {
        let text = "a = 1\nauth = { metod = \"jwt\", token = \"hvs.x\\\"y\", z = 'q' } # \"c\n";
        assert_eq!(
            place(text, "metod", Shown::Line),
            " --> `c.toml`:2:10\n  |\n2 | auth = { metod = \"…\", token = \"…\", z = '…' }\n  |          ^^^^^"
        );
    }

    #[test]
    fn a_string_at_the_place_itself_is_struck_out_as_well() {
        let shown = place("address = \"ftp://x\"", "\"ftp://x\"", Shown::Line);
        assert!(
            shown.ends_with("1 | address = \"…\"\n  |           ^^^"),
            "{shown}"
        );
    }

    #[test]
    fn what_is_not_toml_is_not_shown() {
        let text = "[a]\ntoken = hvs.secret";
        assert!(place(text, "secret", Shown::Key).ends_with("2 | token = …\n  |         ^"));
    }

    #[test]
    fn inside_of_a_long_string_nothing_is_shown() {
        let text = "x = \"\"\"\nhvs.secret\n\"\"\"";
        assert!(place(text, "secret", Shown::Line).contains("2 | …\n"));
    }

    #[test]
    fn any_place_in_any_text() {
        for text in ["", "é = \"ü\"", "\n\n", "\"\"\""] {
            for start in 0..=text.len() + 1 {
                for end in start..=text.len() + 2 {
                    for shown in [Shown::Line, Shown::Key] {
                        snippet("`c.toml`", text, &(start..end), shown);
                    }
                }
            }
        }
    }
}
