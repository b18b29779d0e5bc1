//! Runs a real Cargo in a directory and an environment of its own.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
#[cfg(unix)]
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::Issuer;

/// No run of Cargo takes longer than this: the longest of them builds two small packages.
const WATCHDOG: Duration = Duration::from_secs(180);

/// A temporary `CARGO_HOME`, target directory and place for packages, removed on drop.
///
/// Cargo runs in it with an empty environment but for `PATH`, what rustup needs, and what a test adds: no token, proxy
/// or configuration of the machine reaches it.
#[derive(Debug)]
pub struct CargoHome {
    dir: TempDir,
    cargo: OsString,
    environment: Vec<(OsString, OsString)>,
}

/// What a run of Cargo left.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub status: ExitStatus,
    /// All of its output.
    pub stdout: String,
    /// All of its messages.
    pub stderr: String,
}

impl Outcome {
    /// Whether it succeeded.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status.success()
    }
}

impl CargoHome {
    /// Makes one for the Cargo in the variable `CARGO`, which Cargo sets for tests and examples, else on `PATH`.
    #[must_use]
    pub fn new() -> Self {
        Self::with_cargo(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// Does something with the Cargo that runs these tests, and then with the second one, which `CCB_CARGO_1_96` names.
    ///
    /// # Panics
    /// If there is no second one in CI.
    pub fn each(run: impl Fn(Self)) {
        Self::each_of(&["1.96"], run);
    }

    /// Does something with every Cargo whose ways differ: 1.74, the oldest that asks providers, 1.86, the one that runs
    /// these tests, and 1.96. `CCB_CARGO_1_74`, `CCB_CARGO_1_86` and `CCB_CARGO_1_96` name the others.
    ///
    /// # Panics
    /// If one of them is missing in CI.
    pub fn old_and_new(run: impl Fn(Self) + Sync) {
        Self::each_of(&["1.74", "1.86", "1.96"], |cargo| cargo.in_a_thread(&run));
    }

    fn each_of(others: &[&str], run: impl Fn(Self)) {
        run(Self::new());
        for version in others {
            let variable = format!("CCB_CARGO_{}", version.replace('.', "_"));
            let other = std::env::var_os(&variable);
            assert!(
                other.is_some() || std::env::var_os("CI").is_none(),
                "{variable} names another Cargo: set it to what `ci/install cargo-{version}` prints"
            );
            if let Some(cargo) = other {
                run(Self::with_cargo(cargo));
            }
        }
    }

    /// A panic names its thread, and so here the Cargo.
    fn in_a_thread(self, run: &(impl Fn(Self) + Sync)) {
        let name = format!("Cargo 1.{}", self.minor());
        let ended = thread::scope(|scope| {
            let thread = thread::Builder::new()
                .name(name)
                .spawn_scoped(scope, || run(self));
            thread.expect("a thread can be started").join()
        });
        if let Err(panic) = ended {
            std::panic::resume_unwind(panic);
        }
    }

    /// The middle number of this Cargo's version: 95 for 1.95.
    ///
    /// # Panics
    /// If it does not say.
    #[must_use]
    pub fn minor(&self) -> u32 {
        let said = self.run(self.path(), &["--version"]).stdout;
        let minor = said
            .strip_prefix("cargo 1.")
            .and_then(|rest| rest.split('.').next());
        minor
            .and_then(|minor| minor.parse().ok())
            .expect("Cargo says its version")
    }

    /// Another one for the same Cargo, with nothing in it.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self::with_cargo(&self.cargo)
    }

    /// Makes one for this Cargo.
    ///
    /// # Panics
    /// If there is no place for temporary files.
    #[must_use]
    pub fn with_cargo(cargo: impl Into<OsString>) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("cargo-home-")
            .tempdir()
            .expect("there is a temporary directory");
        let home = Self {
            environment: Vec::new(),
            cargo: cargo.into(),
            dir,
        };
        for part in ["cargo-home", "target", "packages"] {
            fs::create_dir(home.path().join(part)).expect("the temporary directory is writable");
        }
        home.with_base_environment()
    }

    fn with_base_environment(self) -> Self {
        let machine = |name: &str| std::env::var_os(name);
        let home = machine("HOME")
            .or_else(|| machine("USERPROFILE"))
            .map(PathBuf::from);
        let rustup = machine("RUSTUP_HOME").or_else(|| Some(home?.join(".rustup").into()));
        let kept = [
            "PATH",
            "RUSTUP_TOOLCHAIN",
            "SYSTEMROOT",
            "TMPDIR",
            "LD_LIBRARY_PATH",
        ];
        let mut this = kept.iter().fold(self, |this, name| match machine(name) {
            Some(value) => this.env(*name, value),
            None => this,
        });
        if let Some(rustup) = rustup.filter(|path| Path::new(path).is_dir()) {
            this = this.env("RUSTUP_HOME", rustup);
        }
        let (root, cargo_home, target) = (
            this.path().to_owned(),
            this.home(),
            this.path().join("target"),
        );
        this.env("HOME", root)
            .env("CARGO_HOME", cargo_home)
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_TERM_COLOR", "never")
            // 169.254.169.254 may answer on a CI machine, and a test must never talk to it.
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("GCE_METADATA_HOST", "127.0.0.1:9")
    }

    /// Sets a variable for every later run.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Makes it a GitHub job that may ask this issuer for its identity.
    #[must_use]
    pub fn in_github(self, issuer: &Issuer) -> Self {
        issuer
            .github_env()
            .into_iter()
            .fold(self, |cargo, (name, value)| cargo.env(name, value))
    }

    /// The directory with everything in it.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// `CARGO_HOME`.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.path().join("cargo-home")
    }

    /// `CARGO_TARGET_DIR`.
    #[must_use]
    pub fn target(&self) -> PathBuf {
        self.path().join("target")
    }

    /// Adds a registry to `$CARGO_HOME/config.toml`, with its credential provider and the provider's arguments.
    pub fn registry(&self, name: &str, index_url: &str, provider: &[&str]) {
        let mut text = format!("[registries.{name}]\nindex = {}\n", quoted(index_url));
        if !provider.is_empty() {
            let words: Vec<String> = provider.iter().map(|word| quoted(word)).collect();
            writeln!(text, "credential-provider = [{}]", words.join(", "))
                .expect("a string takes any text");
        }
        self.config(&text);
    }

    /// Appends to `$CARGO_HOME/config.toml`.
    ///
    /// # Panics
    /// If the file can't be written.
    pub fn config(&self, text: &str) {
        let path = self.home().join("config.toml");
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, format!("{before}{text}\n")).expect("the temporary directory is writable");
    }

    /// Writes `$CARGO_HOME/credential-bridge.toml`.
    ///
    /// # Panics
    /// If the file can't be written.
    pub fn bridge_config(&self, text: &str) {
        fs::write(self.home().join("credential-bridge.toml"), text)
            .expect("the temporary directory is writable");
    }

    /// Makes a library package that depends on crates of the registry `corp`: name and version of each.
    #[must_use]
    pub fn package(&self, name: &str, dependencies: &[(&str, &str)]) -> PathBuf {
        let mut manifest = format!(
            "[package]\nname = {name:?}\nversion = \"0.1.0\"\nedition = \"2021\"\nlicense = \"MIT\"\n\
             description = \"a package of a test\"\npublish = [\"corp\"]\n\n[workspace]\n\n[dependencies]\n"
        );
        for (name, version) in dependencies {
            writeln!(
                manifest,
                "{name} = {{ version = {version:?}, registry = \"corp\" }}"
            )
            .expect("a string takes any text");
        }
        self.package_with(
            name,
            &[
                ("Cargo.toml", &manifest),
                ("src/lib.rs", "//! A package of a test.\n"),
            ],
        )
    }

    /// Makes a package with these files, or adds them to it.
    ///
    /// # Panics
    /// If a file can't be written.
    #[must_use]
    pub fn package_with(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let dir = self.path().join("packages").join(name);
        for (path, content) in files {
            let path = dir.join(path);
            let parent = path.parent().expect("a file is in a directory");
            fs::create_dir_all(parent).expect("the temporary directory is writable");
            fs::write(path, content).expect("the temporary directory is writable");
        }
        dir
    }

    /// The command that would run Cargo in a directory, with nothing but the environment described above.
    #[must_use]
    pub fn command(&self, dir: &Path, arguments: &[&str]) -> Command {
        self.command_of(&self.cargo, dir, arguments)
    }

    fn command_of(&self, program: &OsStr, dir: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(dir)
            .env_clear()
            .envs(self.environment.iter().cloned());
        command.stdin(Stdio::null());
        command
    }

    /// Runs Cargo in a directory and waits for it.
    #[must_use]
    pub fn run(&self, dir: &Path, arguments: &[&str]) -> Outcome {
        self.run_with(dir, arguments, |_line| {})
    }

    /// Runs Cargo in a directory and hands out each line of its messages as it comes.
    ///
    /// # Panics
    /// If Cargo can't be started.
    #[must_use]
    pub fn run_with(&self, dir: &Path, arguments: &[&str], message: impl FnMut(&str)) -> Outcome {
        run(self.command(dir, arguments), "", message)
    }

    /// Runs another program in a directory, in the same environment, for one that runs Cargo by itself.
    ///
    /// # Panics
    /// If it can't be started.
    #[must_use]
    pub fn run_program(
        &self,
        program: impl AsRef<OsStr>,
        dir: &Path,
        arguments: &[&str],
    ) -> Outcome {
        let command = self.command_of(program.as_ref(), dir, arguments);
        run(command, "", |_line| {})
    }

    /// Runs Cargo in a directory with this on its standard input.
    ///
    /// # Panics
    /// If Cargo can't be started.
    #[must_use]
    pub fn run_typed(&self, dir: &Path, arguments: &[&str], typed: &str) -> Outcome {
        let mut command = self.command(dir, arguments);
        command.stdin(Stdio::piped());
        run(command, typed, |_line| {})
    }
}

impl Default for CargoHome {
    fn default() -> Self {
        Self::new()
    }
}

fn run(mut command: Command, typed: &str, mut message: impl FnMut(&str)) -> Outcome {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    // What hangs may as well be a provider, which holds the pipes as Cargo does: they are ended together.
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().expect("the program is on the path");
    if let Some(mut input) = child.stdin.take() {
        // It may end without having read it.
        let _ = input.write_all(typed.as_bytes());
    }
    let watchdog = Watchdog::over(child.id());
    let mut output = child.stdout.take().expect("stdout is a pipe");
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        output.read_to_end(&mut bytes).map(|_length| bytes)
    });
    let mut stderr = String::new();
    let mut messages = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
    let mut line = Vec::new();
    while messages
        .read_until(b'\n', &mut line)
        .expect("stderr can be read")
        > 0
    {
        let text = String::from_utf8_lossy(&line);
        message(text.trim_end());
        stderr.push_str(&text);
        line.clear();
    }
    let stdout = reader
        .join()
        .expect("the reader does not panic")
        .expect("stdout can be read");
    let status = child.wait().expect("the child was not waited for");
    watchdog.assert_silent(&stderr);
    Outcome {
        status,
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr,
    }
}

/// Ends a process and those that it started if it takes too long.
struct Watchdog {
    ended: mpsc::Sender<()>,
    thread: thread::JoinHandle<bool>,
}

impl Watchdog {
    fn over(process: u32) -> Self {
        let (ended, is_ended) = mpsc::channel();
        let thread = thread::spawn(move || {
            let hangs = is_ended.recv_timeout(WATCHDOG) == Err(mpsc::RecvTimeoutError::Timeout);
            if hangs {
                let group = format!("-{process}");
                let killed = Command::new("kill").args(["-KILL", "--", &group]).status();
                killed.expect("the system has a `kill`");
            }
            hangs
        });
        Self { ended, thread }
    }

    /// Panics if it had to.
    fn assert_silent(self, stderr: &str) {
        drop(self.ended);
        let hangs = self.thread.join().expect("the watchdog does not panic");
        assert!(!hangs, "it did not end within {WATCHDOG:?}: {stderr}");
    }
}

/// A TOML basic string.
#[must_use]
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
