//! The job: a workflow, a GitLab job, or a pod.

use super::bridge::{self, Reader};
use super::setup::{Bound, Job, Setup, Store, kind_of_ref};
use super::template::{fill, indented};

/// A job that reads, ready to copy.
pub(super) fn text(setup: &Setup) -> Option<String> {
    let config = bridge::entry(setup, &setup.name, Reader::Job);
    let variable = setup.name.to_uppercase().replace('-', "_");
    let grant = setup.grants.first()?;
    let names = |by| {
        [
            ("variable", variable.clone()),
            ("index", setup.index.clone()),
            ("config", indented(&config, by)),
        ]
    };
    let (template, names, more) = match &setup.job {
        Job::GitHub { .. } => (
            include_str!("templates/github.yml"),
            names(8),
            vec![
                ("push", push(&grant.bound)),
                ("environment", environment(&grant.bound, 4)),
            ],
        ),
        Job::GitLab { .. } => (
            include_str!("templates/gitlab-ci.yml"),
            names(6),
            vec![
                ("audience", setup.store.audience()),
                ("environment", environment(&grant.bound, 2)),
            ],
        ),
        Job::Pod {
            namespace, account, ..
        } => {
            let annotations = match &setup.store {
                Store::Aws { account, .. } => format!(
                    "  annotations:\n    eks.amazonaws.com/role-arn: arn:aws:iam::{account}:role/{}\n",
                    grant.role
                ),
                _ => String::new(),
            };
            (
                include_str!("templates/pod.yaml"),
                names(4),
                vec![
                    ("namespace", namespace.clone()),
                    ("account", account.clone()),
                    ("annotations", annotations),
                ],
            )
        }
        Job::Nobody => return None,
    };
    let values: Vec<_> = names
        .iter()
        .chain(&more)
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    Some(fill(template, &values))
}

/// When GitHub starts it: for what the role is bound to.
fn push(bound: &Bound) -> String {
    match bound {
        Bound::Ref(name) => {
            let (kind, name) = kind_of_ref(name);
            let list = if kind == "tag" { "tags" } else { "branches" };
            format!("{list}: [{name}] # the one that the role is bound to")
        }
        _ => "branches: [main]".to_owned(),
    }
}

fn environment(bound: &Bound, by: usize) -> String {
    match bound {
        Bound::Environment(name) => {
            format!(
                "{:by$}environment: {name} # the one that the role is bound to\n",
                ""
            )
        }
        _ => String::new(),
    }
}
