//! The part of Vault that one test has for itself.

use serde_json::{Value, json};
use test_servers::{Issuer, Provider, random};

use crate::BINARY;
use crate::audit::Trail;
use crate::vault::vault;

/// The registry of all tests that need none.
pub(crate) const URL: &str = "sparse+https://crates.example.com/index/";

/// The audience of all job tokens.
pub(crate) const AUDIENCE: &str = "https://vault.example.com";

/// A KV engine, a policy that may read `ci/cargo` in it, and auth methods: all under one random name.
#[derive(Debug)]
pub(crate) struct Tenant {
    name: String,
    token: String,
}

impl Tenant {
    /// Makes one: a KV engine of version 2 with a token at `ci/cargo`.
    pub(crate) fn new() -> Self {
        let tenant = Self::with_kv(2);
        tenant.write(
            "data/ci/cargo",
            &json!({ "data": { "token": tenant.token } }),
        );
        tenant.policy(&tenant.may_read("data/ci/cargo"));
        tenant
    }

    /// Makes one with an empty KV engine and a policy that may do nothing.
    pub(crate) fn with_kv(version: u8) -> Self {
        let tenant = Self {
            name: random::alphanumeric(12),
            token: format!("registry-{}", random::alphanumeric(24)),
        };
        vault().root(
            "POST",
            &format!("sys/mounts/{}", tenant.kv()),
            &json!({ "type": "kv", "options": { "version": version.to_string() } }),
        );
        tenant.policy("");
        tenant
    }

    /// The name, which is the policy's as well, and marks its requests in the audit log.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The mount of the KV engine.
    pub(crate) fn kv(&self) -> String {
        self.mount("kv")
    }

    /// A mount of its own.
    pub(crate) fn mount(&self, what: &str) -> String {
        format!("{what}-{}", self.name)
    }

    /// The registry's token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Writes to the KV engine: `path` as the API has it.
    pub(crate) fn write(&self, path: &str, body: &Value) {
        vault().root("POST", &format!("{}/{path}", self.kv()), body);
    }

    /// The stanza by which a policy may read a path of the KV engine.
    pub(crate) fn may_read(&self, path: &str) -> String {
        format!(
            "path \"{}/{path}\" {{ capabilities = [\"read\"] }}\n",
            self.kv()
        )
    }

    /// Replaces its policy; no text is no rights.
    pub(crate) fn policy(&self, text: &str) {
        vault().root(
            "PUT",
            &format!("sys/policies/acl/{}", self.name),
            // Vault takes no empty policy.
            &json!({ "policy": format!("# {}\n{text}", self.name) }),
        );
    }

    /// Enables an auth method at a mount of its own, and gives the mount.
    pub(crate) fn enable(&self, method: &str) -> String {
        let mount = self.mount(method);
        vault().root(
            "POST",
            &format!("sys/auth/{mount}"),
            &json!({ "type": method }),
        );
        mount
    }

    /// Enables the JWT auth method for an issuer, with the role `ci` for jobs of `acme/app`; `extra` adds to the role.
    pub(crate) fn jwt(&self, issuer: &Issuer, extra: &Value) -> String {
        let mount = self.enable("jwt");
        vault().root(
            "POST",
            &format!("auth/{mount}/config"),
            &json!({ "jwt_validation_pubkeys": [issuer.public_key_pem()], "bound_issuer": issuer.url() }),
        );
        let mut role = json!({
            "role_type": "jwt",
            "user_claim": "sub",
            "bound_audiences": [AUDIENCE],
            "bound_claims": { "repository": "acme/app" },
            "token_policies": [self.name],
            "token_ttl": "20m",
        });
        let added = extra.as_object().into_iter().flatten();
        role.as_object_mut()
            .unwrap()
            .extend(added.map(|(key, value)| (key.clone(), value.clone())));
        vault().root("POST", &format!("auth/{mount}/role/ci"), &role);
        mount
    }

    /// A Vault token with its policy, as an administrator hands it out: the token and its accessor.
    pub(crate) fn vault_token(&self, extra: &Value) -> (String, String) {
        let mut body = json!({ "policies": [self.name], "no_parent": true, "ttl": "20m" });
        let added = extra.as_object().into_iter().flatten();
        body.as_object_mut()
            .unwrap()
            .extend(added.map(|(key, value)| (key.clone(), value.clone())));
        let auth = &vault().root("POST", "auth/token/create", &body)["auth"];
        let part = |name: &str| auth[name].as_str().unwrap().to_owned();
        (part("client_token"), part("accessor"))
    }

    /// The table of its Vault: everything but `auth`.
    pub(crate) fn backend(&self) -> String {
        format!(
            "[backends.corp]\ntype = \"vault\"\naddress = \"{}\"\nca-file = {:?}\nmount = \"{}\"\n",
            vault().url(),
            vault().ca_file(),
            self.kv(),
        )
    }

    /// The provider with this backend, `settings` in its table, and this source for all operations.
    pub(crate) fn provider_for(&self, settings: &str, source: &str) -> Provider {
        Provider::new(BINARY)
            .config(&format!(
                "{}{settings}\n\n[registries.\"{URL}\"]\nsources = [ {{ backend = \"corp\", {source} }} ]\n",
                self.backend()
            ))
            .secret(&self.token)
    }

    /// The same, for the token at `ci/cargo`.
    pub(crate) fn provider(&self, settings: &str) -> Provider {
        self.provider_for(settings, "path = \"ci/cargo\", field = \"token\"")
    }

    /// The provider with a token of the tenant's in `VAULT_TOKEN`.
    pub(crate) fn with_token(&self, provider: Provider) -> Provider {
        let (token, _) = self.vault_token(&Value::Null);
        provider.env("VAULT_TOKEN", &token).secret(&token)
    }

    /// Its requests so far.
    pub(crate) fn trail(&self) -> Trail {
        Trail::of(&[&self.name])
    }

    /// The answer that gives its token.
    pub(crate) fn answer(&self) -> Value {
        json!({ "Ok": { "kind": "get", "token": self.token, "cache": "session", "operation_independent": true } })
    }

    /// Checks that one answer was one login at this mount, one read and one revocation, over one connection, and that
    /// nothing of it is left.
    pub(crate) fn assert_one_of_each(&self, mount: &str) {
        let trail = self.trail();
        let expected = [
            format!("update auth/{mount}/login"),
            format!("read {}/data/ci/cargo", self.kv()),
            "update auth/token/revoke-self".to_owned(),
        ];
        assert_eq!(trail.requests(), expected);
        assert_eq!(trail.connections(), 1);
        let logins = trail.logins();
        assert_eq!(logins.len(), 1);
        assert!(!crate::audit::is_alive(&logins[0]));
    }
}
