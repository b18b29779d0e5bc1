//! Logins and logouts: what is in AWS afterwards, what is kept, and how it is brought back.

use std::thread;

use serde_json::{Map, Value, json};
use test_servers::Provider;
use test_servers::moto::binary;
use test_servers::provider::{Run, error_text};

use crate::team::{REGION, Team, URL, answer, in_region, not_found};

const NEW: &str = "the-new-s3cret";

impl Team {
    /// The provider that may change its secret `cargo`, or this field of it.
    fn writer(&self, field: &str, more: &str) -> Provider {
        let field = match field {
            "" => String::new(),
            field => format!(", field = \"{field}\""),
        };
        let secret = self.secret("cargo");
        let source = format!("secret = \"{secret}\"{field}, write = true{more}");
        self.provider(&in_region(), &source).secret(NEW)
    }

    /// The current version: its id, and its text or bytes.
    fn now(&self) -> (String, Value) {
        let mut now = self.call(
            "get_secret_value",
            json!({ "SecretId": self.secret("cargo") }),
        );
        let id = now["VersionId"].as_str().unwrap().to_owned();
        let value = match now["SecretString"].take() {
            Value::Null => now["SecretBinary"].take(),
            text => text,
        };
        (id, value)
    }

    /// The labels of all versions, sorted.
    fn labels(&self) -> Vec<String> {
        let said = self.call(
            "describe_secret",
            json!({ "SecretId": self.secret("cargo") }),
        );
        let versions = said["VersionIdsToStages"].as_object().unwrap();
        let labels = versions
            .values()
            .flat_map(|labels| labels.as_array().unwrap());
        let mut labels: Vec<_> = labels
            .map(|label| label.as_str().unwrap().to_owned())
            .collect();
        labels.sort();
        labels
    }

    /// Does what a command of AWS's command line does.
    fn aws(&self, command: &str) {
        let mut words = command.split(' ');
        assert_eq!(words.next(), Some("aws"));
        assert_eq!(words.next(), Some("secretsmanager"));
        let name = words.next().unwrap().replace('-', "_");
        let mut with = Map::new();
        while let Some(option) = words.next() {
            let value = words.next().unwrap();
            match option.strip_prefix("--").unwrap() {
                "region" => assert_eq!(value, REGION),
                option => {
                    let key: String = option
                        .split('-')
                        .map(|part| part[..1].to_uppercase() + &part[1..])
                        .collect();
                    with.insert(key, json!(value));
                }
            }
        }
        self.call(&name, with.into());
    }
}

fn run(provider: &Provider, kind: &str, token: Option<&str>) -> Run {
    let mut request =
        json!({ "v": 1, "registry": { "index-url": URL, "name": "corp" }, "kind": kind });
    if let Some(token) = token {
        request["token"] = json!(token);
    }
    provider.run(format!("{request}\n").as_bytes())
}

/// Changes it, and gives the note.
fn done(provider: &Provider, kind: &str) -> String {
    let run = run(provider, kind, (kind == "login").then_some(NEW));
    assert_eq!(run.answer(), json!({ "Ok": { "kind": kind } }), "{run:?}");
    run.stderr
}

/// The command by which a note says that it is brought back.
fn undo(note: &str) -> &str {
    let (before, _) = note.split_once("` brings back").expect(note);
    before.rsplit('`').next().unwrap()
}

#[test]
fn a_field_is_set_and_erased_and_all_else_is_kept() {
    let team = Team::new();
    let text = |token: &str| format!(r#"{{ "z": 1.50,{token} "a": ["<é>", null] }}"#);
    let kept = |token: &str| format!(r#"{{"z":1.50,{token}"a":["<é>", null]}}"#);
    team.put("cargo", &text(r#""token": "old","#));
    let first = team.now().0;
    let provider = team.writer("token", "");

    let note = done(&provider, "login");
    let (second, value) = team.now();
    assert_eq!(value, kept(&format!(r#""token":"{NEW}","#)));
    assert!(
        note.contains(&format!(
            "is stored in the secret `{}` of `store`, as version {second};",
            team.secret("cargo")
        )),
        "{note}"
    );
    assert_eq!(
        undo(&note),
        format!(
            "aws secretsmanager update-secret-version-stage --region eu-west-1 --secret-id {} --version-stage AWSCURRENT \
             --move-to-version-id {first} --remove-from-version-id {second}",
            team.secret("cargo")
        )
    );
    assert_eq!(team.labels(), ["AWSCURRENT", "AWSPREVIOUS"]);
    assert_eq!(provider.get(URL, "read"), answer(NEW));

    let note = done(&provider, "logout");
    assert_eq!(team.now().1, kept(""));
    let again = run(&provider, "logout", None);
    assert_eq!(again.answer(), not_found(), "{again:?}");
    team.aws(undo(&note));
    assert_eq!(
        team.now(),
        (second, json!(kept(&format!(r#""token":"{NEW}","#))))
    );
}

#[test]
fn a_whole_value_is_set_and_its_deletion_is_called_off() {
    let team = Team::new();
    team.put("cargo", "old");
    let provider = team.writer("", "");
    let note = done(&provider, "login");
    assert_eq!(team.now().1, NEW);
    assert_eq!(team.labels(), ["AWSCURRENT", "AWSPREVIOUS"]);
    team.aws(undo(&note));
    assert_eq!(team.now().1, "old");

    let note = done(&provider, "logout");
    let said = team.call(
        "describe_secret",
        json!({ "SecretId": team.secret("cargo") }),
    );
    assert!(said["DeletedDate"].is_string(), "{said}");
    let run = run(&provider, "login", Some(NEW));
    let text = error_text(&run.answer());
    assert!(text.contains("restore-secret"), "{text}");
    assert_eq!(
        undo(&note),
        format!(
            "aws secretsmanager restore-secret --region eu-west-1 --secret-id {}",
            team.secret("cargo")
        )
    );
    team.aws(undo(&note));
    assert_eq!(team.now().1, "old");
}

#[test]
fn bytes_stay_bytes() {
    for (field, before, after) in [
        ("", "old", NEW.to_owned()),
        (
            "token",
            r#"{"user":"ci"}"#,
            format!(r#"{{"user":"ci","token":"{NEW}"}}"#),
        ),
    ] {
        let team = Team::new();
        let with =
            json!({ "Name": team.secret("cargo"), "SecretBinary": binary(before.as_bytes()) });
        team.call("create_secret", with);
        done(&team.writer(field, ""), "login");
        assert_eq!(team.now().1, binary(after.as_bytes()));
    }
}

#[test]
fn a_first_version() {
    for (field, after) in [
        ("", NEW.to_owned()),
        ("token", format!(r#"{{"token":"{NEW}"}}"#)),
    ] {
        let team = Team::new();
        let provider = team.writer(field, "");
        let missing = run(&provider, "login", Some(NEW));
        let missing = error_text(&missing.answer());
        let create = format!(
            "aws secretsmanager create-secret --region eu-west-1 --name {}",
            team.secret("cargo")
        );
        assert!(missing.contains(&format!("`{create}`")), "{missing}");
        team.aws(&create);
        let note = done(&provider, "login");
        assert!(!note.contains("brings back"), "{note}");
        assert_eq!(team.now().1, after);
        assert_eq!(team.labels(), ["AWSCURRENT"]);
    }
}

#[test]
fn a_first_version_by_whoever_may_not_describe() {
    let actions = ["GetSecretValue", "PutSecretValue"].map(|name| format!("secretsmanager:{name}"));
    let team = Team::strict(&[json!({ "Effect": "Allow", "Action": actions, "Resource": "*" })]);
    team.call("create_secret", json!({ "Name": team.secret("cargo") }));
    done(&team.writer("", ""), "login");
    assert_eq!(team.now().1, NEW);
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let team = Team::new();
    team.put_token();
    let fields: Vec<_> = (0..5).map(|number| format!("field-{number}")).collect();
    thread::scope(|scope| {
        for field in &fields {
            let provider = team.writer(field, "");
            scope.spawn(move || done(&provider, "login"));
        }
    });
    let now: Value = serde_json::from_str(team.now().1.as_str().unwrap()).unwrap();
    assert_eq!(now["token"], team.token());
    for field in fields {
        assert_eq!(now[&field], NEW);
    }
    assert_eq!(team.labels(), ["AWSCURRENT", "AWSPREVIOUS"]);
}

#[test]
fn the_statement_in_the_help_is_what_was_missing() {
    let read = "secretsmanager:GetSecretValue";
    for (field, kind, actions) in [
        (
            "token",
            "login",
            json!([
                read,
                "secretsmanager:PutSecretValue",
                "secretsmanager:UpdateSecretVersionStage"
            ]),
        ),
        ("", "login", json!([read, "secretsmanager:PutSecretValue"])),
        ("", "logout", json!([read, "secretsmanager:DeleteSecret"])),
    ] {
        // moto knows policies for all resources only.
        let allow =
            |actions: &Value| json!({ "Effect": "Allow", "Action": actions, "Resource": "*" });
        let verb = if kind == "login" { "write" } else { "delete" };
        for granted in [json!([]), json!([read])] {
            let statements = match granted.as_array().unwrap().is_empty() {
                true => vec![],
                false => vec![allow(&granted)],
            };
            let team = Team::strict(&statements);
            team.put_token();
            let denied = run(&team.writer(field, ""), kind, Some(NEW));
            let text = error_text(&denied.answer());
            assert!(
                text.contains(&format!("` {verb} the secret `{}`", team.secret("cargo"))),
                "{text}"
            );
            let shown: Value = serde_json::from_str(text.lines().last().unwrap()).expect(&text);
            assert_eq!(shown["Action"], actions);
        }
        let team = Team::strict(&[allow(&actions)]);
        team.put_token();
        done(&team.writer(field, ""), kind);
    }
}

#[test]
fn a_source_of_a_version_is_not_written() {
    let team = Team::new();
    team.put_token();
    for (more, key) in [
        (", stage = \"AWSPREVIOUS\"", "stage"),
        (
            ", version-id = \"11111111-1111-1111-1111-111111111111\"",
            "version-id",
        ),
    ] {
        let text = error_text(&run(&team.writer("token", more), "login", Some(NEW)).answer());
        assert!(
            text.contains("can't be written: the source would go on"),
            "{text}"
        );
        assert!(text.contains(&format!("leave out `{key}`")), "{text}");
    }
}

#[test]
fn only_the_primary_is_written() {
    let team = Team::new();
    let with = json!({
        "Name": team.secret("cargo"), "SecretString": "old", "AddReplicaRegions": [{ "Region": "eu-central-1" }],
    });
    team.call("create_secret", with);
    let source = format!("secret = \"{}\", write = true", team.secret("cargo"));
    let provider = |regions: &str| {
        team.provider(&format!("regions = [{regions}]"), &source)
            .secret(NEW)
    };
    done(&provider(r#""eu-west-1", "eu-central-1""#), "login");
    assert_eq!(team.now().1, NEW);
    let text = error_text(
        &run(
            &provider(r#""eu-central-1", "eu-west-1""#),
            "login",
            Some(NEW),
        )
        .answer(),
    );
    assert!(text.contains("the region of the primary"), "{text}");
}

#[test]
fn the_command_for_a_person() {
    let team = Team::new();
    for (settings, source, expected) in [
        (
            "region = \"eu-west-1\"\nprofile = \"the team's\"",
            "secret = \"prod/cargo\"",
            "`aws secretsmanager put-secret-value --profile \"the team's\" --region eu-west-1 --secret-id prod/cargo \
             --secret-string file:///dev/stdin` reads the token from standard input; with `write = true`",
        ),
        (
            "",
            "secret = { env = \"THE_SECRET\" }, field = \"token\"",
            "`aws secretsmanager put-secret-value --secret-id \"$THE_SECRET\" --secret-string file:///dev/stdin` reads the \
             whole JSON from standard input, with the token in its field `token`; with",
        ),
        (
            "",
            "secret = \"arn:aws:secretsmanager:eu-west-2:123456789012:secret:a-a1b2c3\"",
            "put-secret-value --region eu-west-2 --secret-id arn:aws:",
        ),
    ] {
        let text = error_text(&run(&team.provider(settings, source), "login", Some(NEW)).answer());
        assert!(text.contains(expected), "{text}");
    }
    let text = error_text(&run(&team.provider("", "secret = \"a\""), "logout", None).answer());
    let expected = "`aws secretsmanager delete-secret --secret-id a --recovery-window-in-days 30`";
    assert!(text.contains(expected), "{text}");
}
