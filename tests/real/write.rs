//! Writing to a real Vault: what is there afterwards, what is kept, and how it is brought back.

use std::process::{Command, Stdio};
use std::thread;

use cargo_credential_bridge_backend::{Change, Kind, SecretString};
use cargo_credential_bridge_vault::{OpenBao, Vault};
use serde_json::{Value, json};
use test_servers::real_vault::binary;

use crate::tenant::Tenant;
use crate::vault::vault;
use crate::writing::Store;

const NEW: &str = "the-new-s3cret";

impl Tenant {
    /// The secret at `ci/cargo`, for a job with the tenant's policy.
    fn store(&self, settings: Value, reference: Value) -> Store {
        let mut config = json!({
            "address": vault().url(), "ca-file": vault().ca_file(), "mount": self.kv(),
        });
        config
            .as_object_mut()
            .unwrap()
            .append(&mut as_object(settings));
        let (token, _) = self.vault_token(&Value::Null);
        Store {
            config,
            reference,
            variables: vec![("VAULT_TOKEN".to_owned(), token)],
        }
    }

    fn secret(&self) -> Store {
        self.policy(&self.may("data/ci/cargo", r#""create", "read", "update", "delete""#));
        self.store(json!({}), json!({ "path": "ci/cargo" }))
    }

    fn may(&self, path: &str, capabilities: &str) -> String {
        format!(
            "path \"{}/{path}\" {{ capabilities = [{capabilities}] }}\n",
            self.kv()
        )
    }

    /// The version and the fields that are there now, `null` if it is deleted.
    fn now(&self) -> (u64, Value) {
        let answer =
            vault().root_answer("GET", &format!("{}/data/ci/cargo", self.kv()), &Value::Null);
        let data = &answer.json()["data"];
        (
            data["metadata"]["version"].as_u64().unwrap_or_default(),
            data["data"].clone(),
        )
    }

    /// Runs a command of ours in a shell, as a person would, with Vault's own command line.
    fn shell(&self, command: &str, input: &str) {
        let tools = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(binary(), tools.path().join("vault")).unwrap();
        let mut child = Command::new("sh")
            .args(["-c", command])
            .env("PATH", format!("{}:/usr/bin:/bin", tools.path().display()))
            .env("HOME", tools.path())
            .env("VAULT_ADDR", vault().url())
            .env("VAULT_CACERT", vault().ca_file())
            .env("VAULT_TOKEN", vault().root_token())
            .env("THE_MOUNT", self.kv())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{command}");
    }
}

fn as_object(value: Value) -> serde_json::Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

#[test]
fn a_field_is_set_and_erased_and_all_else_is_kept() {
    let tenant = Tenant::with_kv(2);
    // To Vault all numbers are doubles, and it has an order of its own.
    let text = r#"{"data":{"z":12345678901234,"token":"old","a":{"list":[1.5,null,"<é>"]}}}"#;
    let path = format!("{}/data/ci/cargo", tenant.kv());
    vault().root_text("POST", &path, text);
    let store = tenant.secret();
    let written = store.set::<Vault>(Some("token"), NEW).unwrap();
    assert_eq!(written.version.as_deref(), Some("2"));
    let undo = format!(
        "vault kv rollback -mount={} -version=1 ci/cargo",
        tenant.kv()
    );
    assert_eq!(written.undo.as_deref(), Some(&*undo));
    let kept = r#""a":{"list":[1.5,null,"\u003cé\u003e"]}"#;
    let now = vault().root_answer("GET", &path, &Value::Null);
    let expected = format!(r#"{{{kept},"token":"{NEW}","z":12345678901234}}"#);
    assert!(now.text().contains(&expected), "{}", now.text());

    let written = store.erase::<Vault>(Some("token")).unwrap();
    assert_eq!(written.version.as_deref(), Some("3"));
    let now = vault().root_answer("GET", &path, &Value::Null);
    let expected = format!(r#"{{{kept},"z":12345678901234}}"#);
    assert!(now.text().contains(&expected), "{}", now.text());
    assert_eq!(
        store.erase::<Vault>(Some("token")).unwrap_err().kind(),
        Kind::NotFound
    );

    // What it was before, by the very command that we name.
    tenant.shell(&written.undo.unwrap(), "");
    assert_eq!(tenant.now().0, 4);
    assert_eq!(tenant.now().1["token"], NEW);
}

#[test]
fn a_whole_secret_is_deleted_and_brought_back() {
    let tenant = Tenant::new();
    let store = tenant.secret();
    let written = store.erase::<Vault>(None).unwrap();
    assert_eq!(written.version, None);
    assert_eq!(tenant.now(), (1, Value::Null));
    let undo = written.undo.unwrap();
    assert_eq!(
        undo,
        format!(
            "vault kv undelete -mount={} -versions=1 ci/cargo",
            tenant.kv()
        )
    );
    assert_eq!(
        store.erase::<Vault>(None).unwrap_err().kind(),
        Kind::NotFound
    );

    // A deleted version is no version to go back to, and no obstacle.
    let written = store.set::<Vault>(Some("token"), NEW).unwrap();
    assert_eq!(
        (written.version.as_deref(), written.undo),
        (Some("2"), None)
    );
    assert_eq!(tenant.now(), (2, json!({ "token": NEW })));
    tenant.write("delete/ci/cargo", &json!({ "versions": [2] }));
    tenant.shell(&undo, "");
    tenant.write("undelete/ci/cargo", &json!({ "versions": [2] }));
    tenant.write("destroy/ci/cargo", &json!({ "versions": [2] }));
    let written = store.set::<Vault>(Some("token"), "another-s3cret").unwrap();
    assert_eq!(written.version.as_deref(), Some("3"));

    let error = store.set::<Vault>(None, NEW).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.help_text().unwrap().contains("`field = "), "{error}");
}

#[test]
fn a_first_version() {
    let tenant = Tenant::with_kv(2);
    let store = tenant.secret();
    assert_eq!(
        store.erase::<Vault>(Some("token")).unwrap_err().kind(),
        Kind::NotFound
    );
    let written = store.set::<Vault>(Some("token"), NEW).unwrap();
    assert_eq!(
        (written.version.as_deref(), written.undo),
        (Some("1"), None)
    );
    assert_eq!(tenant.now(), (1, json!({ "token": NEW })));
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let tenant = Tenant::new();
    let store = tenant.secret();
    // One of them may be refused as often as there are others.
    let fields: Vec<_> = (0..5).map(|number| format!("field-{number}")).collect();
    thread::scope(|scope| {
        for field in &fields {
            let store = &store;
            scope.spawn(move || store.set::<Vault>(Some(field), field).unwrap());
        }
    });
    let (version, data) = tenant.now();
    assert_eq!(version, 6, "{data}");
    assert_eq!(data["token"], tenant.token());
    for field in fields {
        assert_eq!(data[&field], field);
    }
}

#[test]
fn the_stanza_in_the_help_is_what_was_missing() {
    let tenant = Tenant::new();
    let store = tenant.secret();
    let path = format!("{}/data/ci/cargo", tenant.kv());
    let check = |rights: &str, capabilities: &str, verb: &str, field| {
        let write = || match verb {
            "write" => store.set::<Vault>(field, NEW),
            _ => store.erase::<Vault>(field),
        };
        tenant.policy(rights);
        let error = write().unwrap_err();
        assert_eq!(error.kind(), Kind::PermissionDenied, "{error}");
        assert_eq!(
            error.what(),
            format!(
                "Vault does not let the token of this machine {verb} the path `ci/cargo` in the mount `{}`",
                tenant.kv()
            )
        );
        let (_, stanza) = error.help_text().unwrap().split_once('\n').unwrap();
        assert_eq!(
            stanza,
            format!("path \"{path}\" {{\n  capabilities = [{capabilities}]\n}}")
        );
        tenant.policy(stanza);
        write().unwrap();
    };
    let may_read = tenant.may("data/ci/cargo", r#""read""#);
    for rights in ["", &may_read] {
        check(
            rights,
            r#""create", "read", "update""#,
            "write",
            Some("token"),
        );
        check(rights, r#""delete", "read""#, "delete", None);
    }
}

#[test]
fn what_can_not_be_brought_back_is_not_written() {
    let tenant = Tenant::with_kv(1);
    tenant.write("ci/cargo", &json!({ "token": "old" }));
    tenant.policy(&tenant.may("*", r#""create", "read", "update", "delete""#));
    let raw = format!("{}/ci/cargo", tenant.kv());
    for (settings, reference, what) in [
        (
            json!({ "kv-version": 1 }),
            json!({ "path": "ci/cargo" }),
            "keeps no versions",
        ),
        (json!({}), json!({ "raw-path": raw }), "at a raw path"),
        (
            json!({}),
            json!({ "path": "ci/cargo", "version": 1 }),
            "would go on to read the version",
        ),
        // Version 1 would keep what is meant for the API of version 2 as a secret.
        (
            json!({}),
            json!({ "path": "ci/cargo" }),
            "is a KV engine of version 1",
        ),
        (
            json!({}),
            json!({ "path": "data/ci/cargo" }),
            "which is a part of the API",
        ),
    ] {
        let store = tenant.store(settings, reference);
        for outcome in [
            store.set::<Vault>(Some("token"), NEW),
            store.erase::<Vault>(Some("token")),
        ] {
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid, "{error}");
            assert!(error.what().contains(what), "{error}");
            assert!(error.help_text().is_some(), "{error}");
        }
    }
    let listed = vault().root("LIST", &tenant.kv(), &Value::Null);
    assert_eq!(listed["data"]["keys"], json!(["ci/"]));
}

#[test]
fn the_command_for_a_person_does_the_same() {
    let tenant = Tenant::new();
    let (set, erase) = (SecretString::from(NEW), Change::Erase);
    let set = Change::Set(&set);
    let mut store = tenant.secret();
    let field = "the to'ken";
    let command = store.command::<Vault>(Some(field), set);
    assert_eq!(
        command,
        format!(
            "vault kv patch -mount={} ci/cargo \"the to'ken\"=-",
            tenant.kv()
        )
    );
    tenant.shell(&command, NEW);
    assert_eq!(
        tenant.now().1,
        json!({ "token": tenant.token(), field: NEW })
    );
    tenant.shell(&store.command::<Vault>(Some(field), erase), "");
    assert_eq!(tenant.now().1, json!({ "token": tenant.token() }));
    store.config["mount"] = json!({ "env": "THE_MOUNT" });
    let command = store.command::<Vault>(None, erase);
    assert_eq!(command, "vault kv delete -mount=\"$THE_MOUNT\" ci/cargo");
    tenant.shell(&command, "");
    assert_eq!(tenant.now(), (3, Value::Null));
    store.config["namespace"] = json!("team a");
    let command = store.command::<OpenBao>(Some("token"), set);
    assert_eq!(
        command,
        "bao kv patch -namespace='team a' -mount=\"$THE_MOUNT\" ci/cargo token=-"
    );
}
