use std::path::PathBuf;

use cargo_credential_bridge_backend::{Error, Kind};
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum as _};

use super::setup::{JobKind, StoreKind};
use crate::cli::report::Failure;

/// Set up a registry: the config, Cargo's config, the job, and the store's side
///
/// Asks on a terminal for what no flag says, shows every change, and asks before it makes one. The
/// store's side is files to look at and to run: policy, role and claims for a script and for Terraform.
/// They let in one repository's jobs of one ref or environment, and nobody else. No token is asked for.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
    cargo-credential-bridge init
    cargo-credential-bridge init --print --registry corp --index sparse+https://crates.example.com/index/ \\
        --store vault --address https://vault.example.com:8200 --ci github --repository acme/app

Exit status: 0; 1 if nothing was written, as there is a problem or nobody has agreed; 2 if the command could not be run as it was given.
"
)]
pub(in crate::cli) struct Arguments {
    /// The registry's name in Cargo's config
    #[arg(long, value_name = "NAME")]
    pub(super) registry: Option<String>,

    /// Its index URL, `sparse+https://…/` or a git repository's
    #[arg(long, value_name = "URL")]
    pub(super) index: Option<String>,

    /// What the registry wants before the token: `Bearer` for GitLab, Gitea, Cloudsmith and others
    #[arg(long)]
    pub(super) scheme: Option<String>,

    /// Where the registry's token is
    #[arg(long, value_enum)]
    pub(super) store: Option<StoreKind>,

    /// What runs Cargo
    #[arg(long, value_enum)]
    pub(super) ci: Option<JobKind>,

    /// Change the files without a question
    #[arg(short, long)]
    pub(super) yes: bool,

    /// Print everything, write nothing
    #[arg(long, conflicts_with = "yes")]
    pub(super) print: bool,

    /// Put new entries and files in the place of those that are there
    #[arg(long)]
    pub(super) replace: bool,

    /// The config, if it is not the one that Cargo's requests are answered by
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// Where the files for the store's side go
    #[arg(
        long,
        value_name = "DIRECTORY",
        default_value = "credential-bridge-setup"
    )]
    pub(super) directory: PathBuf,

    /// Write the job to a file, such as .github/workflows/build.yml, instead of printing it
    #[arg(long, value_name = "FILE")]
    pub(super) job: Option<PathBuf>,

    /// OWNER/REPOSITORY on GitHub, GROUP/PROJECT on GitLab
    #[arg(long, help_heading = "Jobs that may read")]
    pub(super) repository: Option<String>,

    /// Their branch, or refs/tags/TAG [default: main]
    #[arg(
        long,
        help_heading = "Jobs that may read",
        conflicts_with = "environment"
    )]
    pub(super) r#ref: Option<String>,

    /// Their environment, instead of a ref
    #[arg(long, value_name = "NAME", help_heading = "Jobs that may read")]
    pub(super) environment: Option<String>,

    /// A token of its own to publish with, for jobs of this environment alone
    #[arg(long, value_name = "ENVIRONMENT", help_heading = "Jobs that may read")]
    pub(super) publish_environment: Option<String>,

    /// The same on GitLab with AWS, which sees no environment: for this branch, or refs/tags/TAG
    #[arg(
        long,
        value_name = "REF",
        help_heading = "Jobs that may read",
        conflicts_with = "publish_environment"
    )]
    pub(super) publish_ref: Option<String>,

    /// The repository's number, which nobody can take over as they can its name (`gh api repos/OWNER/NAME --jq .id`)
    #[arg(long, value_name = "NUMBER", help_heading = "Jobs that may read")]
    pub(super) repository_id: Option<String>,

    /// On GitHub: the number of its owner (`… --jq .owner.id`)
    #[arg(long, value_name = "NUMBER", help_heading = "Jobs that may read")]
    pub(super) owner_id: Option<String>,

    /// The service account of the pod, NAMESPACE/NAME
    #[arg(long, value_name = "ACCOUNT", help_heading = "Jobs that may read")]
    pub(super) service_account: Option<String>,

    /// Who signs the jobs' identities, if it is not github.com or gitlab.com; on EKS the cluster's OIDC issuer
    #[arg(long, value_name = "URL", help_heading = "Jobs that may read")]
    pub(super) issuer: Option<String>,

    /// The role, and its policy [default: cargo-NAME]
    #[arg(long, value_name = "NAME", help_heading = "The store")]
    pub(super) role: Option<String>,

    /// The secret: Vault's path, AWS's or Google's name [default: cargo/NAME, on Google cargo-NAME]
    #[arg(
        long,
        value_name = "NAME",
        visible_alias = "path",
        help_heading = "The store"
    )]
    pub(super) secret: Option<String>,

    /// The key that holds the token in the secret [default: token, on Google none: the whole value]
    #[arg(long, value_name = "KEY", help_heading = "The store")]
    pub(super) field: Option<String>,

    /// Vault's URL
    #[arg(long, value_name = "URL", help_heading = "Vault and OpenBao")]
    pub(super) address: Option<String>,

    /// Its namespace
    #[arg(long, value_name = "NAME", help_heading = "Vault and OpenBao")]
    pub(super) namespace: Option<String>,

    /// The KV engine's mount [default: secret]
    #[arg(long, value_name = "PATH", help_heading = "Vault and OpenBao")]
    pub(super) mount: Option<String>,

    /// The auth method's mount [default: jwt, gitlab or kubernetes]
    #[arg(long, value_name = "PATH", help_heading = "Vault and OpenBao")]
    pub(super) auth_mount: Option<String>,

    /// What the jobs' identities are for [default: Vault's URL without its port]
    #[arg(long, help_heading = "Vault and OpenBao")]
    pub(super) audience: Option<String>,

    /// The account's number
    #[arg(long, value_name = "NUMBER", help_heading = "AWS")]
    pub(super) account: Option<String>,

    /// The region of the secret
    #[arg(long, help_heading = "AWS")]
    pub(super) region: Option<String>,

    /// The project's id
    #[arg(long, value_name = "ID", help_heading = "Google")]
    pub(super) project: Option<String>,

    /// The project's number: gcloud projects describe ID --format='value(projectNumber)'
    #[arg(long, value_name = "NUMBER", help_heading = "Google")]
    pub(super) project_number: Option<String>,

    /// The workload identity pool [default: github or gitlab]
    #[arg(long, value_name = "ID", help_heading = "Google")]
    pub(super) pool: Option<String>,

    /// The pool's provider [default: cargo-NAME]
    #[arg(long, value_name = "ID", help_heading = "Google")]
    pub(super) provider: Option<String>,
}

impl Arguments {
    /// A flag that would do nothing is a mistake.
    ///
    /// # Errors
    ///
    /// It names the first one.
    pub(super) fn refuse_useless(&self, store: StoreKind, job: JobKind) -> Result<(), Failure> {
        let is_vault = matches!(store, StoreKind::Vault | StoreKind::OpenBao);
        let is_google =
            store == StoreKind::Gcp && job != JobKind::Kubernetes && job != JobKind::None;
        let is_repository = matches!(job, JobKind::GitHub | JobKind::GitLab);
        let is_github = job == JobKind::GitHub;
        let flags = [
            ("address", self.address.is_some(), is_vault),
            ("namespace", self.namespace.is_some(), is_vault),
            ("mount", self.mount.is_some(), is_vault),
            (
                "auth-mount",
                self.auth_mount.is_some(),
                is_vault && job != JobKind::None,
            ),
            (
                "audience",
                self.audience.is_some(),
                is_vault && is_repository,
            ),
            ("account", self.account.is_some(), store == StoreKind::Aws),
            ("region", self.region.is_some(), store == StoreKind::Aws),
            ("project", self.project.is_some(), store == StoreKind::Gcp),
            (
                "project-number",
                self.project_number.is_some(),
                store == StoreKind::Gcp,
            ),
            ("pool", self.pool.is_some(), is_google),
            ("provider", self.provider.is_some(), is_google),
            ("repository", self.repository.is_some(), is_repository),
            ("repository-id", self.repository_id.is_some(), is_repository),
            ("owner-id", self.owner_id.is_some(), is_github),
            ("ref", self.r#ref.is_some(), is_repository),
            ("environment", self.environment.is_some(), is_repository),
            (
                "publish-environment",
                self.publish_environment.is_some(),
                is_repository,
            ),
            (
                "publish-ref",
                self.publish_ref.is_some(),
                job == JobKind::GitLab && store == StoreKind::Aws,
            ),
            (
                "service-account",
                self.service_account.is_some(),
                job == JobKind::Kubernetes,
            ),
            (
                "issuer",
                self.issuer.is_some(),
                is_repository || (job == JobKind::Kubernetes && store == StoreKind::Aws),
            ),
            ("job", self.job.is_some(), job != JobKind::None),
        ];
        let useless = flags
            .iter()
            .find(|(_, is_given, is_used)| *is_given && !is_used);
        useless.map_or(Ok(()), |(flag, ..)| {
            let name = |value: Option<PossibleValue>| {
                value
                    .map(|value| value.get_name().to_owned())
                    .unwrap_or_default()
            };
            Err(Failure::usage(Error::new(
                Kind::Invalid,
                format!(
                    "`--{flag}` says nothing where the store is `{}` and the CI is `{}`",
                    name(store.to_possible_value()),
                    name(job.to_possible_value())
                ),
            )))
        })
    }
}
