use cargo_credential_bridge_backend::identity::Identity;
use cargo_credential_bridge_backend::{Environment, Error, Kind, Value};
use serde::Deserialize;

use crate::name::RoleArn;

/// One way to prove who this job is: the `auth` of an instance.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "Wire")]
pub struct Method(pub(crate) Proof);

impl Method {
    /// Its name in the settings.
    pub(crate) fn name(&self) -> &'static str {
        match self.0 {
            Proof::Default => "default",
            Proof::WebIdentity { .. } => "web-identity",
        }
    }
}

/// What is shown to AWS.
#[derive(Clone, Debug, Default)]
pub(crate) enum Proof {
    /// What AWS's SDK finds: the environment, a profile, SSO, a token file, ECS, EKS Pod Identity, EC2.
    #[default]
    Default,
    /// The workload identity token of the job, for which STS gives the credentials of a role.
    WebIdentity {
        role: Value<RoleArn>,
        session: Option<Value>,
        audience: Option<Value>,
        identity: Option<Identity>,
    },
}

/// Whether one of `methods` can be used on this machine, as far as that is known without looking for keys.
///
/// # Errors
///
/// [`Kind::NotAvailable`], saying what is missing, if none can.
pub fn check(methods: &[Method], environment: &Environment) -> Result<(), Error> {
    let mut missing = None;
    for method in methods {
        let outcome = match &method.0 {
            Proof::Default => Ok(()),
            Proof::WebIdentity {
                identity: Some(identity),
                ..
            } => identity.check(environment),
            Proof::WebIdentity { identity: None, .. } => Identity::detect(environment).map(drop),
        };
        match outcome {
            Err(error) if error.kind() == Kind::NotAvailable => missing = missing.or(Some(error)),
            outcome => return outcome,
        }
    }
    missing.map_or(Ok(()), Err)
}

/// The table as it is written.
#[derive(Deserialize)]
#[serde(
    tag = "method",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
enum Wire {
    Default {},
    WebIdentity {
        role_arn: Value<RoleArn>,
        session_name: Option<Value>,
        audience: Option<Value>,
        identity: Option<Identity>,
    },
}

impl From<Wire> for Method {
    fn from(wire: Wire) -> Self {
        Self(match wire {
            Wire::Default {} => Proof::Default,
            Wire::WebIdentity {
                role_arn,
                session_name,
                audience,
                identity,
            } => Proof::WebIdentity {
                role: role_arn,
                session: session_name,
                audience,
                identity,
            },
        })
    }
}
