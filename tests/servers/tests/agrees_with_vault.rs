//! One script of requests, run against the double and against a real Vault; the answers must be the same bytes, but
//! for what is random or a time.
//!
//! `vault-1.21.1.txt` beside this file is the transcript of a real Vault. The double is compared with it in every run. With
//! `VAULT_ADDR` and `VAULT_TOKEN` of a `vault server -dev`, `cargo test -p test-servers -- --ignored` compares the
//! real one too, and `RECORD=1` writes the transcript.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use test_servers::client::{Ask, ask};
use test_servers::clock::unix_now;
use test_servers::jwt::SigningKey;
use test_servers::{Issuer, VaultServer};

#[test]
fn the_double_answers_as_vault_did() {
    let double = VaultServer::start();
    let transcript = Script::new(&double.url(), double.root_token()).run();
    compare(&transcript);
}

#[test]
#[ignore = "wants VAULT_ADDR and VAULT_TOKEN of a `vault server -dev`"]
fn vault_answers_as_it_did() {
    let variable = |name| std::env::var(name).expect("VAULT_ADDR and VAULT_TOKEN are set");
    let transcript = Script::new(&variable("VAULT_ADDR"), &variable("VAULT_TOKEN")).run();
    if std::env::var_os("RECORD").is_some() {
        std::fs::write(recording(), &transcript).unwrap();
    }
    compare(&transcript);
}

fn recording() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vault-1.21.1.txt")
}

fn compare(transcript: &str) {
    let recorded = std::fs::read_to_string(recording()).unwrap();
    let mut pairs = recorded.split("\n\n").zip(transcript.split("\n\n"));
    if let Some((expected, found)) = pairs.find(|(expected, found)| expected != found) {
        panic!("vault answers\n{expected}\nfound\n{found}");
    }
    assert_eq!(recorded.lines().count(), transcript.lines().count());
}

struct Script {
    address: String,
    root: String,
    transcript: String,
}

impl Script {
    fn new(address: &str, root: &str) -> Self {
        Self {
            address: address.to_owned(),
            root: root.to_owned(),
            transcript: String::new(),
        }
    }

    fn run(mut self) -> String {
        self.clear();
        self.kv2();
        self.kv1();
        self.mounts_and_tokens();
        self.jwt();
        self.clear();
        self.transcript
    }

    fn clear(&self) {
        for path in [
            "sys/mounts/t-kv1",
            "sys/auth/t-jwt",
            "sys/policies/acl/t-policy",
            "secret/metadata/t/cargo",
            "secret/metadata/t/other",
        ] {
            self.send("DELETE", path, "", Some(&self.root.clone()));
        }
    }

    fn kv2(&mut self) {
        self.root(
            "POST",
            "secret/data/t/cargo",
            r#"{"data":{"token":"s3cret","n":5}}"#,
        );
        self.root("GET", "secret/data/t/cargo", "");
        self.root("GET", "secret/data/t/cargo?version=1", "");
        self.root("GET", "secret/data/t/cargo?version=7", "");
        self.root("GET", "secret/data/t/cargo?version=abc", "");
        self.root("GET", "secret/data/t/none", "");
        self.root("GET", "secret/t/cargo", "");
        self.root("GET", "secret/data/", "");
        self.root("LIST", "secret/metadata/t", "");
        self.root("GET", "secret/metadata/t?list=true", "");
        self.root("LIST", "secret/metadata/t/none", "");
        self.root("GET", "secret/metadata/t/cargo", "");
        self.root(
            "PUT",
            "secret/data/t/cargo",
            r#"{"data":{"token":"two"},"options":{"cas":1}}"#,
        );
        self.root(
            "PUT",
            "secret/data/t/cargo",
            r#"{"data":{"token":"two"},"options":{"cas":1}}"#,
        );
        self.root("POST", "secret/data/t/cargo", r#"{"token":"x"}"#);
        self.root("POST", "secret/data/t/cargo", r#"{"data":"#);
        self.root("DELETE", "secret/data/t/cargo", "");
        self.root("GET", "secret/data/t/cargo", "");
        self.root("GET", "secret/data/t/cargo?version=1", "");
        self.root("POST", "secret/undelete/t/cargo", r#"{"versions":[2]}"#);
        self.root("GET", "secret/data/t/cargo", "");
        self.root("POST", "secret/delete/t/cargo", r#"{"versions":[1]}"#);
        self.root("GET", "secret/data/t/cargo?version=1", "");
        self.root("PUT", "secret/destroy/t/cargo", r#"{"versions":[1]}"#);
        self.root("GET", "secret/data/t/cargo?version=1", "");
        self.root("POST", "secret/destroy/t/cargo", r#"{"versions":[2]}"#);
        self.root("GET", "secret/data/t/cargo", "");
        self.root("POST", "secret/delete/t/cargo", "{}");
        self.root(
            "POST",
            "secret/metadata/t/cargo",
            r#"{"custom_metadata":{"index-url":"x"}}"#,
        );
        self.root(
            "POST",
            "secret/data/t/cargo",
            r#"{"data":{"token":"three"}}"#,
        );
        self.root("GET", "secret/data/t/cargo", "");
        self.root("GET", "secret/data/t/cargo?version=1", "");
        self.root("DELETE", "secret/data/t/cargo", "");
        self.root("GET", "secret/data/t/cargo", "");
        self.root("DELETE", "secret/metadata/t/cargo", "");
        self.root("GET", "secret/data/t/cargo", "");
    }

    fn kv1(&mut self) {
        self.root(
            "POST",
            "sys/mounts/t-kv1",
            r#"{"type":"kv","options":{"version":"1"}}"#,
        );
        self.root("POST", "sys/mounts/t-kv1", r#"{"type":"kv"}"#);
        self.root("POST", "t-kv1/ci/cargo", r#"{"token":"one","n":5}"#);
        self.root("GET", "t-kv1/ci/cargo", "");
        self.root("GET", "t-kv1/none", "");
        self.root("GET", "t-kv1/data/ci/cargo", "");
        self.root("LIST", "t-kv1/", "");
        self.root("LIST", "t-kv1/ci", "");
        self.root("POST", "t-kv1/ci/cargo", "{}");
        self.root("DELETE", "t-kv1/ci/cargo", "");
        self.root("GET", "t-kv1/ci/cargo", "");
    }

    fn mounts_and_tokens(&mut self) {
        self.root("GET", "sys/internal/ui/mounts/secret/t/cargo", "");
        self.root("GET", "sys/internal/ui/mounts/secret", "");
        self.root("GET", "sys/internal/ui/mounts/t-kv1/x", "");
        self.root("GET", "sys/internal/ui/mounts/t-none/x", "");
        self.root("GET", "t-none/data/x", "");
        self.root("GET", "sys/t-none", "");
        self.root("GET", "auth/token/t-none", "");
        self.root("POST", "auth/t-none/login", "{}");
        for token in [Some("hvs.unknown"), None] {
            self.step("GET", "secret/data/t/cargo", "", token);
            self.step("GET", "auth/token/lookup-self", "", token);
            self.step("POST", "auth/token/revoke-self", "", token);
            self.step("GET", "sys/internal/ui/mounts/secret/t", "", token);
            self.step("GET", "t-none/x", "", token);
            self.step("POST", "auth/t-none/login", "{}", token);
        }
        self.root(
            "PUT",
            "sys/policies/acl/t-policy",
            &json!({ "policy": POLICY }).to_string(),
        );
        let answer = self.root(
            "POST",
            "auth/token/create",
            r#"{"policies":["t-policy"],"ttl":"5m"}"#,
        );
        let token = answer["auth"]["client_token"].as_str().unwrap().to_owned();
        self.root("POST", "secret/data/t/cargo", r#"{"data":{"token":"x"}}"#);
        self.use_up(&token);
        let answer = self.root(
            "POST",
            "auth/token/create",
            r#"{"policies":["t-policy"],"ttl":"5m","type":"batch"}"#,
        );
        let token = answer["auth"]["client_token"].as_str().unwrap().to_owned();
        self.step("GET", "secret/data/t/cargo", "", Some(&token));
        self.step("POST", "auth/token/revoke-self", "", Some(&token));
    }

    /// What a token of the policy may do, and that nothing is left of it afterwards.
    fn use_up(&mut self, token: &str) {
        let token = Some(token);
        self.step("GET", "secret/data/t/cargo", "", token);
        self.step("GET", "secret/data/t/other", "", token);
        self.step("PUT", "secret/data/t/cargo", r#"{"data":{}}"#, token);
        self.step("DELETE", "secret/data/t/cargo", "", token);
        self.step("LIST", "secret/metadata/t", "", token);
        self.step("GET", "t-none/x", "", token);
        self.step("GET", "sys/internal/ui/mounts/secret/t/cargo", "", token);
        self.step("GET", "sys/internal/ui/mounts/secret/any", "", token);
        self.step("GET", "sys/internal/ui/mounts/t-kv1/x", "", token);
        self.step("GET", "auth/token/lookup-self", "", token);
        self.step("GET", "auth/token/revoke-self", "", token);
        self.step("POST", "auth/token/revoke-self", "", token);
        self.step("GET", "secret/data/t/cargo", "", token);
        self.step("PUT", "auth/token/revoke-self", "", token);
    }

    fn jwt(&mut self) {
        let issuer = Issuer::start();
        self.step(
            "POST",
            "auth/t-jwt/login",
            r#"{"jwt":"x","role":"r"}"#,
            None,
        );
        self.root("POST", "sys/auth/t-jwt", r#"{"type":"jwt"}"#);
        self.root("POST", "sys/auth/t-jwt", r#"{"type":"jwt"}"#);
        self.step(
            "POST",
            "auth/t-jwt/login",
            r#"{"jwt":"x","role":"r"}"#,
            None,
        );
        let config = json!({ "jwt_validation_pubkeys": [issuer.public_key_pem()], "bound_issuer": issuer.url() });
        self.send(
            "POST",
            "auth/t-jwt/config",
            &config.to_string(),
            Some(&self.root.clone()),
        );
        let role = json!({
            "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["a", "b"],
            "bound_claims": { "repository": "acme/app" }, "token_policies": ["t-policy"], "token_ttl": "5m",
        });
        let with = |key: &str, value: &str| {
            let mut role = role.clone();
            role[key] = value.into();
            role.to_string()
        };
        self.root("POST", "auth/t-jwt/role/r", &role.to_string());
        self.root(
            "POST",
            "auth/t-jwt/role/subject",
            &with("bound_subject", "somebody"),
        );
        self.root(
            "POST",
            "auth/t-jwt/role/batch",
            &with("token_type", "batch"),
        );

        let answer = self.log_in("good", "r", issuer.token("a"));
        let token = answer["auth"]["client_token"].as_str().unwrap().to_owned();
        self.use_up(&token);
        self.log_in("batch", "batch", issuer.token("b"));
        self.log_in("no such role", "none", issuer.token("a"));
        self.log_in("another subject", "subject", issuer.token("a"));
        self.refusals(&issuer);
    }

    fn refusals(&mut self, issuer: &Issuer) {
        let now = unix_now();
        for (name, claims) in [
            ("two audiences", json!({ "aud": ["x", "b"] })),
            ("wrong audience", json!({ "aud": "x" })),
            ("no audience", json!({ "aud": null })),
            ("expired", json!({ "exp": now - 100 })),
            ("expired within the tolerance", json!({ "exp": now - 30 })),
            ("not yet", json!({ "nbf": now + 1000 })),
            ("issued in the future", json!({ "iat": now + 1000 })),
            (
                "wrong issuer",
                json!({ "iss": "https://issuer.example.com" }),
            ),
            ("wrong claim", json!({ "repository": "evil/app" })),
            ("missing claim", json!({ "repository": null })),
            ("no subject", json!({ "sub": null })),
        ] {
            let mut claims = issuer.claims("a", &claims);
            claims
                .as_object_mut()
                .unwrap()
                .retain(|_, value| !value.is_null());
            self.log_in(name, "r", issuer.sign(&claims));
        }
        let mut claims = issuer.claims("a", &Value::Null);
        claims
            .as_object_mut()
            .unwrap()
            .retain(|key, _| !["exp", "nbf", "iat"].contains(&key.as_str()));
        self.log_in("no times", "r", issuer.sign(&claims));
        claims["iat"] = now.into();
        self.log_in("only iat", "r", issuer.sign(&claims));
        self.log_in(
            "wrong key",
            "r",
            SigningKey::new().sign(&issuer.claims("a", &Value::Null)),
        );
        self.log_in("two parts", "r", "a.b".into());
        self.log_in("empty", "r", String::new());
        self.log_in("empty role", "", issuer.token("a"));
        self.step("POST", "auth/t-jwt/login", "{}", None);
        self.step("POST", "auth/t-jwt/login", "", None);
        self.step("POST", "auth/t-jwt/login", "{", None);
        self.step("GET", "auth/t-jwt/login", "", None);
    }

    fn log_in(&mut self, name: &str, role: &str, token: String) -> Value {
        let body = json!({ "jwt": token, "role": role }).to_string();
        let title = format!("login: {name}");
        // With a stale token too: a login must not care.
        let (status, answer, text) =
            self.send("POST", "auth/t-jwt/login", &body, Some("hvs.stale"));
        self.note(&title, status, &answer, &text);
        answer
    }

    fn root(&mut self, method: &str, path: &str, body: &str) -> Value {
        let root = self.root.clone();
        self.step(method, path, body, Some(&root))
    }

    fn step(&mut self, method: &str, path: &str, body: &str, token: Option<&str>) -> Value {
        let (status, answer, text) = self.send(method, path, body, token);
        self.note(&format!("{method} {path} {body}"), status, &answer, &text);
        answer
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        body: &str,
        token: Option<&str>,
    ) -> (u16, Value, String) {
        let mut request = Ask::new(method, &format!("{}/v1/{path}", self.address)).body(body);
        if let Some(token) = token {
            request = request.header("x-vault-token", token);
        }
        let answer = ask(&request).unwrap();
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{method} {path}"
        );
        (answer.status, answer.json(), answer.text())
    }

    fn note(&mut self, title: &str, status: u16, answer: &Value, text: &str) {
        let text = normalised(answer, text);
        // Vault ends most answers with a newline, but not all.
        let end = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            " (no newline)"
        };
        write!(
            self.transcript,
            "{}\n{status} {}{end}\n\n",
            title.trim_end(),
            text.trim_end()
        )
        .unwrap();
    }
}

const POLICY: &str = r#"path "secret/data/t/cargo" { capabilities = ["read"] }"#;

/// Values that are new each time, by their key.
const RANDOM: [&str; 15] = [
    "request_id",
    "client_token",
    "accessor",
    "entity_id",
    "created_time",
    "updated_time",
    "deletion_time",
    "issue_time",
    "expire_time",
    "creation_time",
    "ttl",
    "uuid",
    "id",
    "running_plugin_version",
    "plugin_version",
];

/// What KV v2 says about who wrote a version; the double leaves it out.
const WRITERS: [&str; 3] = ["created_by", "deleted_by", "last_updated_by"];

/// The text with its random values replaced by the names of their keys.
fn normalised(answer: &Value, text: &str) -> String {
    if answer["data"].get("versions").is_some() {
        let mut answer = answer.clone();
        strip(&mut answer);
        let text = answer.to_string();
        return replace(&answer, text);
    }
    replace(answer, text.to_owned())
}

fn strip(value: &mut Value) {
    if let Value::Object(object) = value {
        object.retain(|key, _| !WRITERS.contains(&key.as_str()));
        object.values_mut().for_each(strip);
    }
}

fn replace(value: &Value, text: String) -> String {
    let Value::Object(object) = value else {
        return text;
    };
    object.iter().fold(text, |text, (key, value)| {
        let random = RANDOM.contains(&key.as_str()) && !value.is_null() && value != "";
        if random {
            text.replace(&format!("\"{key}\":{value}"), &format!("\"{key}\":…"))
        } else {
            replace(value, text)
        }
    })
}
