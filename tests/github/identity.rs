//! Jobs with GitHub's identity, whom `doctor` helps, and jobs without.

use test_servers::{Issuer, Outcome};

use crate::BINARY;
use crate::runner::Runner;
use crate::world::World;

fn said(run: &Outcome) -> String {
    format!("{}{}", run.stdout, run.stderr)
}

/// The inputs of the example, with this binary.
fn inputs(world: &World, more: &str) -> String {
    let workflow = world.workflow();
    let (_, with) = workflow
        .split_once("        with:\n          registries")
        .unwrap();
    let (with, _) = with.split_once("      - run:").unwrap();
    let with: String = with
        .lines()
        .skip(1)
        .map(|line| format!("{}\n", line.get(10..).unwrap_or_default()))
        .collect();
    format!(
        "install: path\npath: {}\nregistries: corp = sparse+https://crates.example.com/index/\n{with}{more}",
        BINARY
    )
}

#[test]
fn doctor_reports_in_the_jobs_summary() {
    let world = World::vault();
    let runner = world.runner().identity(world.issuer(false));
    let run = runner.job(&inputs(&world, "doctor: corp read\n"), "");
    assert!(run.success(), "{}", said(&run));
    // Act shows it at the end of the step.
    for words in [
        "Summary - ### cargo-credential-bridge doctor: ",
        "#### `sparse+https://crates.example.com/index/`",
    ] {
        assert!(said(&run).contains(words), "{words}: {}", said(&run));
    }
    runner.assert_no_leaks();
}

#[test]
fn doctor_stops_the_job_before_the_build() {
    let world = World::vault();
    // The role takes no job of another repository.
    let stranger = Issuer::start();
    let runner = world.runner().identity(&stranger);
    let run = runner.job(
        &inputs(&world, "doctor: true\nsummary: false\n"),
        "- run: echo \"built=yes\"\n",
    );
    let said = said(&run);
    assert!(!run.success() && !said.contains("built=yes"), "{said}");
    assert!(said.contains("`doctor` has found problems"), "{said}");
    assert!(
        said.contains("::error title=cargo-credential-bridge%3A corp::")
            || said.contains("Vault refused the jwt login"),
        "{said}"
    );
    assert!(!said.contains("Summary - "), "{said}");
    runner.assert_no_leaks();
}

#[test]
fn without_an_identity_what_is_public_is_built_and_the_rest_says_why_not() {
    let world = World::vault();
    let runner = world.runner();
    runner.files(&[
        ("public/Cargo.toml", "[package]\nname = \"public\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n"),
        ("public/src/main.rs", "fn main() {\n    println!(\"public=yes\");\n}\n"),
    ]);
    let steps =
        "- run: cargo run --quiet --manifest-path public/Cargo.toml\n- run: cargo build --locked\n";
    let run = runner.job(&inputs(&world, "doctor: true\n"), steps);
    let said = said(&run);
    assert!(!run.success() && said.contains("public=yes"), "{said}");
    let line = "no GitHub identity in this job (the permission `id-token: write` is missing): only public dependencies can be built";
    assert_eq!(said.matches(line).count(), 1, "{said}");
    assert!(said.contains("no GitHub identity here"), "{said}");
    assert!(said.contains("id-token: write"), "{said}");
    runner.assert_no_leaks();
}

#[test]
fn an_identity_can_be_demanded() {
    let run = Runner::new().job_with_path("identity: required\nconfig: quiet = true\n", "");
    assert!(!run.success(), "{}", said(&run));
    assert!(
        said(&run).contains(
            "no GitHub identity in this job: the permission `id-token: write` is missing"
        ),
        "{}",
        said(&run)
    );
    let run = Runner::new().job_with_path("identity: unused\nconfig: quiet = true\n", "");
    assert!(
        run.success() && !said(&run).contains("no GitHub identity"),
        "{}",
        said(&run)
    );
}
