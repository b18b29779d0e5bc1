//! A registry's own provider: each place and form in which Cargo can be told of it.

use test_servers::CargoHome;
use test_servers::cargo::quoted;

use crate::job::{Job, PROGRAM};

/// What Cargo must then have done: run this program with these arguments.
struct Reached(String, &'static [&'static str]);

/// Sets up a new job, fetches with the flags that it takes, and checks who answered.
fn assert_reached(cargo: &CargoHome, set_up: impl FnOnce(Job) -> (Job, Vec<String>, Reached)) {
    let (job, flags, Reached(program, arguments)) = set_up(Job::start(cargo.anew()));
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let fetched = job.fetch(&flags);
    job.assert_fetched(&fetched);
    assert_eq!(job.arguments(), [arguments], "{flags:?}");
    let words = [&[program.as_str()], arguments].concat().join(" ");
    let line = format!("Credential {words} get corp");
    assert!(fetched.stderr.contains(&line), "{line}: {}", fetched.stderr);
}

/// The program without a path, and what follows it.
fn on_the_path(arguments: &'static [&'static str]) -> Reached {
    Reached(PROGRAM.to_owned(), arguments)
}

#[test]
fn in_the_config_of_its_home() {
    CargoHome::old_and_new(|cargo| {
        assert_reached(&cargo, |job| {
            job.corp(Some(&quoted(PROGRAM)), "");
            (job, vec![], on_the_path(&[]))
        });
        assert_reached(&cargo, |job| {
            job.corp(Some(&quoted(&format!("{}  --a \tb", job.path()))), "");
            let reached = Reached(job.path(), &["--a", "b"]);
            (job, vec![], reached)
        });
        assert_reached(&cargo, |job| {
            let path = job.path_with_space();
            job.corp(Some(&format!("[{}, '--a b', '\"c\\']", quoted(&path))), "");
            (job, vec![], Reached(path, &["--a b", "\"c\\"]))
        });
    });
}

#[test]
fn in_other_files_of_cargo() {
    CargoHome::old_and_new(|cargo| {
        // In the project, where a path is relative to what `.cargo` is in, and before the home's.
        assert_reached(&cargo, |job| {
            job.corp(Some("'cargo-credential-nowhere'"), "");
            let config = "[registries.corp]\ncredential-provider = '../../bin/cargo-credential-bridge --a'\n";
            job.in_the_app(".cargo/config.toml", config);
            let program = job.app().join("../../bin").join(PROGRAM);
            (
                job,
                vec![],
                Reached(program.to_str().unwrap().to_owned(), &["--a"]),
            )
        });
        // Beside the tokens, if somebody likes it there.
        assert_reached(&cargo, |job| {
            job.corp(None, "");
            let text = format!("[registries.corp]\ncredential-provider = '{PROGRAM}'\n");
            std::fs::write(job.cargo.home().join("credentials.toml"), text).unwrap();
            (job, vec![], on_the_path(&[]))
        });
    });
}

#[test]
fn by_an_alias() {
    CargoHome::old_and_new(|cargo| {
        assert_reached(&cargo, |job| {
            let path = job.path_with_space();
            let alias = format!("[credential-alias]\nbridge = [{}, '--a b']", quoted(&path));
            job.corp(Some("'bridge'"), &alias);
            (job, vec![], Reached(path, &["--a b"]))
        });
        assert_reached(&cargo, |job| {
            let alias = format!("[credential-alias]\nbridge = '{PROGRAM} --a b'");
            job.corp(Some("['bridge']"), &alias);
            (job, vec![], on_the_path(&["--a", "b"]))
        });
        assert_reached(&cargo, |job| {
            job.corp(Some("'bridge'"), "");
            let job = job.env("CARGO_CREDENTIAL_ALIAS_BRIDGE", &format!("{PROGRAM} --a b"));
            (job, vec![], on_the_path(&["--a", "b"]))
        });
    });
}

#[test]
fn by_variables() {
    CargoHome::old_and_new(|cargo| {
        // Instead of a file, name and all.
        assert_reached(&cargo, |job| {
            let url = job.registry.index_url();
            let job = job
                .env("CARGO_REGISTRIES_CORP_INDEX", &url)
                .env("CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER", PROGRAM);
            (job, vec![], on_the_path(&[]))
        });
        // Before a file.
        assert_reached(&cargo, |job| {
            job.corp(Some("'cargo-credential-nowhere'"), "");
            let path = job.path();
            let job = job.env(
                "CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER",
                &format!("{path} --a b"),
            );
            (job, vec![], Reached(path, &["--a", "b"]))
        });
    });
}

#[test]
fn by_flags() {
    CargoHome::old_and_new(|cargo| {
        // Before a file, and in newer Cargos before a variable too.
        assert_reached(&cargo, |job| {
            job.corp(Some("'cargo-credential-nowhere'"), "");
            let job = job.env(
                "CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER",
                &format!("{PROGRAM} --variable"),
            );
            let flag = format!("registries.corp.credential-provider='{PROGRAM} --flag'");
            let arguments: &[&str] = match job.cargo.minor() {
                ..=86 => &["--variable"],
                87.. => &["--flag"],
            };
            (
                job,
                vec!["--config".to_owned(), flag],
                on_the_path(arguments),
            )
        });
        assert_reached(&cargo, |job| {
            job.corp(None, "");
            let path = job.path_with_space();
            let flag = format!(
                "registries.corp.credential-provider=[{}, '--a b']",
                quoted(&path)
            );
            (
                job,
                vec!["--config".to_owned(), flag],
                Reached(path, &["--a b"]),
            )
        });
        assert_reached(&cargo, |job| {
            job.corp(Some("'cargo-credential-nowhere'"), "");
            let file = job.cargo.path().join("more.toml");
            std::fs::write(
                &file,
                format!("registries.corp.credential-provider = '{PROGRAM}'"),
            )
            .unwrap();
            let file = file.to_str().unwrap().to_owned();
            (job, vec!["--config".to_owned(), file], on_the_path(&[]))
        });
    });
}

/// Cargos before 1.86 append the array of the nearer file to that of the one further off.
#[test]
fn arrays_in_two_files() {
    CargoHome::old_and_new(|cargo| {
        let job = Job::start(cargo);
        let path = quoted(&job.path_with_space());
        job.corp(Some(&format!("[{path}, '--home']")), "");
        let config = format!("[registries.corp]\ncredential-provider = [{path}, '--project']\n");
        job.in_the_app(".cargo/config.toml", &config);
        // Whatever we are handed, the answer is the same: arguments select nothing.
        let fetched = job.fetch(&[]);
        job.assert_fetched(&fetched);
        let program = job.path_with_space();
        let joined = ["--home", &program, "--project"];
        let expected = match job.cargo.minor() {
            ..86 => &joined[..],
            86.. => &joined[2..],
        };
        assert_eq!(job.arguments(), [expected]);

        // A variable replaces a file's array in all of them.
        assert_reached(&job.cargo, |job| {
            job.corp(Some(&format!("['{PROGRAM}', '--home']")), "");
            let variable = format!("{PROGRAM} --variable");
            let job = job.env("CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER", &variable);
            (job, vec![], on_the_path(&["--variable"]))
        });
    });
}

/// What a project's file has must be of the same form: Cargo refuses the whole config.
#[test]
fn a_string_in_one_file_and_an_array_in_another() {
    CargoHome::old_and_new(|cargo| {
        let job = Job::start(cargo);
        job.corp(Some(&quoted(PROGRAM)), "");
        let config = format!("[registries.corp]\ncredential-provider = ['{PROGRAM}']\n");
        job.in_the_app(".cargo/config.toml", &config);
        let fetched = job.fetch(&[]);
        assert!(!fetched.success());
        assert!(
            fetched
                .stderr
                .contains("failed to merge key `credential-provider`"),
            "{}",
            fetched.stderr
        );
        assert!(job.asked().is_empty());
    });
}

#[test]
fn arrays_of_an_alias_in_two_files() {
    CargoHome::old_and_new(|cargo| {
        let job = Job::start(cargo);
        let alias =
            |argument| format!("[credential-alias]\nbridge = ['{PROGRAM}', '{argument}']\n");
        job.corp(Some("'bridge'"), &alias("--home"));
        job.in_the_app(".cargo/config.toml", &alias("--project"));
        let fetched = job.fetch(&[]);
        job.assert_fetched(&fetched);
        let joined = ["--home", PROGRAM, "--project"];
        let expected = match job.cargo.minor() {
            ..86 => &joined[..],
            86.. => &joined[2..],
        };
        assert_eq!(job.arguments(), [expected]);
    });
}

/// `args` of a repository's own config, with every selector that somebody could think of.
#[test]
fn its_arguments_select_nothing() {
    CargoHome::old_and_new(|cargo| {
        let job = Job::start(cargo);
        job.bridge_config(
            "[registries.\"sparse+https://crates.example.com/index/\"]\nsources = [ { backend = \"job\", var = \"BRIDGE_PUBLISH\" } ]",
        );
        let arguments = "--registry sparse+https://crates.example.com/index/ --config /tmp/x --var BRIDGE_PUBLISH";
        job.corp(Some(&quoted(&format!("{PROGRAM} {arguments}"))), "");
        let fetched = job.fetch(&[]);
        assert!(!fetched.success());
        assert!(
            fetched
                .stderr
                .contains("no credential providers could handle the request"),
            "{}",
            fetched.stderr
        );
        let shown = job.registry.authorizations();
        assert!(shown.iter().all(|(_, _, token)| token.is_none()));
    });
}
