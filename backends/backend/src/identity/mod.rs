//! Workload identity tokens: the OIDC JWT by which a CI job or a pod proves who it is.
//!
//! [`Identity`] names where the token is from, [`Identity::token`] gets it, and [`WorkloadToken::claims`]
//! says what it states, for messages about a refused login.
//!
//! Each system that gives its jobs an identity is a module of the same shape, with what its vendor's documentation says of
//! it. Most mint a token on request: they are asked over HTTP by ourselves, where that is documented or its source is open,
//! as that takes no program in the job's container.

mod audience;
mod azure_pipelines;
mod bitbucket;
mod buildkite;
mod circleci;
mod explain;
mod forgejo;
mod github;
mod gitlab;
mod kubernetes;
mod mint;
mod program;
mod system;
#[cfg(test)]
mod tests;
mod token;
mod wire;

use core::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

pub use audience::Audience;
pub use token::WorkloadToken;

use crate::log::Public;
use crate::value::Supplied;
use crate::{Context, Environment, Error, Kind, Running, step};
use system::{Chosen, SYSTEMS, System, Way};

/// Where the workload identity token is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(Origin);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    /// A CI system, or a cluster.
    System(&'static System),
    /// A variable or a file of the job's own choice.
    Supplied(Supplied),
}

impl Identity {
    /// A pod: the projected token of its service account.
    pub const KUBERNETES: Self = Self(Origin::System(&kubernetes::SYSTEM));

    /// The identity that this job has.
    ///
    /// A job is one of the system whose marker it has (`GITHUB_ACTIONS` and its like), whatever another left behind, and the
    /// first of them in the order of the table if it has several. If it has not been given its identity it has none: the one
    /// of a job around it, or of the pod that its runner is in, is somebody else. Without any marker, as in a container that
    /// has only what it takes, it is the first whose inputs exist.
    ///
    /// # Errors
    ///
    /// [`Kind::NotAvailable`] if it has none.
    pub fn detect(environment: &Environment) -> Result<Self, Error> {
        for system in SYSTEMS {
            if let Some(marker) = system.marker
                && environment.var(marker)?.is_some()
            {
                (system.way)(None, environment)?;
                return Ok(Self(Origin::System(system)));
            }
        }
        for system in SYSTEMS {
            match (system.way)(None, environment) {
                Ok(_) => return Ok(Self(Origin::System(system))),
                Err(error) if error.kind() == Kind::NotAvailable => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(
            Kind::NotAvailable,
            "no workload identity here: neither a CI job's token nor a pod's",
        ))
    }

    /// Whether this machine has what the token is made from. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`Kind::NotAvailable`], saying what is missing and how a job gets it.
    pub fn check(&self, environment: &Environment) -> Result<(), Error> {
        match &self.0 {
            Origin::System(system) => (system.way)(None, environment).map(drop),
            Origin::Supplied(supplied) => supplied.check("identity", environment),
        }
    }

    /// Whether the token is made when it is asked for, for the audience that is asked for.
    pub fn is_minted(&self) -> bool {
        matches!(&self.0, Origin::System(system) if system.audience == Chosen::Here)
    }

    /// Gets the token. `audience` is whom it is for; only an identity that is minted on request can heed it,
    /// the others carry what the job's author wrote down.
    ///
    /// # Errors
    ///
    /// [`Kind::NotAvailable`] as [`check`](Self::check); [`Kind::Unavailable`], [`Kind::Unauthenticated`] and
    /// their like if the CI system does not mint it; [`Kind::Invalid`] if it is not for the audience that is named.
    pub fn token<'a>(
        &'a self,
        audience: Option<Audience<'a>>,
        context: &'a Context,
    ) -> Running<'a, Result<WorkloadToken, Error>> {
        Box::pin(async move {
            step!("identity", from = *self);
            let token = match &self.0 {
                Origin::System(system) => {
                    let way = (system.way)(audience.map(Audience::text), &context.environment)?;
                    let place = way.place(system);
                    WorkloadToken::new(way.take(system, context).await?, place)?
                }
                Origin::Supplied(supplied) => {
                    let text = supplied.read("identity", &context.environment)?;
                    WorkloadToken::new(text.into(), self)?
                }
            };
            match audience {
                Some(audience) => audience.verify(&token, self).map(|()| token),
                None => Ok(token),
            }
        })
    }
}

impl Way {
    /// What messages call the token that is got in this way.
    fn place(&self, system: &System) -> String {
        match self {
            Self::Variable(name, _) => format!("{}, `{name}`", system.token),
            Self::File(_) | Self::Request(_) | Self::Program(..) => system.token.to_owned(),
        }
    }

    async fn take(self, system: &System, context: &Context) -> Result<SecretString, Error> {
        let text = match self {
            Self::Variable(_, token) => token,
            Self::File(path) => context
                .environment
                .read_text("the service account token", Path::new(path))?
                .ok_or_else(|| {
                    Error::new(
                        Kind::NotAvailable,
                        format!("no identity here: {} is gone", system.token),
                    )
                })?
                .into(),
            Self::Request(request) => return request.send(context).await,
            Self::Program(name, arguments) => {
                program::ask(system, name, &arguments, context).await?
            }
        };
        Ok(SecretString::from(text.expose_secret().trim()))
    }
}

impl Public for Identity {}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Origin::System(system) => f.write_str(system.token),
            Origin::Supplied(supplied) => write!(f, "the identity token in {supplied}"),
        }
    }
}

/// An identity in a file, as a pod's projected token for another audience is.
impl From<PathBuf> for Identity {
    fn from(path: PathBuf) -> Self {
        Self(Origin::Supplied(Supplied::File(path)))
    }
}
