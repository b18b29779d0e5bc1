use crate::Error;

/// What a store says of this job and of a secret, besides the secret itself: plain data, for a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Who this job is, as the store sees it: `identity`, `policies`, `ttl` and the like.
    pub identity: Vec<Fact>,
    /// What is known of the secret: its `version`, and when that was `created` or the secret `changed` (RFC 3339).
    pub secret: Vec<Fact>,
    /// Why the store does not know this job, where a refused fetch alone does not tell.
    pub refusal: Option<Error>,
}

/// One thing that a store says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub name: &'static str,
    /// What is said, without anything secret in it and fit for a message.
    pub value: String,
}

impl Fact {
    /// What is said of `name`, if something is.
    pub fn of(name: &'static str, value: Option<impl Into<String>>) -> Option<Self> {
        let value = value.map(Into::into).filter(|value| !value.is_empty())?;
        Some(Self { name, value })
    }
}
