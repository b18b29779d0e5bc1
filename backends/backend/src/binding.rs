use core::fmt;

use crate::{Error, Payload};

/// What a store says of the registries that a secret is for: the text as it is kept there, which may be anything.
///
/// What the secret itself says, in its fields, is not told here: it is in the [`Payload`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Where that is said, as messages call it: the tag `index-url`.
    pub said_in: String,
    /// What is said: index URLs, separated by white space.
    pub urls: String,
}

/// Whoever decides whether a secret may be changed, by what is said of it.
pub trait Consent: fmt::Debug + Sync {
    /// Whether the secret that is `before` may be changed, of which its store says `said`.
    ///
    /// # Errors
    ///
    /// Why not.
    fn check(&self, before: Option<&Payload>, said: Option<&Binding>) -> Result<(), Error>;
}
