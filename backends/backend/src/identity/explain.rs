//! Getting the token, told without doing it.

use super::system::{Chosen, Way};
use super::{Identity, Origin, program};
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
        let system = match &self.0 {
            Origin::System(system) => system,
            Origin::Supplied(supplied) => {
                supplied.check("identity", environment)?;
                return Ok(Step::Read(self.to_string()));
            }
        };
        let way = (system.way)(audience, environment)?;
        Ok(match &way {
            Way::Variable(..) | Way::File(_) => Step::Read(way.place(system)),
            Way::Program(name, arguments) => {
                Step::Run(format!("`{}`", program::shown(name, arguments)))
            }
            Way::Request(request) => {
                let purpose = format!("have {} mint the identity token of this job", system.vendor);
                let audience = audience.filter(|_| system.audience == Chosen::Here);
                Planned::new(request.method.as_str(), request.shown(), purpose)
                    .audience(audience)
                    .into()
            }
        })
    }
}
