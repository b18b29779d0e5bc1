use core::fmt;
use core::ops::Range;

use cargo_credential_bridge_backend::{Error, Kind};
use serde::de::{self, Expected, Unexpected};

use super::snippet::{Shown, snippet};

/// Something in the config that makes no sense, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault(Box<Facts>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Facts {
    message: String,
    span: Option<Range<usize>>,
    help: Option<String>,
    /// The key that is not known, to find its place by when it surfaces further out, and those that are.
    unknown: Option<(String, Vec<String>)>,
    shown: Shown,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Facts {
            message: message.into(),
            span: None,
            help: None,
            unknown: None,
            shown: Shown::Line,
        }))
    }

    /// Text that is not TOML.
    pub(crate) fn syntax(error: &toml::de::Error) -> Self {
        let mut fault = Self::new(format!("not TOML: {}", error.message()));
        fault.0.shown = Shown::Key;
        match error.span() {
            Some(span) => fault.at(span),
            None => fault,
        }
    }

    /// A key or name that nobody knows, with the nearest of those that are known.
    pub(crate) fn unknown(what: &str, name: &str, known: &[&str]) -> Self {
        let mut fault = Self::new(format!("unknown {what} `{name}`")).help(suggestion(name, known));
        let known = known.iter().map(|&known| known.to_owned()).collect();
        fault.0.unknown = Some((name.to_owned(), known));
        fault
    }

    /// Says where, unless a place further in is known already.
    #[must_use]
    pub(crate) fn at(mut self, span: Range<usize>) -> Self {
        self.0.span.get_or_insert(span);
        self
    }

    /// As [`at`](Self::at); but if it is about an unknown key and one of `keys` is it, there.
    #[must_use]
    pub(crate) fn within(self, span: Range<usize>, keys: &[(String, Range<usize>)]) -> Self {
        let unknown = self.0.unknown.as_ref().map(|(unknown, _)| unknown);
        match keys.iter().find(|(key, _)| Some(key) == unknown) {
            Some((_, span)) => self.at(span.clone()),
            None => self.at(span),
        }
    }

    /// For tests: what could have been in the place of an unknown key.
    #[cfg(test)]
    pub(crate) fn known(&self) -> Option<&[String]> {
        self.0.unknown.as_ref().map(|(_, known)| known.as_slice())
    }

    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// If it is about an unknown key which is one of those `here`, and not further in, `keys` could have been there as well.
    #[must_use]
    pub(crate) fn also_known(mut self, keys: &[&str], here: &[String]) -> Self {
        if let Some((name, known)) = &mut self.0.unknown
            && here.contains(name)
        {
            known.extend(keys.iter().map(|&key| key.to_owned()));
            let known: Vec<_> = known.iter().map(String::as_str).collect();
            self.0.help = Some(suggestion(name, &known));
        }
        self
    }

    /// The error for a person: message, place with a caret, help. `origin` is the path or variable that the
    /// text is from.
    pub(crate) fn explain(&self, origin: &str, text: &str) -> Error {
        let facts = &self.0;
        let place = match &facts.span {
            Some(span) => snippet(origin, text, span, facts.shown),
            None => format!("in {origin}"),
        };
        let error =
            Error::new(Kind::Invalid, format!("bad config: {}", facts.message)).because(place);
        match &facts.help {
            Some(help) => error.help(help.as_str()),
            None => error,
        }
    }
}

/// The known name that is most like `name`, or all of them if none is like it.
fn suggestion(name: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, _)| *distance <= (name.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((_, nearest)) => format!("did you mean `{nearest}`?"),
        None if known.is_empty() => "nothing can be set here".to_owned(),
        None => format!("known here: {}", list(known)),
    }
}

fn list(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl core::error::Error for Fault {}

/// What serde reports, without the values that it found.
impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Bool(_) => "a boolean",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
            Unexpected::Float(_) => "a float",
            Unexpected::Str(_) => "a string",
            Unexpected::Seq => "an array",
            Unexpected::Map => "a table",
            Unexpected::Other(other) => other,
            _ => "something else",
        };
        Self::new(format!("expected {expected}, found {found}"))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match found {
            Unexpected::Unsigned(number) => {
                Self::new(format!("expected {expected}, found {number}"))
            }
            Unexpected::Signed(number) => Self::new(format!("expected {expected}, found {number}")),
            _ => Self::new(format!("expected {expected}")),
        }
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, found {length} of them"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        // The value is not repeated: a variable of the job may have been put in its place.
        Self::new("unknown value").help(suggestion(variant, expected))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown("key", field, expected)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is missing"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is there twice"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_only_if_it_is_near() {
        let help = |name| {
            Fault::unknown("key", name, &["address", "namespace"])
                .0
                .help
                .unwrap()
        };
        assert_eq!(help("adress"), "did you mean `address`?");
        assert_eq!(help("zzz"), "known here: `address`, `namespace`");
    }
}
