//! The store's side, for AWS: a role for each grant, with whom it trusts and what it may read.

use serde_json::{Value, json};

use super::files::Made;
use super::setup::{Grant, Setup};
use super::template::fill;

pub(super) fn files(setup: &Setup, account: &str, region: &str) -> Vec<Made> {
    let issuer_url = setup.job.issuer().unwrap_or_default();
    let issuer = without_scheme(issuer_url);
    let each = |line: fn(&Grant) -> String| {
        let lines = setup.grants.iter().map(line);
        lines.collect::<Vec<_>>().join("\n")
    };
    let roles = each(|grant| format!("create_role {}", grant.role));
    let secrets = each(|grant| format!("create_secret {}", grant.secret));
    let grants = setup.grants.iter().map(|grant| {
        fill(
            include_str!("templates/aws-grant.tf"),
            &[
                ("label", grant.label),
                ("role", &grant.role),
                ("secret", &grant.secret),
                ("why", &setup.job.why(&grant.bound)),
            ],
        )
    });
    let grants: String = grants.collect();
    let names = [
        ("account", account),
        ("region", region),
        ("issuer", issuer),
        ("issuer-url", issuer_url),
        ("field", setup.field.as_deref().unwrap_or("token")),
        ("roles", &roles),
        ("secrets", &secrets),
        ("grants", &grants),
    ];
    let mut files = vec![
        Made::program(
            setup.store.script(),
            fill(include_str!("templates/aws-setup.sh"), &names),
        ),
        Made::text("aws.tf", fill(include_str!("templates/aws.tf"), &names)),
    ];
    for grant in &setup.grants {
        let documents = [
            ("trust", trust(setup, grant, account, issuer)),
            ("policy", policy(grant, account, region)),
        ];
        files.extend(documents.map(|(what, document)| {
            Made::text(
                &format!("{}.{what}.json", grant.role),
                format!("{document:#}\n"),
            )
        }));
    }
    files
}

/// AWS names an issuer without its scheme.
fn without_scheme(issuer: &str) -> &str {
    let issuer = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    issuer.trim_end_matches('/')
}

fn trust(setup: &Setup, grant: &Grant, account: &str, issuer: &str) -> Value {
    let subjects = setup.job.subjects(&grant.bound);
    // Who publishes reads, too.
    let publishers = setup.grants.iter().filter(|other| other.role != grant.role);
    let subjects: Vec<_> = match grant.label {
        "read" => publishers
            .flat_map(|other| setup.job.subjects(&other.bound))
            .fold(subjects, |mut all, subject| {
                all.push(subject);
                all
            }),
        _ => subjects,
    };
    let subjects = match <[String; 1]>::try_from(subjects) {
        Ok([one]) => Value::from(one),
        Err(several) => Value::from(several),
    };
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Federated": format!("arn:aws:iam::{account}:oidc-provider/{issuer}") },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": { "StringEquals": {
                format!("{issuer}:aud"): setup.store.audience(),
                format!("{issuer}:sub"): subjects,
            } },
        }],
    })
}

/// AWS puts six characters of its own behind a secret's name.
fn policy(grant: &Grant, account: &str, region: &str) -> Value {
    let secret = &grant.secret;
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": format!("arn:aws:secretsmanager:{region}:{account}:secret:{secret}-??????"),
        }],
    })
}
