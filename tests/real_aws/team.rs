//! The part of AWS that one test has for itself.

use std::sync::LazyLock;

use serde_json::{Value, json};
use test_servers::aws::Keys;
use test_servers::moto::Call;
use test_servers::{Moto, Provider, random};

use crate::BINARY;

/// The registry of all tests that need none.
pub(crate) const URL: &str = "sparse+https://crates.example.com/index/";

/// Where everything is, unless a test says otherwise.
pub(crate) const REGION: &str = "eu-west-1";

/// The moto that lets everybody do everything.
pub(crate) fn moto() -> &'static Moto {
    static SHARED: LazyLock<Moto> = LazyLock::new(Moto::start);
    // Asked first, so that every test says what is missing, not only the one that comes first.
    let _checked = Moto::python();
    &SHARED
}

/// The moto that checks signatures and rights.
pub(crate) fn strict() -> &'static Moto {
    static SHARED: LazyLock<Moto> = LazyLock::new(Moto::start_strict);
    // Asked first, so that every test says what is missing, not only the one that comes first.
    let _checked = Moto::python();
    &SHARED
}

/// Secrets under one random name, and a key.
#[derive(Debug)]
pub(crate) struct Team {
    moto: &'static Moto,
    name: String,
    keys: Keys,
    token: String,
}

impl Team {
    /// Makes one that may do everything.
    pub(crate) fn new() -> Self {
        let keys = Keys {
            id: format!("AKIA{}", random::alphanumeric(16).to_uppercase()),
            secret: random::alphanumeric(40),
            token: None,
        };
        Self::with(moto(), random::alphanumeric(12), keys)
    }

    /// Makes one where rights are checked, whose user has a policy of these statements.
    pub(crate) fn strict(statements: &[Value]) -> Self {
        let name = random::alphanumeric(12);
        let keys = strict().user(&name, statements);
        Self::with(strict(), name, keys)
    }

    fn with(moto: &'static Moto, name: String, keys: Keys) -> Self {
        Self {
            moto,
            name,
            keys,
            token: format!("registry-{}", random::alphanumeric(24)),
        }
    }

    /// Its name, the first part of the names of its secrets.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The whole name of one of its secrets.
    pub(crate) fn secret(&self, name: &str) -> String {
        format!("{}/{name}", self.name)
    }

    /// Its key.
    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The registry's token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Calls AWS's Secrets Manager through boto3.
    pub(crate) fn call(&self, name: &str, with: Value) -> Value {
        self.moto.call("secretsmanager", name, with)
    }

    /// As [`call`](Self::call), in a region and by somebody.
    pub(crate) fn call_in(
        &self,
        region: &str,
        keys: Option<&Keys>,
        name: &str,
        with: Value,
    ) -> Value {
        let call = Call {
            service: "secretsmanager",
            name,
            with,
            region: Some(region),
            keys,
        };
        self.moto.try_call(&call).unwrap()
    }

    /// Makes a secret of text: gives its `ARN` and `VersionId`.
    pub(crate) fn put(&self, name: &str, text: &str) -> Value {
        let with = json!({ "Name": self.secret(name), "SecretString": text });
        self.call("create_secret", with)
    }

    /// Makes the secret `cargo`, with the registry's token in its field `token`.
    pub(crate) fn put_token(&self) -> Value {
        self.put("cargo", &json!({ "token": self.token }).to_string())
    }

    /// The provider with its AWS, by nobody yet: `settings` in the table of the backend, and this source.
    pub(crate) fn nobody(&self, settings: &str, source: &str) -> Provider {
        Provider::new(BINARY)
            .config(&config(settings, source))
            .env("AWS_ENDPOINT_URL", self.moto.url())
            .secret(&self.token)
    }

    /// The same, by its key in the environment.
    pub(crate) fn provider(&self, settings: &str, source: &str) -> Provider {
        with_keys(self.nobody(settings, source), &self.keys)
    }

    /// The source of its token.
    pub(crate) fn source(&self) -> String {
        format!("secret = \"{}\", field = \"token\"", self.secret("cargo"))
    }

    /// The answer that gives its token.
    pub(crate) fn answer(&self) -> Value {
        answer(&self.token)
    }
}

/// A config with one backend and one source of it.
pub(crate) fn config(settings: &str, source: &str) -> String {
    format!(
        "[backends.store]\ntype = \"aws\"\n{settings}\n\n[registries.\"{URL}\"]\nsources = [ {{ backend = \"store\", {source} }} ]\n"
    )
}

/// A backend's region.
pub(crate) fn in_region() -> String {
    format!("region = \"{REGION}\"")
}

/// The provider with a key in the environment, which nobody may print.
pub(crate) fn with_keys(provider: Provider, keys: &Keys) -> Provider {
    let provider = keys
        .variables()
        .into_iter()
        .fold(provider, |provider, (name, value)| {
            provider.env(name, value)
        });
    conceal(provider, keys)
}

/// The provider that may print no part of a key.
pub(crate) fn conceal(provider: Provider, keys: &Keys) -> Provider {
    let provider = provider.secret(&keys.secret);
    match &keys.token {
        Some(token) => provider.secret(token),
        None => provider,
    }
}

/// The answer that gives a token.
pub(crate) fn answer(token: &str) -> Value {
    json!({ "Ok": { "kind": "get", "token": token, "cache": "session", "operation_independent": true } })
}

/// The answer that there is none.
pub(crate) fn not_found() -> Value {
    json!({ "Err": { "kind": "not-found" } })
}
