//! A clock that is wrong: AWS refuses the signature, and the SDK signs again for AWS's time.

use test_servers::provider::error_text;
use test_servers::{AwsServer, Provider};

use crate::BINARY;
use crate::team::{URL, answer, config, in_region, with_keys};

const ROLE: &str = "arn:aws:iam::123456789012:role/ci";

fn provider(aws: &AwsServer, settings: &str) -> Provider {
    let keys = aws.user("arn:aws:iam::123456789012:user/ci");
    let provider = Provider::new(BINARY)
        .config(&config(settings, "secret = \"cargo\""))
        .env("AWS_ENDPOINT_URL", aws.url());
    with_keys(provider, &keys)
}

#[test]
fn a_clock_an_hour_off_is_corrected() {
    for ahead in [3600, -3600] {
        let aws = AwsServer::start();
        aws.put("cargo", "in-time-t0ken");
        aws.set_ahead(ahead);
        assert_eq!(
            provider(&aws, &in_region()).get(URL, "read"),
            answer("in-time-t0ken"),
            "{ahead}"
        );
        assert_eq!(aws.operations(), ["GetSecretValue", "GetSecretValue"]);
        let dates: Vec<_> = aws
            .requests()
            .iter()
            .map(|request| request.header("x-amz-date").map(str::to_owned))
            .collect();
        assert_ne!(dates[0], dates[1]);
    }
}

#[test]
fn for_sts_as_well() {
    let aws = AwsServer::start();
    aws.put("cargo", "in-time-t0ken");
    aws.plain_role(ROLE);
    aws.set_ahead(3600);
    let settings = format!("{}\nrole-arn = \"{ROLE}\"", in_region());
    assert_eq!(
        provider(&aws, &settings).get(URL, "read"),
        answer("in-time-t0ken")
    );
    assert_eq!(
        aws.operations(),
        [
            "AssumeRole",
            "AssumeRole",
            "GetSecretValue",
            "GetSecretValue"
        ]
    );
}

#[test]
fn a_wrong_key_is_no_wrong_clock() {
    let aws = AwsServer::start();
    aws.put("cargo", "in-time-t0ken");
    let provider = provider(&aws, &in_region()).env("AWS_SECRET_ACCESS_KEY", "mistyped-secret-key");
    let text = error_text(&provider.get(URL, "read"));
    assert!(
        text.contains("answered InvalidSignatureException"),
        "{text}"
    );
    assert!(text.contains("this machine's clock"), "{text}");
    assert_eq!(aws.operations(), ["GetSecretValue"]);
}
