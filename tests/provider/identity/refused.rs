//! What the services that mint a token may answer instead of one.

use test_servers::provider::error_text;
use test_servers::{Fault, FaultServer, Provider, Response, Server};

use super::systems::{Minted, SYSTEMS, System};
use super::{REQUEST_TOKEN, SECOND, URL, alone, get, provider, second, shown, vault};

fn minting() -> impl Iterator<Item = (&'static System, &'static Minted)> {
    SYSTEMS
        .iter()
        .filter_map(|system| Some((system, system.minted.as_ref()?)))
}

/// The error of a job whose second source must not be asked, with the address of the service as `$CI`.
fn refused(provider: Provider, endpoint: &str) -> Vec<String> {
    let provider = provider.env("SECOND", SECOND);
    let text = error_text(&provider.get(URL, "read")).replace(endpoint, "$CI");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn no_token_is_minted() {
    for (system, minted) in minting() {
        for (status, answered, requests) in [
            (203, "203 Non Authoritative Information", 1),
            (401, "401 Unauthorized", 1),
            (403, "403 Forbidden", 1),
            (404, "404 Not Found", 1),
            (422, "422 Unprocessable Entity", 1),
            (500, "500 Internal Server Error", 3),
            (503, "503 Service Unavailable", 3),
        ] {
            let said = format!("{{\"message\":\"no token for {REQUEST_TOKEN}\"}}");
            let answer = Response::text(status, &said).header("retry-after", "0");
            let service = Server::start(move |_| answer.clone());
            let vault = vault();
            let job = system.job(provider(&vault, &system.auth(true)), &service.url());
            let lines = refused(job, &service.url());
            let mut expected = vec![
                format!(
                    "{} did not mint an identity token for this job",
                    system.vendor
                ),
                format!("{} $CI{} answered {answered}", minted.method, minted.path),
            ];
            if status != 203 {
                expected.push("{\"message\":\"no token for [redacted]\"}".to_owned());
            }
            let (help, above) = lines.split_last().expect("there is an error");
            assert_eq!(above, expected);
            let wanted = match status {
                203 | 401 | 403 => minted.switch.to_owned(),
                _ => format!("run the job again, unless {} itself is down", system.vendor),
            };
            assert!(
                help.starts_with("help: ") && help.contains(&wanted),
                "{help}"
            );
            assert_eq!(service.requests().len(), requests, "{status}");
            assert_eq!(vault.connections(), 0, "nothing to show to Vault");
        }
    }
}

#[test]
fn a_failure_that_passes() {
    for (system, minted) in minting() {
        let failure = Response::empty(503).header("retry-after", "0");
        let token = super::systems::MINTED;
        let service = Server::start_fifo(vec![
            failure.clone(),
            failure,
            Response::json(200, &serde_json::json!({ minted.field: token })),
        ]);
        let vault = vault();
        get(&system.job(provider(&vault, &system.auth(true)), &service.url()));
        assert_eq!(shown(&vault), token);
        assert_eq!(service.requests().len(), 3);
    }
}

#[test]
fn an_answer_without_a_token() {
    for (system, minted) in minting() {
        let none = format!(
            "{}'s answer to the request for an identity token holds none",
            system.vendor
        );
        let bad = format!("{{\"{}\":\"n0t-a-jwt-but-s3cret\"}}", minted.field);
        let null = format!("{{\"{}\":null}}", minted.field);
        for (body, what) in [
            ("{}", none.clone()),
            (&null, none.clone()),
            ("[]", none.clone()),
            ("<html>Sign in</html>", none.clone()),
            ("", none.clone()),
            (
                &bad,
                format!(
                    "the identity token of this {} job is not a JWT",
                    system.vendor
                ),
            ),
        ] {
            let answer = Response::bytes(200, body.as_bytes().to_vec());
            let service = Server::start(move |_| answer.clone());
            let vault = vault();
            let job = system
                .job(provider(&vault, &system.auth(true)), &service.url())
                .secret("n0t-a-jwt-but-s3cret");
            let lines = refused(job, &service.url());
            assert_eq!(lines[0], what, "{body}");
            assert_eq!((service.requests().len(), vault.connections()), (1, 0));
        }
    }
}

#[test]
fn a_service_that_is_not_well() {
    for (system, minted) in minting() {
        let vault = vault();
        let slow = FaultServer::start(Fault::BlackHole);
        let job = system
            .job(provider(&vault, &system.auth(true)), &slow.url())
            .within("500ms");
        let lines = refused(job, &slow.url());
        assert_eq!(lines[0], "`$CI` did not answer within 500ms");
        assert_eq!(lines[1], format!("{} $CI{}", minted.method, minted.path));

        let away = Server::start(|_| Response::empty(200));
        let target = format!("{}/elsewhere", away.url());
        let service = Server::start(move |_| Response::empty(307).header("location", &target));
        let job = system.job(provider(&vault, &system.auth(true)), &service.url());
        let lines = refused(job, &service.url());
        assert_eq!(lines[0], "`$CI` sends us elsewhere");
        assert_eq!((away.connections(), vault.connections()), (0, 0));
    }
}

/// What a job asks with is a credential: it goes to the named service over TLS, or to this machine.
#[test]
fn the_credential_of_the_job_stays_where_it_belongs() {
    for (system, _) in minting() {
        let vault = vault();
        let auth = system.auth(true);
        let job = |endpoint: &str| system.job(provider(&vault, &auth), endpoint);
        let lines = refused(job("http://ci.invalid"), "http://ci.invalid");
        assert!(
            lines[0].contains("is plain HTTP: everyone on the way could read the secret"),
            "{lines:?}"
        );
        let lines = refused(job("no-url"), "no-url");
        assert!(lines[0].ends_with("is not a URL"), "{lines:?}");
        assert_eq!(vault.connections(), 0);
    }
}

/// Where no identity is named, a job is told what to switch on in its own system.
#[test]
fn a_job_that_was_not_given_its_identity() {
    for (marks, what, switch) in [
        (
            &["GITHUB_ACTIONS", "FORGEJO_ACTIONS"][..],
            "no Forgejo identity here: `ACTIONS_ID_TOKEN_REQUEST_URL` and `ACTIONS_ID_TOKEN_REQUEST_TOKEN` are not set",
            "`enable-openid-connect: true`",
        ),
        (
            &["CIRCLECI"],
            "no CircleCI identity here: `CIRCLE_OIDC_TOKEN_V2` is not set",
            "`Pass secrets to builds from forked pull requests`",
        ),
        (
            &["BUILDKITE"],
            "no Buildkite identity here: `BUILDKITE_AGENT_ACCESS_TOKEN` and `BUILDKITE_JOB_ID` are not set",
            "`mount-buildkite-agent: true`",
        ),
        (
            &["TF_BUILD"],
            "no Azure Pipelines identity here: `SYSTEM_OIDCREQUESTURI` and `SYSTEM_ACCESSTOKEN` are not set",
            "$(System.AccessToken)",
        ),
        (
            &["BITBUCKET_BUILD_NUMBER"],
            "no Bitbucket identity here: `BITBUCKET_STEP_OIDC_TOKEN` is not set",
            "`oidc: true`",
        ),
    ] {
        let vault = vault();
        let job = || {
            let provider = provider(&vault, r#"{ method = "jwt", role = "ci" }"#);
            marks
                .iter()
                .fold(provider, |provider, mark| provider.env(*mark, "true"))
                // Of another job, around this one.
                .env("CARGO_ID_TOKEN", super::GITLAB)
        };
        assert_eq!(second(job()), what);
        let text = alone(job());
        let (first, help) = text.split_once('\n').expect("there is a help");
        assert_eq!(first, what);
        assert!(help.contains(switch), "{help}");
        assert_eq!(vault.connections(), 0);
    }
}

/// Forgejo's jobs have GitHub's variables, and another issuer.
#[test]
fn github_is_not_forgejo() {
    let vault = vault();
    let forgejo = SYSTEMS
        .iter()
        .find(|system| system.name == "forgejo-actions")
        .expect("it is in the table");
    let auth = r#"{ method = "jwt", role = "ci", identity = "github-actions" }"#;
    let job = forgejo.job(provider(&vault, auth), "http://127.0.0.1:1");
    assert_eq!(
        alone(job).lines().collect::<Vec<_>>(),
        [
            "no GitHub identity here: this is a Forgejo job",
            "help: name it `identity = \"forgejo-actions\"`, or leave `identity` out: its issuer is the Forgejo instance, and not GitHub",
        ]
    );
    assert_eq!(vault.connections(), 0);
}
