//! What teams do every day: a real Cargo builds, publishes and yanks with tokens that only Vault has.

use std::path::{Path, PathBuf};

use serde_json::json;
use test_servers::clock::unix_now;
use test_servers::jwt::SigningKey;
use test_servers::{CargoHome, Tokens, random};

use crate::job::{Job, NOSY};

const GREETING: &[(&str, &str)] = &[
    (
        "src/lib.rs",
        "pub fn greeting() -> &'static str { \"hello\" }\n",
    ),
    ("build.rs", NOSY),
];

/// The files called `environment`, which the build scripts leave.
fn environments(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => environments(&path),
            false => vec![path],
        })
        .filter(|path| path.ends_with("environment"))
        .collect()
}

#[test]
fn cargo_builds_a_private_crate_and_leaves_no_token_anywhere() {
    CargoHome::each(|cargo| {
        let job = Job::start(cargo, Tokens::random());
        job.registry
            .add_crate_with("private-greeting", "1.0.0", GREETING);
        let built = job.build();
        assert!(built.success(), "{}", built.stderr);
        // Index, crate and all: Cargo asked us once, and we asked Vault once.
        assert_eq!(job.tenant.trail().requests(), job.one_of_each("ci/cargo"));
        let read = job.registry.tokens().read.as_str();
        let shown = job.registry.authorizations();
        let (first, rest) = shown.split_first().unwrap();
        assert_eq!(first.2, None, "the question that makes Cargo ask us");
        assert!(
            rest.len() >= 3
                && rest
                    .iter()
                    .all(|(_, _, token)| token.as_deref() == Some(read))
        );

        // The build scripts of the package and of its dependency saw no token, and neither is one in a file.
        let environments = environments(&job.cargo.target());
        assert_eq!(environments.len(), 2, "{environments:?}");
        for environment in environments {
            let text = std::fs::read_to_string(environment).unwrap();
            assert!(text.contains("CARGO_PKG_NAME="), "{text}");
        }
        job.assert_no_leaks();
    });
}

#[test]
fn cargo_publishes_and_yanks_with_a_token_of_its_own() {
    CargoHome::each(|cargo| {
        let job = Job::start(cargo, Tokens::random());
        let package = job.cargo.package("internal", &[]);
        let published = job.run(
            &package,
            &["publish", "--registry", "corp", "--allow-dirty"],
        );
        assert!(published.success(), "{}", published.stderr);
        assert!(job.registry.has_crate("internal"));
        let (read, publish) = (
            job.one_of_each("ci/cargo"),
            job.one_of_each("ci/cargo-publish"),
        );
        // Cargo reads, publishes, and then looks whether the crate is there, still with the token to read.
        assert_eq!(
            job.tenant.trail().requests(),
            [&read[..], &publish].concat()
        );

        for arguments in [
            &["yank", "internal@0.1.0", "--registry", "corp"][..],
            &["yank", "--undo", "internal@0.1.0", "--registry", "corp"],
            &["owner", "--list", "internal", "--registry", "corp"],
        ] {
            let before = job.tenant.trail().requests().len();
            let outcome = job.run(&package, arguments);
            assert!(outcome.success(), "{arguments:?}: {}", outcome.stderr);
            let requests = job.tenant.trail().requests();
            assert!(
                requests[before..].ends_with(&publish),
                "{arguments:?}: {:?}",
                &requests[before..]
            );
        }
        let tokens = job.registry.tokens();
        for (method, path, token) in job.registry.authorizations() {
            let Some(token) = token else { continue };
            let changes = method != "GET" || path.ends_with("/owners");
            let expected = if changes {
                &tokens.publish
            } else {
                &tokens.read
            };
            assert!(
                token == *expected,
                "{method} {path} was asked with the other token"
            );
        }
        job.assert_no_leaks();
    });
}

#[test]
fn cargo_takes_a_token_with_an_expiry_and_asks_once() {
    CargoHome::each(|cargo| {
        let read = SigningKey::new().sign(&json!({ "sub": "cargo", "exp": unix_now() + 3600 }));
        let job = Job::start(
            cargo,
            Tokens {
                read,
                publish: random::alphanumeric(32),
            },
        );
        job.registry
            .add_crate_with("private-greeting", "1.0.0", GREETING);
        let built = job.build();
        assert!(built.success(), "{}", built.stderr);
        assert_eq!(job.tenant.trail().requests(), job.one_of_each("ci/cargo"));
        job.assert_no_leaks();
    });
}

#[test]
fn cargo_logs_no_token_however_much_it_logs() {
    CargoHome::each(|cargo| {
        let cargo = cargo
            .env("CARGO_LOG", "trace")
            .env("CARGO_HTTP_DEBUG", "true");
        let job = Job::start(cargo, Tokens::random());
        job.registry
            .add_crate_with("private-greeting", "1.0.0", GREETING);
        // The search is in `run`.
        let built = job.build();
        assert!(built.success(), "{}", built.stderr);
        assert!(
            built.stderr.contains("credential-provider")
                || built.stderr.contains("credential provider")
        );
        assert!(
            built
                .stderr
                .to_ascii_lowercase()
                .contains("authorization: [redacted]"),
            "Cargo logged its requests"
        );
        job.assert_no_leaks();
    });
}
