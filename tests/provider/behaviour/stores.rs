//! The stores of the suite.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use test_servers::faults::RefusedPort;
use test_servers::secrets_manager::{Keys, SecretsManager};
use test_servers::{GoogleServer, Provider, VaultServer, refused_port};

use super::Store;

/// Variables of the job, with JSON in them.
pub(super) struct Env(BTreeMap<String, String>);

impl Store for Env {
    fn start() -> Self {
        Self(BTreeMap::new())
    }

    fn put(&mut self, name: &str, fields: &Value) {
        self.0.insert(variable(name), fields.to_string());
    }

    fn bind(&mut self, _: &str, _: &str) -> Option<&'static str> {
        None
    }

    fn deny(&mut self, _: &str) -> bool {
        false
    }

    fn backend(&self) -> String {
        "type = \"env\"".to_owned()
    }

    fn unreachable(&self) -> Option<String> {
        None
    }

    fn without_identity(&self) -> Option<String> {
        None
    }

    fn source(&self, name: &str) -> String {
        format!("var = \"{}\"", variable(name))
    }

    fn equip(&self, provider: Provider) -> Provider {
        self.0.iter().fold(provider, |provider, (name, value)| {
            provider.env(name, value)
        })
    }
}

fn variable(name: &str) -> String {
    format!("SECRET_{}", name.replace('-', "_").to_uppercase())
}

/// Files of the job, with JSON in them.
pub(super) struct File(BTreeMap<String, String>);

impl Store for File {
    fn start() -> Self {
        Self(BTreeMap::new())
    }

    fn put(&mut self, name: &str, fields: &Value) {
        self.0.insert(name.to_owned(), format!("{fields:#}\n"));
    }

    fn bind(&mut self, _: &str, _: &str) -> Option<&'static str> {
        None
    }

    /// Rights do not hold for root, as whom tests run in containers.
    fn deny(&mut self, _: &str) -> bool {
        false
    }

    fn backend(&self) -> String {
        "type = \"file\"".to_owned()
    }

    fn unreachable(&self) -> Option<String> {
        None
    }

    fn without_identity(&self) -> Option<String> {
        None
    }

    fn source(&self, name: &str) -> String {
        format!("path = \"~/secrets/{name}\"")
    }

    fn equip(&self, provider: Provider) -> Provider {
        self.0.iter().fold(provider, |provider, (name, content)| {
            provider.file(&format!("secrets/{name}"), content)
        })
    }
}

/// What the three kinds of Vault have in common.
pub(super) struct Vault {
    server: VaultServer,
    token: String,
    refused: RefusedPort,
}

impl Vault {
    fn start(paths: &[&str]) -> Self {
        let server = VaultServer::start();
        server.policy("suite", paths);
        let token = server.token(&["suite"]);
        Self {
            server,
            token,
            refused: refused_port(),
        }
    }

    fn backend(&self, r#type: &str, address: &str) -> String {
        format!(
            "type = \"{type}\"\naddress = \"{address}\"\nauth = {{ method = \"token\", token = {{ env = \"JOB_TOKEN\" }} }}"
        )
    }

    fn without_identity(&self, r#type: &str) -> String {
        format!(
            "type = \"{type}\"\naddress = \"{}\"\nauth = {{ method = \"jwt\", role = \"suite\", identity = \"github-actions\" }}",
            self.server.url()
        )
    }

    fn equip(&self, provider: Provider) -> Provider {
        provider.env("JOB_TOKEN", &self.token).secret(&self.token)
    }
}

macro_rules! vault_store {
    ($(#[$doc:meta])* $name:ident, $type:literal, $prefix:literal, $extra:literal, $bind:expr, $put:expr) => {
        $(#[$doc])*
        pub(super) struct $name(Vault);

        impl Store for $name {
            fn start() -> Self {
                Self(Vault::start(&[
                    concat!($prefix, "/cargo"),
                    concat!($prefix, "/odd"),
                    concat!($prefix, "/pair"),
                    concat!($prefix, "/nothing-here"),
                ]))
            }

            fn put(&mut self, name: &str, fields: &Value) {
                let put: fn(&VaultServer, &str, &Value) = $put;
                put(&self.0.server, name, fields);
            }

            fn bind(&mut self, name: &str, urls: &str) -> Option<&'static str> {
                let bind: Option<fn(&VaultServer, &str, &str)> = $bind;
                bind?(&self.0.server, name, urls);
                Some("")
            }

            /// The policy of the suite names every other path.
            fn deny(&mut self, name: &str) -> bool {
                name == "private"
            }

            fn backend(&self) -> String {
                format!("{}{}", self.0.backend($type, &self.0.server.url()), $extra)
            }

            fn unreachable(&self) -> Option<String> {
                Some(format!("{}{}", self.0.backend($type, &self.0.refused.url()), $extra))
            }

            fn without_identity(&self) -> Option<String> {
                Some(format!("{}{}", self.0.without_identity($type), $extra))
            }

            fn source(&self, name: &str) -> String {
                format!("path = \"{name}\"")
            }

            fn equip(&self, provider: Provider) -> Provider {
                self.0.equip(provider)
            }
        }
    };
}

vault_store!(
    /// HashiCorp Vault with a KV engine of version 2.
    VaultKv2, "vault", "secret/data", "", Some(custom_metadata), |server, name, fields| server.put(name, fields.clone())
);
vault_store!(
    /// HashiCorp Vault with a KV engine of version 1.
    VaultKv1, "vault", "kv1", "\nkv-version = 1\nmount = \"kv1\"", None, |server, name, fields| server.put_v1(name, fields)
);
vault_store!(
    /// OpenBao, which answers as Vault does.
    OpenBao, "openbao", "secret/data", "", Some(custom_metadata), |server, name, fields| server.put(name, fields.clone())
);

/// What KV v2 keeps beside all versions.
fn custom_metadata(server: &VaultServer, name: &str, urls: &str) {
    let body = json!({ "custom_metadata": { "index-url": urls, "owner": "platform" } });
    server.as_root("POST", &format!("secret/metadata/{name}"), &body);
}

/// AWS Secrets Manager.
pub(super) struct Aws {
    server: SecretsManager,
    keys: Keys,
    refused: RefusedPort,
}

impl Aws {
    fn at(&self, endpoint: &str) -> String {
        format!("type = \"aws\"\nregion = \"eu-west-1\"\nendpoint = \"{endpoint}\"")
    }
}

impl Store for Aws {
    fn start() -> Self {
        let server = SecretsManager::start();
        let keys = server.user("suite");
        Self {
            server,
            keys,
            refused: refused_port(),
        }
    }

    fn put(&mut self, name: &str, fields: &Value) {
        self.server.put(name, &fields.to_string());
    }

    fn bind(&mut self, name: &str, urls: &str) -> Option<&'static str> {
        self.server.tag(name, "owner", "platform");
        self.server.tag(name, "index-url", urls);
        Some("index-url-tag = \"index-url\"")
    }

    fn deny(&mut self, name: &str) -> bool {
        self.server.refuse(
            name,
            "AccessDeniedException",
            "User: $user is not authorized to perform: secretsmanager:GetSecretValue",
        );
        true
    }

    fn backend(&self) -> String {
        self.at(&self.server.url())
    }

    fn unreachable(&self) -> Option<String> {
        Some(self.at(&self.refused.url()))
    }

    fn without_identity(&self) -> Option<String> {
        Some(format!(
            "{}\nauth = {{ method = \"web-identity\", role-arn = \"arn:aws:iam::1:role/ci\", identity = \"github-actions\" }}",
            self.backend()
        ))
    }

    fn source(&self, name: &str) -> String {
        format!("secret = \"{name}\"")
    }

    fn equip(&self, provider: Provider) -> Provider {
        provider
            .env("AWS_ACCESS_KEY_ID", &self.keys.id)
            .env("AWS_SECRET_ACCESS_KEY", &self.keys.secret)
            .secret(&self.keys.secret)
    }
}

/// Google Secret Manager.
pub(super) struct Gcp {
    server: GoogleServer,
    key: Value,
    refused: RefusedPort,
}

impl Gcp {
    const ACCOUNT: &str = "suite@acme.iam.gserviceaccount.com";

    fn at(&self, endpoint: &str) -> String {
        format!(
            "type = \"gcp\"\nproject = \"acme\"\nendpoint = \"{endpoint}\"\nauth = {{ method = \"adc\", credentials-file = \"~/key.json\" }}"
        )
    }
}

impl Store for Gcp {
    fn start() -> Self {
        let server = GoogleServer::start();
        // Whoever may not read all of a project does not get to know what there is not.
        let member = format!("serviceAccount:{}", Self::ACCOUNT);
        server.allow(&member, "projects/acme");
        server.put_empty("acme", "other");
        Self {
            key: server.service_account_key(Self::ACCOUNT),
            server,
            refused: refused_port(),
        }
    }

    fn put(&mut self, name: &str, fields: &Value) {
        self.server.put("acme", name, fields.to_string().as_bytes());
    }

    fn bind(&mut self, name: &str, urls: &str) -> Option<&'static str> {
        let member = format!("serviceAccount:{}", Self::ACCOUNT);
        self.server.allow_viewing(&member, "projects/acme");
        let secret = format!("projects/acme/secrets/{name}");
        self.server.annotate(&secret, "owner", "platform");
        self.server.annotate(&secret, "index-url", urls);
        Some("index-url-annotation = \"index-url\"")
    }

    /// The suite's account may read everything, and another one nothing.
    fn deny(&mut self, _: &str) -> bool {
        let nobody = "nobody@acme.iam.gserviceaccount.com";
        self.key = self.server.service_account_key(nobody);
        true
    }

    fn backend(&self) -> String {
        self.at(&self.server.url())
    }

    fn unreachable(&self) -> Option<String> {
        Some(self.at(&self.refused.url()))
    }

    fn without_identity(&self) -> Option<String> {
        Some(
            "type = \"gcp\"\nproject = \"acme\"\nauth = { method = \"workload-identity\", provider = \"projects/1/locations/global/workloadIdentityPools/p/providers/x\", identity = \"github-actions\" }".to_owned(),
        )
    }

    fn source(&self, name: &str) -> String {
        format!("secret = \"{name}\"")
    }

    fn equip(&self, provider: Provider) -> Provider {
        provider.file("key.json", &self.key.to_string())
    }
}
