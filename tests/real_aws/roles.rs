//! Roles on top of an identity: several of them in one config, chained, in other accounts.

use serde_json::json;
use test_servers::aws::Keys;
use test_servers::{AwsServer, Provider};

use crate::BINARY;
use crate::team::{REGION, Team, URL, answer, config, in_region, moto, with_keys};

const ROLE: &str = "arn:aws:iam::123456789012:role/ci";

/// Keys in another account, by a role there.
fn keys_in(account: &str) -> Keys {
    let role = format!("arn:aws:iam::{account}:role/administrator");
    let given = moto().call(
        "sts",
        "assume_role",
        json!({ "RoleArn": role, "RoleSessionName": "set-up" }),
    );
    Keys::of(&given["Credentials"])
}

/// Makes a secret in another account.
fn put_in(account: &str, team: &Team, text: &str) {
    let with = json!({ "Name": team.secret("cargo"), "SecretString": text });
    team.call_in(REGION, Some(&keys_in(account)), "create_secret", with);
}

#[test]
fn two_backends_with_a_role_each() {
    let team = Team::new();
    let accounts = [
        ("111111111111", "first-acc0unt-token"),
        ("222222222222", "second-acc0unt-token"),
    ];
    let mut text = String::new();
    for (account, token) in accounts {
        put_in(account, &team, token);
        text += &format!(
            "[backends.of-{account}]\ntype = \"aws\"\nregion = \"{REGION}\"\nrole-arn = \"arn:aws:iam::{account}:role/ci\"\n\
             [registries.\"sparse+https://{account}.example.com/index/\"]\n\
             sources = [ {{ backend = \"of-{account}\", secret = \"{}\" }} ]\n",
            team.secret("cargo")
        );
    }
    let provider = team.provider("", "secret = \"x\"").config(&text);
    let asked: String = accounts
        .iter()
        .map(|(account, _)| {
            let url = format!("sparse+https://{account}.example.com/index/");
            test_servers::provider::get_request(&url, "read")
        })
        .collect();
    // Both in one process, as Cargo may ask.
    let given = provider.run(asked.as_bytes()).answers();
    assert_eq!(given, accounts.map(|(_, token)| answer(token)));
}

#[test]
fn a_chain_of_roles_ends_in_the_last() {
    let team = Team::new();
    put_in("333333333333", &team, "of-the-last-acc0unt");
    let settings = format!(
        "{}\nrole-arn = [ \"arn:aws:iam::111111111111:role/hub\", \"arn:aws:iam::333333333333:role/ci\" ]",
        in_region()
    );
    let source = format!("secret = \"{}\"", team.secret("cargo"));
    let provider = team.provider(&settings, &source);
    assert_eq!(provider.get(URL, "read"), answer("of-the-last-acc0unt"));
}

#[test]
fn each_role_is_assumed_by_the_one_before() {
    let aws = AwsServer::start();
    aws.put("cargo", "chained-t0ken");
    let hub = "arn:aws:iam::111111111111:role/hub";
    aws.plain_role(hub);
    aws.plain_role(ROLE);
    let keys = aws.user("arn:aws:iam::123456789012:user/ci");
    let settings = format!(
        "{}\nrole-arn = [ \"{hub}\", \"{ROLE}\" ]\nexternal-id = \"x-7\"\nsession-name = \"job-42\"",
        in_region()
    );
    let provider = Provider::new(BINARY)
        .config(&config(&settings, "secret = \"cargo\""))
        .env("AWS_ENDPOINT_URL", aws.url());
    let provider = with_keys(provider, &keys);
    assert_eq!(provider.get(URL, "read"), answer("chained-t0ken"));
    assert_eq!(
        aws.operations(),
        ["AssumeRole", "AssumeRole", "GetSecretValue"]
    );
    // One connection for all, as they are at one address.
    assert_eq!(aws.connections(), 1);
    let asked = aws.requests();
    for (request, role) in asked.iter().zip(["role%2Fhub", "role%2Fci"]) {
        let body = String::from_utf8_lossy(&request.body);
        for part in [
            role,
            "ExternalId=x-7",
            "RoleSessionName=job-42",
            "DurationSeconds=900",
        ] {
            assert!(body.contains(part), "{part}: {body}");
        }
    }
    let signed_by = |number: usize| {
        let request: &test_servers::Request = &asked[number];
        let key = request.header("authorization").unwrap().to_owned();
        key.split(['=', '/']).nth(1).unwrap().to_owned()
    };
    assert_eq!(signed_by(0), keys.id);
    assert!(signed_by(1).starts_with("ASIA") && signed_by(2).starts_with("ASIA"));
    assert_ne!(signed_by(1), signed_by(2));
}
