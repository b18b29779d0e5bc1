//! What an answer would take, told without doing it: the choice of the method and the requests are those of `auth`, `read`
//! and `client`.

use cargo_credential_bridge_backend::identity::Identity;
use cargo_credential_bridge_backend::{Choice, Error, Kind, Planned, Step, Value};
use rustify::Endpoint;
use vaultrs::api::sys::requests::UnwrapRequest;
use vaultrs::api::token::requests::RevokeTokenSelfRequest;

use crate::auth::{self, CertLogin};
use crate::client::Session;
use crate::config::{KvVersion, Place, Reference};
use crate::method::{Method, Proof};
use crate::token::TokenPlace;

impl Session {
    /// Adds what logging in, reading and revoking would take.
    pub(crate) async fn explain(
        &self,
        reference: &Reference,
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        if self.address.scheme() == "unix" {
            steps.push(Step::Read(format!("the socket `{}`", self.address)));
        }
        let is_login = self.explain_login(steps).await?;
        let environment = &self.context.environment;
        let read = "read the secret";
        steps.push(
            match &reference.0 {
                Place::Raw { path } => {
                    let path = path.resolve("raw-path", environment)?;
                    self.planned(&self.raw_request(&path)?, read)?
                }
                Place::Kv { path, version } => {
                    let path = path.resolve("path", environment)?;
                    match self.kv_version {
                        KvVersion::V1 => {
                            self.planned(&self.kv1_request(reference, &path, *version)?, read)?
                        }
                        KvVersion::V2 => {
                            self.planned(&self.kv2_request(reference, &path, *version)?, read)?
                        }
                    }
                }
            }
            .into(),
        );
        if is_login {
            let revoke = self.planned(&RevokeTokenSelfRequest {}, "revoke the login")?;
            let when = match &reference.0 {
                Place::Kv { .. } => "after the answer, unless the login gave a batch token",
                Place::Raw { .. } => {
                    "after the answer, unless the secret is leased or the login gave a batch token"
                }
            };
            steps.push(revoke.only(when).into());
        }
        Ok(())
    }

    /// Adds the login; whether it is one of our own, to be revoked.
    async fn explain_login(&self, steps: &mut Vec<Step>) -> Result<bool, Error> {
        let mut choice = Choice::new(steps);
        for method in &self.auth {
            let mut own = Vec::new();
            let outcome = match method.check(self) {
                Ok(()) => method.explain(self, &mut own).await,
                Err(error) => Err(error),
            };
            let is_login = outcome.as_ref().is_ok_and(|taken| taken.is_login);
            let outcome = outcome.map(|taken| taken.identity);
            if choice.settle(method.name(), own, outcome)? {
                return Ok(is_login);
            }
        }
        let missing = choice.missing();
        if !missing.is_empty() {
            return Err(auth::no_way(self, missing));
        }
        let (identity, step) = match TokenPlace::find(self.dialect, &self.context.environment) {
            Ok(place) => own_token(&place, self),
            Err(error) if error.kind() == Kind::NotAvailable && self.is_agent => {
                ("the agent's identity".to_owned(), None)
            }
            Err(error) => return Err(error),
        };
        steps.push(Step::Taken {
            method: "token".to_owned(),
            identity,
        });
        steps.extend(step);
        Ok(false)
    }

    fn planned<E: Endpoint>(&self, endpoint: &E, purpose: &str) -> Result<Planned, Error> {
        let request = self.request(endpoint)?;
        Ok(Planned::new(
            request.method().as_str(),
            request.uri().to_string(),
            purpose,
        ))
    }
}

/// Whom a method makes us.
struct Taken {
    identity: String,
    /// Whether it gives a token of its own, which is revoked.
    is_login: bool,
}

impl Method {
    pub(crate) fn name(&self) -> &'static str {
        match &self.proof {
            Proof::Token { .. } => "token",
            Proof::Jwt { .. } => "jwt",
            Proof::Kubernetes { .. } => "kubernetes",
            Proof::AppRole { .. } => "approle",
            Proof::Cert { .. } => "cert",
            #[cfg(feature = "aws")]
            Proof::Aws { .. } => "aws",
            #[cfg(feature = "gcp")]
            Proof::Gcp { .. } => "gcp",
        }
    }

    /// Adds what `login` would take.
    async fn explain(&self, session: &Session, steps: &mut Vec<Step>) -> Result<Taken, Error> {
        let environment = &session.context.environment;
        let optional = |value: &Option<Value>, key: &str| {
            Value::resolve_optional(value.as_ref(), key, environment)
        };
        let log_in = "log in";
        let (role, login) = match &self.proof {
            Proof::Token { token } => {
                let (identity, step) = match token {
                    Some(token) => (format!("the token in {token}"), None),
                    None => own_token(&TokenPlace::find(session.dialect, environment)?, session),
                };
                steps.extend(step);
                return Ok(Taken {
                    identity,
                    is_login: false,
                });
            }
            Proof::Jwt {
                mount,
                role,
                audience,
                identity,
            } => {
                let identity = Identity::chosen(identity.as_ref(), environment)?;
                let audience = optional(audience, "audience")?;
                let role = optional(role, "role")?;
                steps.push(identity.explain(audience.as_deref(), environment)?);
                let request = auth::jwt_request(mount, role.clone(), String::new());
                (role, session.planned(&request, log_in)?)
            }
            Proof::Kubernetes {
                mount,
                role,
                identity,
            } => {
                let role = role.resolve("role", environment)?;
                steps.push(identity.explain(None, environment)?);
                let request = auth::kubernetes_request(mount, role.clone(), String::new());
                (Some(role), session.planned(&request, log_in)?)
            }
            Proof::AppRole {
                mount,
                role_id,
                wrapped,
                ..
            } => {
                let role_id = role_id.resolve("role-id", environment)?;
                if *wrapped {
                    let unwrap = UnwrapRequest { token: None };
                    steps.push(session.planned(&unwrap, "unwrap the secret id")?.into());
                }
                let request = auth::approle_request(mount, role_id, String::new());
                (None, session.planned(&request, log_in)?)
            }
            Proof::Cert { mount, role } => {
                let role = optional(role, "role")?;
                let request = CertLogin::new(mount, role.as_deref());
                let planned = session.planned(&request, log_in)?;
                (role, planned)
            }
            #[cfg(feature = "aws")]
            Proof::Aws {
                mount,
                role,
                identity,
                ..
            } => {
                let role = optional(role, "role")?;
                cargo_credential_bridge_aws::explain_identity(identity, &session.context, steps)
                    .await?;
                let request = crate::aws::AwsLogin::unsigned(mount);
                (role, session.planned(&request, log_in)?)
            }
            #[cfg(feature = "gcp")]
            Proof::Gcp {
                mount,
                role,
                statement,
            } => {
                let role = role.resolve("role", environment)?;
                crate::gcp::explain(statement, session, steps).await?;
                let request = auth::jwt_request(mount, Some(role.clone()), String::new());
                (Some(role), session.planned(&request, log_in)?)
            }
        };
        steps.push(login.into());
        Ok(Taken {
            identity: auth::identity(self.name(), role.as_deref()),
            is_login: true,
        })
    }
}

/// Vault's own token: whom it makes us, and what has to be run for it.
fn own_token(place: &TokenPlace, session: &Session) -> (String, Option<Step>) {
    match place {
        TokenPlace::Variable(_) => (
            format!("the token in `{}_TOKEN`", session.dialect.prefix()),
            None,
        ),
        TokenPlace::File(_) => ("the token of this machine's login".to_owned(), None),
        TokenPlace::Helper(path) => (
            "the token helper's token".to_owned(),
            Some(Step::Run(format!("`{} get`", path.display()))),
        ),
    }
}
