//! Flags that make no sense.

use snapbox::str;

use super::{JOBS, STORES, compare, files, init, machine, shown};

/// What is said where nothing was made, after the status for a mistake.
fn refused(arguments: &str) -> String {
    let machine = machine();
    let mut all = vec!["init"];
    all.extend(arguments.split_whitespace());
    let run = machine.tool(&all);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert_eq!(files(&machine), []);
    assert_eq!(run.stdout, "");
    run.stderr
}

#[test]
fn what_is_missing_is_named() {
    compare(
        refused("--registry corp"),
        str![[r#"
error: `--index` is missing: its index URL
help: give the flag, or run it on a terminal, where it asks

"#]],
    );
}

#[test]
fn cargo_wants_a_slash_at_the_end_of_a_sparse_index() {
    compare(
        refused("--registry corp --index sparse+https://crates.example.com/index"),
        str![[r#"
error: `--index sparse+https://crates.example.com/index` makes no sense
  Cargo refuses a sparse index without a slash at the end: `sparse+https://crates.example.com/index/`

"#]],
    );
}

#[test]
fn values_that_are_none() {
    let registry = "--registry corp --index sparse+https://crates.example.com/index/";
    let github = format!("{registry} {} --ci github", STORES[0].1);
    for (arguments, expected) in [
        (
            "--registry crates-io".to_owned(),
            "Cargo asks nobody for `registries.crates-io`",
        ),
        (
            "--registry a.b".to_owned(),
            "the name of a registry has no `.`",
        ),
        (
            "--registry corp --index crates.example.com".to_owned(),
            "is not a URL",
        ),
        (
            format!("{registry} --store etcd"),
            "invalid value 'etcd' for '--store <STORE>'",
        ),
        (
            format!("{github} --repository acme/*"),
            "`*` is a pattern: a path is named exactly",
        ),
        (
            format!("{github} --repository acme"),
            "a repository is OWNER/NAME",
        ),
        (
            format!("{github} --repository acme/app --ref refs/pull/1/merge"),
            "`refs/heads/BRANCH` or `refs/tags/TAG`",
        ),
        (
            format!("{github} --repository acme/app --ref v*"),
            "`*` is a pattern",
        ),
        (
            format!("{github} --repository acme/app --ref main --environment e"),
            "cannot be used with",
        ),
        (
            format!("{github} --repository acme/app --region eu-west-1"),
            "`--region` says nothing where the store is `vault` and the CI is `github`",
        ),
        (
            format!("{registry} --store vault --address http://vault.example.com --ci none"),
            "it begins with `https://`",
        ),
        (
            format!("{registry} --store aws --account 12 --region r --ci none"),
            "an account has 12 digits",
        ),
        (
            format!(
                "{registry} {} --ci gitlab --repository a/b --environment e",
                STORES[2].1
            ),
            "GitLab's names no environment",
        ),
        (
            format!(
                "{registry} {} --ci gitlab --repository a/b --publish-environment e",
                STORES[2].1
            ),
            "or a tag by `--publish-ref`",
        ),
        (
            format!(
                "{registry} {} --ci gitlab --repository a/b --publish-ref release",
                STORES[0].1
            ),
            "`--publish-ref` says nothing",
        ),
        (
            format!(
                "{registry} {} --ci none --publish-environment e",
                STORES[0].1
            ),
            "`--publish-environment` says nothing",
        ),
    ] {
        let said = refused(&arguments);
        assert!(said.contains(expected), "{arguments}\n{said}");
    }
}

#[test]
fn where_nobody_can_agree_nothing_is_written() {
    let machine = machine();
    let run = init(&machine, &format!("{} {}", STORES[0].1, JOBS[3].1));
    compare(
        shown(&machine, &run),
        str![[r#"
--- /dev/null
+++ [HOME]/.cargo/credential-bridge.toml
@@ -0,0 +1,6 @@
+[backends.corp]
+type = "vault"
+address = "https://vault.example.com:8200"
+
+[registries."sparse+https://crates.example.com/index/"]
+sources = [ { backend = "corp", path = "cargo/corp", field = "token" } ]

--- /dev/null
+++ [HOME]/.cargo/config.toml
@@ -0,0 +1,3 @@
+[registries.corp]
+index = "sparse+https://crates.example.com/index/"
+credential-provider = "cargo-credential-bridge"

--- 1
error: nothing was written: nobody is at a terminal to agree
help: `--yes` writes all of it, `--print` is for looking at it

"#]],
    );
    assert_eq!(files(&machine), []);
}

#[test]
fn a_file_that_somebody_has_changed_is_not_overwritten() {
    let machine = machine();
    let flags = format!("{} {} --yes --job job.yml", STORES[2].1, JOBS[1].1);
    assert_eq!(init(&machine, &flags).code, Some(0));
    let machine = machine.file("work/job.yml", "mine\n");
    let before = files(&machine);
    let another = flags.replace("123456789012", "210987654321");
    let mut arguments = vec![
        "init",
        "--registry",
        "b",
        "--index",
        "sparse+https://b.example.com/",
    ];
    arguments.extend(another.split_whitespace());
    let run = machine.tool(&arguments);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(
        run.stderr.starts_with(
            "error: `credential-bridge-setup/aws-setup.sh` is there already, and is another"
        ),
        "{}",
        run.stderr
    );
    assert_eq!(files(&machine), before);
}
