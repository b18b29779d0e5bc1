//! The hosts that the example workflows name, behind a proxy: the workflows themselves are not touched.

use std::fs;

use serde_json::{Value, json};
use test_servers::{Authority, Issuer, Proxy, Registry, Route, Server, Tokens};

use crate::releases;
use crate::runner::{Runner, source};
use crate::stores::{self, Store};

/// The registry, a store and the releases.
pub(crate) struct World {
    pub(crate) registry: Registry,
    place: Place,
    store: Store,
    proxy: Proxy,
    example: &'static str,
    _releases: Server,
}

/// What a store is made with.
pub(crate) struct Place {
    pub(crate) authority: Authority,
    pub(crate) tokens: Tokens,
    /// Of a job on the main branch.
    pub(crate) branch: Issuer,
    /// Of a job in the environment `release`, on the same branch.
    pub(crate) release: Issuer,
}

impl World {
    /// The world of `examples/github-vault`.
    pub(crate) fn vault() -> Self {
        // The example's script trusts nobody else.
        let issuer = json!({ "iss": stores::GITHUB });
        Self::start("github-vault", issuer, stores::vault)
    }

    /// The world of `examples/github-aws`.
    pub(crate) fn aws() -> Self {
        Self::start("github-aws", json!({}), stores::aws)
    }

    /// The world of `examples/github-gcp`.
    pub(crate) fn google() -> Self {
        Self::start("github-gcp", json!({}), stores::google)
    }

    fn start(example: &'static str, claims: Value, store: fn(&Place) -> Store) -> Self {
        let mut released = claims.clone();
        released["environment"] = "release".into();
        released["sub"] = "repo:acme/app:environment:release".into();
        let place = Place {
            authority: Authority::new(),
            tokens: Tokens::random(),
            branch: Issuer::start_for(&claims),
            release: Issuer::start_for(&released),
        };
        let (authority, tokens) = (&place.authority, place.tokens.clone());
        let registry = Registry::start_at_host("crates.example.com", authority, tokens);
        let greeting = "pub fn greeting() -> &'static str { \"hello from a private crate\" }\n";
        registry.add_crate("private-greeting", "1.0.0", greeting);
        let releases = releases::serve("github.com", authority, |sums| sums);
        let store = store(&place);
        let mut hosts = store.hosts.clone();
        hosts.push(("crates.example.com:443", registry.port()));
        hosts.push(("github.com:443", releases.port()));
        let proxy = Proxy::start(move |target| {
            let found = hosts.iter().find(|(host, _)| *host == target);
            found.map_or(Route::Away, |(_, port)| Route::Port(*port))
        });
        Self {
            registry,
            place,
            store,
            proxy,
            example,
            _releases: releases,
        }
    }

    /// The workflow of the example, as it is.
    pub(crate) fn workflow(&self) -> String {
        let path = format!("examples/{}/workflow.yml", self.example);
        fs::read_to_string(source(&path)).unwrap()
    }

    /// A runner in this world, with a `gh` that finds everything attested, and the package in its repository.
    pub(crate) fn runner(&self) -> Runner {
        let Tokens { read, publish } = &self.place.tokens;
        let runner = Runner::new().secret(read).secret(publish);
        // How every service token of Vault's starts.
        let runner = runner.secret("hvs.CAES");
        let bundle = runner.path().join("authorities.pem");
        fs::write(
            &bundle,
            format!("{}{}", self.place.authority.pem(), self.store.pem),
        )
        .unwrap();
        let programs = releases::gh(runner.path());
        self.write_package(&runner);
        runner
            .programs(&programs)
            .env("HTTPS_PROXY", self.proxy.url())
            .env("https_proxy", self.proxy.url())
            .env("SSL_CERT_FILE", &bundle)
            .env("CARGO_HTTP_CAINFO", &bundle)
    }

    /// The issuer for jobs on the main branch, or in the environment.
    pub(crate) fn issuer(&self, is_release: bool) -> &Issuer {
        if is_release {
            &self.place.release
        } else {
            &self.place.branch
        }
    }

    /// Each `host:port` that was asked for, once.
    pub(crate) fn asked(&self) -> Vec<String> {
        let mut asked = self.proxy.asked();
        asked.sort();
        asked.dedup();
        asked
    }

    /// A program that greets by a private crate, with a build script that looks around.
    fn write_package(&self, runner: &Runner) {
        let index = self.registry.index_file("pr/iv/private-greeting").unwrap();
        let index: Value = serde_json::from_str(index.lines().next().unwrap()).unwrap();
        let lock = format!(
            "version = 3\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\n \"private-greeting\",\n]\n\n\
             [[package]]\nname = \"private-greeting\"\nversion = \"1.0.0\"\n\
             source = \"sparse+https://crates.example.com/index/\"\nchecksum = {}\n",
            index["cksum"]
        );
        runner.files(&[
            ("Cargo.toml", MANIFEST),
            ("Cargo.lock", &lock),
            ("build.rs", NOSY),
            ("src/main.rs", MAIN),
        ]);
    }
}

const MANIFEST: &str = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\nlicense = \"MIT\"\n\
    description = \"a package of a test\"\npublish = [\"corp\"]\n\n[dependencies]\n\
    private-greeting = { version = \"1\", registry = \"corp\" }\n";

const MAIN: &str = "fn main() {\n    println!(\"{}\", private_greeting::greeting());\n}\n";

/// A build script that keeps its environment, as a malicious one would send it away.
pub(crate) const NOSY: &str = "fn main() {\n    \
    let all: String = std::env::vars()\n        .map(|(name, value)| format!(\"{name}={value}\\n\"))\n        .collect();\n    \
    std::fs::write(\n        format!(\"{}/environment\", std::env::var(\"OUT_DIR\").unwrap()),\n        all,\n    )\n    .unwrap();\n}\n";
