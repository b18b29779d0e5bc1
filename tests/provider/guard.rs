//! The publish guard: what must hold before a token to publish is given, and what is asked before that is known.

use serde_json::{Value, json};
use test_servers::provider::{Run, error_text};
use test_servers::{Issuer, Provider, Response, Server};

use crate::BINARY;

const URL: &str = "sparse+https://crates.example.com/index/";
const STORED: &str = "st0red-s3cret-token";

/// The provider with a guard of these keys, and a variable for reads and another for what is published.
fn guarded(guard: &str) -> Provider {
    let sources = "sources = [ { backend = \"job\", var = \"READ\" } ]\npublish = [ { backend = \"job\", var = \"PUBLISH\" } ]";
    with(sources, guard)
        .env("READ", "r3ad-s3cret-token")
        .env("PUBLISH", STORED)
        .secret("r3ad-s3cret-token")
}

fn with(sources: &str, guard: &str) -> Provider {
    Provider::new(BINARY)
        .config(&format!(
            "[backends.job]\ntype = \"env\"\n[registries.\"{URL}\"]\n{sources}\n[registries.\"{URL}\".guard]\n{guard}\n"
        ))
        .secret(STORED)
}

/// A request that names these.
fn request(operation: &str, subject: &Value) -> String {
    let mut request =
        json!({ "v": 1, "registry": { "index-url": URL }, "kind": "get", "operation": operation });
    for (key, value) in subject.as_object().into_iter().flatten() {
        request[key] = value.clone();
    }
    format!("{request}\n")
}

fn publish(name: &str, version: &str) -> String {
    request(
        "publish",
        &json!({ "name": name, "vers": version, "cksum": "ab".repeat(32) }),
    )
}

fn ask(provider: &Provider, request: &str) -> Run {
    provider.run(request.as_bytes())
}

fn refused(provider: &Provider, request: &str) -> String {
    error_text(&ask(provider, request).answer())
}

/// An identity token with these claims, of the job's own variable.
fn job(provider: Provider, claims: &Value) -> Provider {
    let issuer = Issuer::start();
    let token = issuer.sign(claims);
    provider.secret(&token).env("JOB_TOKEN", token)
}

#[test]
fn only_the_crates_and_versions_that_are_allowed() {
    let provider =
        guarded("crates = [\"acme-*\", \"tool\"]\nversions = [\">=1.2, <2\", \"=3.0.0-rc.1\"]");
    for (name, version) in [
        ("acme-core", "1.2.0"),
        ("tool", "1.99.0+x"),
        ("acme-", "3.0.0-rc.1"),
    ] {
        let answer = ask(&provider, &publish(name, version)).answer();
        assert_eq!(
            answer["Ok"],
            json!({ "kind": "get", "token": STORED, "cache": "never", "operation_independent": false }),
        );
    }
    assert_eq!(
        refused(&provider, &publish("acme_core", "1.2.0")),
        format!(
            "no publish token for `{URL}`: the crate is `acme_core`\n\
             its guard allows the crates `acme-*`, `tool`\n\
             help: if this crate is to be published from here, add its name to `crates` of the guard"
        )
    );
    for version in ["1.1.9", "2.0.0", "1.3.0-rc.1", "3.0.0", "new"] {
        assert_eq!(
            refused(&provider, &publish("tool", version)),
            format!(
                "no publish token for `{URL}`: the version is `{version}`\n\
                 its guard allows the versions `>=1.2, <2`, `=3.0.0-rc.1`\n\
                 help: if this version is to be published from here, add it to `versions` of the guard, a pre-release by its own \
                 number: `=2.0.0-rc.1`"
            )
        );
    }
}

#[test]
fn what_a_crate_is_called_breaks_no_line() {
    let provider = guarded("crates = [\"tool\"]");
    let text = refused(&provider, &publish("a\n::error::\u{1b}[31m", "1.0.0"));
    assert!(
        text.contains(r"the crate is `a\n::error::\u{1b}[31m`"),
        "{text}"
    );
    let text = refused(&provider, &publish(&"x".repeat(5000), "1.0.0"));
    assert!(text.len() < 600 && text.contains("x…`"), "{text}");
}

#[test]
fn who_does_not_say_what_is_published_gets_nothing() {
    let provider = guarded("crates = [\"*\"]\nversions = [\"*\"]");
    for (subject, what) in [
        (json!({}), "crate"),
        (json!({ "name": null, "vers": "1.0.0" }), "crate"),
        (json!({ "name": 7, "vers": "1.0.0" }), "crate"),
        (json!({ "name": "tool" }), "version"),
    ] {
        assert_eq!(
            refused(&provider, &request("publish", &subject)),
            format!(
                "no publish token for `{URL}`: the request names no {what}\n\
                 its guard has a rule about that\n\
                 help: let Cargo ask, which says what it publishes: `cargo publish`"
            )
        );
    }
    let run = provider.tool(&["get", "--operation", "publish", URL]);
    assert_eq!((run.stdout.as_str(), run.code), ("", Some(1)));
    assert!(
        run.stderr.contains("the request names no crate"),
        "{}",
        run.stderr
    );
    // It is about nothing else.
    let run = provider.tool(&["get", URL]);
    assert_eq!(run.stdout, "r3ad-s3cret-token\n");
}

#[test]
fn only_a_job_whose_token_states_what_is_allowed() {
    let guard = r#"
        identity = { env = "JOB_TOKEN" }
        [registries."sparse+https://crates.example.com/index/".guard.claims]
        ref = ["refs/tags/v*", "refs/heads/release/*"]
        environment = "release"
        run_attempt = "1"
        ref_protected = "true"
        groups = "maintainers"
        kubernetes.io.namespace = "ci"
    "#;
    let good = json!({
        "ref": "refs/tags/v1", "environment": "release", "run_attempt": 1, "ref_protected": true,
        "groups": ["all", "maintainers"], "kubernetes.io": { "namespace": "ci" },
    });
    let provider = job(guarded(guard), &good);
    assert_eq!(provider.get(URL, "publish")["Ok"]["token"], STORED);

    let bad = json!({
        "ref": "refs/heads/main", "run_attempt": { "a": 1 }, "ref_protected": false, "groups": [],
        "kubernetes.io": { "namespace": "ci" },
    });
    let provider = job(guarded(guard), &bad);
    assert_eq!(
        error_text(&provider.get(URL, "publish")),
        format!(
            "no publish token for `{URL}`: its guard does not allow this job\n\
             the identity token has no claim `environment`, only `groups`, `kubernetes.io`, `ref`, `ref_protected`, \
             `run_attempt`; allowed is `release`\n\
             the claim `groups` of the identity token is no text, number or boolean; allowed is `maintainers`\n\
             the claim `ref` of the identity token is `refs/heads/main`; allowed is `refs/tags/v*`, `refs/heads/release/*`\n\
             the claim `ref_protected` of the identity token is `false`; allowed is `true`\n\
             the claim `run_attempt` of the identity token is no text, number or boolean; allowed is `1`\n\
             help: publish from a job whose identity token states what is allowed, or add the value to `claims` of the guard"
        )
    );
    // Reads are nobody's business.
    assert_eq!(
        provider.get(URL, "read")["Ok"]["token"],
        "r3ad-s3cret-token"
    );
}

#[test]
fn a_machine_without_an_identity() {
    let provider = guarded("claims = { ref = \"refs/tags/*\" }");
    let text = error_text(&provider.get(URL, "publish"));
    let start = format!(
        "no publish token for `{URL}`: its guard can't tell which job this is\nno workload identity here"
    );
    assert!(text.starts_with(&start), "{text}");
    let provider = guarded("claims = { ref = \"x\" }\nidentity = { env = \"JOB_TOKEN\" }")
        .env("JOB_TOKEN", "e30.bm90IGpzb24.c2ln");
    let text = error_text(&provider.get(URL, "publish"));
    assert!(text.contains("holds no claims that can be read"), "{text}");
}

#[test]
fn no_store_is_asked_before_the_guard_lets_through() {
    let vault =
        Server::start(|_| Response::json(200, &json!({ "data": { "data": { "token": STORED } } })));
    let issuer = Issuer::start();
    let provider = Provider::new(BINARY)
        .config(&format!(
            "[backends.corp]\ntype = \"vault\"\naddress = \"{}\"\n[registries.\"{URL}\"]\n\
             publish = [ {{ backend = \"corp\", path = \"ci\", field = \"token\" }} ]\n\
             guard = {{ crates = [\"tool\"], claims = {{ ref = \"refs/tags/*\" }} }}\n",
            vault.url()
        ))
        .env("VAULT_TOKEN", "hvs.v4ult-s3cret-token")
        .secret("hvs.v4ult-s3cret-token")
        .secret(STORED)
        .in_github(&issuer);
    refused(&provider, &publish("other", "1.0.0"));
    assert_eq!((issuer.requests().len(), vault.connections()), (0, 0));
    let text = refused(&provider, &publish("tool", "1.0.0"));
    assert!(
        text.contains("is `refs/heads/main`; allowed is `refs/tags/*`"),
        "{text}"
    );
    assert_eq!((issuer.requests().len(), vault.connections()), (1, 0));
}

#[test]
fn every_source_and_every_operation_that_it_is_about() {
    // Cargo's own provider as a fallback, and no list for what is published.
    let sources = "sources = [ { backend = \"job\", var = \"NONE\" }, \"cargo:token\" ]";
    let provider = with(
        sources,
        "operations = [\"publish\", \"yank\"]\ncrates = [\"tool\"]",
    )
    .file(
        "work/.cargo/config.toml",
        &format!("[registries.corp]\nindex = \"{URL}\"\n"),
    )
    .env("CARGO_REGISTRIES_CORP_TOKEN", STORED);
    for operation in ["publish", "yank"] {
        let text = error_text(&provider.get(URL, operation));
        assert!(text.contains("the crate is `internal`"), "{text}");
    }
    // Not even a token that was given for reads may be used again.
    for (operation, cache) in [
        ("read", "session"),
        ("unyank", "session"),
        ("owners", "session"),
    ] {
        let answer = provider.get(URL, operation);
        assert_eq!(answer["Ok"]["token"], STORED, "{operation}: {answer}");
        assert_eq!(answer["Ok"]["cache"], cache);
        assert_eq!(answer["Ok"]["operation_independent"], false);
    }
}

#[test]
fn a_guard_that_makes_no_sense() {
    for (guard, message, place) in [
        ("crate = [\"x\"]", "unknown key `crate`", ":7:1"),
        (
            "operations = [\"publish\"]",
            "the guard has no rule",
            ":6:1",
        ),
        ("crates = []", "an empty list would allow nothing", ":7:10"),
        (
            "crates = [\"\"]",
            "an empty pattern stands for nothing",
            ":7:11",
        ),
        (
            "crates = \"x\"",
            "expected an array, found a string",
            ":7:10",
        ),
        (
            "crates = [\"x\"]\noperations = [\"publsh\"]",
            "unknown value",
            ":8:15",
        ),
        (
            "crates = [\"x\"]\noperations = [\"read\"]",
            "the guard would refuse every `read` token by its `crates`",
            ":8:14",
        ),
        (
            "versions = [\"*\"]\noperations = [\"owners\"]",
            "the guard would refuse every `owners` token by its `versions`",
            ":8:14",
        ),
        (
            "versions = [\"one\"]",
            "not a requirement on a version",
            ":7:13",
        ),
        (
            "versions = [\"1.2.3\"]",
            "a version without an operator",
            ":7:13",
        ),
        (
            "claims = { ref = 1 }",
            "expected a string, found an integer",
            ":7:18",
        ),
        ("claims = {}", "the table names no claim", ":7:10"),
        (
            "claims = { ref = \"x\" }\nidentity = \"github\"",
            "unknown value",
            ":8:12",
        ),
    ] {
        let provider = guarded(guard);
        let text = error_text(&provider.get(URL, "publish"));
        assert!(
            text.contains(&format!("bad config: {message}"))
                && text.contains(place)
                && text.contains('^'),
            "{guard}: {text}"
        );
    }
}

#[test]
fn explain_and_doctor_show_it() {
    let guard = "crates = [\"acme-*\", \"tool\"]\nversions = [\"<2\"]\nclaims = { ref = \"refs/tags/*\" }\nidentity = { env = \"JOB_TOKEN\" }";
    let provider = job(guarded(guard), &json!({ "ref": "refs/heads/main" }));
    let run = provider.tool(&["explain", "--operation", "publish", URL]);
    let shown = "\
guard     the crate is `acme-*` or `tool`
          the version is `<2`
          the claim `ref` of the identity token is `refs/tags/*`
          these claims are of the identity token in the environment variable `JOB_TOKEN`
";
    assert!(run.stdout.contains(shown), "{}", run.stdout);
    let run = provider.tool(&["explain", URL]);
    assert!(!run.stdout.contains("guard"), "{}", run.stdout);

    let run = provider.tool(&["doctor", URL]);
    for line in [
        "ok      its guard is about publish",
        "- the crate is `acme-*` or `tool`",
        "warning its guard does not allow this job",
        "- the claim `ref` of the identity token is `refs/heads/main`; allowed is `refs/tags/*`",
    ] {
        assert!(run.stdout.contains(line), "{line}\n{}", run.stdout);
    }
    let run = provider.tool(&["doctor", "--operation", "publish", URL]);
    assert!(
        run.stdout
            .contains("problem its guard does not allow this job"),
        "{}",
        run.stdout
    );
    let provider = job(guarded(guard), &json!({ "ref": "refs/tags/v1" }));
    let run = provider.tool(&["doctor", URL]);
    assert!(
        run.stdout.contains("ok      its guard allows this job"),
        "{}",
        run.stdout
    );

    let provider = with(
        "sources = [ { backend = \"job\", var = \"PUBLISH\" } ]",
        "crates = [\"tool\"]",
    )
    .env("PUBLISH", STORED);
    let run = provider.tool(&["doctor", URL]);
    assert!(
        run.stdout.contains(
            "warning its guard is no hindrance: `read` has the same sources as `publish`"
        ),
        "{}",
        run.stdout
    );
}
