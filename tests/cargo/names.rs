//! Registries without a name, with several, and in the place of another: it is the URL that counts.

use serde_json::{Value, json};
use test_servers::cargo::quoted;
use test_servers::{CargoHome, Outcome};

use crate::job::{Job, PROGRAM};

/// A job whose providers are those of the list, and whose config of Cargo's has no registry.
fn unnamed(cargo: CargoHome) -> Job {
    let job = Job::start(cargo);
    job.cargo.config(&format!(
        "[registry]\nglobal-credential-providers = ['{PROGRAM}']"
    ));
    job
}

/// Fetches a package that depends on `internal` of the registry at this URL, or of crates.io.
fn fetch(job: &Job, registry: &str) -> Outcome {
    let manifest = format!(
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n\
         [dependencies]\ninternal = {{ version = \"1\"{registry} }}\n"
    );
    let files = [("Cargo.toml", manifest.as_str()), ("src/lib.rs", "")];
    let app = job.cargo.package_with("app", &files);
    job.run(&app, &["fetch", "-v"])
}

/// The `registry` of the one request, without its headers.
fn asked_for(job: &Job) -> Value {
    let mut asked = job.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    let mut registry = asked.remove(0)["registry"].take();
    let headers = registry.as_object_mut().unwrap().remove("headers");
    assert!(headers.is_some(), "the registry had just refused it");
    registry
}

/// From Cargo's `anonymous_alt_registry`, but that there is a token.
#[test]
fn a_registry_that_has_no_name() {
    CargoHome::old_and_new(|cargo| {
        let job = unnamed(cargo.anew());
        let url = job.registry.index_url();
        let fetched = fetch(&job, &format!(", registry-index = {}", quoted(&url)));
        job.assert_fetched(&fetched);
        assert_eq!(asked_for(&job), json!({ "index-url": url }));

        // The config has a name for it: its provider is asked, though the request does not say the name.
        let job = Job::start(cargo);
        job.corp(Some(&quoted(PROGRAM)), "");
        let url = job.registry.index_url();
        let fetched = fetch(&job, &format!(", registry-index = {}", quoted(&url)));
        job.assert_fetched(&fetched);
        assert_eq!(asked_for(&job), json!({ "index-url": url }));
    });
}

#[test]
fn a_registry_that_has_no_name_and_no_token() {
    CargoHome::old_and_new(|cargo| {
        let job = unnamed(cargo).env("BRIDGE_READ", "");
        let url = job.registry.index_url();
        let installed = job.run(job.cargo.path(), &["install", "--index", &url, "internal"]);
        assert!(!installed.success());
        assert!(
            installed
                .stderr
                .contains(&format!("no token found for `{url}`")),
            "{}",
            installed.stderr
        );
        assert!(
            installed
                .stderr
                .contains(&format!("no read token for `{url}`")),
            "{}",
            installed.stderr
        );
    });
}

/// Cargo looks the name up in lower case and with underscores, so both variables or neither.
#[test]
fn a_name_with_a_dash() {
    CargoHome::old_and_new(|cargo| {
        let job = Job::start(cargo.anew());
        let url = job.registry.index_url();
        let job = job
            .env("CARGO_REGISTRIES_MY_CORP_INDEX", &url)
            .env("CARGO_REGISTRIES_MY_CORP_CREDENTIAL_PROVIDER", PROGRAM);
        let fetched = fetch(&job, ", registry = \"my-corp\"");
        job.assert_fetched(&fetched);
        assert_eq!(asked_for(&job)["name"], "my-corp");

        let job = Job::start(cargo);
        let url = job.registry.index_url();
        job.cargo.config(&format!(
            "[registries.my-corp]\nindex = '{url}'\ncredential-provider = '{PROGRAM}'"
        ));
        let fetched = fetch(&job, ", registry = \"my-corp\"");
        job.assert_fetched(&fetched);
        assert_eq!(asked_for(&job)["name"], "my-corp");
    });
}

/// From Cargo's `duplicate_index`.
#[test]
fn two_names_for_one_registry() {
    CargoHome::old_and_new(|cargo| {
        let job = Job::start(cargo);
        let url = job.registry.index_url();
        let job = job
            .env("CARGO_REGISTRIES_ONE_INDEX", &url)
            .env("CARGO_REGISTRIES_OTHER_INDEX", &url);
        job.corp(Some(&quoted(PROGRAM)), "");
        let fetched = job.fetch(&[]);
        assert!(!fetched.success());
        assert!(
            fetched
                .stderr
                .contains("multiple registries are configured with the same index url"),
            "{}",
            fetched.stderr
        );
        assert!(job.asked().is_empty());
    });
}

#[test]
fn a_registry_in_the_place_of_crates_io() {
    CargoHome::old_and_new(|cargo| {
        let job = Job::start(cargo);
        job.corp(
            Some(&quoted(PROGRAM)),
            "[registry]\ncredential-provider = 'cargo-credential-nowhere'\n[source.crates-io]\nreplace-with = 'corp'",
        );
        let fetched = fetch(&job, "");
        job.assert_fetched(&fetched);
        let expected = json!({ "index-url": job.registry.index_url(), "name": "corp" });
        assert_eq!(asked_for(&job), expected);
    });
}

#[test]
fn a_mirror_in_the_place_of_crates_io() {
    CargoHome::old_and_new(|cargo| {
        let mirror = |job: &Job| {
            let url = job.registry.index_url();
            format!(
                "[source.crates-io]\nreplace-with = 'mirror'\n[source.mirror]\nregistry = '{url}'"
            )
        };
        // It has no name, and so no provider of its own: that of the list is asked.
        let job = unnamed(cargo.anew());
        job.cargo.config(&mirror(&job));
        let fetched = fetch(&job, "");
        job.assert_fetched(&fetched);
        let url = job.registry.index_url();
        assert_eq!(asked_for(&job), json!({ "index-url": url }));

        // A registry with the same URL lends it its provider.
        let job = Job::start(cargo);
        job.corp(Some(&quoted(PROGRAM)), &mirror(&job));
        let fetched = fetch(&job, "");
        job.assert_fetched(&fetched);
        assert_eq!(
            asked_for(&job),
            json!({ "index-url": job.registry.index_url() })
        );
    });
}
