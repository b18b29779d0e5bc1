//! What a source can name: Google's own client reads the same bytes there, by REST and by gRPC.

use serde_json::{Value, json};
use test_servers::random;

use crate::team::{NUMBER, PROJECT, SECRET, Team, account, answer};

/// What the provider answers for a source, by the account that may read everything.
fn read(team: &Team, reader: &Value, source: &str) -> String {
    let value = team.ask(&team.by_file(reader, source)).answer();
    let token = value["Ok"]["token"].as_str();
    token
        .unwrap_or_else(|| panic!("{source}: {value}"))
        .to_owned()
}

/// What Google's own client reads, as the same account.
fn python(team: &Team, name: &str) -> String {
    let member = format!("serviceAccount:{}", account("reader"));
    String::from_utf8(team.read_by_python(&member, name)).unwrap()
}

#[test]
fn a_version_by_its_number_by_an_alias_and_the_latest() {
    let team = Team::new();
    let reader = team.reader();
    let second = random::alphanumeric(24);
    team.google().put_secret(PROJECT, SECRET, &second);
    team.google().control(&json!({
        "call": "secret", "project": PROJECT, "secret": SECRET, "aliases": { "stable": 1, "next": 2 },
    }));
    for (version, source, value) in [
        ("latest", "", second.as_str()),
        ("latest", ", version = \"latest\"", &second),
        ("1", ", version = 1", team.token()),
        ("2", ", version = \"2\"", &second),
        ("stable", ", version = \"stable\"", team.token()),
        ("next", ", version = \"next\"", &second),
    ] {
        let name = format!("projects/{PROJECT}/secrets/{SECRET}/versions/{version}");
        assert_eq!(python(&team, &name), value, "{name}");
        let source = format!("secret = \"{SECRET}\"{source}");
        assert_eq!(read(&team, &reader, &source), value, "{source}");
        let source = format!("name = \"{name}\"");
        assert_eq!(read(&team, &reader, &source), value, "{source}");
    }
}

#[test]
fn a_project_by_its_number_and_another_project() {
    let team = Team::new();
    let reader = team.reader();
    let google = team.google();
    let theirs = random::alphanumeric(24);
    google.project("globex", "987654321");
    google.put_secret("globex", SECRET, &theirs);
    let member = format!("serviceAccount:{}", account("reader"));
    google.bind(
        "projects/globex",
        test_servers::google_fake::SECRET_ACCESSOR,
        &member,
    );
    for (project, value) in [
        (PROJECT, team.token()),
        (NUMBER, team.token()),
        ("globex", &theirs),
        ("987654321", &theirs),
    ] {
        let name = format!("projects/{project}/secrets/{SECRET}/versions/latest");
        assert_eq!(python(&team, &name), value, "{name}");
        let source = format!("secret = \"{SECRET}\", project = \"{project}\"");
        assert_eq!(read(&team, &reader, &source), value, "{source}");
        let source = format!("name = \"projects/{project}/secrets/{SECRET}\"");
        assert_eq!(read(&team, &reader, &source), value, "{source}");
    }
}

#[test]
fn a_regional_secret_at_the_host_of_its_region() {
    let team = Team::new();
    let reader = team.reader();
    let google = team.google();
    let values = ["europe-west3", "us-central1"].map(|location| {
        let value = random::alphanumeric(24);
        // The same name as the global one.
        google.put(PROJECT, Some(location), SECRET, value.as_bytes());
        (location, value)
    });
    for (location, value) in &values {
        let name = format!("projects/{PROJECT}/locations/{location}/secrets/{SECRET}");
        assert_eq!(python(&team, &format!("{name}/versions/1")), *value);
        for source in [
            format!("secret = \"{SECRET}\", location = \"{location}\""),
            format!("name = \"{name}\""),
            format!("name = \"{name}/versions/1\""),
        ] {
            google.clear_requests();
            assert_eq!(read(&team, &reader, &source), *value, "{source}");
            let asked = team.requests();
            let host =
                format!("GET secretmanager.{location}.rep.googleapis.com/v1/{name}/versions/");
            assert!(asked.len() == 1 && asked[0].starts_with(&host), "{asked:?}");
        }
    }
    assert_eq!(
        read(&team, &reader, &format!("secret = \"{SECRET}\"")),
        team.token()
    );
    // Who may not read it learns how to be allowed to, there.
    let stranger = google.service_account_key(&account("stranger"));
    let source = format!("secret = \"{SECRET}\", location = \"europe-west3\"");
    let text = team.error(&team.by_file(&stranger, &source));
    let command = format!(
        "gcloud secrets add-iam-policy-binding {SECRET} --project={PROJECT} --location=europe-west3 \
         --role=roles/secretmanager.secretAccessor --member=serviceAccount:{}",
        account("stranger")
    );
    assert_eq!(text.lines().last(), Some(command.as_str()), "{text}");
}

#[test]
fn text_with_every_printable_character() {
    let team = Team::new();
    let reader = team.reader();
    let text: String = (' '..='~').collect();
    let name = team
        .google()
        .put_secret(PROJECT, "printable", &format!("x{text}x"));
    assert_eq!(python(&team, &name), format!("x{text}x"));
    let run = team.ask(&team.by_file(&reader, "secret = \"printable\""));
    assert_eq!(run.answer(), answer(&format!("x{text}x")));
}

#[test]
fn a_field_of_json() {
    let team = Team::new();
    let reader = team.reader();
    let text: String = (' '..='~').collect();
    let object = json!({ "token": format!("x{text}x"), "number": 7, "other": { "token": "no" } });
    let name = team
        .google()
        .put_secret(PROJECT, "object", &object.to_string());
    let read_by_python: Value = serde_json::from_str(&python(&team, &name)).unwrap();
    for (field, value) in [("token", format!("x{text}x")), ("number", "7".to_owned())] {
        let source = format!("secret = \"object\", field = \"{field}\"");
        assert_eq!(read(&team, &reader, &source), value);
        let theirs = &read_by_python[field];
        let theirs = theirs
            .as_str()
            .map_or_else(|| theirs.to_string(), str::to_owned);
        assert_eq!(theirs, value);
    }
    // The whole of it is what is there.
    assert_eq!(
        read(&team, &reader, "secret = \"object\""),
        object.to_string()
    );
    let text = team.error(&team.by_file(&reader, "secret = \"object\", field = \"tokn\""));
    assert!(
        text.contains("`tokn`") && text.contains("`token`") && !text.contains("no\""),
        "{text}"
    );
}

#[test]
fn line_breaks_at_the_end_are_the_editors() {
    let team = Team::new();
    let reader = team.reader();
    for end in ["\n", "\r\n", "\n\n"] {
        let value = random::alphanumeric(24);
        let name = team
            .google()
            .put_secret(PROJECT, "edited", &format!("{value}{end}"));
        assert_eq!(python(&team, &name), format!("{value}{end}"));
        assert_eq!(read(&team, &reader, "secret = \"edited\""), value);
    }
}

#[test]
fn as_much_as_a_secret_may_hold() {
    let team = Team::new();
    let reader = team.reader();
    let value = random::alphanumeric(64 << 10);
    let name = team.google().put_secret(PROJECT, "large", &value);
    assert_eq!(python(&team, &name), value);
    assert_eq!(read(&team, &reader, "secret = \"large\""), value);
}

#[test]
fn bytes_that_are_not_text() {
    let team = Team::new();
    let reader = team.reader();
    let bytes = b"le4ked-s3cret\xff\xfe";
    let name = team.google().put(PROJECT, None, "binary", bytes);
    let member = format!("serviceAccount:{}", account("reader"));
    assert_eq!(team.read_by_python(&member, &name), bytes);
    let provider = team
        .by_file(&reader, "secret = \"binary\"")
        .secret("le4ked-s3cret");
    let text = team.error(&provider);
    assert!(text.contains("is not text"), "{text}");
}
