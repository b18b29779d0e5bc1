//! Rights and signatures, as moto checks them: with IAM on, and by AWS's own calculation in botocore.

use serde_json::{Value, json};
use test_servers::aws::{ACCOUNT, Keys};
use test_servers::provider::error_text;
use test_servers::{AwsServer, Provider, random};

use crate::BINARY;
use crate::team::{Team, URL, conceal, config, in_region, strict, with_keys};

/// A statement that allows an action. moto knows policies for all resources only.
fn allow(action: &str) -> Value {
    json!({ "Effect": "Allow", "Action": action, "Resource": "*" })
}

/// Makes a role whose trust policy is this statement, and that may read secrets; gives its ARN.
fn role(trust: &Value) -> String {
    let name = format!("ci-{}", random::alphanumeric(8));
    let policy = |statement: &Value| {
        json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
    };
    strict().call(
        "iam",
        "create_role",
        json!({ "RoleName": name, "AssumeRolePolicyDocument": policy(trust) }),
    );
    let allowed = policy(&allow("secretsmanager:GetSecretValue"));
    strict().call(
        "iam",
        "put_role_policy",
        json!({ "RoleName": name, "PolicyName": "read", "PolicyDocument": allowed }),
    );
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

fn user_arn(team: &Team) -> String {
    format!("arn:aws:iam::{ACCOUNT}:user/{}", team.name())
}

#[test]
fn a_user_who_may_read() {
    let team = Team::strict(&[allow("secretsmanager:GetSecretValue")]);
    team.put_token();
    let provider = team.provider(&in_region(), &team.source());
    assert_eq!(provider.get(URL, "read"), team.answer());
}

#[test]
fn a_role_for_those_who_know_its_external_id() {
    let team = Team::strict(&[allow("sts:AssumeRole")]);
    team.put_token();
    let trust = |id: &str| {
        json!({
            "Effect": "Allow", "Principal": { "AWS": user_arn(&team) }, "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "sts:ExternalId": id } },
        })
    };
    let role = role(&trust("the-registry"));
    let settings = |more: &str| format!("{}\nrole-arn = \"{role}\"\n{more}", in_region());
    let provider = team.provider(&settings("external-id = \"the-registry\""), &team.source());
    assert_eq!(provider.get(URL, "read"), team.answer());

    // Without any, moto would not look at the condition.
    let mistyped = settings("external-id = \"mistyped\"");
    let text = error_text(&team.provider(&mistyped, &team.source()).get(URL, "read"));
    let first = format!(
        "AWS does not let `{}` assume the role `{role}`\nAssumeRole answered AccessDenied",
        user_arn(&team)
    );
    assert!(text.starts_with(&first), "{text}");
    let shown: Value = serde_json::from_str(text.lines().last().unwrap()).expect(&text);
    assert_eq!(shown, trust("mistyped"));
    let allowed = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role });
    assert!(text.contains(&format!("\n{allowed}\n")), "{text}");
}

#[test]
fn a_user_who_may_not_assume_the_role() {
    let team = Team::strict(&[]);
    team.put_token();
    let role = role(
        &json!({ "Effect": "Allow", "Principal": { "AWS": user_arn(&team) }, "Action": "sts:AssumeRole" }),
    );
    let settings = format!("{}\nrole-arn = \"{role}\"", in_region());
    let text = error_text(&team.provider(&settings, &team.source()).get(URL, "read"));
    assert!(
        text.starts_with(&format!(
            "AWS does not let `{}` assume the role",
            user_arn(&team)
        )),
        "{text}"
    );
}

#[test]
fn a_key_that_is_wrong() {
    let team = Team::strict(&[allow("sts:AssumeRole")]);
    let role = format!("arn:aws:iam::{ACCOUNT}:role/ci");
    let settings = format!("{}\nrole-arn = \"{role}\"", in_region());
    team.put_token();
    let wrong = [
        (
            Keys {
                secret: random::alphanumeric(40),
                ..team.keys().clone()
            },
            ["SignatureDoesNotMatch", "InvalidSignatureException"],
        ),
        (
            Keys {
                id: "AKIAMISTYPEDMISTYPED".to_owned(),
                ..team.keys().clone()
            },
            ["InvalidClientTokenId", "UnrecognizedClientException"],
        ),
    ];
    for (keys, [of_sts, of_secrets]) in wrong {
        for (settings, answered) in [
            (&settings, format!("AssumeRole answered {of_sts}")),
            (
                &in_region(),
                format!("GetSecretValue answered {of_secrets}"),
            ),
        ] {
            let provider = with_keys(team.nobody(settings, &team.source()), &keys);
            let text = error_text(&provider.get(URL, "read"));
            assert!(text.contains(&answered), "{text}");
        }
    }
}

#[test]
fn a_user_who_may_not_read_is_nobody_else() {
    let team = Team::strict(&[]);
    team.put_token();
    let chain = format!(
        "{} }}, {{ backend = \"second\", var = \"SECOND\"",
        team.source()
    );
    let text = config(&in_region(), &chain);
    let provider = team
        .provider("", "secret = \"x\"")
        .config(&format!("{text}\n[backends.second]\ntype = \"env\"\n"))
        .env("SECOND", "of-the-second-source")
        .secret("of-the-second-source");
    let text = error_text(&provider.get(URL, "read"));
    let expected = format!(
        "AWS does not let `{}` read the secret `{}`\nGetSecretValue answered AccessDeniedException",
        user_arn(&team),
        team.secret("cargo")
    );
    assert!(text.starts_with(&expected), "{text}");
    // With what it says, there is a token.
    let allowed: Value = serde_json::from_str(text.lines().last().unwrap()).expect(&text);
    assert_eq!(allowed["Action"], "secretsmanager:GetSecretValue");
    let policy =
        json!({ "Version": "2012-10-17", "Statement": [allow("secretsmanager:GetSecretValue")] });
    strict().call(
        "iam",
        "put_user_policy",
        json!({ "UserName": team.name(), "PolicyName": "read", "PolicyDocument": policy.to_string() }),
    );
    assert_eq!(provider.get(URL, "read"), team.answer());
}

#[test]
fn a_right_that_is_missing_is_named_in_full() {
    let aws = AwsServer::start();
    aws.put("prod/cargo", r#"{"token":"never-shown-s3cret"}"#);
    aws.deny("prod/cargo");
    let keys = aws.session("arn:aws:sts::210987654321:assumed-role/ci/run-7");
    let provider = Provider::new(BINARY)
        .config(&config(
            &in_region(),
            "secret = \"prod/cargo\", field = \"token\"",
        ))
        .env("AWS_ENDPOINT_URL", aws.url())
        .secret("never-shown-s3cret");
    let provider = with_keys(conceal(provider, &keys), &keys);
    let text = error_text(&provider.get(URL, "read"));
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some(
            "AWS does not let `arn:aws:sts::210987654321:assumed-role/ci/run-7` read the secret `prod/cargo`"
        ),
    );
    assert!(
        lines.next().is_some_and(
            |line| line.starts_with("GetSecretValue answered AccessDeniedException (request ")
        ),
        "{text}"
    );
    let statement: Value = serde_json::from_str(text.lines().last().unwrap()).expect(&text);
    assert_eq!(
        statement,
        json!({
            "Effect": "Allow", "Action": "secretsmanager:GetSecretValue",
            "Resource": "arn:aws:secretsmanager:eu-west-1:210987654321:secret:prod/cargo-??????",
        })
    );
    assert_eq!(aws.operations(), ["GetSecretValue"]);
}
