//! Getting the token, told without doing it.

use super::{Identity, github};
use crate::{Environment, Error, Planned, Step};

impl Identity {
    /// The identity to use: the given one, if its inputs are here, or the one that this job has.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check) and [`detect`](Self::detect).
    pub fn chosen(given: Option<&Self>, environment: &Environment) -> Result<Self, Error> {
        match given {
            None => Self::detect(environment),
            Some(identity) => {
                identity.check(environment)?;
                Ok(identity.clone())
            }
        }
    }

    /// What [`token`](Self::token) would do.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn explain(
        &self,
        audience: Option<&str>,
        environment: &Environment,
    ) -> Result<Step, Error> {
        self.check(environment)?;
        Ok(match self {
            Self::GitHubActions => {
                let request = github::Request::from_environment(environment)?;
                let purpose = "have GitHub mint the identity token of this job";
                Planned::new("GET", request.shown(), purpose)
                    .audience(audience)
                    .into()
            }
            Self::GitLab | Self::Kubernetes | Self::Supplied(_) => Step::Read(self.to_string()),
        })
    }
}
