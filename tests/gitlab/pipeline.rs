//! A project with a pipeline, run by `gitlab-ci-local`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use test_servers::{CargoHome, Outcome, Registry, leaks};

use crate::release::Release;

/// The variable that names the program.
const PROGRAM: &str = "CCB_GITLAB_CI_LOCAL";

/// A build script that keeps its environment, as a malicious one would send it away.
const NOSY: &str = "fn main() {\n    \
    let all: String = std::env::vars().map(|(name, value)| format!(\"{name}={value}\\n\")).collect();\n    \
    std::fs::write(format!(\"{}/environment\", std::env::var(\"OUT_DIR\").unwrap()), all).unwrap();\n}\n";

/// A project on GitLab whose package wants a private crate, and the registry that has it.
pub(crate) struct Project {
    /// Runs `gitlab-ci-local` where otherwise Cargo is run: the same directories and the same bare environment.
    machine: CargoHome,
    pub(crate) registry: Registry,
    pub(crate) release: Release,
}

impl Project {
    /// Makes one, on this branch and without a pipeline.
    pub(crate) fn new(branch: &str) -> Self {
        let (registry, release) = (Registry::start(), Release::start());
        registry.add_crate_with(
            "private-greeting",
            "1.0.0",
            &[("src/lib.rs", "pub fn greeting() {}\n"), ("build.rs", NOSY)],
        );
        let machine = CargoHome::with_cargo(program("gitlab-ci-local"));
        let package = machine.package("acme-app", &[("private-greeting", "1")]);
        lock(&machine, &registry, &package);
        for arguments in [
            vec!["init", "--quiet", "--initial-branch", branch],
            vec!["remote", "add", "origin", "https://gitlab.com/acme/app.git"],
        ] {
            git(&package, &arguments);
        }
        let authority = release.write_authority(machine.path());
        let machine = machine
            .env("NODE_EXTRA_CA_CERTS", &authority)
            .env("CURL_CA_BUNDLE", &authority)
            .env("CARGO_CREDENTIAL_BRIDGE_RELEASES", release.releases());
        Self {
            machine,
            registry,
            release,
        }
    }

    /// A variable of the project, of the runner, or of GitLab's for the job.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.machine = self.machine.env(name, value);
        self
    }

    /// An example's pipeline, in which the addresses alone are other ones.
    pub(crate) fn example(self, name: &str, more: &[(&str, &str)]) -> Self {
        let path = crate::release::source(&format!("examples/{name}/gitlab-ci.yml"));
        let text = fs::read_to_string(path).unwrap();
        let (raw, registry) = (self.release.url(), self.registry.url());
        let addresses = [
            ("https://raw.githubusercontent.com", raw.as_str()),
            ("https://crates.example.com", &registry),
        ];
        let text = addresses.iter().chain(more).fold(text, |text, (from, to)| {
            assert!(!from[8..].contains('/'), "{from} is no address");
            assert!(text.contains(from), "{from} is not in the example");
            text.replace(from, to)
        });
        self.file(".gitlab-ci.yml", &text)
    }

    /// A file of the project.
    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        let _package = self.machine.package_with("acme-app", &[(path, text)]);
        self
    }

    /// Where the project is.
    pub(crate) fn directory(&self) -> PathBuf {
        self.machine.path().join("packages/acme-app")
    }

    /// `CARGO_HOME`, of all jobs.
    pub(crate) fn cargo_home(&self) -> PathBuf {
        self.machine.home()
    }

    /// Commits everything and runs these jobs, or all that their rules start.
    pub(crate) fn run(&self, jobs: &[&str]) -> Outcome {
        let directory = self.directory();
        git(&directory, &["add", "--all"]);
        git(
            &directory,
            &[
                "commit",
                "--quiet",
                "--message",
                "all of it",
                "--allow-empty",
            ],
        );
        let flags = ["--force-shell-executor", "--no-color"];
        let variables = format!("--variables-file={}", self.variables().display());
        let mut arguments = jobs.to_vec();
        arguments.extend(flags);
        arguments.push(&variables);
        self.machine.run(&directory, &arguments)
    }

    /// The pipeline as GitLab would see it with all that it includes, after a look at GitLab's own schema.
    pub(crate) fn preview(&self) -> Value {
        let shown = self.machine.run(&self.directory(), &["--preview"]);
        assert!(shown.success(), "{}{}", shown.stdout, shown.stderr);
        let file = self.machine.path().join("preview.yml");
        fs::write(&file, shown.stdout).unwrap();
        yaml(&file)
    }

    /// The project's variables, for those that are more than text: outside of the project, as GitLab has them.
    pub(crate) fn variables(&self) -> PathBuf {
        PathBuf::from("../variables.yml")
    }

    /// Everything that is left of a run, but the file that `gitlab-ci-local` has the variables from.
    pub(crate) fn assert_clean(&self, outcome: &Outcome, secrets: &[&str]) {
        let channels = [
            ("the job logs", outcome.stdout.as_bytes()),
            ("the errors", outcome.stderr.as_bytes()),
        ];
        leaks::assert_absent(secrets, &channels);
        let search = leaks::search_dir(self.machine.path(), secrets);
        assert!(search.files > 20, "{search:?}");
        assert!(search.found.is_empty(), "{:?}", search.found);
    }

    /// Both tokens of the registry.
    pub(crate) fn tokens(&self) -> [&str; 2] {
        let tokens = self.registry.tokens();
        [&tokens.read, &tokens.publish]
    }

    /// What is in the artifact of this name.
    pub(crate) fn kept(&self, name: &str) -> String {
        let artifacts = self.directory().join(".gitlab-ci-local/artifacts");
        fs::read_to_string(find(&artifacts, name).expect("the job has kept it")).unwrap()
    }

    /// What the build script has seen.
    pub(crate) fn environment_of_build_script(&self) -> String {
        let found = find(&self.machine.target(), "environment");
        fs::read_to_string(found.expect("the build script ran")).unwrap()
    }
}

/// A YAML file's documents.
pub(crate) fn yaml(file: &Path) -> Value {
    let output = Command::new(program("js-yaml")).arg(file).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A program that came with `gitlab-ci-local`.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os(PROGRAM).map(PathBuf::from);
    let path = path.expect("CCB_GITLAB_CI_LOCAL names a gitlab-ci-local: run `ci/test gitlab`, or set it to what `ci/install gitlab-ci-local` prints");
    path.with_file_name(name)
}

/// Writes the lock file that a developer would have committed.
fn lock(machine: &CargoHome, registry: &Registry, package: &Path) {
    let developer = CargoHome::new()
        .env("CARGO_REGISTRIES_CORP_INDEX", registry.index_url())
        .env("CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER", "cargo:token")
        .env("CARGO_REGISTRIES_CORP_TOKEN", &registry.tokens().read);
    let locked = developer.run(package, &["generate-lockfile"]);
    assert!(locked.success(), "{}", locked.stderr);
    let _with = machine.package_with("acme-app", &[(".gitignore", "/.gitlab-ci-local\n")]);
}

fn git(directory: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
}

fn find(directory: &Path, name: &str) -> Option<PathBuf> {
    fs::read_dir(directory).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => find(&path, name),
            false => path
                .file_name()
                .is_some_and(|last| last == name)
                .then_some(path),
        }
    })
}
