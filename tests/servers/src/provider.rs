//! Runs the provider as Cargo runs it: `--cargo-plugin`, requests on standard input, answers on standard output.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Issuer;
use crate::leaks::{self, Snapshot};

/// No test waits longer for the provider; it bounds itself by its own, shorter deadline.
const WATCHDOG: Duration = Duration::from_secs(60);

/// The provider with an environment of its own: nothing of the machine's reaches it.
pub struct Provider {
    binary: PathBuf,
    directory: TempDir,
    variables: Vec<(OsString, OsString)>,
    secrets: Vec<String>,
    keeps: Vec<PathBuf>,
}

/// What one run of the provider gave.
#[derive(Debug)]
pub struct Run {
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
    /// The exit status, `None` if it was killed by a signal.
    pub code: Option<i32>,
}

/// Which output is on a terminal; the other is a pipe.
#[derive(Clone, Copy, Debug)]
pub enum Terminal {
    /// Standard output.
    Output,
    /// Standard error.
    Errors,
}

impl Provider {
    /// The provider at `binary`, which a test names by `env!("CARGO_BIN_EXE_cargo-credential-bridge")`.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        let directory = tempfile::tempdir().expect("the system has a temporary directory");
        Self {
            binary: binary.into(),
            directory,
            variables: Vec::new(),
            secrets: Vec::new(),
            keeps: Vec::new(),
        }
    }

    /// Its home directory, with `.cargo` in it; the working directory is `work` below it.
    pub fn home(&self) -> &Path {
        self.directory.path()
    }

    /// Writes the config where it is looked for, `.cargo/credential-bridge.toml`, for its owner only.
    #[must_use]
    pub fn config(self, text: &str) -> Self {
        self.file(".cargo/credential-bridge.toml", text)
    }

    /// Writes a file below the home directory, for its owner only.
    #[must_use]
    pub fn file(self, path: &str, content: &str) -> Self {
        let path = self.home().join(path);
        std::fs::create_dir_all(path.parent().expect("the path is below the home directory"))
            .expect("the temporary directory is ours");
        std::fs::write(&path, content).expect("the temporary directory is ours");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
                .expect("the file is ours");
        }
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Makes it a GitHub job that may ask this issuer for its identity.
    #[must_use]
    pub fn in_github(self, issuer: &Issuer) -> Self {
        let provider = self.secret(issuer.request_token());
        issuer
            .github_env()
            .into_iter()
            .fold(provider, |provider, (name, value)| {
                provider.env(name, value)
            })
    }

    /// Sets the limit for an answer, in a config that has none yet.
    #[must_use]
    pub fn within(self, timeout: &str) -> Self {
        let path = self.home().join(".cargo/credential-bridge.toml");
        let config = std::fs::read_to_string(path).expect("the config was written");
        self.config(&format!("timeout = \"{timeout}\"\n{config}"))
    }

    /// Names a secret that must be nowhere but in the token of an `Ok` answer, in this and every later run.
    #[must_use]
    pub fn secret(mut self, secret: &str) -> Self {
        self.secrets.push(secret.to_owned());
        self
    }

    /// Names a file or a directory, below the home directory, that secrets may be written to. Every other file is searched
    /// after each run.
    #[must_use]
    pub fn keeps(mut self, path: &str) -> Self {
        self.keeps.push(self.home().join(path));
        self
    }

    /// The command, for what the other methods can't do.
    pub fn command(&self) -> Command {
        self.command_with(&["--cargo-plugin"])
    }

    /// The command with other arguments than Cargo's.
    pub fn command_with(&self, arguments: &[&str]) -> Command {
        let [work, temporary] = ["work", "tmp"].map(|name| self.home().join(name));
        for directory in [&work, &temporary] {
            std::fs::create_dir_all(directory).expect("the temporary directory is ours");
        }
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home())
            .env("TMPDIR", temporary)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("GCE_METADATA_HOST", "127.0.0.1:1")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(work)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Sends `input`, closes standard input and waits for the end. Searches both outputs for the secrets.
    pub fn run(&self, input: &[u8]) -> Run {
        self.run_as(self.command(), input)
    }

    /// As [`run`](Self::run), by a command that starts it in another way.
    pub fn run_as(&self, mut command: Command, input: &[u8]) -> Run {
        let before = Snapshot::of(self.home());
        let mut child = command.spawn().expect("the provider can be started");
        let mut stdin = child.stdin.take().expect("standard input is a pipe");
        // It may answer and end before it has read everything.
        let _ = stdin.write_all(input);
        drop(stdin);
        let run = finish(child);
        self.search_answers(&run);
        self.search_files(&before);
        run
    }

    /// As [`run`](Self::run), and has a look at the process when it has answered the last line and waits for another.
    pub fn run_watched(&self, lines: &[&str], look: impl FnOnce(u32)) -> Run {
        self.run_watched_as(self.command(), lines, look)
    }

    /// As [`run_watched`](Self::run_watched), by a command that starts it in another way.
    pub fn run_watched_as(
        &self,
        mut command: Command,
        lines: &[&str],
        look: impl FnOnce(u32),
    ) -> Run {
        let before = Snapshot::of(self.home());
        let mut child = command.spawn().expect("the provider can be started");
        let mut stdin = child.stdin.take().expect("standard input is a pipe");
        let mut stdout = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let mut seen = String::new();
        stdout.read_line(&mut seen).expect("the hello is a line");
        for line in lines {
            stdin
                .write_all(line.as_bytes())
                .expect("the provider reads on");
            stdout.read_line(&mut seen).expect("an answer is a line");
        }
        look(child.id());
        drop(stdin);
        let run = finish_with(child, seen, stdout);
        self.search_answers(&run);
        self.search_files(&before);
        run
    }

    /// Runs a command for people. Searches both outputs for the secrets; of `get` only standard error, as it prints one.
    pub fn tool(&self, arguments: &[&str]) -> Run {
        let mut command = self.command_with(arguments);
        command.stdin(Stdio::null());
        let before = Snapshot::of(self.home());
        let run = finish(command.spawn().expect("the provider can be started"));
        match arguments {
            ["get", ..] => self.search("", &run.stderr),
            _ => self.search(&run.stdout, &run.stderr),
        }
        self.search_files(&before);
        run
    }

    /// As [`tool`](Self::tool), with one output on a terminal of its own. What stands there has its colours.
    #[cfg(unix)]
    pub fn tool_on(&self, terminal: Terminal, arguments: &[&str]) -> Run {
        let pair = nix::pty::openpty(None, None).expect("there are terminals");
        let mut command = self.command_with(arguments);
        command.env("TERM", "xterm").stdin(Stdio::null());
        match terminal {
            Terminal::Output => command.stdout(pair.slave),
            Terminal::Errors => command.stderr(pair.slave),
        };
        let before = Snapshot::of(self.home());
        let child = command.spawn().expect("the provider can be started");
        // Its end of the terminal is the last one only when ours is closed.
        drop(command);
        let mut screen = std::fs::File::from(pair.master);
        let reader = thread::spawn(move || {
            let mut shown = Vec::new();
            // The end of a terminal is an error on Linux.
            let _ = screen.read_to_end(&mut shown);
            shown
        });
        let output = child.wait_with_output().expect("the provider is our child");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the provider prints UTF-8");
        let shown = text(reader.join().expect("reading does not panic"));
        let (stdout, stderr) = match terminal {
            Terminal::Output => (shown, text(output.stderr)),
            Terminal::Errors => (text(output.stdout), shown),
        };
        match arguments {
            ["get", ..] => self.search("", &stderr),
            _ => self.search(&stdout, &stderr),
        }
        self.search_files(&before);
        Run {
            stdout,
            stderr,
            code: output.status.code(),
        }
    }

    /// Where the binary is, for the `PATH` of a run.
    pub fn directory(&self) -> &Path {
        self.binary.parent().expect("the binary is in a directory")
    }

    /// Asks for a token and gives the one answer.
    pub fn get(&self, index_url: &str, operation: &str) -> Value {
        self.run(get_request(index_url, operation).as_bytes())
            .answer()
    }

    /// The same for what stands in the answers, where a token is no leak in the one that gives it.
    fn search_answers(&self, run: &Run) {
        let rest: String = run
            .stdout
            .lines()
            .filter(|line| !line.starts_with("{\"Ok\":{\"kind\":\"get\""))
            .collect();
        self.search(&rest, &run.stderr);
    }

    /// Panics if a secret is in a file that was written since, but for those that keep secrets.
    fn search_files(&self, before: &Snapshot) {
        let secrets: Vec<&str> = self.secrets.iter().map(String::as_str).collect();
        for (path, bytes) in Snapshot::of(self.home()).written_since(before) {
            if !self.keeps.iter().any(|kept| path.starts_with(kept)) {
                let name = path.strip_prefix(self.home()).unwrap_or(path);
                let name = name.to_string_lossy();
                let channels = [(&*name, bytes), ("the name of a file", name.as_bytes())];
                leaks::assert_absent(&secrets, &channels);
            }
        }
    }

    /// Panics if a secret is in standard error, or in what standard output has besides the token that was asked for.
    fn search(&self, stdout: &str, stderr: &str) {
        let secrets: Vec<&str> = self.secrets.iter().map(String::as_str).collect();
        leaks::assert_absent(
            &secrets,
            &[
                ("standard error", stderr.as_bytes()),
                ("standard output", stdout.as_bytes()),
            ],
        );
    }
}

impl Run {
    /// The lines after the hello.
    ///
    /// # Panics
    ///
    /// If the hello is not the first line, byte for byte, or the exit status is not success.
    pub fn answers(&self) -> Vec<Value> {
        assert_eq!(self.code, Some(0), "{self:?}");
        let rest = self.stdout.strip_prefix("{\"v\":[1]}\n");
        let rest = rest.expect("the first line is the hello");
        assert!(rest.is_empty() || rest.ends_with('\n'), "{self:?}");
        rest.lines()
            .map(|line| serde_json::from_str(line).expect("every line is JSON"))
            .collect()
    }

    /// The one answer.
    ///
    /// # Panics
    ///
    /// If there is not exactly one.
    pub fn answer(&self) -> Value {
        let mut answers = self.answers();
        assert_eq!(answers.len(), 1, "{self:?}");
        answers.remove(0)
    }
}

/// A request as Cargo sends it, with its line break.
pub fn get_request(index_url: &str, operation: &str) -> String {
    let mut request = json!({
        "v": 1,
        "registry": { "index-url": index_url, "name": "corp" },
        "kind": "get",
        "operation": operation,
    });
    if operation != "read" {
        request["name"] = json!("internal");
    }
    if matches!(operation, "publish" | "yank" | "unyank") {
        request["vers"] = json!("0.1.0");
    }
    if operation == "publish" {
        request["cksum"] = json!("ab".repeat(32));
    }
    format!("{request}\n")
}

/// The text of an `other` answer, as Cargo shows it: the message, then each cause.
///
/// # Panics
///
/// If it is another answer.
pub fn error_text(answer: &Value) -> String {
    assert_eq!(answer["Err"]["kind"], "other", "{answer}");
    let message = answer["Err"]["message"].as_str().unwrap_or_default();
    let causes = answer["Err"]["caused-by"].as_array().into_iter().flatten();
    causes.fold(message.to_owned(), |text, cause| {
        text + "\n" + cause.as_str().unwrap_or_default()
    })
}

/// Waits for the end, and kills what does not end.
fn finish(mut child: Child) -> Run {
    let stdout = child.stdout.take().expect("standard output is a pipe");
    finish_with(child, String::new(), stdout)
}

/// The same for one whose output was read in part.
fn finish_with(mut child: Child, seen: String, mut stdout: impl Read + Send + 'static) -> Run {
    let mut stderr = child.stderr.take().expect("standard error is a pipe");
    let errors = thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stderr.read_to_end(&mut text);
        text
    });
    let (done, is_done) = mpsc::channel();
    let output = thread::spawn(move || {
        let mut text = seen.into_bytes();
        let _ = stdout.read_to_end(&mut text);
        let _ = done.send(());
        text
    });
    if is_done.recv_timeout(WATCHDOG).is_err() {
        let _ = child.kill();
    }
    let status = child.wait().expect("the provider is our child");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the provider prints UTF-8");
    Run {
        stdout: text(output.join().expect("reading does not panic")),
        stderr: text(errors.join().expect("reading does not panic")),
        code: status.code(),
    }
}
