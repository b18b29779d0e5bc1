//! `init`: what it makes for each store and job, and that it loses nothing that is there.

mod examples;
mod merge;
mod mistakes;
mod terminal;

use std::path::{Path, PathBuf};
use std::process::Command;

use snapbox::{Assert, Data, IntoData};
use test_servers::{Provider, Run};

use crate::BINARY;

const REGISTRY: [&str; 4] = [
    "--registry",
    "corp",
    "--index",
    "sparse+https://crates.example.com/index/",
];

const STORES: [(&str, &str); 4] = [
    (
        "vault",
        "--store vault --address https://vault.example.com:8200",
    ),
    (
        "openbao",
        "--store openbao --address https://bao.example.com --namespace team-a --mount kv",
    ),
    (
        "aws",
        "--store aws --account 123456789012 --region eu-west-1",
    ),
    (
        "gcp",
        "--store gcp --project acme-ci --project-number 123456789012",
    ),
];

const JOBS: [(&str, &str); 4] = [
    (
        "github",
        "--ci github --repository acme/app --repository-id 987654321 --owner-id 1234567 --publish-environment release",
    ),
    ("gitlab", "--ci gitlab --repository acme/tools/app"),
    ("kubernetes", "--ci kubernetes --service-account ci/cargo"),
    ("none", "--ci none"),
];

/// EKS's clusters sign by themselves.
const CLUSTER: &str =
    " --issuer https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71";

/// A machine with nothing on it.
fn machine() -> Provider {
    Provider::new(BINARY)
}

/// Runs `init` for the registry with these flags.
fn init(machine: &Provider, flags: &str) -> Run {
    let mut arguments = vec!["init"];
    arguments.extend(REGISTRY);
    arguments.extend(flags.split_whitespace());
    machine.tool(&arguments)
}

/// What it has printed and how it ended, without what differs from run to run.
fn shown(machine: &Provider, run: &Run) -> String {
    let code = run.code.expect("nothing has killed it");
    let text = format!("{}--- {code}\n{}", run.stdout, run.stderr);
    text.replace(&machine.home().display().to_string(), "[HOME]")
}

fn compare(actual: impl AsRef<str>, expected: impl IntoData) {
    Assert::new()
        .action_env(snapbox::assert::DEFAULT_ACTION_ENV)
        .normalize_paths(false)
        .eq(actual.as_ref(), expected);
}

/// A file of the sources.
fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Each store with each job, and the flags for both.
fn each(run: impl Fn(&str, &str, &str)) {
    for (store, store_flags) in STORES {
        for (job, job_flags) in JOBS {
            let more = match (store, job) {
                ("aws", "kubernetes") => CLUSTER,
                _ => "",
            };
            run(store, job, &format!("{store_flags} {job_flags}{more}"));
        }
    }
}

#[test]
fn all_that_is_made_for_each_store_and_job() {
    each(|store, job, flags| {
        let machine = machine();
        let text = shown(&machine, &init(&machine, &format!("{flags} --print")));
        let path = source(&format!("tests/provider/init/{store}-{job}.txt"));
        compare(text, Data::read_from(&path, None));
    });
}

#[test]
fn what_is_made_is_taken_by_us_by_shells_and_makes_no_pattern() {
    each(|store, job, flags| {
        let machine = machine();
        let file = if job == "none" { "" } else { "--job job.yml" };
        let done = init(&machine, &format!("{flags} --yes {file}"));
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{flags}");
        let checked = machine.tool(&["config", "check"]);
        assert_eq!(checked.code, Some(0), "{checked:?}");
        let made = machine.home().join("work/credential-bridge-setup");
        if job == "none" {
            assert!(!made.exists());
            return;
        }
        let mut scripts = 0;
        for entry in std::fs::read_dir(made).expect("it was made") {
            let path = entry.expect("it is readable").path();
            let text = std::fs::read_to_string(&path).expect("it is text");
            assert!(!text.contains("{{"), "{text}");
            // The one pattern is AWS's own, for the end of a secret's name.
            let text = text.replace("-??????", "");
            if path.extension().is_some_and(|end| end == "json") {
                assert!(!text.contains(['*', '?']), "{text}");
            }
            if path.extension().is_some_and(|end| end == "sh") {
                scripts += 1;
                let shell = if text.contains("env bash") {
                    "bash"
                } else {
                    "sh"
                };
                let status = Command::new(shell).arg("-n").arg(&path).status();
                assert!(status.expect("there is a shell").success(), "{store} {job}");
            }
        }
        assert_eq!(scripts, 1);
    });
}

#[test]
fn help() {
    let machine = machine();
    let text = shown(&machine, &machine.tool(&["init", "--help"]));
    compare(text, snapbox::file!["init/help.txt"]);
}

#[test]
fn jobs_of_an_environment_or_of_a_tag() {
    let made = |store: usize, flags: &str| {
        let machine = machine();
        let flags = format!("{} --repository acme/app --print {flags}", STORES[store].1);
        let run = init(&machine, &flags);
        assert_eq!(run.code, Some(0), "{run:?}");
        run.stdout
    };
    for (store, flags, parts) in [
        (
            0,
            "--ci github --environment release --scheme Bearer",
            [
                "    \"environment\": \"release\",\n    \"repository\": \"acme/app\"\n",
                "    environment: release # the one",
                "index/\"]\nscheme = \"Bearer\"\nsources",
            ],
        ),
        (
            2,
            "--ci github --ref refs/tags/v1",
            [
                "githubusercontent.com:sub\": \"repo:acme/app:ref:refs/tags/v1\"",
                "    tags: [v1] #",
                "create_role cargo-corp\n",
            ],
        ),
        (
            3,
            "--ci gitlab --environment release",
            [
                "assertion.ref_protected == 'true' && has(assertion.environment) && assertion.environment == 'release'\"",
                "  environment: release # the one",
                "only the environment `release`",
            ],
        ),
    ] {
        let text = made(store, flags);
        for part in parts {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}

#[test]
fn the_second_time_there_is_nothing_to_do_but_by_force() {
    let machine = machine();
    let flags = format!("{} {}", STORES[0].1, JOBS[0].1);
    assert_eq!(init(&machine, &format!("{flags} --yes")).code, Some(0));
    let before = files(&machine);
    let again = init(&machine, &format!("{flags} --yes"));
    assert_eq!(again.code, Some(1));
    assert!(
        again
            .stderr
            .contains("credential-bridge.toml`:14; nothing was changed"),
        "{}",
        again.stderr
    );
    let replaced = init(&machine, &format!("{flags} --yes --replace"));
    assert_eq!(replaced.code, Some(0), "{replaced:?}");
    assert!(
        replaced.stdout.ends_with("all files are so already\n"),
        "{}",
        replaced.stdout
    );
    assert_eq!(files(&machine), before);
}

/// All files below the home directory, with their content.
fn files(machine: &Provider) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut directories = vec![machine.home().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).expect("it is ours") {
            let path = entry.expect("it is readable").path();
            match path.is_dir() {
                true => directories.push(path),
                false => {
                    let content = std::fs::read(&path).expect("it is ours");
                    files.push((path, content));
                }
            }
        }
    }
    files.sort();
    files
}
