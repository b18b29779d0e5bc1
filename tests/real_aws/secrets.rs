//! What a source can name: a name, an ARN, text or bytes, a field, a stage, a version.

use serde_json::json;
use test_servers::moto::binary;
use test_servers::provider::{error_text, get_request};

use crate::team::{REGION, Team, in_region, not_found};

/// Asks for a token that is not there, and gives the note for the user.
fn note(provider: &test_servers::Provider) -> String {
    let run = provider.run(get_request(crate::team::URL, "read").as_bytes());
    assert_eq!(run.answer(), not_found(), "{run:?}");
    run.stderr
}

#[test]
fn by_its_name() {
    let team = Team::new();
    team.put_token();
    let provider = team.provider(&in_region(), &team.source());
    assert_eq!(provider.get(crate::team::URL, "read"), team.answer());
    for variable in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
        let provider = team.provider("", &team.source()).env(variable, REGION);
        assert_eq!(
            provider.get(crate::team::URL, "read"),
            team.answer(),
            "{variable}"
        );
    }
}

#[test]
fn by_its_arn_which_names_the_region() {
    let team = Team::new();
    let with = json!({
        "Name": team.secret("cargo"), "SecretString": json!({ "token": team.token() }).to_string(),
    });
    let made = team.call_in("ap-southeast-2", None, "create_secret", with);
    let arn = made["ARN"].as_str().unwrap();
    assert!(
        arn.starts_with("arn:aws:secretsmanager:ap-southeast-2:123456789012:secret:"),
        "{arn}"
    );
    let (partial, suffix) = arn.rsplit_once('-').unwrap();
    assert_eq!(suffix.len(), 6);
    for arn in [arn, partial] {
        let source = format!("secret = \"{arn}\", field = \"token\"");
        for settings in ["", "region = \"ap-southeast-2\""] {
            let provider = team.provider(settings, &source);
            assert_eq!(
                provider.get(crate::team::URL, "read"),
                team.answer(),
                "{source} {settings}"
            );
        }
        // Where the job is, is not where the secret is.
        let provider = team.provider("", &source).env("AWS_REGION", REGION);
        assert_eq!(provider.get(crate::team::URL, "read"), team.answer());
    }
    // A name alone is looked for in the region of the backend.
    let provider = team.provider(&in_region(), &team.source());
    let note = note(&provider);
    assert!(note.contains("in the region `eu-west-1`"), "{note}");
}

#[test]
fn text_and_bytes_whole_and_by_field() {
    let team = Team::new();
    let object = json!({ "token": team.token(), "user": "ci" }).to_string();
    team.put("plain", &format!("{}\n", team.token()));
    for (name, bytes) in [("bytes", team.token()), ("object", &object)] {
        let with = json!({ "Name": team.secret(name), "SecretBinary": binary(bytes.as_bytes()) });
        team.call("create_secret", with);
    }
    for (name, field) in [
        ("plain", ""),
        ("bytes", ""),
        ("object", ", field = \"token\""),
    ] {
        let source = format!("secret = \"{}\"{field}", team.secret(name));
        let provider = team.provider(&in_region(), &source);
        assert_eq!(
            provider.get(crate::team::URL, "read"),
            team.answer(),
            "{name}"
        );
    }
}

#[test]
fn by_stage_and_by_version() {
    let team = Team::new();
    let old = team.put_token();
    let with = json!({
        "SecretId": team.secret("cargo"), "SecretString": json!({ "token": "the-newer-s3cret" }).to_string(),
    });
    team.call("put_secret_value", with);
    let newer = crate::team::answer("the-newer-s3cret");
    let versions = [
        (String::new(), &newer),
        ("stage = \"AWSCURRENT\"".to_owned(), &newer),
        ("stage = \"AWSPREVIOUS\"".to_owned(), &team.answer()),
        (format!("version-id = {}", old["VersionId"]), &team.answer()),
    ];
    for (version, expected) in versions {
        let source = [team.source(), version].join(", ");
        let source = source.trim_end_matches(", ");
        let provider = team
            .provider(&in_region(), source)
            .secret("the-newer-s3cret");
        assert_eq!(
            provider.get(crate::team::URL, "read"),
            *expected,
            "{source}"
        );
    }
}

#[test]
fn a_version_that_there_is_not() {
    let team = Team::new();
    team.put_token();
    for version in [
        "stage = \"CANARY\"",
        "version-id = \"00000000-0000-4000-8000-000000000000\"",
    ] {
        let source = format!("{}, {version}", team.source());
        let note = note(&team.provider(&in_region(), &source));
        assert!(note.contains("in AWS has no such version"), "{note}");
        assert!(note.contains("stages that it has: `AWSCURRENT`"), "{note}");
    }
}

#[test]
fn a_secret_that_there_is_not() {
    let team = Team::new();
    let note = note(&team.provider(&in_region(), &team.source()));
    let expected = format!("AWS does not have the secret `{}`", team.secret("cargo"));
    assert!(note.contains(&expected), "{note}");
}

#[test]
fn a_secret_that_is_scheduled_for_deletion() {
    let team = Team::new();
    team.put_token();
    let with = json!({ "SecretId": team.secret("cargo"), "RecoveryWindowInDays": 7 });
    team.call("delete_secret", with);
    let provider = team.provider(&in_region(), &team.source());
    let note = note(&provider);
    let expected = format!(
        "the secret `{}` in AWS is scheduled for deletion (20",
        team.secret("cargo")
    );
    assert!(note.contains(&expected), "{note}");
    assert!(
        note.contains(&format!(
            "`aws secretsmanager restore-secret --region eu-west-1 --secret-id {}`",
            team.secret("cargo")
        )),
        "{note}"
    );
    // And what is advised helps.
    team.call(
        "restore_secret",
        json!({ "SecretId": team.secret("cargo") }),
    );
    assert_eq!(provider.get(crate::team::URL, "read"), team.answer());
}

#[test]
fn a_secret_without_a_value() {
    let team = Team::new();
    team.call("create_secret", json!({ "Name": team.secret("cargo") }));
    let note = note(&team.provider(&in_region(), &team.source()));
    assert!(note.contains("in AWS has no such version"), "{note}");
    assert!(note.contains("a secret without a value"), "{note}");
}

#[test]
fn a_field_that_there_is_not() {
    let team = Team::new();
    team.put(
        "cargo",
        &json!({ "kellnr": team.token(), "user": "ci" }).to_string(),
    );
    let text = error_text(
        &team
            .provider(&in_region(), &team.source())
            .get(crate::team::URL, "read"),
    );
    assert!(text.contains("`token`"), "{text}");
    assert!(text.contains("kellnr") && text.contains("user"), "{text}");
}

#[test]
fn what_is_not_json_or_not_an_object() {
    let team = Team::new();
    for (number, value) in [
        team.token().to_owned(),
        json!([team.token()]).to_string(),
        json!(team.token()).to_string(),
        "42424242".to_owned(),
        format!("{{ \"token\": \"{}\"", team.token()),
        String::from("null"),
    ]
    .iter()
    .enumerate()
    {
        let name = format!("odd-{number}");
        team.put(&name, value);
        let source = format!("secret = \"{}\", field = \"token\"", team.secret(&name));
        let provider = team.provider(&in_region(), &source);
        let text = error_text(&provider.get(crate::team::URL, "read"));
        assert!(text.contains("JSON"), "{value}: {text}");
    }
}

#[test]
fn bytes_that_are_not_text() {
    let team = Team::new();
    let with =
        json!({ "Name": team.secret("cargo"), "SecretBinary": binary(b"\x00\xff\xfe\x80binary") });
    team.call("create_secret", with);
    for field in ["", ", field = \"token\""] {
        let source = format!("secret = \"{}\"{field}", team.secret("cargo"));
        let provider = team.provider(&in_region(), &source);
        let text = error_text(&provider.get(crate::team::URL, "read"));
        assert!(text.contains("not text") || text.contains("JSON"), "{text}");
        assert!(
            !text.contains("binary\u{fffd}") && !text.contains('\u{fffd}'),
            "{text}"
        );
    }
}
