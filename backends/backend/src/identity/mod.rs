//! Workload identity tokens: the OIDC JWT by which a CI job or a pod proves who it is.
//!
//! [`Identity`] names where the token is from, [`Identity::token`] gets it, and [`WorkloadToken::claims`]
//! says what it states, for messages about a refused login.

mod explain;
mod github;
mod token;

use core::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

pub use token::WorkloadToken;

use crate::log::Public;
use crate::value::Supplied;
use crate::{Context, Environment, Error, Kind, Running, step};

/// Where Kubernetes projects the token of a pod's service account.
const KUBERNETES_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// The variable under which a GitLab job that follows our guide names its token (`id_tokens:`).
const GITLAB_TOKEN: &str = "CARGO_ID_TOKEN";

/// Where the workload identity token is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// GitHub Actions, and Forgejo's which has the same variables: minted on request, for any audience.
    GitHubActions,
    /// A GitLab job: the `id_tokens` variable `CARGO_ID_TOKEN`.
    GitLab,
    /// A pod: the projected token of its service account.
    Kubernetes,
    /// A variable or a file of the job's own choice.
    Supplied(Supplied),
}

/// Names that the config table knows, and whether they are built in yet.
const NAMES: &[(&str, Option<Identity>)] = &[
    ("github-actions", Some(Identity::GitHubActions)),
    ("gitlab", Some(Identity::GitLab)),
    ("kubernetes", Some(Identity::Kubernetes)),
    ("circleci", None),
    ("buildkite", None),
    ("azure-pipelines", None),
    ("bitbucket", None),
];

impl Identity {
    /// The identity that this job has: the first whose inputs exist, GitHub's before GitLab's before the
    /// pod's. A job of a CI system that has not been given its identity has none: the pod that its runner is in
    /// is somebody else.
    ///
    /// # Errors
    ///
    /// [`Kind::NotAvailable`] if it has none.
    pub fn detect(environment: &Environment) -> Result<Self, Error> {
        for (identity, job) in [
            (Self::GitHubActions, Some("GITHUB_ACTIONS")),
            (Self::GitLab, Some("GITLAB_CI")),
            (Self::Kubernetes, None),
        ] {
            match identity.check(environment) {
                Ok(()) => return Ok(identity),
                Err(error) if error.kind() != Kind::NotAvailable => return Err(error),
                Err(error) => {
                    if let Some(job) = job
                        && environment.var(job)?.is_some()
                    {
                        return Err(error);
                    }
                }
            }
        }
        Err(Error::new(
            Kind::NotAvailable,
            "no workload identity here: no GitHub, GitLab or Kubernetes token",
        ))
    }

    /// Whether this machine has what the token is made from. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`Kind::NotAvailable`], saying what is missing and how a job gets it.
    pub fn check(&self, environment: &Environment) -> Result<(), Error> {
        match self {
            Self::GitHubActions => github::Request::from_environment(environment).map(drop),
            Self::GitLab if environment.var(GITLAB_TOKEN)?.is_some() => Ok(()),
            Self::GitLab => Err(Error::new(
                Kind::NotAvailable,
                format!("no GitLab identity here: `{GITLAB_TOKEN}` is not set"),
            )
            .help(format!(
                "give the job `id_tokens: {{ {GITLAB_TOKEN}: {{ aud: … }} }}`, or name the job's own variable by \
                 `identity = {{ env = \"NAME\" }}`"
            ))),
            Self::Kubernetes if Path::new(KUBERNETES_TOKEN).exists() => Ok(()),
            Self::Kubernetes => Err(Error::new(
                Kind::NotAvailable,
                format!("no Kubernetes identity here: `{KUBERNETES_TOKEN}` does not exist"),
            )),
            Self::Supplied(supplied) => supplied.check("identity", environment),
        }
    }

    /// Whether the token is made when it is asked for, for the audience that is asked for.
    pub fn is_minted(&self) -> bool {
        *self == Self::GitHubActions
    }

    /// Gets the token. `audience` is whom it is for; only an identity that is minted on request can heed it,
    /// the others carry what the job's author wrote down.
    ///
    /// # Errors
    ///
    /// [`Kind::NotAvailable`] as [`check`](Self::check); [`Kind::Unavailable`], [`Kind::Unauthenticated`] and
    /// their like if the CI system does not mint it.
    pub fn token<'a>(
        &'a self,
        audience: Option<&'a str>,
        context: &'a Context,
    ) -> Running<'a, Result<WorkloadToken, Error>> {
        Box::pin(async move {
            let environment = &context.environment;
            let absent = || self.check(environment).err();
            step!("identity", from = *self);
            let text = match self {
                Self::GitHubActions => {
                    return github::Request::from_environment(environment)?
                        .send(audience, context)
                        .await;
                }
                Self::GitLab => environment.var(GITLAB_TOKEN)?,
                Self::Kubernetes => environment
                    .read_text("the service account token", Path::new(KUBERNETES_TOKEN))?,
                Self::Supplied(supplied) => Some(supplied.read("identity", environment)?),
            };
            match text {
                Some(text) => WorkloadToken::new(text.trim().to_owned(), self),
                None => Err(absent().unwrap_or_else(|| {
                    Error::new(
                        Kind::NotAvailable,
                        format!("no identity here: {self} is gone"),
                    )
                })),
            }
        })
    }
}

impl Public for Identity {}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GitHubActions => f.write_str("the identity token of this GitHub job"),
            Self::GitLab => write!(f, "the identity token of this GitLab job, `{GITLAB_TOKEN}`"),
            Self::Kubernetes => f.write_str("the service account token of this pod"),
            Self::Supplied(supplied) => write!(f, "the identity token in {supplied}"),
        }
    }
}

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdentityVisitor;

        impl<'de> Visitor<'de> for IdentityVisitor {
            type Value = Identity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "the name of a CI system, `{ env = \"NAME\" }` or `{ file = \"PATH\" }`",
                )
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
                const KNOWN: &[&str] = &["github-actions", "gitlab", "kubernetes"];
                match NAMES.iter().find(|(known, _)| *known == name) {
                    Some((_, Some(identity))) => Ok(identity.clone()),
                    Some((name, None)) => Err(E::custom(format_args!(
                        "the identity `{name}` is not built in yet; `{{ env = \"NAME\" }}` reads the job's token"
                    ))),
                    None => Err(E::unknown_variant(name, KNOWN)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Supplied::from_map(map).map(Identity::Supplied)
            }
        }

        deserializer.deserialize_any(IdentityVisitor)
    }
}

/// An identity in a file, as a pod's projected token for another audience is.
impl From<PathBuf> for Identity {
    fn from(path: PathBuf) -> Self {
        Self::Supplied(Supplied::File(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::fixed(variables.iter().copied(), "/nonexistent")
    }

    #[test]
    fn the_job_decides_which_identity_it_has() {
        let github = ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://example.com/?x=1");
        let token = ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t");
        let gitlab = ("CARGO_ID_TOKEN", "a.b.c");
        for (variables, expected) in [
            (vec![github, token, gitlab], Some(Identity::GitHubActions)),
            (vec![github, gitlab], Some(Identity::GitLab)),
            (vec![gitlab], Some(Identity::GitLab)),
            (vec![], None),
        ] {
            assert_eq!(
                Identity::detect(&environment(&variables)).ok(),
                expected,
                "{variables:?}"
            );
        }
    }

    #[test]
    fn a_job_without_its_identity_is_told_and_is_not_the_pod_of_its_runner() {
        for (job, help) in [
            ("GITHUB_ACTIONS", "id-token: write"),
            ("GITLAB_CI", "id_tokens"),
        ] {
            let error = Identity::detect(&environment(&[(job, "true")])).unwrap_err();
            assert_eq!(error.kind(), Kind::NotAvailable);
            assert!(error.what().contains("identity here"), "{error}");
            assert!(
                error.help_text().is_some_and(|text| text.contains(help)),
                "{error:?}"
            );
        }
    }
}
