//! External accounts of AWS: the keys of a job or of a machine there sign who they are, and Google has AWS verify it.

use serde_json::{Value, json};
use test_servers::Provider;
use test_servers::client::{Ask, ask};

use crate::external::{pool, provider_of, subject};
use crate::team::{SECRET, Team, with_file};

const ACCOUNT: &str = "123456789012";
/// Where nobody is: the provider asks AWS's metadata as AWS's own clients do, whatever the file says of addresses.
const METADATA: &str = "http://127.0.0.1:1/latest";

/// The file as gcloud writes it for `--aws --enable-imdsv2`.
fn file() -> Value {
    json!({
        "type": "external_account",
        "audience": format!("//iam.googleapis.com/{}", provider_of("amazon")),
        "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {
            "environment_id": "aws1",
            "region_url": format!("{METADATA}/meta-data/placement/availability-zone"),
            "url": format!("{METADATA}/meta-data/iam/security-credentials"),
            "regional_cred_verification_url":
                "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
            "imdsv2_session_token_url": format!("{METADATA}/api/token"),
        },
        "universe_domain": "googleapis.com",
    })
}

/// A Google that trusts an account of AWS, and knows keys there, with a session's token if one is given.
fn team(id: &str, secret: &str, session: Option<&str>, arn: &str) -> Team {
    let team = Team::new();
    let google = team.google();
    google.control(
        &json!({ "call": "provider", "name": provider_of("amazon"), "aws_account": ACCOUNT }),
    );
    google.control(&json!({
        "call": "aws_keys", "id": id, "secret": secret, "session": session, "account": ACCOUNT, "arn": arn,
    }));
    team
}

/// The provider with keys in its environment.
fn with_keys(team: &Team, id: &str, secret: &str, source: &str) -> Provider {
    with_file(team.nobody("", source), &file())
        .env("AWS_ACCESS_KEY_ID", id)
        .env("AWS_SECRET_ACCESS_KEY", secret)
        .env("AWS_REGION", "eu-central-1")
        .secret(secret)
}

#[test]
fn keys_in_the_environment() {
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/builder");
    let team = team("AKIAENVIRONMENT", "of-the-environment", None, &arn);
    // Only AWS knows whose keys they are.
    team.is(&subject(&arn), None, |source| {
        with_keys(&team, "AKIAENVIRONMENT", "of-the-environment", source)
    });
    assert_eq!(team.requests()[0], "POST sts.googleapis.com/v1/token");
    assert_eq!(team.requests().len(), 6);
}

#[test]
fn keys_of_a_session_in_the_environment() {
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/runner/job-7");
    let session = "session/token+of=the-job";
    let team = team("ASIASESSION", "of-the-session", Some(session), &arn);
    let member = format!(
        "principalSet://iam.googleapis.com/{}/attribute.aws_role/arn:aws:sts::{ACCOUNT}:assumed-role/runner",
        pool()
    );
    team.is(&member, None, |source| {
        with_keys(&team, "ASIASESSION", "of-the-session", source)
            .env("AWS_SESSION_TOKEN", session)
            .secret(session)
    });
}

#[test]
fn keys_of_the_machine() {
    let role = format!("arn:aws:sts::{ACCOUNT}:assumed-role/runner");
    let session = "session/token+of=the-role";
    let team = team(
        "ASIAINSTANCE",
        "of-the-machine",
        Some(session),
        &format!("{role}/i-0123456789abcdef0"),
    );
    team.google()
        .control(&json!({ "call": "aws_instance", "key_id": "ASIAINSTANCE" }));
    session_of_metadata(&team);
    let member = format!(
        "principalSet://iam.googleapis.com/{}/attribute.aws_role/{role}",
        pool()
    );
    team.is(&member, None, |source| {
        with_file(team.nobody("", source), &file())
            .env("AWS_EC2_METADATA_DISABLED", "false")
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", team.google().url())
            .secret("of-the-machine")
            .secret(session)
    });
    let asked = team.requests();
    for path in [
        "PUT /latest/api/token",
        "GET /latest/meta-data/placement/region",
        "POST sts.googleapis.com/v1/token",
    ] {
        assert!(asked.iter().any(|asked| asked == path), "{asked:?}");
    }
}

/// Opens a session of the fake's metadata, which it gives from now on with the header that AWS's SDK wants to see.
fn session_of_metadata(team: &Team) {
    const LIFETIME: &str = "x-aws-ec2-metadata-token-ttl-seconds";
    let url = format!("{}/latest/api/token", team.google().url());
    let opened = ask(&Ask::new("PUT", &url).header(LIFETIME, "21600")).unwrap();
    team.google().control(&json!({
        "call": "answer", "path": "/latest/api/token", "status": 200, "body": opened.text(),
        "headers": { LIFETIME: "21600" }, "times": 99,
    }));
}

#[test]
fn keys_that_aws_refuses() {
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/builder");
    let team = team("AKIAREFUSED", "right", None, &arn);
    team.let_read(SECRET, &subject(&arn));
    let source = format!("secret = \"{SECRET}\"");
    for (id, secret, words) in [
        (
            "AKIAREFUSED",
            "wr0ng-s3cret",
            "Received invalid AWS response of type SignatureDoesNotMatch with error message: The request signature we calculated",
        ),
        (
            "AKIANOBODY",
            "right-s3cret",
            "Received invalid AWS response of type InvalidClientTokenId with error message: The security token included",
        ),
    ] {
        let text = team.error(&with_keys(&team, id, secret, &source));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..2],
            [
                &format!(
                    "Google refused the job's token at `//iam.googleapis.com/{}`",
                    provider_of("amazon")
                ),
                "POST https://sts.googleapis.com/v1/token answered 400 Bad Request, invalid_grant",
            ]
        );
        assert!(lines[2].starts_with(words), "{text}");
        let help = format!(
            "help: AWS must accept the keys (`aws sts get-caller-identity` tells whose they are), and their account must be \
             the provider's; `gcloud iam workload-identity-pools providers describe {}` shows it",
            provider_of("amazon")
        );
        assert_eq!(lines[3], help);
    }
    // Another account of AWS is nobody here.
    team.google().control(&json!({
        "call": "aws_keys", "id": "AKIAELSEWHERE", "secret": "elsewhere", "account": "210987654321",
        "arn": "arn:aws:iam::210987654321:user/builder",
    }));
    let text = team.error(&with_keys(&team, "AKIAELSEWHERE", "elsewhere", &source));
    assert!(
        text.contains("The AWS account of the given credential does not match the provider's."),
        "{text}"
    );
}

#[test]
fn no_keys_here() {
    let team = team("AKIA", "of-nobody", None, "arn:aws:iam::1:user/x");
    let provider = with_file(team.nobody("", &format!("secret = \"{SECRET}\"")), &file())
        .env("AWS_REGION", "eu-central-1");
    let text = team.error(&provider);
    assert!(text.contains("no AWS identity here"), "{text}");
    assert_eq!(team.requests(), Vec::<String>::new());
}
