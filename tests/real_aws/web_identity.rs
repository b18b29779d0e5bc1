//! The identity token of a CI job, straight to STS.

use serde_json::{Value, json};
use test_servers::clock::unix_now;
use test_servers::provider::error_text;
use test_servers::{AwsServer, Issuer, Provider, Trust};

use crate::BINARY;
use crate::team::{Team, URL, answer, config, in_region};

const ROLE: &str = "arn:aws:iam::123456789012:role/ci";
const AUDIENCE: &str = "sts.amazonaws.com";
const SUBJECT: &str = "repo:acme/app:ref:refs/heads/main";

fn settings(identity: &str) -> String {
    format!(
        "{}\nauth = {{ method = \"web-identity\", role-arn = \"{ROLE}\"{identity} }}",
        in_region()
    )
}

#[test]
fn a_github_job() {
    let issuer = Issuer::start();
    for identity in [", identity = \"github-actions\"", ""] {
        let team = Team::new();
        team.put_token();
        let provider = team
            .nobody(&settings(identity), &team.source())
            .in_github(&issuer);
        assert_eq!(provider.get(URL, "read"), team.answer());
    }
    let asked = issuer.requests();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].parameter("audience").as_deref(), Some(AUDIENCE));
}

#[test]
fn jobs_that_are_given_their_token() {
    let issuer = Issuer::start();
    let team = Team::new();
    team.put_token();
    let token = issuer.token(AUDIENCE);
    for (identity, variable) in [
        (", identity = \"gitlab\"", "CARGO_ID_TOKEN"),
        (", identity = { env = \"AWS_ID_TOKEN\" }", "AWS_ID_TOKEN"),
    ] {
        let provider = team
            .nobody(&settings(identity), &team.source())
            .env(variable, &token)
            .secret(&token);
        assert_eq!(provider.get(URL, "read"), team.answer());
    }
    let provider = team
        .nobody(
            &settings(", identity = { file = \"~/id-token\" }"),
            &team.source(),
        )
        .file("id-token", &format!("{token}\n"))
        .secret(&token);
    assert_eq!(provider.get(URL, "read"), team.answer());
}

#[test]
fn a_token_file_as_eks_gives_it_to_a_pod() {
    let (team, issuer) = (Team::new(), Issuer::start());
    team.put_token();
    let token = issuer.token(AUDIENCE);
    let provider = team
        .nobody(&in_region(), &team.source())
        .file("token", &token)
        .secret(&token);
    let file = provider.home().join("token");
    let provider = provider
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", file)
        .env("AWS_ROLE_ARN", ROLE);
    assert_eq!(provider.get(URL, "read"), team.answer());
}

/// A double with a secret and a role for jobs of one branch.
fn aws(issuer: &Issuer) -> AwsServer {
    let aws = AwsServer::start();
    aws.put("cargo", "traded-t0ken");
    aws.role(ROLE, Trust::new(issuer, AUDIENCE).subject(SUBJECT));
    aws
}

fn provider(aws: &AwsServer, settings: &str) -> Provider {
    Provider::new(BINARY)
        .config(&config(settings, "secret = \"cargo\""))
        .env("AWS_ENDPOINT_URL", aws.url())
        .secret("traded-t0ken-never-in-errors")
}

#[test]
fn one_token_one_trade_one_read_one_connection() {
    let issuer = Issuer::start();
    let aws = aws(&issuer);
    let provider = provider(
        &aws,
        &settings(", identity = \"github-actions\", session-name = \"run-7\""),
    )
    .in_github(&issuer);
    assert_eq!(provider.get(URL, "read"), answer("traded-t0ken"));
    assert_eq!(
        aws.operations(),
        ["AssumeRoleWithWebIdentity", "GetSecretValue"]
    );
    assert_eq!((aws.connections(), issuer.requests().len()), (1, 1));
    let requests = aws.requests();
    let body = String::from_utf8_lossy(&requests[0].body);
    assert!(body.contains("RoleSessionName=run-7"), "{body}");
    // Nobody signs the trade: there are no keys yet.
    assert_eq!(requests[0].header("authorization"), None);
}

#[test]
fn a_role_on_top_of_a_token() {
    let issuer = Issuer::start();
    let aws = aws(&issuer);
    let other = "arn:aws:iam::210987654321:role/registry";
    aws.plain_role(other);
    let settings = format!("{}\nrole-arn = \"{other}\"", settings(""));
    let provider = provider(&aws, &settings).in_github(&issuer);
    assert_eq!(provider.get(URL, "read"), answer("traded-t0ken"));
    assert_eq!(
        aws.operations(),
        ["AssumeRoleWithWebIdentity", "AssumeRole", "GetSecretValue"]
    );
}

/// Shows a token of these claims, which AWS refuses by this code and these words: one trade and nothing after it.
fn refused(claims: impl FnOnce(&Issuer) -> Value, code: &str, words: &str) -> String {
    let issuer = Issuer::start();
    let aws = aws(&issuer);
    let claims = claims(&issuer);
    let token = issuer.sign(&claims);
    let provider = provider(&aws, &settings(", identity = { env = \"ID\" }"))
        .env("ID", &token)
        .secret(&token);
    let text = error_text(&provider.get(URL, "read"));
    let mut lines = text.lines();
    assert_eq!(
        lines.next().unwrap(),
        format!("AWS refused the web identity login as role `{ROLE}`")
    );
    let answered = format!("AssumeRoleWithWebIdentity answered {code}");
    assert!(
        lines.next().is_some_and(|line| line.starts_with(&answered)),
        "{text}"
    );
    assert!(
        lines.next().is_some_and(|line| line.starts_with(words)),
        "{text}"
    );
    assert_eq!(aws.operations(), ["AssumeRoleWithWebIdentity"]);
    let stated = format!(
        "the job's token states iss {}, aud {}, sub {}",
        claims["iss"], claims["aud"], claims["sub"]
    );
    assert!(text.contains(&stated), "{text}");
    let issuer_name = claims["iss"].as_str().unwrap();
    let issuer_name = issuer_name.split_once("://").unwrap().1;
    let trust: Value = serde_json::from_str(text.lines().last().unwrap()).expect(&text);
    assert_eq!(
        trust["Condition"]["StringEquals"],
        json!({
            format!("{issuer_name}:aud"): claims["aud"],
            format!("{issuer_name}:sub"): claims["sub"],
        })
    );
    assert_eq!(
        trust["Principal"]["Federated"],
        format!("arn:aws:iam::123456789012:oidc-provider/{issuer_name}")
    );
    text
}

#[test]
fn another_branch() {
    refused(
        |issuer| issuer.claims(AUDIENCE, &json!({ "sub": "repo:acme/app:pull_request" })),
        "AccessDenied",
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
    );
}

#[test]
fn another_audience() {
    refused(
        |issuer| issuer.claims("https://vault.example.com", &Value::Null),
        "InvalidIdentityToken",
        "Incorrect token audience",
    );
}

#[test]
fn another_issuer() {
    refused(
        |issuer| issuer.claims(AUDIENCE, &json!({ "iss": "https://issuer.example.com" })),
        "InvalidIdentityToken",
        "No OpenIDConnect provider found in your account for https://issuer.example.com",
    );
}

#[test]
fn an_expired_token() {
    refused(
        |issuer| issuer.claims(AUDIENCE, &json!({ "exp": unix_now() - 60 })),
        "ExpiredToken",
        "Token expired: current date/time ",
    );
}

#[test]
fn another_key() {
    let (issuer, forger) = (Issuer::start(), Issuer::start());
    let aws = aws(&issuer);
    let token = forger.sign(&issuer.claims(AUDIENCE, &Value::Null));
    let provider = provider(&aws, &settings(", identity = { env = \"ID\" }"))
        .env("ID", &token)
        .secret(&token);
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("answered InvalidIdentityToken"), "{text}");
    assert!(text.contains("verification key"), "{text}");
}

#[test]
fn another_role() {
    let issuer = Issuer::start();
    let aws = aws(&issuer);
    let settings = settings("").replace("role/ci", "role/mistyped");
    let provider = provider(&aws, &settings).in_github(&issuer);
    let text = error_text(&provider.get(URL, "read"));
    assert!(
        text.starts_with(
            "AWS refused the web identity login as role `arn:aws:iam::123456789012:role/mistyped`\n"
        ),
        "{text}"
    );
}

#[test]
fn a_job_without_a_token() {
    let issuer = Issuer::start();
    let aws = aws(&issuer);
    let settings = settings(", identity = \"github-actions\"");
    let provider = provider(&aws, &settings).env("GITHUB_ACTIONS", "true");
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("no GitHub identity here"), "{text}");
    assert!(text.contains("permissions: { id-token: write }"), "{text}");
    assert_eq!(aws.connections(), 0);
}
