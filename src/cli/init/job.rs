//! The job: a workflow, GitLab's jobs, or a pod.

use super::bridge::{self, Reader};
use super::setup::{Bound, Grant, Job, Setup, Store, kind_of_ref};
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
        Job::GitHub { .. } => return Some(workflow(setup, grant)),
        Job::GitLab { .. } => (
            include_str!("templates/gitlab-ci.yml"),
            names(6),
            gitlab(setup, grant),
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

/// What GitLab's jobs are made of besides: the one that builds, and the one that publishes if it has a role of its own.
fn gitlab(setup: &Setup, grant: &Grant) -> Vec<(&'static str, String)> {
    let publisher = setup.grants.get(1);
    let publish = publisher.map_or_else(String::new, |publisher| {
        let start = match publisher.bound {
            Bound::Ref(_) => rule(&[publisher]),
            // It reads as the other does, so it is where that is.
            _ => format!("{}\n      when: manual", rule(&[grant])),
        };
        fill(
            include_str!("templates/gitlab-publish.yml"),
            &[
                ("name", &setup.name),
                ("environment", &environment(&publisher.bound, 2)),
                ("rule", &start),
            ],
        )
    });
    let built: Vec<_> = setup.grants.iter().collect();
    vec![
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("name", setup.name.clone()),
        ("audience", setup.store.audience()),
        ("environment", environment(&grant.bound, 2)),
        ("rule", rule(&built)),
        (
            "and-publish",
            publisher.map_or("", |_| " and publish").to_owned(),
        ),
        ("publish", publish),
    ]
}

/// When GitLab starts a job: for what these are bound to.
fn rule(grants: &[&Grant]) -> String {
    let mut terms: Vec<_> = grants
        .iter()
        .filter_map(|grant| match &grant.bound {
            Bound::Ref(name) => {
                let (kind, name) = kind_of_ref(name);
                let variable = if kind == "tag" { "TAG" } else { "BRANCH" };
                Some(format!("$CI_COMMIT_{variable} == \"{name}\""))
            }
            _ => None,
        })
        .collect();
    if terms.is_empty() {
        terms.push("$CI_COMMIT_REF_PROTECTED == \"true\"".to_owned());
    }
    terms.join(" || ")
}

/// A workflow that builds, publishes where that has a role of its own, and says what a pull request can't.
fn workflow(setup: &Setup, grant: &Grant) -> String {
    let steps = |reader| {
        let config = bridge::entry(setup, &setup.name, reader);
        let names = [
            ("name", setup.name.as_str()),
            ("index", &setup.index),
            ("config", &indented(&config, 12)),
        ];
        let steps = fill(include_str!("templates/github-setup.yml"), &names);
        steps.trim_end().to_owned()
    };
    let publisher = setup.grants.get(1);
    let publish = publisher.map_or_else(String::new, |grant| {
        let names = [
            ("name", setup.name.as_str()),
            ("environment", &environment(&grant.bound, 4)),
            ("setup", &steps(Reader::Publisher)),
        ];
        fill(include_str!("templates/github-publish.yml"), &names)
    });
    let dispatch = publisher.map_or("", |_| "  workflow_dispatch: # publishes\n");
    let names = [
        ("push", push(&grant.bound)),
        ("dispatch", dispatch.to_owned()),
        ("environment", environment(&grant.bound, 4)),
        ("setup", steps(Reader::Job)),
        ("publish", publish),
    ];
    let names = names
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    fill(include_str!("templates/github.yml"), &names)
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
