use core::error::Error as StdError;
use core::fmt;

/// Why a backend has no secret to give. The kind alone decides what the chain does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The store was asked and has no such secret, or only a deleted one. The next source is asked.
    NotFound,
    /// This machine has no way to use the store: no identity for it, no address. The next source is asked.
    NotAvailable,
    /// The store refused the identity. No other source is asked: that would silently swap identities.
    Unauthenticated,
    /// The store knows the identity and does not let it read this secret, or the secret is for others. No other source is
    /// asked.
    PermissionDenied,
    /// The store could not be reached or could not answer. No other source is asked, unless the registry
    /// says `on-unavailable = "next"`.
    Unavailable,
    /// As [`Kind::Unavailable`], because the deadline came first.
    Timeout,
    /// The settings, or what the store answered, make no sense. No other source is asked.
    Invalid,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not-found",
            Self::NotAvailable => "not-available",
            Self::Unauthenticated => "unauthenticated",
            Self::PermissionDenied => "permission-denied",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Invalid => "invalid",
        })
    }
}

/// A failure, as facts: what failed, what was asked, what was answered, and what to do about it.
///
/// No part of it may hold a secret. The text that people read is put together in one place, by whoever
/// answers Cargo or prints a report, from [`what`](Self::what), [`causes`](Self::causes) and
/// [`help`](Self::help), in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    what: String,
    causes: Vec<String>,
    help: Option<String>,
}

impl Error {
    /// A failure of `kind`; `what` says what failed in the user's terms: lower case, no full stop,
    /// literals in backticks.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            causes: Vec::new(),
            help: None,
        }
    }

    /// Adds a cause below those already there: the request and its status, the server's own words, an
    /// operating system's error.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        let cause = cause.into();
        if !cause.is_empty() {
            self.causes.push(cause);
        }
        self
    }

    /// Adds several causes, as [`because`](Self::because), outermost first.
    #[must_use]
    pub fn because_all(self, causes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        causes.into_iter().fold(self, Self::because)
    }

    /// Adds an error and everything below it as causes, leaving out what repeats the line above it.
    #[must_use]
    pub fn because_of(mut self, error: &(dyn StdError + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            if !self
                .causes
                .last()
                .is_some_and(|above| above.contains(&text))
            {
                self = self.because(text);
            }
            next = error.source();
        }
        self
    }

    /// One failure for several, none of which is the whole story: the only one as it is; of more, each becomes a
    /// cause, and the first that knows what to do says so.
    #[must_use]
    pub fn joined(kind: Kind, what: impl Into<String>, mut errors: Vec<Self>) -> Self {
        if errors.len() == 1 {
            return errors.remove(0);
        }
        let joined = Self::new(kind, what).because_all(errors.iter().map(Self::to_string));
        match errors.iter().find_map(Self::help_text) {
            Some(help) => joined.help(help),
            None => joined,
        }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The kind, which decides what happens next.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What failed, in the user's terms.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The request and status, the server's own words, the operating system's error, outermost first.
    pub fn causes(&self) -> &[String] {
        &self.causes
    }

    /// What to do about it.
    pub fn help_text(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        for cause in &self.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl StdError for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_do_not_repeat_each_other() {
        let inner = std::io::Error::other("connection refused");
        let error = Error::new(Kind::Unavailable, "can't reach `https://vault.example.com`")
            .because("connect: connection refused")
            .because_of(&inner);
        assert_eq!(error.causes(), ["connect: connection refused"]);
        assert_eq!(
            error.to_string(),
            "can't reach `https://vault.example.com`: connect: connection refused"
        );
    }

    #[test]
    fn several_are_one_with_the_first_help() {
        let no = |what: &str| Error::new(Kind::NotFound, what);
        let joined = |errors| Error::joined(Kind::NotAvailable, "nowhere", errors);
        assert_eq!(joined(vec![no("one")]), no("one"));
        let many = joined(vec![no("one"), no("two").help("2"), no("three").help("3")]);
        assert_eq!(many.kind(), Kind::NotAvailable);
        assert_eq!(many.to_string(), "nowhere: one: two: three");
        assert_eq!(many.help_text(), Some("2"));
        assert_eq!(joined(Vec::new()).help_text(), None);
    }

    #[test]
    fn the_log_has_a_word_for_each_kind() {
        for (kind, word) in [
            (Kind::NotFound, "not-found"),
            (Kind::Unauthenticated, "unauthenticated"),
            (Kind::PermissionDenied, "permission-denied"),
        ] {
            assert_eq!(kind.to_string(), word);
        }
    }
}
