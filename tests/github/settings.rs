//! The config in Cargo's home, and what Cargo is told.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use test_servers::Outcome;

use crate::BINARY;
use crate::runner::Runner;

const CONFIG: &str = "identity: unused\nconfig: |\n  [backends.e]\n  type = \"env\"\n\n  [registries.\"sparse+https://r.example/\"]\n  \
    sources = [ { backend = \"e\", var = \"TOKEN_HERE\" } ]\n";

fn said(run: &Outcome) -> String {
    format!("{}{}", run.stdout, run.stderr)
}

#[test]
fn cargo_is_told_by_variables_and_the_program_by_a_file() {
    let runner = Runner::new();
    let registries = "registries: |\n  # ours\n  corp = sparse+https://r.example/\n\n  my-own=\"https://git.example/index\"\n";
    let run = runner.job_with_path(
        &format!("{CONFIG}{registries}crates-io: true\n"),
        "- run: echo \"out=${{ steps.bridge.outputs.path }} ${{ steps.bridge.outputs.version }}\"\n",
    );
    let said = said(&run);
    assert!(run.success(), "{said}");
    assert!(
        said.contains(&format!("out={BINARY} {}", crate::VERSION)),
        "{said}"
    );
    let environment = runner.kept("job", "environment");
    for line in [
        "CARGO_REGISTRIES_CORP_INDEX=sparse+https://r.example/",
        &format!("CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER={BINARY}"),
        "CARGO_REGISTRIES_MY_OWN_INDEX=https://git.example/index",
        &format!("CARGO_REGISTRIES_MY_OWN_CREDENTIAL_PROVIDER={BINARY}"),
        &format!("CARGO_REGISTRY_CREDENTIAL_PROVIDER={BINARY}"),
    ] {
        assert!(
            environment.lines().any(|found| found == line),
            "{line}: {environment}"
        );
    }
    let file = runner.cargo_home().join("credential-bridge.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.starts_with(
            "# Written by the GitHub action of cargo-credential-bridge\n[backends.e]\n"
        ),
        "{text}"
    );
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn only_a_file_of_its_own_is_replaced() {
    let runner = Runner::new();
    let file = runner.cargo_home().join("credential-bridge.toml");
    let other = CONFIG.replace("TOKEN_HERE", "TOKEN_THERE");
    for config in [CONFIG, CONFIG, &other] {
        let run = runner.job_with_path(config, "");
        assert!(run.success(), "{}", said(&run));
    }
    assert!(fs::read_to_string(&file).unwrap().contains("TOKEN_THERE"));

    fs::write(&file, "# somebody's\n").unwrap();
    let run = runner.job_with_path(CONFIG, "");
    assert!(!run.success(), "{}", said(&run));
    assert!(
        said(&run).contains("is there already, and is another"),
        "{}",
        said(&run)
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "# somebody's\n");
    // Without one given, it is the one that counts.
    let run = runner.job_with_path("identity: unused\n", "");
    assert!(run.success(), "{}", said(&run));
}

#[test]
fn a_file_of_the_workspace_counts_where_the_workspace_is_the_repositorys_own() {
    let runner = Runner::new();
    runner.files(&[(
        "ci/bridge.toml",
        "[backends.e]\ntype = \"env\"\n\n[registries.\"sparse+https://r.example/\"]\nsources = [ { backend = \"e\", var = \"HERE\" } ]\n",
    )]);
    let inputs =
        format!("install: path\npath: {BINARY}\nidentity: unused\nconfig-file: ci/bridge.toml\n");
    let run = runner.job_of("push", &inputs, "");
    assert!(run.success(), "{}", said(&run));
    let run = runner.job_of("pull_request_target", &inputs, "");
    assert!(!run.success(), "{}", said(&run));
    assert!(
        said(&run).contains("a stranger may have written what is checked out there"),
        "{}",
        said(&run)
    );
}

#[test]
fn what_makes_no_sense_is_said() {
    let runner = Runner::new().env("CARGO_REGISTRIES_CORP_TOKEN", "some-token-or-other");
    let line = |text: &str| format!("{CONFIG}registries: {text:?}\n");
    for (inputs, words) in [
        (line("corp"), "`corp` is not a registry"),
        (
            line("co rp = sparse+https://r.example/"),
            "`co rp` is not the name of a registry",
        ),
        (
            line("$(id) = sparse+https://r.example/"),
            "is not the name of a registry",
        ),
        (
            line("crates-io = sparse+https://r.example/"),
            "the input is `crates-io: true`",
        ),
        (
            line("corp = r.example"),
            "`r.example` is not the index of the registry `corp`",
        ),
        (
            line("corp = sparse+https://r.example/ x"),
            "is not the index of the registry",
        ),
        (
            line("a-b = sparse+https://r.example/\nA_B = sparse+https://r.example/"),
            "is there twice",
        ),
        (
            line("corp = sparse+https://r.example/\nPATH=/tmp\u{d}::set-env name=X::y"),
            "is not the index of the registry `PATH`",
        ),
        (
            format!("{CONFIG}crates-io: maybe\n"),
            "the input `crates-io` is `maybe`",
        ),
        (
            format!("{CONFIG}config-file: x.toml\n"),
            "both `config` and `config-file` are given",
        ),
        (
            "config-file: x.toml\n".to_owned(),
            "`x.toml` does not exist",
        ),
        (
            "config: nonsense = 1\n".to_owned(),
            "the config makes no sense",
        ),
    ] {
        let run = runner.job_with_path(&inputs, "");
        assert!(
            !run.success() && said(&run).contains(words),
            "{words}: {}",
            said(&run)
        );
    }
    // A token that nobody needs any more is no error.
    let run = runner.job_with_path(&line("corp = sparse+https://r.example/"), "");
    assert!(run.success(), "{}", said(&run));
    assert!(
        said(&run).contains("`CARGO_REGISTRIES_CORP_TOKEN` is set"),
        "{}",
        said(&run)
    );
}

#[test]
fn a_config_that_would_be_hidden_is_not_written() {
    let runner = Runner::new().env("CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML", "quiet = true");
    let run = runner.job_with_path(CONFIG, "");
    assert!(!run.success(), "{}", said(&run));
    assert!(
        said(&run).contains("which hides the config that is given"),
        "{}",
        said(&run)
    );
    assert!(!runner.cargo_home().join("credential-bridge.toml").exists());
}
