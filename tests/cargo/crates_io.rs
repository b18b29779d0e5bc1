//! crates.io, which Cargo names by one constant URL: a double of it, behind a proxy that leads its hosts there.

use std::path::PathBuf;

use serde_json::{Value, json};
use test_servers::{Authority, CargoHome, Outcome, Proxy, Registry, Route, leaks};

use crate::job::{Job, PROGRAM};

/// What Cargo calls it, whatever protocol it speaks.
const URL: &str = "https://github.com/rust-lang/crates.io-index";

/// A job that publishes to crates.io, and nowhere else.
struct Publisher {
    job: Job,
    proxy: Proxy,
}

impl Publisher {
    fn start(cargo: CargoHome) -> Self {
        let authority = Authority::new();
        let registry = Registry::crates_io(&authority);
        let port = registry.port();
        let proxy = Proxy::start(move |host| match host {
            "index.crates.io:443" | "crates.io:443" => Route::Port(port),
            _ => Route::Away,
        });
        let job = Job::start_with(cargo, registry);
        job.bridge_config(&format!(
            "[registries.\"{URL}\"]\npublish = [ {{ backend = \"job\", var = \"BRIDGE_PUBLISH\" }} ]\n\
             yank = [ {{ backend = \"job\", var = \"BRIDGE_PUBLISH\" }} ]\n\
             owners = [ {{ backend = \"job\", var = \"BRIDGE_PUBLISH\" }} ]"
        ));
        let pem = job.cargo.path().join("authority.pem");
        std::fs::write(&pem, authority.pem()).unwrap();
        let job = job
            .env("CARGO_HTTP_PROXY", &proxy.url())
            .env("NO_PROXY", "127.0.0.1")
            .env("CARGO_HTTP_CAINFO", pem.to_str().unwrap());
        Self { job, proxy }
    }

    /// With this in Cargo's config.
    fn with(cargo: &CargoHome, config: &str) -> Self {
        let publisher = Self::start(cargo.anew());
        publisher.job.cargo.config(config);
        publisher
    }

    fn env(self, name: &str, value: &str) -> Self {
        Self {
            job: self.job.env(name, value),
            ..self
        }
    }

    fn package(&self) -> PathBuf {
        let manifest = "[package]\nname = \"public\"\nversion = \"0.1.0\"\nedition = \"2021\"\nlicense = \"MIT\"\n\
                        description = \"a package of a test\"\n[workspace]\n[dependencies]\ninternal = \"1\"\n";
        self.job
            .cargo
            .package_with("public", &[("Cargo.toml", manifest), ("src/lib.rs", "")])
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        self.job.run(&self.package(), arguments)
    }

    fn publish(&self, flags: &[&str]) -> Outcome {
        let arguments = ["publish", "--allow-dirty", "--no-verify", "-v"];
        self.run(&[&arguments, flags].concat())
    }

    /// Panics unless it was published with the one token, shown once, and asked for by the constant URL.
    fn assert_published(&self, published: &Outcome) {
        assert!(published.success(), "{}", published.stderr);
        assert!(self.job.registry.has_crate("public"));
        let token = self.job.registry.tokens().publish.as_str();
        for (method, path, shown) in self.job.registry.authorizations() {
            let expected = (method == "PUT").then_some(token);
            assert!(shown.as_deref() == expected, "{method} {path}");
        }
        let registry = json!({ "index-url": URL, "name": "crates-io" });
        let asked = self.job.asked();
        assert!(
            asked.iter().all(|request| request["registry"] == registry),
            "{asked:?}"
        );
        // Before it builds the package, and when it has.
        assert_eq!(self.job.operations(), ["read", "publish"]);
        let said = &asked[1];
        assert_eq!(
            (&said["name"], &said["vers"]),
            (&json!("public"), &json!("0.1.0"))
        );
        assert_eq!(said["cksum"].as_str().map(str::len), Some(64));
        let lines = published.stderr.matches(" get crates-io\n").count();
        assert_eq!(lines, 2, "{}", published.stderr);
    }

    fn arguments_of_the_last(&self) -> Value {
        let last = self.job.asked().pop();
        last.map_or(Value::Null, |request| request["args"].clone())
    }
}

#[test]
fn in_a_file() {
    CargoHome::old_and_new(|cargo| {
        let string = format!("[registry]\ncredential-provider = '{PROGRAM} --a b'");
        let array = format!("[registry]\ncredential-provider = ['{PROGRAM}', '--a b']");
        let alias = format!(
            "[credential-alias]\nbridge = ['{PROGRAM}', '--a b']\n[registry]\ncredential-provider = 'bridge'"
        );
        let global =
            format!("[registry]\nglobal-credential-providers = ['cargo:token', '{PROGRAM}']");
        for (config, arguments) in [
            (string, json!(["--a", "b"])),
            (array, json!(["--a b"])),
            (alias, json!(["--a b"])),
            (global, Value::Null),
        ] {
            let publisher = Publisher::with(&cargo, &config);
            publisher.assert_published(&publisher.publish(&[]));
            assert_eq!(publisher.arguments_of_the_last(), arguments, "{config}");
            assert!(!publisher.proxy.asked().is_empty());
        }
    });
}

#[test]
fn by_a_variable_and_by_a_flag() {
    CargoHome::old_and_new(|cargo| {
        let nowhere = "[registry]\ncredential-provider = 'cargo-credential-nowhere'";
        let publisher = Publisher::with(&cargo, nowhere).env(
            "CARGO_REGISTRY_CREDENTIAL_PROVIDER",
            &format!("{PROGRAM} --a b"),
        );
        publisher.assert_published(&publisher.publish(&[]));
        assert_eq!(publisher.arguments_of_the_last(), json!(["--a", "b"]));

        let publisher = Publisher::with(&cargo, nowhere);
        let flag = format!("registry.credential-provider='{PROGRAM}'");
        publisher.assert_published(&publisher.publish(&["--config", &flag]));
    });
}

/// The provider of a registry called `crates-io` is nobody's: `[registry]` is crates.io's table.
#[test]
fn under_the_wrong_name() {
    CargoHome::old_and_new(|cargo| {
        let config = format!("[registries.crates-io]\ncredential-provider = '{PROGRAM}'");
        let publisher = Publisher::with(&cargo, &config);
        let published = publisher.publish(&[]);
        assert!(!published.success());
        assert!(publisher.job.asked().is_empty());
        assert!(
            published.stderr.contains("no token found"),
            "{}",
            published.stderr
        );
    });
}

#[test]
fn a_dry_run_and_a_build_ask_nobody() {
    CargoHome::old_and_new(|cargo| {
        let config = format!("[registry]\ncredential-provider = '{PROGRAM}'");
        let publisher = Publisher::with(&cargo, &config);
        let dry = publisher.publish(&["--dry-run"]);
        assert!(dry.success(), "{}", dry.stderr);
        let fetched = publisher.run(&["fetch"]);
        assert!(fetched.success(), "{}", fetched.stderr);
        assert!(publisher.job.asked().is_empty());
        let shown = publisher.job.registry.authorizations();
        assert!(shown.len() > 2 && shown.iter().all(|(_, _, token)| token.is_none()));
    });
}

#[test]
fn yank_and_owners() {
    CargoHome::old_and_new(|cargo| {
        let config = format!("[registry]\ncredential-provider = '{PROGRAM}'");
        let publisher = Publisher::with(&cargo, &config);
        for (arguments, operation) in [
            (&["yank", "internal@1.0.0"][..], "yank"),
            (&["owner", "--list", "internal"], "owners"),
        ] {
            let outcome = publisher.run(arguments);
            assert!(outcome.success(), "{arguments:?}: {}", outcome.stderr);
            let last = publisher.job.asked().pop().unwrap();
            assert_eq!(last["operation"], operation);
            assert_eq!(last["registry"]["index-url"], URL);
        }
        // What the owners' request shows is the token of that operation, and no other.
        let shown = publisher.job.registry.authorizations();
        let token = publisher.job.registry.tokens().publish.as_str();
        assert_eq!(shown.last().unwrap().2.as_deref(), Some(token));
    });
}

/// A mirror is no crates.io: its provider is not crates.io's, and no token of crates.io's goes there.
#[test]
fn a_mirror_gets_no_token_of_crates_io() {
    CargoHome::old_and_new(|cargo| {
        let publisher = Publisher::start(cargo);
        let mirror = Registry::start();
        mirror.add_crate("internal", "1.0.0", "");
        publisher.job.cargo.config(&format!(
            "[registry]\ncredential-provider = '{PROGRAM}'\n[source.crates-io]\nreplace-with = 'mirror'\n\
             [source.mirror]\nregistry = '{}'",
            mirror.index_url()
        ));
        let fetched = publisher.run(&["fetch"]);
        assert!(!fetched.success());
        assert!(
            fetched.stderr.contains(
                "authenticated registries require a credential-provider to be configured"
            ),
            "{}",
            fetched.stderr
        );
        assert!(publisher.job.asked().is_empty());
        let secret = publisher.job.registry.tokens().publish.clone();
        for request in mirror.requests() {
            leaks::assert_absent(
                &[&secret],
                &[("a request to the mirror", format!("{request:?}").as_bytes())],
            );
        }
    });
}

/// Cargo asks for the address of the login page, which takes no token, and then to log in; to log out, no one is asked.
#[test]
fn login_and_logout() {
    CargoHome::old_and_new(|cargo| {
        let config = format!("[registry]\ncredential-provider = '{PROGRAM}'");
        let publisher = Publisher::with(&cargo, &config);
        let job = &publisher.job;
        job.bridge_config(&format!(
            "[registries.\"{URL}\"]\nsources = [ \"cargo:token\" ]"
        ));
        let token = job.registry.tokens().publish.clone();
        let done = job.cargo.run_typed(job.cargo.path(), &["login"], &token);
        assert!(done.success(), "{}", done.stderr);
        job.assert_no_leaks(&done);
        let registry = json!({ "index-url": URL, "name": "crates-io" });
        let expected = json!({
            "v": 1, "registry": registry, "kind": "login", "token": token, "login-url": "https://crates.io/me",
        });
        assert_eq!(job.asked(), [expected]);
        let file = job.cargo.home().join("credentials.toml");
        assert_eq!(
            std::fs::read_to_string(&file).unwrap(),
            format!("[registry]\ntoken = \"{token}\"\n")
        );
        let published = publisher.publish(&[]);
        assert!(published.success(), "{}", published.stderr);

        let before = publisher.proxy.asked().len();
        let done = publisher.run(&["logout"]);
        assert!(done.success(), "{}", done.stderr);
        assert_eq!(publisher.proxy.asked().len(), before);
        let expected = json!({ "v": 1, "registry": registry, "kind": "logout" });
        assert_eq!(job.asked().pop(), Some(expected));
        assert!(!std::fs::read_to_string(&file).unwrap().contains(&token));
    });
}
