//! Secrets that say which registries they are for, beyond what is the same at every store: the ways around it, what asking
//! for it takes, and logins.

use serde_json::{Value, json};
use test_servers::provider::{Run, error_text};
use test_servers::{AwsServer, GoogleServer, Provider, SecretsManager, VaultServer};

use crate::BINARY;

const URL: &str = "sparse+https://crates.example.com/index/";
const OTHER: &str = "sparse+https://other.example.com/index/";
const TOKEN: &str = "st0red-s3cret-token";
const NEW: &str = "n3w-s3cret-token";
const ACCOUNT: &str = "cargo-ci@acme.iam.gserviceaccount.com";

/// The provider with one backend and one source of it.
fn provider(backend: &str, source: &str) -> Provider {
    Provider::new(BINARY)
        .config(&format!(
            "[backends.store]\n{backend}\n[registries.\"{URL}\"]\nsources = [ {{ backend = \"store\", {source} }} ]\n"
        ))
        .secret(NEW)
}

/// A Vault with the token at `ci/cargo`, for the registry that its custom metadata names.
fn vault(url: &str, fields: Value) -> VaultServer {
    let server = VaultServer::start();
    server.put("ci/cargo", fields);
    let metadata = json!({ "custom_metadata": { "index-url": url } });
    server.as_root("POST", "secret/metadata/ci/cargo", &metadata);
    server
}

fn with_vault(server: &VaultServer, source: &str) -> Provider {
    let backend = format!("type = \"vault\"\naddress = \"{}\"", server.url());
    provider(&backend, source)
        .env("VAULT_TOKEN", server.root_token())
        .secret(server.root_token())
}

/// An AWS with the token in `cargo`.
fn aws(text: &str) -> SecretsManager {
    let server = SecretsManager::start();
    server.put("cargo", text);
    server
}

fn with_aws(server: &SecretsManager, settings: &str, source: &str) -> Provider {
    let keys = server.user("ci");
    let backend = format!(
        "type = \"aws\"\nregion = \"eu-west-1\"\nendpoint = \"{}\"\n{settings}",
        server.url()
    );
    provider(&backend, source)
        .env("AWS_ACCESS_KEY_ID", &keys.id)
        .env("AWS_SECRET_ACCESS_KEY", &keys.secret)
        .secret(&keys.secret)
}

fn operations(server: &SecretsManager) -> Vec<String> {
    server
        .requests()
        .iter()
        .map(test_servers::aws::operation)
        .collect()
}

/// A Google with the token in `cargo`, which the account may read and may not describe.
fn google() -> GoogleServer {
    let server = GoogleServer::start();
    server.put("acme", "cargo", TOKEN.as_bytes());
    server.allow(
        &format!("serviceAccount:{ACCOUNT}"),
        "projects/acme/secrets/cargo",
    );
    server
}

fn with_google(server: &GoogleServer, settings: &str, source: &str) -> Provider {
    let backend = format!(
        "type = \"gcp\"\nproject = \"acme\"\nendpoint = \"{}\"\n\
         auth = {{ method = \"adc\", credentials-file = \"~/key.json\" }}\n{settings}",
        server.url()
    );
    let key = server.service_account_key(ACCOUNT).to_string();
    provider(&backend, source).file("key.json", &key)
}

fn change(provider: &Provider, kind: &str) -> Run {
    let mut request =
        json!({ "v": 1, "registry": { "index-url": URL, "name": "corp" }, "kind": kind });
    if kind == "login" {
        request["token"] = json!(NEW);
    }
    provider.run(format!("{request}\n").as_bytes())
}

fn refused(provider: Provider) -> String {
    error_text(&provider.secret(TOKEN).get(URL, "read"))
}

/// The API's own path leads to the same secret, with what is said of it.
#[test]
fn a_raw_path_is_no_way_around_it() {
    for (url, fields, said) in [
        (
            OTHER,
            json!({ "token": TOKEN }),
            "the custom metadata `index-url`",
        ),
        (
            URL,
            json!({ "token": TOKEN, "index-url": OTHER }),
            "its field `data.index-url`",
        ),
    ] {
        let server = vault(url, fields);
        let source = "raw-path = \"secret/data/ci/cargo\", field = \"data.token\"";
        let text = refused(with_vault(&server, source));
        assert!(
            text.contains(&format!("\n{said} says that it is for `{OTHER}`\n")),
            "{text}"
        );
    }
    let server = vault(URL, json!({ "token": TOKEN }));
    let source = "raw-path = \"secret/data/ci/cargo\", field = \"data.token\"";
    assert_eq!(
        with_vault(&server, source).get(URL, "read")["Ok"]["token"],
        TOKEN
    );
}

#[test]
fn what_custom_metadata_says_takes_no_request() {
    let server = vault(OTHER, json!({ "token": TOKEN }));
    let text = refused(with_vault(
        &server,
        "path = \"ci/cargo\", field = \"token\"",
    ));
    assert_eq!(
        text,
        format!(
            "the path `ci/cargo` of `store` is not for the registry `{URL}`\n\
             the custom metadata `index-url` says that it is for `{OTHER}`\n\
             help: name another secret for this registry in the config; if this one is for it too, add its URL there"
        )
    );
    assert_eq!(server.audit().len(), 1);
}

#[test]
fn a_tag_is_asked_for_where_the_config_says_so() {
    let source = "secret = \"cargo\"";
    let server = aws(TOKEN);
    server.tag("cargo", "index-url", OTHER);
    let get = |settings: &str| with_aws(&server, settings, source).get(URL, "read");
    assert_eq!(get("")["Ok"]["token"], TOKEN);
    assert_eq!(operations(&server), ["GetSecretValue"]);
    // Nothing is said by a tag that is not there.
    assert_eq!(get("index-url-tag = \"registry\"")["Ok"]["token"], TOKEN);
    assert_eq!(
        operations(&server)[1..],
        ["GetSecretValue", "DescribeSecret"]
    );
    let text = refused(with_aws(&server, "index-url-tag = \"index-url\"", source));
    assert!(
        text.contains("\nthe tag `index-url` says that it is for `"),
        "{text}"
    );
}

#[test]
fn who_may_not_read_the_tag_does_not_get_the_token() {
    let server = aws(TOKEN);
    server.deny_description("cargo");
    let text = refused(with_aws(
        &server,
        "index-url-tag = \"index-url\"",
        "secret = \"cargo\"",
    ));
    let user = "arn:aws:iam::123456789012:user/ci";
    assert!(
        text.starts_with(&format!(
            "AWS does not let `{user}` read the tags of the secret `cargo`\n\
             DescribeSecret answered AccessDeniedException"
        )),
        "{text}"
    );
    let end = r#"
help: `index-url-tag` on the backend takes this, besides the right to read:
{"Action":"secretsmanager:DescribeSecret","Effect":"Allow","Resource":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:cargo-??????"}"#;
    assert!(text.ends_with(end), "{text}");
}

/// What answers in AWS's place and knows no description is no reason to hand out the token.
#[test]
fn a_tag_that_nobody_can_tell_is_no_leave() {
    let server = AwsServer::start();
    server.put("cargo", TOKEN);
    let keys = server.user("arn:aws:iam::123456789012:user/ci");
    let backend = format!(
        "type = \"aws\"\nregion = \"eu-west-1\"\nendpoint = \"{}\"\nindex-url-tag = \"index-url\"",
        server.url()
    );
    let provider = provider(&backend, "secret = \"cargo\"")
        .env("AWS_ACCESS_KEY_ID", &keys.id)
        .env("AWS_SECRET_ACCESS_KEY", &keys.secret);
    let text = refused(provider);
    assert!(
        text.starts_with("AWS could not read the tags of the secret `cargo`\n"),
        "{text}"
    );
}

#[test]
fn an_annotation_is_asked_for_where_the_config_says_so() {
    let (server, source) = (google(), "secret = \"cargo\"");
    let asked = |settings: &str| with_google(&server, settings, source);
    assert_eq!(asked("").get(URL, "read")["Ok"]["token"], TOKEN);
    let setting = "index-url-annotation = \"index-url\"";
    let text = refused(asked(setting));
    let member = format!("serviceAccount:{ACCOUNT}");
    assert!(
        text.starts_with(&format!(
            "Google does not let `{member}` read the annotations of the secret `cargo`\n"
        )),
        "{text}"
    );
    let end = format!(
        "\nhelp: `index-url-annotation` on the backend takes this binding, besides that to read:\n\
         gcloud secrets add-iam-policy-binding cargo --project=acme --role=roles/secretmanager.viewer --member={member}"
    );
    assert!(text.ends_with(&end), "{text}");

    server.allow_viewing(&member, "projects/acme/secrets/cargo");
    assert_eq!(asked(setting).get(URL, "read")["Ok"]["token"], TOKEN);
    server.annotate("projects/acme/secrets/cargo", "index-url", OTHER);
    let text = refused(asked(setting));
    assert!(
        text.contains("\nthe annotation `index-url` says that it is for `"),
        "{text}"
    );
    let last = server.requests().pop().unwrap();
    assert_eq!(last.path, "/v1/projects/acme/secrets/cargo");
}

#[test]
fn explain_names_the_request_that_it_takes() {
    let server = aws(TOKEN);
    let provider = with_aws(
        &server,
        "index-url-tag = \"index-url\"",
        "secret = \"cargo\"",
    );
    let run = provider.tool(&["explain", URL]);
    assert!(
        run.stdout
            .contains("DescribeSecret: read the tag `index-url`\n"),
        "{run:?}"
    );

    let server = google();
    let setting = "index-url-annotation = \"index-url\"";
    let run = with_google(&server, setting, "secret = \"cargo\"").tool(&["explain", URL]);
    let url = format!("{}/v1/projects/acme/secrets/cargo\n", server.url());
    assert!(run.stdout.contains(&url), "{run:?}");
    assert!(
        run.stdout.contains("read the annotation `index-url`\n"),
        "{run:?}"
    );
    assert!(server.requests().is_empty());
}

#[test]
fn doctor_says_where_it_is_said() {
    let server = vault(URL, json!({ "token": TOKEN, "index-url": [URL, OTHER] }));
    let provider = with_vault(&server, "path = \"ci/cargo\", field = \"token\"").secret(TOKEN);
    let run = provider.tool(&["doctor", URL]);
    for said in ["its field `index-url`", "the custom metadata `index-url`"] {
        let line = format!("            - {said} says that it is for this registry\n");
        assert!(run.stdout.contains(&line), "{}", run.stdout);
    }
    let server = vault(OTHER, json!({ "token": TOKEN }));
    let provider = with_vault(&server, "path = \"ci/cargo\", field = \"token\"").secret(TOKEN);
    let run = provider.tool(&["doctor", URL]);
    assert!(
        run.stdout.contains("is not for the registry"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_login_keeps_what_is_said() {
    let server = vault(URL, json!({ "token": TOKEN, "index-url": [OTHER, URL] }));
    let source = "path = \"ci/cargo\", field = \"token\", write = true";
    let run = change(&with_vault(&server, source), "login");
    assert_eq!(
        run.answer(),
        json!({ "Ok": { "kind": "login" } }),
        "{run:?}"
    );
    let now = &server.as_root("GET", "secret/data/ci/cargo", &Value::Null)["data"];
    assert_eq!(
        now["data"],
        json!({ "token": NEW, "index-url": [OTHER, URL] })
    );
    assert_eq!(
        now["metadata"]["custom_metadata"],
        json!({ "index-url": URL })
    );
}

#[test]
fn nothing_is_written_to_a_secret_of_another_registry() {
    for (url, fields) in [
        (OTHER, json!({ "token": TOKEN })),
        (URL, json!({ "token": TOKEN, "index-url": OTHER })),
        (URL, json!({ "token": TOKEN, "index-url": 7 })),
    ] {
        for kind in ["login", "logout"] {
            let server = vault(url, fields.clone());
            let source = "path = \"ci/cargo\", field = \"token\", write = true";
            let run = change(&with_vault(&server, source).secret(TOKEN), kind);
            let text = error_text(&run.answer());
            assert!(
                text.contains(" for the registry `") || text.contains("say clearly"),
                "{text}"
            );
            let operations: Vec<_> = server
                .audit()
                .into_iter()
                .map(|entry| entry.operation)
                .collect();
            assert_eq!(operations, ["read"], "{kind} {fields}");
        }
    }

    let server = aws(TOKEN);
    server.tag("cargo", "index-url", OTHER);
    let source = "secret = \"cargo\", write = true";
    let provider = with_aws(&server, "index-url-tag = \"index-url\"", source).secret(TOKEN);
    let text = error_text(&change(&provider, "login").answer());
    assert!(
        text.contains("the tag `index-url` says that it is for `"),
        "{text}"
    );
    assert_eq!(operations(&server), ["DescribeSecret", "GetSecretValue"]);

    let server = google();
    server.allow_viewing(
        &format!("serviceAccount:{ACCOUNT}"),
        "projects/acme/secrets/cargo",
    );
    server.annotate("projects/acme/secrets/cargo", "index-url", OTHER);
    let setting = "index-url-annotation = \"index-url\"";
    let provider = with_google(&server, setting, source).secret(TOKEN);
    let text = error_text(&change(&provider, "login").answer());
    assert!(
        text.contains("the annotation `index-url` says that it is for `"),
        "{text}"
    );
    let written = server
        .requests()
        .iter()
        .any(|request| request.path.contains(":add"));
    assert!(!written);
}

/// A whole value in the place of fields would take away what is said, and so would another value of the key itself.
#[test]
fn a_login_does_not_take_away_what_is_said() {
    let server = aws(&json!({ "token": TOKEN, "index-url": URL }).to_string());
    for (source, why) in [
        (
            "secret = \"cargo\", write = true",
            "the secret `cargo` of `store` says in its field `index-url` which registries it is for, and would not any more\n\
             help: name the field that holds the token: `field = \"…\"` in the source",
        ),
        (
            "secret = \"cargo\", field = \"index-url\", write = true",
            "the field `index-url` of the secret `cargo` of `store` says which registries it is for, and is not a token\n\
             help: name the field that holds the token",
        ),
    ] {
        let provider = with_aws(&server, "", source).secret(TOKEN);
        assert_eq!(error_text(&change(&provider, "login").answer()), why);
    }
    assert_eq!(operations(&server), ["GetSecretValue", "GetSecretValue"]);
}
