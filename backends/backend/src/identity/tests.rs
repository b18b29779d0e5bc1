use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as Unreadable, StrDeserializer};

use super::*;
use crate::{Planned, Step};

type Variables = Vec<(&'static str, &'static str)>;

fn environment(variables: &[(&'static str, &'static str)]) -> Environment {
    Environment::fixed(variables.iter().copied(), "/nonexistent")
}

fn named(name: &str) -> Identity {
    let name: StrDeserializer<'_, Unreadable> = name.into_deserializer();
    Identity::deserialize(name).unwrap()
}

const URL: (&str, &str) = (
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "https://ci.example.com/?x=1",
);
const TOKEN: (&str, &str) = ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t");

/// What each system sets in each of its jobs, by its documentation, and what it sets where the job has its identity.
fn jobs() -> Vec<(&'static str, Variables, Variables)> {
    vec![
        (
            "forgejo-actions",
            vec![
                ("CI", "true"),
                ("FORGEJO_ACTIONS", "true"),
                ("GITEA_ACTIONS", "true"),
                ("GITHUB_ACTIONS", "true"),
            ],
            vec![URL, TOKEN],
        ),
        (
            "github-actions",
            vec![("CI", "true"), ("GITHUB_ACTIONS", "true")],
            vec![URL, TOKEN],
        ),
        (
            "gitlab",
            vec![("CI", "true"), ("GITLAB_CI", "true")],
            vec![("CARGO_ID_TOKEN", "a.b.c")],
        ),
        (
            "circleci",
            vec![("CI", "true"), ("CIRCLECI", "true")],
            vec![
                ("CIRCLE_OIDC_TOKEN", "a.b.c"),
                ("CIRCLE_OIDC_TOKEN_V2", "a.b.c"),
            ],
        ),
        (
            "buildkite",
            vec![("CI", "true"), ("BUILDKITE", "true")],
            vec![
                ("BUILDKITE_AGENT_ENDPOINT", "https://agent.buildkite.com/v3"),
                ("BUILDKITE_AGENT_ACCESS_TOKEN", "t"),
                ("BUILDKITE_JOB_ID", "0184990a"),
            ],
        ),
        (
            "azure-pipelines",
            vec![
                ("TF_BUILD", "True"),
                (
                    "SYSTEM_OIDCREQUESTURI",
                    "https://dev.azure.com/acme/oidctoken",
                ),
            ],
            vec![("SYSTEM_ACCESSTOKEN", "t")],
        ),
        (
            "bitbucket",
            vec![("CI", "true"), ("BITBUCKET_BUILD_NUMBER", "7")],
            vec![("BITBUCKET_STEP_OIDC_TOKEN", "a.b.c")],
        ),
    ]
}

#[test]
fn each_job_is_known_by_its_own_variables() {
    for (name, marks, inputs) in jobs() {
        let given = [marks.clone(), inputs.clone()].concat();
        assert_eq!(
            Identity::detect(&environment(&given)).unwrap(),
            named(name),
            "{given:?}"
        );
        named(name).check(&environment(&given)).unwrap();
        // A container that was passed only what the token is made from. Azure's URL is there in each job.
        let passed: Vec<_> = given
            .into_iter()
            .filter(|(variable, _)| {
                *variable != "CI"
                    && !marks
                        .iter()
                        .any(|(mark, value)| mark == variable && !value.starts_with("https:"))
            })
            .collect();
        let expected = match name {
            // Nothing else tells the two from each other.
            "forgejo-actions" => "github-actions",
            name => name,
        };
        assert_eq!(
            Identity::detect(&environment(&passed)).unwrap(),
            named(expected),
            "{passed:?}"
        );
    }
    let error = Identity::detect(&environment(&[("CI", "true")])).unwrap_err();
    assert_eq!(error.kind(), Kind::NotAvailable);
}

/// A runner may be in a pod, or in another system's job, and a job may have another's leftovers.
#[test]
fn a_job_without_its_identity_is_told_and_is_nobody_else() {
    for (name, marks, _) in jobs() {
        let leftovers = jobs()
            .into_iter()
            .filter(|(other, _, _)| {
                // Forgejo's and GitHub's are the same: who has them was given them.
                *other != name && !(name.ends_with("-actions") && other.ends_with("-actions"))
            })
            .flat_map(|(_, _, inputs)| inputs);
        let variables: Vec<_> = marks.into_iter().chain(leftovers).collect();
        let error = Identity::detect(&environment(&variables)).unwrap_err();
        assert_eq!(error.kind(), Kind::NotAvailable);
        assert!(error.what().contains("identity here: `"), "{error}");
        assert!(error.what().contains("not set"), "{error}");
        let switch = match name {
            "forgejo-actions" => "enable-openid-connect: true",
            "github-actions" => "id-token: write",
            "gitlab" => "id_tokens",
            "circleci" => "forked pull requests",
            "buildkite" => "mount-buildkite-agent: true",
            "azure-pipelines" => "SYSTEM_ACCESSTOKEN: $(System.AccessToken)",
            _ => "oidc: true",
        };
        let help = error.help_text().unwrap_or_default();
        assert!(help.contains(switch), "{help}");
    }
}

#[test]
fn the_mark_decides_and_the_first_one_if_there_are_several() {
    let all = || {
        jobs()
            .into_iter()
            .flat_map(|(_, marks, inputs)| [marks, inputs].concat())
    };
    let all: Vec<_> = all().collect();
    for (at, (name, marks, _)) in jobs().into_iter().enumerate() {
        // Without the marks of those that come before it.
        let before: Vec<_> = jobs()[..at]
            .iter()
            .flat_map(|(_, marks, _)| marks.clone())
            .filter(|mark| !marks.contains(mark))
            .collect();
        let left: Vec<_> = all
            .iter()
            .filter(|variable| !before.contains(variable))
            .copied()
            .collect();
        assert_eq!(Identity::detect(&environment(&left)).unwrap(), named(name));
    }
}

#[test]
fn github_and_forgejo_are_not_each_other() {
    let error = named("github-actions")
        .check(&environment(&[("FORGEJO_ACTIONS", "true"), URL, TOKEN]))
        .unwrap_err();
    assert_eq!(error.kind(), Kind::NotAvailable);
    assert_eq!(
        error.what(),
        "no GitHub identity here: this is a Forgejo job"
    );
    let error = named("forgejo-actions")
        .check(&environment(&[("GITHUB_ACTIONS", "true"), URL, TOKEN]))
        .unwrap_err();
    assert_eq!(error.kind(), Kind::NotAvailable);
    assert_eq!(
        error.what(),
        "no Forgejo identity here: `FORGEJO_ACTIONS` is not set"
    );
}

fn asked(name: &str, audience: Option<&str>, variables: &[(&'static str, &'static str)]) -> Step {
    named(name)
        .explain(audience, &environment(variables))
        .unwrap()
}

fn url(step: Step) -> String {
    match step {
        Step::Ask(Planned { url, .. }) => url,
        step => panic!("{step:?}"),
    }
}

#[test]
fn what_each_would_do() {
    let inputs = |name: &str| {
        let (_, marks, inputs) = jobs().into_iter().find(|job| job.0 == name).unwrap();
        [marks, inputs].concat()
    };
    assert_eq!(
        asked("azure-pipelines", Some("x"), &inputs("azure-pipelines")),
        Planned::new(
            "POST",
            "https://dev.azure.com/acme/oidctoken",
            "have Azure Pipelines mint the identity token of this job"
        )
        .into()
    );
    assert_eq!(
        asked("buildkite", Some("x"), &inputs("buildkite")),
        Planned::new(
            "POST",
            "https://agent.buildkite.com/v3/jobs/0184990a/oidc/tokens",
            "have Buildkite mint the identity token of this job"
        )
        .audience(Some("x"))
        .into()
    );
    assert_eq!(
        asked("bitbucket", Some("x"), &inputs("bitbucket")),
        Step::Read(
            "the identity token of this Bitbucket step, `BITBUCKET_STEP_OIDC_TOKEN`".to_owned()
        )
    );
}

/// Nothing that the environment says leads out of the path of the API.
#[test]
fn the_job_of_buildkite_is_one_segment() {
    for (endpoint, job, expected) in [
        (
            None,
            "a",
            "https://agent.buildkite.com/v3/jobs/a/oidc/tokens",
        ),
        (
            Some("https://bk.example.com/v3/"),
            "../a?b#c",
            "https://bk.example.com/v3/jobs/..%2Fa%3Fb%23c/oidc/tokens",
        ),
    ] {
        let mut variables = vec![
            ("BUILDKITE_AGENT_ACCESS_TOKEN", "t"),
            ("BUILDKITE_JOB_ID", job),
        ];
        variables.extend(endpoint.map(|url| ("BUILDKITE_AGENT_ENDPOINT", url)));
        assert_eq!(url(asked("buildkite", None, &variables)), expected);
    }
}

/// The program is run for an audience that the token at hand is not for.
#[test]
fn the_ways_of_circleci() {
    let payload = URL_SAFE_NO_PAD.encode(r#"{"aud":"org"}"#);
    let token: &'static str = format!("a.{payload}.c").leak();
    let read = |variable: &str| {
        Step::Read(format!(
            "the identity token of this CircleCI job, `{variable}`"
        ))
    };
    let both = [
        ("CIRCLE_OIDC_TOKEN", token),
        ("CIRCLE_OIDC_TOKEN_V2", token),
    ];
    assert_eq!(asked("circleci", None, &both), read("CIRCLE_OIDC_TOKEN_V2"));
    assert_eq!(
        asked("circleci", Some("org"), &both),
        read("CIRCLE_OIDC_TOKEN_V2")
    );
    assert_eq!(
        asked("circleci", None, &both[..1]),
        read("CIRCLE_OIDC_TOKEN")
    );
    let Step::Run(command) = asked("circleci", Some("it's \"x\""), &both) else {
        panic!("another audience");
    };
    let words = shlex::split(command.trim_matches('`')).unwrap();
    assert_eq!(
        words,
        [
            "circleci",
            "run",
            "oidc",
            "get",
            "--claims",
            r#"{"aud":"it's \"x\""}"#
        ]
    );
}
