//! A runner of GitHub's: `act`, with a repository of its own.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use test_servers::{CargoHome, Issuer, Outcome, leaks, random};

use crate::{BINARY, VERSION};

const ACTION: &str = "https://github.com/cargo-credential-bridge/cargo-credential-bridge";

/// The last step of a job whose remains are searched: the runner removes its files with the job. The program is left out.
const KEEP: &str = r#"
      - if: always()
        run: mkdir -p "$KEEP/$GITHUB_JOB" && env >"$KEEP/$GITHUB_JOB/environment" && rm -rf "$RUNNER_TEMP/cargo-credential-bridge" && cp -a "$(dirname "$GITHUB_WORKSPACE")" "$KEEP/$GITHUB_JOB/"
"#;

/// A directory with all that a runner writes, removed on drop.
pub(crate) struct Runner {
    /// Act's environment, which is the job's too.
    act: CargoHome,
    token: String,
    secrets: Vec<String>,
}

impl Runner {
    /// One with nothing in its repository.
    pub(crate) fn new() -> Self {
        let act = CargoHome::with_cargo(binary());
        // Else it asks which image to take.
        fs::write(act.path().join(".actrc"), "").unwrap();
        copy(
            &source("ci/github"),
            &act.path().join("action").join("ci/github"),
        );
        let token = format!("ghs_{}", random::alphanumeric(36));
        let keep = act.path().join("kept");
        Self {
            act: act.env("KEEP", keep).env("ACT_DISABLE_VERSION_CHECK", "1"),
            secrets: vec![token.clone()],
            token,
        }
    }

    /// Sets a variable of the machine.
    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.act = self.act.env(name, value);
        self
    }

    /// Puts programs before the machine's.
    pub(crate) fn programs(self, directory: &Path) -> Self {
        let machine = std::env::var_os("PATH").unwrap_or_default();
        let directories = std::iter::once(directory.to_owned());
        let path =
            std::env::join_paths(directories.chain(std::env::split_paths(&machine))).unwrap();
        self.env("PATH", path)
    }

    /// What a job with `id-token: write` may ask for its identity.
    pub(crate) fn identity(mut self, issuer: &Issuer) -> Self {
        self.act = self.act.in_github(issuer);
        // Every token of an issuer starts with the same words about its key.
        let token = issuer.token("anyone");
        self.secret(token.split('.').next().unwrap())
    }

    /// Names what must not be in anything that a run leaves.
    pub(crate) fn secret(mut self, secret: &str) -> Self {
        self.secrets.push(secret.to_owned());
        self
    }

    /// The directory with everything in it.
    pub(crate) fn path(&self) -> &Path {
        self.act.path()
    }

    /// `CARGO_HOME`.
    pub(crate) fn cargo_home(&self) -> PathBuf {
        self.act.home()
    }

    /// Where the program built by the job is.
    pub(crate) fn target(&self) -> PathBuf {
        self.act.target()
    }

    /// Writes files of the repository.
    pub(crate) fn files(&self, files: &[(&str, &str)]) {
        let _repository = self.act.package_with("app", files);
    }

    /// Runs a workflow for an event.
    pub(crate) fn run(&self, event: &str, workflow: &str) -> Outcome {
        self.files(&[(".github/workflows/build.yml", workflow)]);
        self.commit();
        let action = self.path().join("action");
        let local = format!("{ACTION}@v{VERSION}={}", action.display());
        let cache = self.path().join("act");
        let secret = format!("GITHUB_TOKEN={}", self.token);
        let mut arguments = vec![event, "--platform", "ubuntu-latest=-self-hosted"];
        arguments.extend(["--local-repository", &local, "--no-cache-server"]);
        arguments.extend(["--action-cache-path", cache.to_str().unwrap()]);
        arguments.extend(["--secret", &secret]);
        let payload = self.path().join("event.json");
        if payload.exists() {
            arguments.extend(["--eventpath", payload.to_str().unwrap()]);
        }
        let outcome = self.act.run(&self.repository(), &arguments);
        leaks::assert_absent(
            &self.secrets(),
            &[
                ("standard output", outcome.stdout.as_bytes()),
                ("standard error", outcome.stderr.as_bytes()),
            ],
        );
        outcome
    }

    /// Runs a job of these steps after the action with these inputs, both as YAML has them, and keeps what it leaves.
    pub(crate) fn job(&self, inputs: &str, steps: &str) -> Outcome {
        self.job_of("push", inputs, steps)
    }

    /// The same, for an event.
    pub(crate) fn job_of(&self, event: &str, inputs: &str, steps: &str) -> Outcome {
        let inputs = indented(inputs, 10);
        let steps = indented(steps, 6);
        self.run(event, &format!(
            "on: [{event}]\njobs:\n  job:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      \
             - id: bridge\n        uses: cargo-credential-bridge/cargo-credential-bridge/ci/github@v{VERSION}\n        \
             with:\n{inputs}{steps}{KEEP}"
        ))
    }

    /// Runs a job whose program is the binary under test.
    pub(crate) fn job_with_path(&self, inputs: &str, steps: &str) -> Outcome {
        self.job(&format!("install: path\npath: {BINARY}\n{inputs}"), steps)
    }

    /// What the event is about.
    pub(crate) fn event(&self, payload: &str) {
        fs::write(self.path().join("event.json"), payload).unwrap();
    }

    /// What a job has left, as text: its environment, or a file of the runner.
    pub(crate) fn kept(&self, job: &str, path: &str) -> String {
        let folder = self.path().join("kept").join(job);
        let direct = folder.join(path);
        if direct.is_file() {
            return fs::read_to_string(direct).unwrap();
        }
        let mut below = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().join(path));
        below
            .find(|file| file.is_file())
            .map(|file| fs::read_to_string(file).unwrap())
            .unwrap_or_default()
    }

    /// Searches every file that is left: the workspace, the files of the runner, Cargo's home and what was built.
    pub(crate) fn assert_no_leaks(&self) {
        let search = leaks::search_dir(self.path(), &self.secrets());
        assert!(search.files > 20, "{search:?}");
        assert!(search.found.is_empty(), "{:?}", search.found);
    }

    fn secrets(&self) -> Vec<&str> {
        self.secrets.iter().map(String::as_str).collect()
    }

    fn repository(&self) -> PathBuf {
        self.path().join("packages").join("app")
    }

    fn commit(&self) {
        let steps: [&[&str]; 4] = [
            &["init", "--quiet", "--initial-branch", "main"],
            &["config", "remote.origin.url", "https://github.com/acme/app"],
            &["add", "--all"],
            &[
                "commit",
                "--quiet",
                "--allow-empty",
                "--message",
                "all of it",
            ],
        ];
        for arguments in steps {
            let done = Command::new("git")
                .args(["-c", "user.name=ci", "-c", "user.email=ci@example.com"])
                .args(arguments)
                .current_dir(self.repository())
                .env("HOME", self.path())
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .output()
                .expect("there is a git");
            assert!(done.status.success(), "{done:?}");
        }
    }
}

/// A workflow whose jobs keep what they leave: each ends before a line of its own depth, after an empty one.
pub(crate) fn keeping(workflow: &str) -> String {
    let mut parts = workflow.trim_end().split("\n\n  ");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        text.push_str(if part.starts_with(' ') { "\n" } else { KEEP });
        text.push_str("\n  ");
        text.push_str(part);
    }
    text + KEEP
}

/// A file of this repository.
pub(crate) fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn indented(text: &str, by: usize) -> String {
    let line = |line| format!("{:by$}{line}\n", "");
    text.lines().map(line).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The path in `CCB_ACT`.
fn binary() -> PathBuf {
    let path = std::env::var_os("CCB_ACT").map(PathBuf::from);
    path.filter(|path| path.is_file()).expect(
        "CCB_ACT names `act`: run `ci/test github`, or set it to what `ci/install act` prints",
    )
}
