//! The example workflows, byte by byte: they build, and the one of Vault publishes too.

use std::fs;
use std::process::Command;

use crate::runner::{Runner, keeping};
use crate::world::World;

/// Runs it for a push, and then by hand, in the environment.
fn push_and_publish(world: &World, workflow: &str) -> [Runner; 2] {
    let build = push(world, workflow);
    assert!(!world.registry.has_crate("app"));

    let publish = world.runner().identity(world.issuer(true));
    let published = publish.run("workflow_dispatch", workflow);
    let said = format!("{}{}", published.stdout, published.stderr);
    assert!(published.success(), "{said}");
    assert!(world.registry.has_crate("app"), "{said}");
    [build, publish]
}

/// Runs it for a push, and then the program that it has built.
fn push(world: &World, workflow: &str) -> Runner {
    let build = world.runner().identity(world.issuer(false));
    let built = build.run("push", workflow);
    assert!(built.success(), "{}{}", built.stdout, built.stderr);
    let program = build.target().join("debug/app");
    let said = Command::new(program).output().unwrap().stdout;
    assert_eq!(said, b"hello from a private crate\n");
    build
}

#[test]
fn it_builds_and_publishes_unchanged() {
    let world = World::vault();
    for runner in push_and_publish(&world, &world.workflow()) {
        runner.assert_no_leaks();
        let asked = fs::read_to_string(runner.path().join("programs/gh-arguments")).unwrap();
        let version = crate::VERSION;
        let archive = crate::releases::name();
        assert_eq!(
            asked,
            format!(
                "attestation\nverify\n{archive}\n--repo\ncargo-credential-bridge/cargo-credential-bridge\n--signer-workflow\n\
                 cargo-credential-bridge/cargo-credential-bridge/.github/workflows/release.yml\n--source-ref\n\
                 refs/tags/v{version}\n--deny-self-hosted-runners\n"
            )
        );
    }
    // Nothing else in the world was asked for.
    let hosts = [
        "crates.example.com:443",
        "github.com:443",
        "vault.example.com:8200",
    ];
    assert_eq!(world.asked(), hosts);
}

/// Besides the logs: the environment of a last step, the workspace, and the runner's own files.
#[test]
fn no_token_is_in_anything_that_a_job_leaves() {
    let world = World::vault();
    let [build, publish] = push_and_publish(&world, &keeping(&world.workflow()));
    for (runner, job) in [(build, "build"), (publish, "publish")] {
        let environment = runner.kept(job, "environment");
        assert!(
            environment.contains("\nCARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER=/"),
            "{environment}"
        );
        assert!(
            !environment.contains("_TOKEN=ghs_") && !environment.contains("CORP_TOKEN"),
            "{environment}"
        );
        // The workspace is there, and searched.
        assert!(
            runner
                .kept(job, "hostexecutor/src/main.rs")
                .contains("greeting")
        );
        runner.assert_no_leaks();
    }
}

#[test]
fn those_of_aws_and_google_build_unchanged() {
    for world in [World::aws(), World::google()] {
        push(&world, &world.workflow()).assert_no_leaks();
    }
}

/// Who starts the workflow by hand is not yet in the environment.
#[test]
fn without_the_environment_nothing_is_published() {
    let world = World::vault();
    let runner = world.runner().identity(world.issuer(false));
    let run = runner.run("workflow_dispatch", &world.workflow());
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(!run.success() && !world.registry.has_crate("app"), "{said}");
    assert!(
        said.contains("Vault refused the jwt login as role `cargo-ci-publish`"),
        "{said}"
    );
    runner.assert_no_leaks();
}

#[test]
fn a_pull_request_from_a_fork_is_told_in_one_line() {
    let world = World::vault();
    let runner = world.runner();
    runner.event(r#"{ "pull_request": { "head": { "ref": "theirs", "repo": { "fork": true } }, "base": { "ref": "main" } } }"#);
    let run = runner.run("pull_request", &world.workflow());
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(run.success(), "{said}");
    let line = "no GitHub identity in this job (GitHub gives none to a pull request from a fork): only public dependencies can be built";
    assert_eq!(said.matches(line).count(), 1, "{said}");
    assert!(world.registry.requests().is_empty());
    runner.assert_no_leaks();
}
