use super::system::Chosen;
use super::{Identity, Origin, WorkloadToken};
use crate::{Error, Kind};

/// Whom a token is to be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience<'a> {
    /// The config names it: a token for somebody else is a mistake.
    Named(&'a str),
    /// What the store takes if the config names none, unless it was told to take something else.
    Usual(&'a str),
}

impl<'a> Audience<'a> {
    /// This text, which the config names or does not.
    pub fn new(text: &'a str, is_named: bool) -> Self {
        match is_named {
            true => Self::Named(text),
            false => Self::Usual(text),
        }
    }

    /// As it is asked for.
    pub fn text(self) -> &'a str {
        match self {
            Self::Named(text) | Self::Usual(text) => text,
        }
    }

    /// Whether the token is for the audience that the config names, as far as the token says: the store's refusal would say
    /// less of how to get another.
    pub(super) fn verify(self, token: &WorkloadToken, identity: &Identity) -> Result<(), Error> {
        let Self::Named(named) = self else {
            return Ok(());
        };
        let stated = token.claim("aud");
        if stated.is_empty() || stated.iter().any(|stated| stated == named) {
            return Ok(());
        }
        let stated: Vec<_> = stated.iter().map(|stated| format!("`{stated}`")).collect();
        let help = match &identity.0 {
            Origin::System(system) => match system.audience {
                Chosen::There(help) => help.to_owned(),
                Chosen::Here => format!(
                    "it was asked for that one: ask whoever runs {} for you why it gives another",
                    system.vendor
                ),
            },
            Origin::Supplied(_) => {
                "whoever made it said whom it is for: have it made for that one, or leave `audience` out".to_owned()
            }
        };
        Err(Error::new(
            Kind::Invalid,
            format!(
                "{identity} is for {}, and not for `{named}`",
                stated.join(" and ")
            ),
        )
        .help(help))
    }
}
