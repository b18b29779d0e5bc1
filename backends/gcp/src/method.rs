use std::path::PathBuf;

use cargo_credential_bridge_backend::Value;
use cargo_credential_bridge_backend::identity::Identity;
use serde::{Deserialize, Deserializer, de};

use crate::name::{Endpoint, Provider, ServiceAccount};

/// One way to prove who this job is: the `auth` of an instance.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    tag = "method",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub(crate) enum Method {
    /// Application Default Credentials, or one file of their kinds.
    Adc {
        credentials_file: Option<Value<PathBuf>>,
    },
    /// The workload identity token of the job, for which STS gives an access token.
    WorkloadIdentity(#[serde(deserialize_with = "checked")] Box<WorkloadIdentity>),
}

impl Method {
    /// Its name in the settings.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Adc { .. } => "adc",
            Self::WorkloadIdentity(_) => "workload-identity",
        }
    }
}

/// How a job's token is traded.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct WorkloadIdentity {
    pub(crate) provider: Value<Provider>,
    /// Whom to become then, if the pool's principal has no rights of its own.
    pub(crate) service_account: Option<Value<ServiceAccount>>,
    /// The service accounts in between, in order.
    #[serde(default)]
    pub(crate) delegates: Vec<Value<ServiceAccount>>,
    pub(crate) audience: Option<Value>,
    pub(crate) identity: Option<Identity>,
    pub(crate) sts_endpoint: Option<Value<Endpoint>>,
    pub(crate) iam_endpoint: Option<Value<Endpoint>>,
}

/// The table as it is written, if its keys go together.
fn checked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<WorkloadIdentity>, D::Error> {
    let method = Box::<WorkloadIdentity>::deserialize(deserializer)?;
    if method.service_account.is_none() && !method.delegates.is_empty() {
        return Err(de::Error::custom(
            "`delegates` are on the way to `service-account`, and there is none",
        ));
    }
    Ok(method)
}
