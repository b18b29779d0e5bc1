//! The store's side, for Google: a pool's provider with its condition, and a binding for each grant.

use super::files::Made;
use super::setup::{Bound, Grant, Job, Setup};
use super::template::{aligned, fill};

/// The attributes by which an environment's jobs are told apart, on GitHub and on GitLab.
const ENVIRONMENT: &str = "attribute.repository_environment";
const PROJECT_ENVIRONMENT: &str = "attribute.project_environment";

pub(super) fn files(
    setup: &Setup,
    project: &str,
    number: &str,
    pool: &str,
    provider: &str,
) -> Vec<Made> {
    let is_pod = matches!(setup.job, Job::Pod { .. });
    let mapping = mapping(setup);
    let flat: Vec<_> = mapping
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let keys: Vec<_> = mapping
        .iter()
        .map(|(name, _)| format!("\"{name}\""))
        .collect();
    let pairs: Vec<_> = keys
        .iter()
        .zip(&mapping)
        .map(|(key, (_, value))| (key.as_str(), format!("\"{value}\"")))
        .collect();
    let pool = if is_pod {
        format!("{project}.svc.id.goog")
    } else {
        pool.to_owned()
    };
    let pool_name = format!("projects/{number}/locations/global/workloadIdentityPools/{pool}");
    let why: Vec<_> = setup
        .grants
        .iter()
        .map(|grant| setup.job.why(&grant.bound))
        .collect();
    let (flat, pairs, why) = (flat.join(","), aligned(&pairs, 4), why.join("\n# "));
    let condition = condition(setup);
    let mut names = vec![
        ("project", project),
        ("pool-name", pool_name.as_str()),
        ("pool", &pool),
        ("provider", provider),
        ("issuer", setup.job.issuer().unwrap_or_default()),
        ("why", &why),
        ("condition", &condition),
        ("mapping", &flat),
        ("mapping-tf", &pairs),
        (
            "services",
            match is_pod {
                true => "container.googleapis.com secretmanager.googleapis.com",
                false => "iam.googleapis.com sts.googleapis.com secretmanager.googleapis.com",
            },
        ),
    ];
    let parts = |template: &str| match is_pod {
        true => String::new(),
        false => fill(template, &names),
    };
    let script_pool = parts(include_str!("templates/gcp-pool.sh"));
    let terraform_pool = parts(include_str!("templates/gcp-pool.tf"));
    let members: Vec<_> = setup
        .grants
        .iter()
        .map(|grant| member(setup, grant, &pool_name))
        .collect();
    let lines = setup.grants.iter().zip(&members);
    let lines = lines.map(|(grant, member)| {
        let member = member.replace(&pool_name, "$pool_name");
        format!("create_secret {} \"{member}\"", grant.secret)
    });
    let lines = lines.collect::<Vec<_>>().join("\n");
    let grants = setup.grants.iter().zip(&members).map(|(grant, member)| {
        fill(
            include_str!("templates/gcp-grant.tf"),
            &[
                ("project", project),
                ("label", grant.label),
                ("secret", &grant.secret),
                ("member", member),
            ],
        )
    });
    let grants: String = grants.collect();
    names.retain(|(name, _)| !matches!(*name, "pool"));
    let with = |pool: &str, grants: &str, template: &str| {
        let more = [("pool", pool), ("grants", grants)];
        fill(template, &[names.as_slice(), more.as_slice()].concat())
    };
    vec![
        Made::program(
            setup.store.script(),
            with(&script_pool, &lines, include_str!("templates/gcp-setup.sh")),
        ),
        Made::text(
            "gcp.tf",
            with(&terraform_pool, &grants, include_str!("templates/gcp.tf")),
        ),
    ]
}

/// What Google shall know of an identity.
fn mapping(setup: &Setup) -> Vec<(&'static str, &'static str)> {
    let mut mapping = vec![("google.subject", "assertion.sub")];
    match setup.job {
        Job::GitHub { .. } => mapping.push(("attribute.repository", "assertion.repository")),
        Job::GitLab { .. } => mapping.push(("attribute.project_path", "assertion.project_path")),
        Job::Pod { .. } | Job::Nobody => {}
    }
    if setup.grants.len() > 1 {
        mapping.push(match setup.job {
            Job::GitLab { .. } => (
                PROJECT_ENVIRONMENT,
                "assertion.project_path + ':' + (has(assertion.environment) ? assertion.environment : '')",
            ),
            _ => (
                ENVIRONMENT,
                "assertion.repository + ':' + (has(assertion.environment) ? assertion.environment : '')",
            ),
        });
    }
    mapping
}

/// What an identity must be to be let into the pool: what all grants have in common, and what one of them has.
fn condition(setup: &Setup) -> String {
    let equal = |(name, value): &(&str, String)| match *name {
        "environment" => format!("has(assertion.{name}) && assertion.{name} == '{value}'"),
        _ => format!("assertion.{name} == '{value}'"),
    };
    let claims: Vec<_> = setup
        .grants
        .iter()
        .map(|grant| setup.job.claims(&grant.bound))
        .collect();
    let Some(first) = claims.first() else {
        return String::new();
    };
    let is_common = |claim: &&(&'static str, String)| claims.iter().all(|all| all.contains(claim));
    let mut terms: Vec<_> = first.iter().filter(is_common).map(equal).collect();
    let own = claims.iter().map(|claims| {
        let own = claims.iter().filter(|claim| !is_common(claim));
        own.map(equal).collect::<Vec<_>>().join(" && ")
    });
    let own: Vec<_> = own.filter(|own| !own.is_empty()).collect();
    if !own.is_empty() {
        terms.push(format!("({})", own.join(" || ")));
    }
    terms.join(" && ")
}

/// Who may read a secret.
fn member(setup: &Setup, grant: &Grant, pool: &str) -> String {
    let (attribute, value) = match (&setup.job, &grant.bound) {
        (
            Job::Pod {
                namespace, account, ..
            },
            _,
        ) => {
            return format!(
                "principal://iam.googleapis.com/{pool}/subject/ns/{namespace}/sa/{account}"
            );
        }
        (Job::GitHub { repository, .. }, Bound::Environment(name)) if setup.grants.len() > 1 => {
            (ENVIRONMENT, format!("{repository}:{name}"))
        }
        (Job::GitHub { repository, .. }, _) => ("attribute.repository", repository.clone()),
        (Job::GitLab { project, .. }, Bound::Environment(name)) if setup.grants.len() > 1 => {
            (PROJECT_ENVIRONMENT, format!("{project}:{name}"))
        }
        (Job::GitLab { project, .. }, _) => ("attribute.project_path", project.clone()),
        (Job::Nobody, _) => return String::new(),
    };
    format!("principalSet://iam.googleapis.com/{pool}/{attribute}/{value}")
}
