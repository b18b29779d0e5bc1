use std::path::PathBuf;

use cargo_credential_bridge_backend::Value;
use cargo_credential_bridge_backend::identity::Identity;
use serde::Deserialize;

use crate::name::{Endpoint, Provider, ServiceAccount};

/// One way to prove who this job is: the `auth` of an instance.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Wire")]
pub(crate) enum Method {
    /// Application Default Credentials, or one file of their kinds.
    Adc {
        credentials_file: Option<Value<PathBuf>>,
    },
    /// The workload identity token of the job, for which STS gives an access token.
    WorkloadIdentity(Box<WorkloadIdentity>),
}

/// How a job's token is traded.
#[derive(Clone, Debug)]
pub(crate) struct WorkloadIdentity {
    pub(crate) provider: Value<Provider>,
    /// Whom to become then, if the pool's principal has no rights of its own.
    pub(crate) service_account: Option<Value<ServiceAccount>>,
    /// The service accounts in between, in order.
    pub(crate) delegates: Vec<Value<ServiceAccount>>,
    pub(crate) audience: Option<Value>,
    pub(crate) identity: Option<Identity>,
    pub(crate) sts_endpoint: Option<Value<Endpoint>>,
    pub(crate) iam_endpoint: Option<Value<Endpoint>>,
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
    Adc {
        credentials_file: Option<Value<PathBuf>>,
    },
    WorkloadIdentity {
        provider: Value<Provider>,
        service_account: Option<Value<ServiceAccount>>,
        #[serde(default)]
        delegates: Vec<Value<ServiceAccount>>,
        audience: Option<Value>,
        identity: Option<Identity>,
        sts_endpoint: Option<Value<Endpoint>>,
        iam_endpoint: Option<Value<Endpoint>>,
    },
}

impl TryFrom<Wire> for Method {
    type Error = &'static str;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        Ok(match wire {
            Wire::Adc { credentials_file } => Self::Adc { credentials_file },
            Wire::WorkloadIdentity {
                service_account: None,
                delegates,
                ..
            } if !delegates.is_empty() => {
                return Err("`delegates` are on the way to `service-account`, and there is none");
            }
            Wire::WorkloadIdentity {
                provider,
                service_account,
                delegates,
                audience,
                identity,
                sts_endpoint,
                iam_endpoint,
            } => Self::WorkloadIdentity(Box::new(WorkloadIdentity {
                provider,
                service_account,
                delegates,
                audience,
                identity,
                sts_endpoint,
                iam_endpoint,
            })),
        })
    }
}
