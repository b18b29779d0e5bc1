//! What is to be set up, once everything is known.

use clap::ValueEnum;

use crate::registry::IndexUrl;

/// The registry, where its token is, and who may read it.
#[derive(Debug)]
pub(super) struct Setup {
    /// The registry's name in Cargo's config.
    pub(super) name: String,
    /// Its index as Cargo's config has it.
    pub(super) index: String,
    pub(super) url: IndexUrl,
    pub(super) store: Store,
    pub(super) job: Job,
    /// The key that holds the token in the secret; Google's secrets may have none.
    pub(super) field: Option<String>,
    /// Who may read which secret: the token to read with, then the one to publish with if that is another.
    pub(super) grants: Vec<Grant>,
    /// What stands before the token in the header, if it is not the token alone.
    pub(super) scheme: Option<String>,
}

/// Where the tokens are.
#[derive(Debug)]
pub(super) enum Store {
    Vault(Vault),
    Aws {
        account: String,
        region: String,
    },
    Google {
        project: String,
        number: String,
        pool: String,
        provider: String,
    },
}

#[derive(Debug)]
pub(super) struct Vault {
    pub(super) is_bao: bool,
    pub(super) address: String,
    pub(super) namespace: Option<String>,
    /// Of the KV engine.
    pub(super) mount: String,
    pub(super) auth_mount: String,
    pub(super) audience: String,
}

/// What runs Cargo.
#[derive(Debug)]
pub(super) enum Job {
    GitHub {
        issuer: String,
        repository: String,
        repository_id: Option<String>,
        owner_id: Option<String>,
    },
    GitLab {
        issuer: String,
        project: String,
        project_id: Option<String>,
    },
    Pod {
        /// Of the cluster; AWS has to know it.
        issuer: Option<String>,
        namespace: String,
        account: String,
    },
    /// A person, by what the store's own tools left.
    Nobody,
}

/// A secret, and the jobs that may read it.
#[derive(Debug)]
pub(super) struct Grant {
    /// What the token is for.
    pub(super) label: &'static str,
    /// The name of the role and of its policy.
    pub(super) role: String,
    pub(super) secret: String,
    pub(super) bound: Bound,
}

/// Which of a repository's jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// `refs/heads/main`
    Ref(String),
    /// Its reviewers and branches are set in the repository.
    Environment(String),
    /// All of a pod's service account.
    Account,
}

/// The kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum StoreKind {
    /// HashiCorp Vault
    Vault,
    /// OpenBao
    #[value(name = "openbao")]
    OpenBao,
    /// AWS Secrets Manager
    Aws,
    /// Google Secret Manager
    Gcp,
}

/// The kind of job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum JobKind {
    /// GitHub Actions
    #[value(name = "github")]
    GitHub,
    /// GitLab CI
    #[value(name = "gitlab")]
    GitLab,
    /// A pod, by its service account; with AWS on EKS, with Google on GKE
    Kubernetes,
    /// No job: a person, by what the store's own tools left
    None,
}

impl Store {
    /// The file that sets it up.
    pub(super) fn script(&self) -> &'static str {
        match self {
            Self::Vault(vault) if vault.is_bao => "openbao-setup.sh",
            Self::Vault(_) => "vault-setup.sh",
            Self::Aws { .. } => "aws-setup.sh",
            Self::Google { .. } => "gcp-setup.sh",
        }
    }

    /// The audience of the identity that is shown to it.
    pub(super) fn audience(&self) -> String {
        match self {
            Self::Vault(vault) => vault.audience.clone(),
            Self::Aws { .. } => "sts.amazonaws.com".to_owned(),
            Self::Google { .. } => format!("https://iam.googleapis.com/{}", self.provider()),
        }
    }

    /// Google's provider, by its whole name; empty elsewhere.
    pub(super) fn provider(&self) -> String {
        match self {
            Self::Google {
                number,
                pool,
                provider,
                ..
            } => format!(
                "projects/{number}/locations/global/workloadIdentityPools/{pool}/providers/{provider}"
            ),
            _ => String::new(),
        }
    }
}

impl Job {
    /// The claims that an identity must have, and their values: each exactly, none by a pattern.
    pub(super) fn claims(&self, bound: &Bound) -> Vec<(&'static str, String)> {
        let mut claims = Vec::new();
        match self {
            Self::GitHub {
                repository,
                repository_id,
                owner_id,
                ..
            } => {
                claims.push(("repository", repository.clone()));
                claims.extend(repository_id.clone().map(|id| ("repository_id", id)));
                claims.extend(owner_id.clone().map(|id| ("repository_owner_id", id)));
            }
            Self::GitLab {
                project,
                project_id,
                ..
            } => {
                claims.push(("project_path", project.clone()));
                claims.extend(project_id.clone().map(|id| ("project_id", id)));
                // A merge request's pipeline has the name of a branch, too, which anybody may choose.
                claims.push(("ref_protected", "true".to_owned()));
            }
            Self::Pod { .. } | Self::Nobody => {}
        }
        match (self, bound) {
            (Self::GitLab { .. }, Bound::Ref(name)) => {
                let (kind, name) = kind_of_ref(name);
                claims.push(("ref_type", kind.to_owned()));
                claims.push(("ref", name.to_owned()));
            }
            (_, Bound::Ref(name)) => claims.push(("ref", name.clone())),
            (_, Bound::Environment(name)) => claims.push(("environment", name.clone())),
            (_, Bound::Account) => {}
        }
        claims
    }

    /// The subjects that an identity may have, for who looks at nothing else.
    pub(super) fn subjects(&self, bound: &Bound) -> Vec<String> {
        match self {
            Self::GitHub {
                repository,
                repository_id,
                owner_id,
                ..
            } => {
                let rest = match bound {
                    Bound::Ref(name) => format!("ref:{name}"),
                    Bound::Environment(name) => format!("environment:{name}"),
                    Bound::Account => String::new(),
                };
                let mut subjects = vec![format!("repo:{repository}:{rest}")];
                // Newer repositories have them in their subjects.
                if let (Some(id), Some(owner_id)) = (repository_id, owner_id)
                    && let Some((owner, name)) = repository.split_once('/')
                {
                    subjects.push(format!("repo:{owner}@{owner_id}/{name}@{id}:{rest}"));
                }
                subjects
            }
            Self::GitLab { project, .. } => match bound {
                Bound::Ref(name) => {
                    let (kind, name) = kind_of_ref(name);
                    vec![format!("project_path:{project}:ref_type:{kind}:ref:{name}")]
                }
                _ => Vec::new(),
            },
            Self::Pod {
                namespace, account, ..
            } => vec![format!("system:serviceaccount:{namespace}:{account}")],
            Self::Nobody => Vec::new(),
        }
    }

    /// Why a grant is bound as it is, for comments.
    pub(super) fn why(&self, bound: &Bound) -> String {
        match (self, bound) {
            (Self::GitHub { .. }, Bound::Environment(name)) => format!(
                "Only this repository's jobs in the environment `{name}`, whose reviewers and branches are set there."
            ),
            (Self::GitHub { .. }, Bound::Ref(name)) => {
                let (kind, name) = kind_of_ref(name);
                format!("Only this repository, only its {kind} `{name}`.")
            }
            (Self::GitLab { .. }, Bound::Environment(name)) => format!(
                "Only this project, only the environment `{name}`, and that only on what is protected."
            ),
            (Self::GitLab { .. }, Bound::Ref(name)) => {
                let (kind, name) = kind_of_ref(name);
                format!(
                    "Only this project, only its {kind} `{name}`, and that only where it is protected."
                )
            }
            _ => "Only this service account of this namespace.".to_owned(),
        }
    }

    /// Who signs the identities.
    pub(super) fn issuer(&self) -> Option<&str> {
        match self {
            Self::GitHub { issuer, .. } | Self::GitLab { issuer, .. } => Some(issuer),
            Self::Pod { issuer, .. } => issuer.as_deref(),
            Self::Nobody => None,
        }
    }

    /// What the provider's config calls the identity.
    pub(super) fn identity(&self) -> Option<&'static str> {
        match self {
            Self::GitHub { .. } => Some("github-actions"),
            Self::GitLab { .. } => Some("gitlab"),
            Self::Pod { .. } => Some("kubernetes"),
            Self::Nobody => None,
        }
    }
}

/// The kind and the short name of a ref that is whole.
pub(super) fn kind_of_ref(name: &str) -> (&'static str, &str) {
    match name.strip_prefix("refs/tags/") {
        Some(tag) => ("tag", tag),
        None => ("branch", name.strip_prefix("refs/heads/").unwrap_or(name)),
    }
}
