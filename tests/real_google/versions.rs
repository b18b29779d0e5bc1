//! Versions and secrets that are not there, each in its own way; Google's own client hears the same words.

use serde_json::Value;

use crate::team::{HOST, NUMBER, PROJECT, SECRET, Team, account};

const VIEWER: &str = "roles/secretmanager.viewer";

/// What Google's own client is told, by both transports.
fn refused(team: &Team, version: &str) -> String {
    let member = format!("serviceAccount:{}", account("reader"));
    let name = format!("projects/{PROJECT}/secrets/{version}");
    let [rest, grpc] = ["rest", "grpc"].map(|transport| {
        let answer = team.python(transport, &member, &name);
        let message = answer["refused"]["message"].as_str();
        message.unwrap_or_else(|| panic!("{answer}")).to_owned()
    });
    assert!(rest.ends_with(&grpc), "{rest} / {grpc}");
    grpc
}

/// The one note of a run: what the provider says of the places that it asked.
fn note(team: &Team, reader: &Value, source: &str) -> String {
    team.note(&team.by_file(reader, source))
}

fn view(team: &Team) {
    team.google().bind(
        &format!("projects/{PROJECT}"),
        VIEWER,
        &format!("serviceAccount:{}", account("reader")),
    );
}

#[test]
fn a_disabled_version() {
    let team = Team::new();
    let reader = team.reader();
    let version = format!("projects/{NUMBER}/secrets/{SECRET}/versions/1");
    team.google().set_state(&version, "DISABLED");
    let words = refused(&team, &format!("{SECRET}/versions/1"));
    assert_eq!(
        words,
        format!("Secret Version [{version}] is in DISABLED state.")
    );
    let source = format!("secret = \"{SECRET}\", version = 1");
    // Whoever may read may not always look at the state.
    let plain = note(&team, &reader, &source);
    assert!(
        plain.contains(&format!(
            "the secret `{SECRET}`, version `1` in Google Secret Manager is not enabled"
        )) && plain
            .contains("the permission secretmanager.versions.get (roles/secretmanager.viewer)"),
        "{plain}"
    );
    view(&team);
    let plain = note(&team, &reader, &source);
    assert!(
        plain.contains(&format!(
            "the secret `{SECRET}`, version `1` in Google Secret Manager is disabled; \
             help: `gcloud secrets versions enable 1 --secret={SECRET} --project={PROJECT}` brings it back"
        )),
        "{plain}"
    );
    // The latest is the latest of all, and not of those that are enabled.
    let latest = note(&team, &reader, &format!("secret = \"{SECRET}\""));
    assert!(
        latest.contains(&format!(
            "the secret `{SECRET}` in Google Secret Manager is disabled; \
             help: `gcloud secrets versions enable 1 --secret={SECRET} --project={PROJECT}` brings it back; `latest` is the version 1"
        )),
        "{latest}"
    );
    team.google().set_state(&version, "ENABLED");
    let run = team.ask(&team.by_file(&reader, &source));
    assert_eq!(run.answer()["Ok"]["token"], team.token());
}

#[test]
fn a_destroyed_version() {
    let team = Team::new();
    let reader = team.reader();
    let version = format!("projects/{NUMBER}/secrets/{SECRET}/versions/1");
    team.google().set_state(&version, "DESTROYED");
    assert_eq!(
        refused(&team, &format!("{SECRET}/versions/latest")),
        format!("Secret Version [{version}] is in DESTROYED state.")
    );
    view(&team);
    let plain = note(&team, &reader, &format!("secret = \"{SECRET}\""));
    assert!(
        plain.contains(&format!(
            "the secret `{SECRET}` in Google Secret Manager is destroyed; \
             help: what was destroyed can't come back: add a new version"
        )),
        "{plain}"
    );
}

#[test]
fn what_was_never_there() {
    let team = Team::new();
    let reader = team.reader();
    team.google()
        .control(&serde_json::json!({ "call": "secret", "project": PROJECT, "secret": "empty" }));
    let list = |secret: &str| {
        format!(
            "help: `gcloud secrets versions list {secret} --project={PROJECT}` shows what there is; \
             a regional secret is named with its `location`"
        )
    };
    for (secret, version, source, place, words) in [
        (
            SECRET,
            "7",
            ", version = 7",
            format!("the secret `{SECRET}`, version `7`"),
            format!("Secret Version [projects/{NUMBER}/secrets/{SECRET}/versions/7] not found."),
        ),
        (
            SECRET,
            "stable",
            ", version = \"stable\"",
            format!("the secret `{SECRET}`, version `stable`"),
            format!(
                "Secret Version [projects/{NUMBER}/secrets/{SECRET}/versions/stable] not found."
            ),
        ),
        (
            "empty",
            "latest",
            "",
            "the secret `empty`".to_owned(),
            format!("Secret [projects/{NUMBER}/secrets/empty] not found or has no versions."),
        ),
        (
            "mistyped",
            "latest",
            "",
            "the secret `mistyped`".to_owned(),
            format!("Secret [projects/{NUMBER}/secrets/mistyped] not found or has no versions."),
        ),
    ] {
        assert_eq!(
            refused(&team, &format!("{secret}/versions/{version}")),
            words
        );
        let plain = note(&team, &reader, &format!("secret = \"{secret}\"{source}"));
        let what = format!(
            "Google Secret Manager does not have {place} in the project `{PROJECT}`; {}",
            list(secret)
        );
        assert!(plain.contains(&what), "{plain}\n{what}");
    }
}

#[test]
fn a_global_secret_is_in_no_region() {
    let team = Team::new();
    let reader = team.reader();
    let plain = note(
        &team,
        &reader,
        &format!("secret = \"{SECRET}\", location = \"europe-west3\""),
    );
    assert!(
        plain.contains(&format!(
            "Google Secret Manager does not have the secret `{SECRET}` in the project `{PROJECT}`; \
             help: `gcloud secrets versions list {SECRET} --project={PROJECT} --location=europe-west3`"
        )),
        "{plain}"
    );
}

#[test]
fn what_may_not_be_seen_does_not_exist() {
    let team = Team::new();
    let key = team.google().service_account_key(&account("reader"));
    team.let_read(SECRET, &format!("serviceAccount:{}", account("reader")));
    // Google says the same of a secret that is not there and of one that is somebody else's.
    for secret in ["mistyped", crate::team::OTHER] {
        let text = team.error(&team.by_file(&key, &format!("secret = \"{secret}\"")));
        assert!(
            text.contains("is it the right project (a secret that does not exist is refused too)?"),
            "{text}"
        );
        assert!(
            text.contains(&format!("GET {HOST}/v1/projects/{PROJECT}/secrets/{secret}/versions/latest:access answered 403 Forbidden")),
            "{text}"
        );
    }
}
