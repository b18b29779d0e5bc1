//! Secrets that say which registries they are for, as Vault keeps that: in custom metadata and in the fields.

use serde_json::{Value, json};
use test_servers::Provider;
use test_servers::provider::{Run, error_text};

use crate::tenant::{Tenant, URL};
use crate::vault::vault;

const OTHER: &str = "sparse+https://other.example.com/index/";
const NEW: &str = "the-new-s3cret";
const SOURCE: &str = "path = \"ci/cargo\", field = \"token\"";

impl Tenant {
    /// Says in custom metadata which registries its secret is for.
    fn bind(&self, urls: &str) {
        let custom = json!({ "custom_metadata": { "owner": "platform", "index-url": urls } });
        self.write("metadata/ci/cargo", &custom);
    }

    /// What is there now: `data` and `metadata`.
    fn kept(&self) -> Value {
        let path = format!("{}/data/ci/cargo", self.kv());
        vault().root("GET", &path, &Value::Null)["data"].clone()
    }
}

fn login(provider: &Provider, kind: &str) -> Run {
    let request = json!({
        "v": 1, "registry": { "index-url": URL, "name": "corp" }, "kind": kind, "token": NEW,
    });
    provider.run(format!("{request}\n").as_bytes())
}

#[test]
fn custom_metadata_comes_with_the_read() {
    let tenant = Tenant::new();
    let provider = tenant.with_token(tenant.provider(""));
    tenant.bind(&format!("{OTHER} {URL}"));
    assert_eq!(provider.get(URL, "read"), tenant.answer());

    tenant.bind(OTHER);
    let text = error_text(&provider.get(URL, "read"));
    assert_eq!(
        text,
        format!(
            "the path `ci/cargo` of `corp` is not for the registry `{URL}`\n\
             the custom metadata `index-url` says that it is for `{OTHER}`\n\
             help: name another secret for this registry in the config; if this one is for it too, add its URL there"
        )
    );
    let read = format!("read {}/data/ci/cargo", tenant.kv());
    assert_eq!(tenant.trail().requests(), [read.clone(), read]);

    // It is of all versions, those before it too.
    tenant.write(
        "data/ci/cargo",
        &json!({ "data": { "token": "the-second-version" } }),
    );
    for version in ["", ", version = 1"] {
        let provider = tenant.with_token(tenant.provider_for("", &format!("{SOURCE}{version}")));
        let text = error_text(&provider.secret("the-second-version").get(URL, "read"));
        assert!(text.contains("is not for the registry"), "{text}");
    }
}

#[test]
fn a_raw_path_is_no_way_around_it() {
    let tenant = Tenant::new();
    let source = format!(
        "raw-path = \"{}/data/ci/cargo\", field = \"data.token\"",
        tenant.kv()
    );
    let provider = tenant.with_token(tenant.provider_for("", &source));
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    tenant.bind(OTHER);
    let text = error_text(&provider.get(URL, "read"));
    assert!(
        text.contains("the custom metadata `index-url` says that it is for"),
        "{text}"
    );
}

#[test]
fn fields_in_both_engines() {
    for (version, path) in [(1, "ci/cargo"), (2, "data/ci/cargo")] {
        let tenant = Tenant::with_kv(version);
        tenant.policy(&tenant.may_read(path));
        let write = |said: &Value| {
            // Version 1 keeps an array as it is, too.
            let fields = json!({ "token": tenant.token(), "index-url": said });
            match version {
                1 => tenant.write(path, &fields),
                _ => tenant.write(path, &json!({ "data": fields })),
            }
        };
        let provider = tenant.with_token(tenant.provider(&format!("kv-version = {version}")));
        for said in [json!(URL), json!([OTHER, URL])] {
            write(&said);
            assert_eq!(provider.get(URL, "read"), tenant.answer());
        }
        write(&json!(OTHER));
        let text = error_text(&provider.get(URL, "read"));
        assert!(
            text.contains("its field `index-url` says that it is for"),
            "{text}"
        );
    }
}

#[test]
fn a_login_keeps_it_and_changes_no_secret_of_another_registry() {
    let tenant = Tenant::new();
    tenant.policy(&format!(
        "path \"{}/data/ci/cargo\" {{ capabilities = [\"create\", \"read\", \"update\"] }}\n",
        tenant.kv()
    ));
    let source = format!("{SOURCE}, write = true");
    let provider = tenant
        .with_token(tenant.provider_for("", &source))
        .secret(NEW);
    let fields = json!({ "token": tenant.token(), "index-url": URL });
    tenant.write("data/ci/cargo", &json!({ "data": fields }));
    tenant.bind(OTHER);
    let before = tenant.kept();
    for kind in ["login", "logout"] {
        let text = error_text(&login(&provider, kind).answer());
        assert!(text.contains("is not for the registry"), "{text}");
        assert_eq!(tenant.kept(), before);
    }

    tenant.bind(URL);
    let run = login(&provider, "login");
    assert_eq!(
        run.answer(),
        json!({ "Ok": { "kind": "login" } }),
        "{run:?}"
    );
    let now = tenant.kept();
    assert_eq!(now["data"], json!({ "token": NEW, "index-url": URL }));
    assert_eq!(now["metadata"]["custom_metadata"]["index-url"], URL);

    // A deleted version is still of a secret that is for somebody.
    tenant.bind(OTHER);
    tenant.write("delete/ci/cargo", &json!({ "versions": [3] }));
    let text = error_text(&login(&provider, "login").answer());
    assert!(text.contains("is not for the registry"), "{text}");
}

/// As the documentation says.
#[test]
fn custom_metadata_has_512_bytes_for_a_text() {
    let tenant = Tenant::new();
    let path = format!("{}/metadata/ci/cargo", tenant.kv());
    for (length, status) in [(512, 204), (513, 400)] {
        let body = json!({ "custom_metadata": { "index-url": "x".repeat(length) } });
        let answer = vault().root_answer("POST", &path, &body);
        assert_eq!(answer.status, status);
    }
}
