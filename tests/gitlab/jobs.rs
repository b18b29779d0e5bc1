//! Pipelines of other shapes: the component, a config in a variable of type File, what is missing.

use std::fs;

use serde_json::json;
use test_servers::{AwsServer, Issuer, Trust};

use crate::examples::token;
use crate::pipeline::Project;
use crate::release::source;

const AUDIENCE: &str = "sts.amazonaws.com";

/// A config with one role for both tokens, as `CARGO_CREDENTIAL_BRIDGE_CONFIG` leads to.
fn config(project: &Project) -> String {
    format!(
        "[backends.corp]\ntype = \"aws\"\nregion = \"eu-west-1\"\n\
         auth = {{ method = \"web-identity\", role-arn = \"{ROLE}\", identity = \"gitlab\" }}\n\n\
         [registries.\"{}\"]\n\
         sources = [ {{ backend = \"corp\", secret = \"ci/cargo\", field = \"token\" }} ]\n\
         publish = [ {{ backend = \"corp\", secret = \"ci/cargo-publish\", field = \"token\" }} ]\n",
        project.registry.index_url()
    )
}

const ROLE: &str = "arn:aws:iam::123456789012:role/cargo-ci";

/// An AWS that trusts jobs of the branch `release`, and holds to it.
fn aws(issuer: &Issuer, project: &Project) -> AwsServer {
    let aws = AwsServer::start();
    let [read, publish] = project.tokens();
    aws.put("ci/cargo", &json!({ "token": read }).to_string());
    aws.put("ci/cargo-publish", &json!({ "token": publish }).to_string());
    let trust = Trust::new(issuer, AUDIENCE);
    aws.role(
        ROLE,
        trust.subject("project_path:acme/app:ref_type:branch:ref:release"),
    );
    aws
}

/// With all that a job may leave behind: artifacts, a cache, and an environment in the log of `after_script`.
#[test]
fn the_component() {
    let issuer = Issuer::start();
    let identity = token(&issuer, AUDIENCE, "release", None);
    let project = Project::new("release");
    let aws = aws(&issuer, &project);
    let indented = config(&project).replace('\n', "\n        ");
    let pipeline = format!(
        "include:\n  - component: gitlab.com/acme/bridge/cargo-credential-bridge@v0.1.0\n    inputs:\n      \
         audience: {AUDIENCE}\n      registries: corp = {}\n      releases: {}\n      config: |\n        {indented}\n\
         publish:\n  extends: .cargo-credential-bridge\n  script:\n    - cargo build --locked\n    - cargo publish --locked --registry corp\n    \
         - env >environment.txt\n  after_script:\n    - env | grep -v ^CARGO_ID_TOKEN=\n  \
         cache:\n    key: all\n    paths: [environment.txt]\n  artifacts:\n    when: always\n    paths: [environment.txt, Cargo.lock]\n",
        project.registry.index_url(),
        project.release.releases()
    );
    let component =
        fs::read_to_string(source("ci/gitlab/templates/cargo-credential-bridge.yml")).unwrap();
    let project = project
        .file(".gitlab-ci.yml", &pipeline)
        .file(
            ".gitlab-ci-local/includes/gitlab.com/acme/bridge/v0.1.0/templates/cargo-credential-bridge.yml",
            &component,
        )
        .env("CARGO_ID_TOKEN", &identity)
        .env("AWS_ENDPOINT_URL", &aws.url());
    let done = project.run(&[]);
    assert!(done.success(), "{}{}", done.stdout, done.stderr);
    assert!(project.registry.has_crate("acme-app"));
    // GitLab itself puts the identity there; nothing of the registry's is.
    project.assert_clean(&done, &project.tokens());
    let environment = project.kept("environment.txt");
    assert!(
        environment
            .contains("\nCARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER=cargo-credential-bridge\n")
    );
    assert!(
        !environment.contains("TOML="),
        "the config is in a file now"
    );
    assert!(
        done.stdout.contains("CI_JOB_STATUS=success"),
        "{}",
        done.stdout
    );
}

/// The pipeline of somebody who keeps the config in the project's settings.
fn with_file(project: Project) -> Project {
    let content = config(&project).replace('\n', "\n      ");
    let variables = format!(
        "CARGO_CREDENTIAL_BRIDGE_CONFIG:\n  type: file\n  values:\n    '*': |\n      {content}\n"
    );
    fs::write(project.directory().join(project.variables()), variables).unwrap();
    let pipeline = format!(
        "include:\n  - remote: {}/cargo-credential-bridge/cargo-credential-bridge/v0.1.0/ci/gitlab/template.yml\n\
         variables:\n  CARGO_CREDENTIAL_BRIDGE_AUDIENCE: {AUDIENCE}\n  \
         CARGO_CREDENTIAL_BRIDGE_REGISTRIES: corp = {}\n\
         fetch:\n  extends: .cargo-credential-bridge\n  script: cargo fetch --locked\n",
        project.release.url(),
        project.registry.index_url()
    );
    project.file(".gitlab-ci.yml", &pipeline)
}

#[test]
fn a_config_in_a_variable_of_type_file() {
    let issuer = Issuer::start();
    let identity = token(&issuer, AUDIENCE, "release", None);
    let project = with_file(Project::new("main"));
    let aws = aws(&issuer, &project);
    let project = project
        .env("CARGO_ID_TOKEN", &identity)
        .env("AWS_ENDPOINT_URL", &aws.url());
    let done = project.run(&[]);
    assert!(done.success(), "{}{}", done.stdout, done.stderr);
    project.assert_clean(
        &done,
        &[project.tokens()[0], project.tokens()[1], &identity],
    );
    let written = fs::read_to_string(project.cargo_home().join("credential-bridge.toml")).unwrap();
    assert_eq!(written.trim_end(), config(&project).trim_end());
}

/// A merge request from a fork: its jobs' identity is the fork's.
#[test]
fn a_job_of_a_fork() {
    let issuer = Issuer::start();
    let claims = json!({ "sub": "project_path:mallory/app:ref_type:branch:ref:release" });
    let identity = issuer.sign(&issuer.claims(AUDIENCE, &claims));
    let project = with_file(Project::new("main"));
    let aws = aws(&issuer, &project);
    let project = project
        .env("CARGO_ID_TOKEN", &identity)
        .env("AWS_ENDPOINT_URL", &aws.url());
    let done = project.run(&[]);
    assert!(!done.success());
    let log = format!("{}{}", done.stdout, done.stderr);
    assert!(log.contains("AWS refused the web identity login"), "{log}");
    assert!(log.contains("project_path:mallory/app"), "{log}");
    project.assert_clean(&done, &project.tokens());
}

#[test]
fn a_job_without_an_identity() {
    let project = with_file(Project::new("main"));
    let done = project.run(&[]);
    assert!(!done.success());
    let log = format!("{}{}", done.stdout, done.stderr);
    assert!(log.contains("no GitLab identity here"), "{log}");
    assert!(log.contains("id_tokens"), "{log}");
}
