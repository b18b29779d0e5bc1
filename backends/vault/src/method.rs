#[cfg(feature = "aws")]
use cargo_credential_bridge_backend::OneOrMany;
use cargo_credential_bridge_backend::identity::Identity;
use cargo_credential_bridge_backend::{SecretValue, Value};
use serde::Deserialize;
#[cfg(not(all(feature = "aws", feature = "gcp")))]
use serde::de::IgnoredAny;

use crate::path::VaultPath;

/// One way to prove who this job is: the `auth` of an instance.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Wire")]
pub(crate) struct Method {
    /// The namespace of the login, where it is not the instance's.
    pub(crate) namespace: Option<Value>,
    pub(crate) proof: Proof,
}

/// What is shown to Vault, and to which of its auth methods.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    /// A Vault token that the job already has.
    Token { token: Option<SecretValue> },
    /// A workload identity token, to the JWT auth method.
    Jwt {
        mount: VaultPath,
        role: Option<Value>,
        audience: Option<Value>,
        identity: Option<Identity>,
    },
    /// A pod's service account token, to the Kubernetes auth method.
    Kubernetes {
        mount: VaultPath,
        role: Value,
        identity: Identity,
    },
    /// A role id and, unless the role goes without, a secret id, to the AppRole auth method.
    AppRole {
        mount: VaultPath,
        role_id: Value,
        secret_id: Option<SecretValue>,
        /// Whether the secret id is a wrapping token, with the real one inside it.
        wrapped: bool,
    },
    /// The TLS client certificate, to the cert auth method.
    Cert {
        mount: VaultPath,
        role: Option<Value>,
    },
    /// A signed request that says who we are to AWS, to the AWS auth method.
    #[cfg(feature = "aws")]
    Aws {
        mount: VaultPath,
        role: Option<Value>,
        server_id: Option<Value>,
        region: Option<Value<cargo_credential_bridge_aws::Region>>,
        identity: Vec<cargo_credential_bridge_aws::Method>,
    },
    /// A signed statement of who we are to Google, to the Google Cloud auth method.
    #[cfg(feature = "gcp")]
    Gcp {
        mount: VaultPath,
        role: Value,
        statement: GcpStatement,
    },
}

/// Who signs it.
#[cfg(feature = "gcp")]
#[derive(Clone, Debug)]
pub(crate) enum GcpStatement {
    /// A service account.
    Iam {
        account: Option<Value>,
        endpoint: Option<Value>,
    },
    /// The metadata server of this machine.
    Gce,
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
    Token {
        token: Option<SecretValue>,
        namespace: Option<Value>,
    },
    Jwt {
        mount: Option<VaultPath>,
        role: Option<Value>,
        audience: Option<Value>,
        identity: Option<Identity>,
        namespace: Option<Value>,
    },
    Kubernetes {
        mount: Option<VaultPath>,
        role: Value,
        identity: Option<Identity>,
        namespace: Option<Value>,
    },
    Approle {
        mount: Option<VaultPath>,
        role_id: Value,
        secret_id: Option<SecretValue>,
        #[serde(default)]
        wrapped: bool,
        namespace: Option<Value>,
    },
    Cert {
        mount: Option<VaultPath>,
        role: Option<Value>,
        namespace: Option<Value>,
    },
    #[cfg(feature = "aws")]
    Aws {
        mount: Option<VaultPath>,
        role: Option<Value>,
        server_id: Option<Value>,
        region: Option<Value<cargo_credential_bridge_aws::Region>>,
        identity: Option<OneOrMany<cargo_credential_bridge_aws::Method>>,
        namespace: Option<Value>,
    },
    #[cfg(not(feature = "aws"))]
    Aws(IgnoredAny),
    #[cfg(feature = "gcp")]
    Gcp {
        mount: Option<VaultPath>,
        role: Value,
        #[serde(default)]
        r#type: GcpType,
        service_account: Option<Value>,
        iam_endpoint: Option<Value>,
        namespace: Option<Value>,
    },
    #[cfg(not(feature = "gcp"))]
    Gcp(IgnoredAny),
}

/// The two types that a role of the Google Cloud auth method may have.
#[cfg(feature = "gcp")]
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum GcpType {
    #[default]
    Iam,
    Gce,
}

impl TryFrom<Wire> for Method {
    type Error = String;

    fn try_from(wire: Wire) -> Result<Self, String> {
        let mounted = |mount: Option<VaultPath>, default: &str| match mount {
            Some(mount) => Ok(mount),
            None => default.parse(),
        };
        let (namespace, proof) = match wire {
            Wire::Token { token, namespace } => (namespace, Proof::Token { token }),
            Wire::Jwt {
                mount,
                role,
                audience,
                identity,
                namespace,
            } => (
                namespace,
                Proof::Jwt {
                    mount: mounted(mount, "jwt")?,
                    role,
                    audience,
                    identity,
                },
            ),
            Wire::Kubernetes {
                mount,
                role,
                identity,
                namespace,
            } => (
                namespace,
                Proof::Kubernetes {
                    mount: mounted(mount, "kubernetes")?,
                    role,
                    identity: identity.unwrap_or(Identity::KUBERNETES),
                },
            ),
            Wire::Approle {
                secret_id: None,
                wrapped: true,
                ..
            } => {
                return Err(
                    "`wrapped = true` says how `secret-id` is given, and there is none".to_owned(),
                );
            }
            Wire::Approle {
                mount,
                role_id,
                secret_id,
                wrapped,
                namespace,
            } => (
                namespace,
                Proof::AppRole {
                    mount: mounted(mount, "approle")?,
                    role_id,
                    secret_id,
                    wrapped,
                },
            ),
            Wire::Cert {
                mount,
                role,
                namespace,
            } => (
                namespace,
                Proof::Cert {
                    mount: mounted(mount, "cert")?,
                    role,
                },
            ),
            #[cfg(feature = "aws")]
            Wire::Aws {
                mount,
                role,
                server_id,
                region,
                identity,
                namespace,
            } => (
                namespace,
                Proof::Aws {
                    mount: mounted(mount, "aws")?,
                    role,
                    server_id,
                    region,
                    identity: identity.map(|identity| identity.0).unwrap_or_default(),
                },
            ),
            #[cfg(not(feature = "aws"))]
            Wire::Aws(_) => {
                return Err(
                    "the auth method `aws` is not in this build: it was built without the feature `aws`"
                        .to_owned(),
                );
            }
            #[cfg(feature = "gcp")]
            Wire::Gcp {
                mount,
                role,
                r#type,
                service_account,
                iam_endpoint,
                namespace,
            } => {
                let statement = match r#type {
                    GcpType::Iam => GcpStatement::Iam {
                        account: service_account,
                        endpoint: iam_endpoint,
                    },
                    GcpType::Gce if service_account.is_some() || iam_endpoint.is_some() => {
                        return Err("`service-account` and `iam-endpoint` go with `type = \"iam\"`: the metadata server speaks for \
                             this machine alone"
                            .to_owned());
                    }
                    GcpType::Gce => GcpStatement::Gce,
                };
                (
                    namespace,
                    Proof::Gcp {
                        mount: mounted(mount, "gcp")?,
                        role,
                        statement,
                    },
                )
            }
            #[cfg(not(feature = "gcp"))]
            Wire::Gcp(_) => {
                return Err(
                    "the auth method `gcp` is not in this build: it was built without the feature `gcp`"
                        .to_owned(),
                );
            }
        };
        Ok(Self { namespace, proof })
    }
}
