//! Logins and logouts: what is in Google's Secret Manager afterwards, what is kept, and how it is brought back.

use std::thread;

use serde_json::{Value, json};
use test_servers::Provider;
use test_servers::provider::{Run, error_text};

use crate::team::{PROJECT, SECRET, Team, URL, account, answer, with_file};

const NEW: &str = "the-new-s3cret";
const ADMIN: &str = "roles/secretmanager.admin";

/// A team, and the key of an account that may do everything with secrets.
fn team() -> (Team, Value) {
    let team = Team::new();
    let key = team.google().service_account_key(&account("writer"));
    let member = format!("serviceAccount:{}", account("writer"));
    team.google()
        .bind(&format!("projects/{PROJECT}"), ADMIN, &member);
    (team, key)
}

impl Team {
    fn put(&self, value: &str) {
        self.google().put_secret(PROJECT, SECRET, value);
    }

    /// The provider that may change the secret, or this field of it.
    fn writer(&self, key: &Value, field: &str) -> Provider {
        let field = match field {
            "" => String::new(),
            field => format!(", field = \"{field}\""),
        };
        let source = format!("secret = \"{SECRET}\"{field}, write = true");
        self.by_file(key, &source).secret(NEW)
    }

    /// What Google's own client reads of a version.
    fn version(&self, version: &str) -> String {
        let name = format!("projects/{PROJECT}/secrets/{SECRET}/versions/{version}");
        let member = format!("serviceAccount:{}", account("writer"));
        String::from_utf8(self.read_by_python(&member, &name)).unwrap()
    }

    /// Requests to Secret Manager so far, without the place.
    fn asked(&self) -> Vec<String> {
        let requests = self.requests();
        let asked = requests.iter().filter_map(|request| {
            let (method, _) = request.split_once(' ')?;
            let (_, path) = request.split_once(&format!("/secrets/{SECRET}"))?;
            Some(format!("{method} {path}"))
        });
        asked.collect()
    }
}

fn run(provider: &Provider, kind: &str) -> Run {
    let mut request =
        json!({ "v": 1, "registry": { "index-url": URL, "name": "corp" }, "kind": kind });
    if kind == "login" {
        request["token"] = json!(NEW);
    }
    provider.run(format!("{request}\n").as_bytes())
}

/// Changes it, and gives the note.
fn done(provider: &Provider, kind: &str) -> String {
    let run = run(provider, kind);
    assert_eq!(run.answer(), json!({ "Ok": { "kind": kind } }), "{run:?}");
    run.stderr
}

#[test]
fn a_field_is_set_and_erased_and_all_else_is_kept() {
    let (team, key) = team();
    let text = |token: &str| format!(r#"{{ "z": 1.50,{token} "a": ["<é>", null] }}"#);
    let kept = |token: &str| format!(r#"{{"z":1.50,{token}"a":["<é>", null]}}"#);
    team.put(&text(r#""token": "old","#));
    let provider = team.writer(&key, "token");
    let note = done(&provider, "login");
    assert_eq!(team.version("3"), kept(&format!(r#""token":"{NEW}","#)));
    let undo = format!(
        ", as version 3; `gcloud secrets versions access 2 --secret={SECRET} --project={PROJECT} | \
         gcloud secrets versions add {SECRET} --project={PROJECT} --data-file=-` brings back what was there"
    );
    assert!(note.contains(&undo), "{note}");
    assert_eq!(
        team.asked()[..2],
        ["GET /versions/latest:access", "POST :addVersion"]
    );
    assert_eq!(provider.get(URL, "read"), answer(NEW));
    done(&provider, "logout");
    assert_eq!(team.version("latest"), kept(""));
    let again = run(&provider, "logout");
    assert_eq!(again.answer(), json!({ "Err": { "kind": "not-found" } }));
}

#[test]
fn a_whole_value_is_set_and_disabled() {
    let (team, key) = team();
    let provider = team.writer(&key, "");
    let note = done(&provider, "login");
    assert!(note.contains("versions access 1 "), "{note}");
    assert_eq!(team.version("2"), NEW);
    let note = done(&provider, "logout");
    let undo = format!(
        "`gcloud secrets versions enable 2 --secret={SECRET} --project={PROJECT}` brings back"
    );
    assert!(note.contains(&undo), "{note}");
    assert_eq!(
        provider.get(URL, "read"),
        json!({ "Err": { "kind": "not-found" } })
    );
    let again = run(&provider, "logout");
    assert_eq!(again.answer(), json!({ "Err": { "kind": "not-found" } }));

    // A disabled version is no version to go back to, and no obstacle.
    let note = done(&provider, "login");
    assert!(note.contains(", as version 3"), "{note}");
    assert!(!note.contains("brings back"), "{note}");
    assert_eq!(provider.get(URL, "read"), answer(NEW));
    // What the command of the note does.
    let version = format!("projects/{PROJECT}/secrets/{SECRET}/versions/2");
    team.google().set_state(&version, "ENABLED");
    assert_eq!(team.version("2"), NEW);
}

#[test]
fn a_first_version_and_no_secret() {
    let (team, key) = team();
    let source = "secret = \"nobody-made-it\", field = \"token\", write = true";
    let text = error_text(&run(&team.by_file(&key, source).secret(NEW), "login").answer());
    let create = format!(
        "`gcloud secrets create nobody-made-it --project={PROJECT} --replication-policy=automatic` makes it"
    );
    assert!(text.contains(&create), "{text}");
    let made = json!({ "call": "secret", "project": PROJECT, "secret": "nobody-made-it" });
    team.google().control(&made);
    let note = done(&team.by_file(&key, source).secret(NEW), "login");
    assert!(note.contains(", as version 1"), "{note}");
    assert!(!note.contains("brings back"), "{note}");
    assert_eq!(team.by_file(&key, source).get(URL, "read"), answer(NEW));
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let (team, key) = team();
    let fields: Vec<_> = (0..5).map(|number| format!("field-{number}")).collect();
    team.put(r#"{"token":"old"}"#);
    thread::scope(|scope| {
        for field in &fields {
            let provider = team.writer(&key, field);
            scope.spawn(move || done(&provider, "login"));
        }
    });
    let latest: Value = serde_json::from_str(&team.version("latest")).unwrap();
    assert_eq!(latest["token"], "old");
    for field in fields {
        assert_eq!(latest[&field], NEW, "{latest}");
    }
}

#[test]
fn what_may_have_been_made_is_not_made_twice() {
    let (team, key) = team();
    team.put(r#"{"token":"old"}"#);
    let provider = team.writer(&key, "token");
    let path = format!("/v1/projects/{PROJECT}/secrets/{SECRET}:addVersion");
    let adds = || {
        let asked = team.asked();
        asked
            .iter()
            .filter(|asked| *asked == "POST :addVersion")
            .count()
    };
    let fail = |status: u16| {
        team.google()
            .control(&json!({ "call": "answer", "path": path, "status": status, "times": 1 }));
    };
    for status in [500, 503] {
        let before = adds();
        fail(status);
        let text = error_text(&run(&provider, "login").answer());
        assert!(text.starts_with("Google can't answer now\n"), "{text}");
        let doubt = "\nwhether it was written all the same is not known\n";
        assert!(text.contains(doubt), "{text}");
        assert_eq!(adds(), before + 1);
    }
    // Whoever is asked too often has done nothing.
    let before = adds();
    fail(429);
    done(&provider, "login");
    assert_eq!(adds(), before + 2);
    assert_eq!(team.version("latest"), format!(r#"{{"token":"{NEW}"}}"#));
}

#[test]
fn the_bindings_in_the_help_are_what_was_missing() {
    for (field, kind, verb, role) in [
        (
            "token",
            "login",
            "write",
            "roles/secretmanager.secretVersionAdder",
        ),
        (
            "",
            "login",
            "write",
            "roles/secretmanager.secretVersionAdder",
        ),
        (
            "",
            "logout",
            "disable",
            "roles/secretmanager.secretVersionManager",
        ),
    ] {
        let team = Team::new();
        team.put(r#"{"token":"old"}"#);
        let email = account("writer");
        let key = team.google().service_account_key(&email);
        let provider = team.writer(&key, field);
        // Nothing at all, and what reading takes.
        for step in 0..2 {
            let text = error_text(&run(&provider, kind).answer());
            let what = format!(
                "Google does not let `serviceAccount:{email}` {verb} the secret `{SECRET}`\n"
            );
            assert!(text.starts_with(&what), "{text}");
            let (_, commands) = text
                .split_once("The bindings, for this secret alone:\n")
                .unwrap();
            let granted: Vec<_> = commands
                .lines()
                .map(|line| {
                    let (command, rest) = line.split_once(" --role=").unwrap();
                    assert_eq!(
                        command,
                        format!(
                            "gcloud secrets add-iam-policy-binding {SECRET} --project={PROJECT}"
                        )
                    );
                    rest.split_once(" --member=").unwrap()
                })
                .collect();
            assert_eq!(
                granted.iter().map(|(role, _)| *role).collect::<Vec<_>>(),
                ["roles/secretmanager.secretAccessor", role]
            );
            let (role, member) = granted[step];
            team.google().bind(
                &format!("projects/{PROJECT}/secrets/{SECRET}"),
                role,
                member,
            );
        }
        done(&provider, kind);
    }
}

#[test]
fn a_source_of_a_version_is_not_written() {
    let (team, key) = team();
    let source =
        |version: &str| format!("secret = \"{SECRET}\", version = {version}, write = true");
    let provider = team.by_file(&key, &source("1")).secret(NEW);
    let text = error_text(&run(&provider, "login").answer());
    assert!(
        text.contains("can't be written: the source would go on"),
        "{text}"
    );
    assert!(text.contains("leave out `version`"), "{text}");
    done(
        &team.by_file(&key, &source("\"latest\"")).secret(NEW),
        "login",
    );
    assert_eq!(team.version("latest"), NEW);
}

#[test]
fn the_command_for_a_person() {
    let (team, key) = team();
    for (settings, source, kind, expected) in [
        (
            "project = \"acme\"",
            "secret = \"cargo\", location = \"europe-west3\"",
            "login",
            "`gcloud secrets versions add cargo --project=acme --location=europe-west3 --data-file=-` reads the token from \
             standard input; with `write = true`",
        ),
        (
            "",
            "secret = \"cargo\", project = { env = \"THE_PROJECT\" }, field = \"token\"",
            "logout",
            "`gcloud secrets versions add cargo --project=\"$THE_PROJECT\" --data-file=-` reads the whole JSON from standard \
             input, without its field `token`; with",
        ),
        (
            "",
            "name = \"projects/p/locations/l/secrets/s\"",
            "logout",
            "`gcloud secrets versions disable NUMBER --secret=s --project=p --location=l` takes it away",
        ),
        (
            "",
            "name = { env = \"THE_NAME\" }",
            "login",
            "`gcloud secrets versions add \"$THE_NAME\" --data-file=-` reads",
        ),
    ] {
        let provider = with_file(team.nobody(settings, source), &key);
        let text = error_text(&run(&provider, kind).answer());
        assert!(text.contains(expected), "{text}");
    }
    assert_eq!(team.asked(), Vec::<String>::new());
}
