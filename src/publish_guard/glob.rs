//! Patterns with `*` and `?`: the whole text, letter for letter, as `StringLike` in a policy of AWS has it.
//!
//! There are crates for patterns. They are made for paths: a `*` that stops at `/`, classes, braces and escapes, none of
//! which a `ref` or the name of a crate should be read by. What is left is a function of one screen.

use core::fmt;

/// `*` stands for any characters, or none; `?` for any one; all others for themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob(String);

impl Glob {
    /// A pattern, `None` if the text is empty, which would stand for nothing that there is.
    pub(crate) fn new(text: String) -> Option<Self> {
        (!text.is_empty()).then_some(Self(text))
    }

    /// Whether it stands for the whole of this text.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let (mut pattern, mut text) = (self.0.chars(), text.chars());
        // Where to go on if what follows the last `*` does not fit: with one character more for the `*`. An earlier one
        // need not be tried again, so the time is at most the product of both lengths.
        let mut last = None;
        loop {
            let at = text.clone();
            match (pattern.next(), text.next()) {
                (Some('*'), _) => {
                    text = at;
                    last = Some((pattern.clone(), text.clone()));
                }
                (Some('?'), Some(_)) => {}
                (Some(wanted), Some(found)) if wanted == found => {}
                (None, None) => return true,
                (_, None) => return false,
                (_, Some(_)) => {
                    let Some((after, rest)) = &mut last else {
                        return false;
                    };
                    rest.next();
                    (pattern, text) = (after.clone(), rest.clone());
                }
            }
        }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(glob: &str, text: &str) -> bool {
        Glob::new(glob.to_owned()).unwrap().matches(text)
    }

    #[test]
    fn the_whole_text_and_every_letter() {
        for (glob, text, expected) in [
            ("acme-core", "acme-core", true),
            ("acme-core", "acme_core", false),
            ("acme-core", "Acme-core", false),
            ("acme-core", "acme-core2", false),
            ("acme-*", "acme-", true),
            ("acme-*", "acme", false),
            ("*-core", "acme-core-core", true),
            ("refs/tags/v*", "refs/tags/v1/2", true),
            ("refs/tags/v?", "refs/tags/v", false),
            ("?", "é", true),
            ("*", "", true),
            ("**", "a", true),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbXb", false),
            ("[a]", "a", false),
            ("a.c", "abc", false),
        ] {
            assert_eq!(matches(glob, text), expected, "{glob} {text}");
        }
        assert_eq!(Glob::new(String::new()), None);
    }

    #[test]
    fn many_stars_take_no_time() {
        let glob = "a*".repeat(200) + "b";
        assert!(!matches(&glob, &"a".repeat(10_000)));
    }

    /// The same as a regular expression.
    fn model(glob: &str) -> regex::Regex {
        let parts = glob.chars().map(|c| match c {
            '*' => ".*".to_owned(),
            '?' => ".".to_owned(),
            other => regex::escape(&other.to_string()),
        });
        regex::Regex::new(&format!(r"(?s)\A{}\z", parts.collect::<String>())).unwrap()
    }

    proptest! {
        #[test]
        fn it_is_the_regular_expression(glob in "[ab*?.é\n-]{1,12}", text in "[ab.é\n-]{0,16}") {
            prop_assert_eq!(matches(&glob, &text), model(&glob).is_match(&text));
        }

        #[test]
        fn whatever_is_written(glob in any::<String>(), text in any::<String>()) {
            prop_assume!(!glob.is_empty());
            prop_assert_eq!(matches(&glob, &text), model(&glob).is_match(&text));
        }
    }
}
