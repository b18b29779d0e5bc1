//! From flags and answers to a setup that makes sense.

use cargo_credential_bridge_backend::{Error, Kind};
use clap::ValueEnum;
use url::Url;

use super::arguments::Arguments;
use super::ask::{Person, Question, wrong};
use super::check;
use super::setup::{Bound, Grant, Job, JobKind, Setup, Store, StoreKind, Vault};
use crate::cli::{entry, report::Failure};

const GITHUB: &str = "https://token.actions.githubusercontent.com";
const GITLAB: &str = "https://gitlab.com";

type Check = fn(&str) -> Result<String, String>;

pub(super) fn setup(arguments: &Arguments, person: &Person) -> Result<Setup, Failure> {
    let ask = |given: &Option<String>, flag, text, usual, check: Check| {
        let question = Question { flag, text, usual };
        person.answer(given.as_deref(), &question, check)
    };
    let name = ask(
        &arguments.registry,
        "registry",
        "the registry's name in Cargo's config",
        None,
        check::registry,
    )?;
    let index = ask(
        &arguments.index,
        "index",
        "its index URL",
        None,
        check::index,
    )?;
    let url = entry::parse_url(&index)?;
    let store = choice(
        person,
        arguments.store,
        "store",
        "where its token is: vault, openbao, aws or gcp",
    )?;
    let job = choice(
        person,
        arguments.ci,
        "ci",
        "what runs Cargo: github, gitlab, kubernetes or none",
    )?;
    arguments.refuse_useless(store, job)?;
    let role = match &arguments.role {
        Some(_) => flag(&arguments.role, "role", check::name)?.unwrap_or_default(),
        None => format!("cargo-{name}"),
    };
    let job = self::job(arguments, person, job, store)?;
    let bound = bound(arguments, person, &job)?;
    let publisher = publisher(arguments)?;
    if matches!((&job, store), (Job::GitLab { .. }, StoreKind::Aws)) {
        for (bound, flag) in [(Some(&bound), "ref"), (publisher.as_ref(), "publish-ref")] {
            if let Some(Bound::Environment(_)) = bound {
                return Err(Failure::usage(
                    Error::new(
                        Kind::Invalid,
                        "AWS looks at the subject alone, and GitLab's names no environment",
                    )
                    .help(format!("bind it to a branch or a tag by `--{flag}`")),
                ));
            }
        }
    }
    let usual = match store {
        StoreKind::Gcp => format!("cargo-{name}"),
        _ => format!("cargo/{name}"),
    };
    let check_secret = match store {
        StoreKind::Gcp => check::google_secret,
        _ => check::path,
    };
    let text = match store {
        StoreKind::Vault | StoreKind::OpenBao => "the secret's path, without the mount",
        _ => "the secret's name",
    };
    let secret = ask(
        &arguments.secret,
        "secret",
        text,
        Some(&usual),
        check_secret,
    )?;
    let field = match (&arguments.field, store) {
        (None, StoreKind::Gcp) => None,
        _ => Some(ask(
            &arguments.field,
            "field",
            "the key that holds the token in it",
            Some("token"),
            check::name,
        )?),
    };
    let store = self::store(arguments, person, store, &job, &name)?;
    let mut grants = vec![Grant {
        label: "read",
        role: role.clone(),
        secret: secret.clone(),
        bound,
    }];
    if let Some(bound) = publisher {
        grants.push(Grant {
            label: "publish",
            role: format!("{role}-publish"),
            secret: format!("{secret}-publish"),
            bound,
        });
    }
    Ok(Setup {
        scheme: flag(&arguments.scheme, "scheme", check::name)?,
        name,
        index,
        url,
        store,
        job,
        field,
        grants,
    })
}

/// What a flag says, if it is there.
fn flag(given: &Option<String>, flag: &str, check: Check) -> Result<Option<String>, Failure> {
    let checked = given
        .as_deref()
        .map(|given| check(given).map_err(|why| wrong(flag, given, &why)));
    checked.transpose()
}

fn choice<T: ValueEnum + Clone>(
    person: &Person,
    given: Option<T>,
    flag: &str,
    text: &str,
) -> Result<T, Failure> {
    if let Some(given) = given {
        return Ok(given);
    }
    let question = Question {
        flag,
        text,
        usual: None,
    };
    let parse = |said: &str| {
        T::from_str(said, true).map_err(|_| format!("it is one of those, not `{said}`"))
    };
    let said = person.answer(None, &question, |said| parse(said).map(|_| said.to_owned()))?;
    parse(&said).map_err(|why| wrong(flag, &said, &why))
}

fn job(
    arguments: &Arguments,
    person: &Person,
    kind: JobKind,
    store: StoreKind,
) -> Result<Job, Failure> {
    let issuer = flag(&arguments.issuer, "issuer", check::server)?;
    let repository = |text, check: Check| {
        let question = Question {
            flag: "repository",
            text,
            usual: None,
        };
        person.answer(arguments.repository.as_deref(), &question, check)
    };
    let id = flag(&arguments.repository_id, "repository-id", check::number)?;
    Ok(match kind {
        JobKind::GitHub => Job::GitHub {
            issuer: issuer.unwrap_or_else(|| GITHUB.to_owned()),
            repository: repository("the repository, OWNER/NAME", check::github_repository)?,
            repository_id: id,
            owner_id: flag(&arguments.owner_id, "owner-id", check::number)?,
        },
        JobKind::GitLab => Job::GitLab {
            issuer: issuer.unwrap_or_else(|| GITLAB.to_owned()),
            project: repository("the project, GROUP/NAME", check::gitlab_project)?,
            project_id: id,
        },
        JobKind::Kubernetes => {
            let question = Question {
                flag: "service-account",
                text: "the pod's service account, NAMESPACE/NAME",
                usual: None,
            };
            let account = person.answer(
                arguments.service_account.as_deref(),
                &question,
                check::service_account,
            )?;
            let (namespace, account) = account.split_once('/').unwrap_or_default();
            let issuer = match store {
                StoreKind::Aws => Some(person.answer(
                    arguments.issuer.as_deref(),
                    &Question {
                        flag: "issuer",
                        text: "the cluster's OIDC issuer (aws eks describe-cluster --name NAME --query cluster.identity.oidc.issuer)",
                        usual: None,
                    },
                    check::server,
                )?),
                _ => None,
            };
            Job::Pod {
                issuer,
                namespace: namespace.to_owned(),
                account: account.to_owned(),
            }
        }
        JobKind::None => Job::Nobody,
    })
}

fn bound(arguments: &Arguments, person: &Person, job: &Job) -> Result<Bound, Failure> {
    if !matches!(job, Job::GitHub { .. } | Job::GitLab { .. }) {
        return Ok(Bound::Account);
    }
    if let Some(environment) = flag(&arguments.environment, "environment", check::name)? {
        return Ok(Bound::Environment(environment));
    }
    let question = Question {
        flag: "ref",
        text: "the branch whose jobs may read, or refs/tags/TAG",
        usual: Some("main"),
    };
    person
        .answer(arguments.r#ref.as_deref(), &question, check::git_ref)
        .map(Bound::Ref)
}

/// The jobs that may publish, if they have a token of their own.
fn publisher(arguments: &Arguments) -> Result<Option<Bound>, Failure> {
    let environment = &arguments.publish_environment;
    if let Some(environment) = flag(environment, "publish-environment", check::name)? {
        return Ok(Some(Bound::Environment(environment)));
    }
    flag(&arguments.publish_ref, "publish-ref", check::git_ref).map(|name| name.map(Bound::Ref))
}

fn store(
    arguments: &Arguments,
    person: &Person,
    kind: StoreKind,
    job: &Job,
    name: &str,
) -> Result<Store, Failure> {
    let ask = |given: &Option<String>, flag, text, usual, check: Check| {
        let question = Question { flag, text, usual };
        person.answer(given.as_deref(), &question, check)
    };
    let or = |given: Option<String>, usual: &str| given.unwrap_or_else(|| usual.to_owned());
    Ok(match kind {
        StoreKind::Vault | StoreKind::OpenBao => {
            let address = ask(
                &arguments.address,
                "address",
                "the address of Vault or OpenBao",
                None,
                check::server,
            )?;
            let mount = ask(
                &arguments.mount,
                "mount",
                "the mount of its KV engine",
                Some("secret"),
                check::path,
            )?;
            let usual = match job {
                Job::Pod { .. } => "kubernetes",
                Job::GitLab { .. } => "gitlab",
                _ => "jwt",
            };
            let auth_mount = flag(&arguments.auth_mount, "auth-mount", check::path)?;
            let audience = flag(&arguments.audience, "audience", check::audience)?;
            Store::Vault(Vault {
                is_bao: kind == StoreKind::OpenBao,
                audience: audience.unwrap_or_else(|| without_port(&address)),
                namespace: flag(&arguments.namespace, "namespace", check::path)?,
                address,
                mount,
                auth_mount: or(auth_mount, usual),
            })
        }
        StoreKind::Aws => Store::Aws {
            account: ask(
                &arguments.account,
                "account",
                "the number of the AWS account",
                None,
                check::account,
            )?,
            region: ask(
                &arguments.region,
                "region",
                "the region of the secret",
                None,
                check::name,
            )?,
        },
        StoreKind::Gcp => {
            let project = ask(
                &arguments.project,
                "project",
                "the id of the Google project",
                None,
                check::name,
            )?;
            let number = match job {
                Job::Nobody => or(arguments.project_number.clone(), ""),
                _ => ask(
                    &arguments.project_number,
                    "project-number",
                    "its number (gcloud projects describe ID --format='value(projectNumber)')",
                    None,
                    check::number,
                )?,
            };
            let pool = match job {
                Job::GitLab { .. } => "gitlab",
                _ => "github",
            };
            let provider = format!("cargo-{}", name.to_ascii_lowercase().replace('_', "-"));
            let given = flag(&arguments.provider, "provider", check::id)?;
            Store::Google {
                project,
                number,
                pool: or(flag(&arguments.pool, "pool", check::id)?, pool),
                provider: or(given, &provider[..provider.len().min(32)]),
            }
        }
    })
}

/// The server's name as an audience.
fn without_port(address: &str) -> String {
    let host = Url::parse(address).ok();
    let host = host.as_ref().and_then(Url::host_str);
    host.map_or_else(|| address.to_owned(), |host| format!("https://{host}"))
}
