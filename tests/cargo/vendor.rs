//! `cargo vendor`: sources with a token, and builds without one.

use test_servers::CargoHome;
use test_servers::cargo::quoted;

use crate::job::{Job, PROGRAM};

#[test]
fn what_is_vendored_is_built_without_us() {
    CargoHome::old_and_new(|cargo| {
        let job = Job::start(cargo);
        job.corp(Some(&quoted(PROGRAM)), "");
        let app = job.app();
        let vendored = job.run(&app, &["vendor", "third-party"]);
        job.assert_fetched(&vendored);
        assert!(app.join("third-party/internal/src/lib.rs").exists());
        assert_eq!(job.operations(), ["read"]);

        // What it prints is for the project's own config, and names the registry and nothing else.
        job.in_the_app(".cargo/config.toml", &vendored.stdout);
        let requests = job.registry.requests().len();
        let built = job.run(&app, &["build", "--frozen"]);
        assert!(built.success(), "{}", built.stderr);
        assert_eq!(job.operations(), ["read"]);
        assert_eq!(job.registry.requests().len(), requests);
    });
}
