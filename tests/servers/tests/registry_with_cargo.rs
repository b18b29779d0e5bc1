//! The registry and the harness, with a real Cargo and its own `cargo:token` provider.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use test_servers::{CargoHome, Registry};

#[test]
fn cargo_builds_publishes_yanks_and_lists_owners() {
    let registry = Registry::start();
    registry.add_crate(
        "private-greeting",
        "1.0.0",
        "pub fn greeting() -> &'static str { \"hello\" }\n",
    );
    let read = CargoHome::new().env(
        "CARGO_REGISTRIES_CORP_TOKEN",
        registry.tokens().read.as_str(),
    );
    let publish = CargoHome::new().env(
        "CARGO_REGISTRIES_CORP_TOKEN",
        registry.tokens().publish.as_str(),
    );
    for home in [&read, &publish] {
        home.registry("corp", &registry.index_url(), &["cargo:token"]);
    }

    let package = read.package("app", &[("private-greeting", "1")]);
    let built = read.run(&package, &["check"]);
    assert!(built.success(), "{}", built.stderr);
    assert!(
        !read
            .run(
                &package,
                &["yank", "private-greeting@1.0.0", "--registry", "corp"]
            )
            .success()
    );

    // One token for both: the registry demands the read token for what `publish` reads, so it must fail.
    let package = publish.package("lib", &[]);
    let refused = publish.run(
        &package,
        &[
            "publish",
            "--registry",
            "corp",
            "--no-verify",
            "--allow-dirty",
        ],
    );
    assert!(!refused.success());
    assert!(
        refused.stderr.contains("token rejected for `corp`"),
        "{}",
        refused.stderr
    );
    assert!(!registry.has_crate("lib"));

    let (first, rest) = {
        let mut all = registry.authorizations().into_iter();
        (all.next().unwrap(), all)
    };
    assert_eq!(first, ("GET".into(), "/index/config.json".into(), None));
    assert!(
        rest.into_iter()
            .any(|(_, path, _)| path == "/dl/private-greeting/1.0.0/download")
    );
}

#[test]
fn cargo_publishes_with_one_token_for_all() {
    let tokens = test_servers::Tokens {
        read: "Bearer one-for-all".into(),
        publish: "Bearer one-for-all".into(),
    };
    let registry = Registry::start_with(tokens);
    let home = CargoHome::new().env("CARGO_REGISTRIES_CORP_TOKEN", "Bearer one-for-all");
    home.registry("corp", &registry.index_url(), &["cargo:token"]);
    let package = home.package("published", &[]);
    for arguments in [
        &[
            "publish",
            "--registry",
            "corp",
            "--no-verify",
            "--allow-dirty",
        ][..],
        &["yank", "published@0.1.0", "--registry", "corp"],
        &["yank", "--undo", "published@0.1.0", "--registry", "corp"],
        &["owner", "--list", "published", "--registry", "corp"],
        &["owner", "--add", "me", "published", "--registry", "corp"],
    ] {
        let outcome = home.run(&package, arguments);
        assert!(outcome.success(), "{arguments:?}: {}", outcome.stderr);
    }
    let user = home.package("user", &[("published", "0.1")]);
    let built = home.run(&user, &["check"]);
    assert!(built.success(), "{}", built.stderr);
}
