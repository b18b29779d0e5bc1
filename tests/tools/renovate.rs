//! Renovate, as somebody hosts it who has `examples/renovate/config.js`.

use std::path::{Path, PathBuf};

use test_servers::Outcome;

use crate::job::Job;

/// A repository whose own config of Cargo says where the registry is, and a Renovate that is told of it.
fn repository(job: &Job) -> PathBuf {
    let app = job.app();
    let url = job.registry.index_url();
    let index = format!("[registries.corp]\nindex = \"{url}\"\n");
    let example = include_str!("../../examples/renovate/config.js");
    assert!(example.contains("sparse+https://crates.example.com/index/"));
    let config = example.replace("sparse+https://crates.example.com/index/", &url);
    let _same = job.cargo.package_with(
        "app",
        &[
            (".cargo/config.toml", &index),
            ("renovate.json", "{ \"enabledManagers\": [\"cargo\"] }\n"),
        ],
    );
    let locked = job.cargo(&app, &["generate-lockfile"]);
    assert!(locked.success(), "{}", locked.stderr);
    std::fs::write(job.path("config.js"), config).unwrap();
    job.registry.add_crate("internal", "1.1.0", "");
    app
}

/// The folder with Renovate and a Node that is new enough for it.
fn bin() -> PathBuf {
    let folder = std::env::var_os("CCB_RENOVATE");
    folder
        .expect("CCB_RENOVATE names Renovate: set it to what `ci/install renovate` prints")
        .into()
}

fn node(job: &Job, dir: &Path, arguments: &[&str]) -> Outcome {
    job.program(dir, bin().join("node").to_str().unwrap(), arguments)
}

#[test]
fn an_update_is_found() {
    let job = Job::start();
    let app = repository(&job);
    let [config, base, report] =
        ["config.js", "renovate", "report.json"].map(|name| job.path(name));
    let job = job
        .env("RENOVATE_CONFIG_FILE", &config)
        .env("RENOVATE_BASE_DIR", &base)
        .env("RENOVATE_REPORT_TYPE", "file")
        .env("RENOVATE_REPORT_PATH", &report);
    let before = job.reads("ci/cargo");
    let renovate = bin().join("renovate");
    let run = node(
        &job,
        &app,
        &[renovate.to_str().unwrap(), "--platform=local"],
    );
    assert!(run.success(), "{}{}", run.stdout, run.stderr);
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.contains("\"newVersion\":\"1.1.0\""), "{report}");
    assert_eq!(job.reads("ci/cargo") - before, 1);
    job.assert_clean();
}

#[test]
fn a_lock_file_is_updated() {
    let job = Job::start();
    let app = repository(&job);
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/tools/renovate_artifacts.mjs"
    );
    let renovate = bin().join("../renovate").canonicalize().unwrap();
    let config = job.path("config.js");
    let run = node(
        &job,
        &app,
        &[
            script,
            renovate.to_str().unwrap(),
            &config,
            app.to_str().unwrap(),
            "1.1.0",
        ],
    );
    assert!(run.success(), "{}{}", run.stdout, run.stderr);
    let lock = std::fs::read_to_string(app.join("Cargo.lock")).unwrap();
    assert!(lock.contains("version = \"1.1.0\""), "{lock}");
    job.assert_clean();
}
