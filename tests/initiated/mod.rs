//! A registry and a job that have nothing but what `init` made for them, taken as it is.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use test_servers::{CargoHome, Issuer, Outcome, Registry, leaks};

use crate::BINARY;

/// A registry with a crate, a job on GitHub that wants it, and the issuer of the job's identity.
pub(crate) struct Initiated {
    pub(crate) cargo: CargoHome,
    pub(crate) registry: Registry,
    pub(crate) issuer: Issuer,
}

impl Initiated {
    /// Starts them; nothing is set up yet.
    pub(crate) fn new(cargo: CargoHome) -> Self {
        let registry = Registry::start();
        registry.add_crate("private-greeting", "1.0.0", "");
        Self {
            cargo,
            registry,
            issuer: Issuer::start(),
        }
    }

    /// Runs `init` with these flags besides those for the registry, and the issuer where CI signs by one.
    pub(crate) fn init(&self, flags: &[&str]) {
        let (index, issuer) = (self.registry.index_url(), self.issuer.url());
        let issuer = ["--issuer", &issuer];
        let has_issuer = !flags.contains(&"kubernetes");
        let done = Command::new(BINARY)
            .args(["init", "--yes", "--registry", "corp", "--index", &index])
            .args(has_issuer.then_some(issuer).into_iter().flatten())
            .args(flags)
            .env_clear()
            .env("CARGO_HOME", self.cargo.home())
            .current_dir(self.cargo.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    /// A file of the store's side.
    pub(crate) fn made(&self, name: &str) -> PathBuf {
        self.cargo.path().join("credential-bridge-setup").join(name)
    }

    /// A directory with this program alone, which Python runs from the sources.
    #[allow(dead_code, reason = "Vault's own program is a file already")]
    pub(crate) fn program(&self, name: &str, python: &Path, source: &str) -> PathBuf {
        let directory = self.cargo.path().join("bin");
        fs::create_dir_all(&directory).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
        let (python, source) = (python.display(), source.display());
        let path = directory.join(name);
        fs::write(
            &path,
            format!("#!/bin/sh\nexec '{python}' '{source}' \"$@\"\n"),
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        directory
    }

    /// Runs a script of the store's side as it says, with the programs of a directory and these variables, and this on
    /// standard input.
    pub(crate) fn run(
        &self,
        script: &str,
        programs: &Path,
        variables: &[(&str, &str)],
        input: &str,
    ) -> Output {
        let mut child = Command::new(self.made(script))
            .env_clear()
            .env("PATH", path_with(programs))
            .env("HOME", self.cargo.path())
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut typed = child.stdin.take().unwrap();
        // It reads nothing where there is a token already.
        let _ = typed.write_all(input.as_bytes());
        drop(typed);
        child.wait_with_output().unwrap()
    }

    /// Fetches the crate by Cargo, with what `job` adds, and searches all that is left of it for the token.
    pub(crate) fn fetch(self, job: impl FnOnce(CargoHome, &Issuer) -> CargoHome) -> Outcome {
        let path = path_with(Path::new(BINARY).parent().unwrap());
        let cargo = job(self.cargo, &self.issuer).env("PATH", path);
        let package = cargo.package("app", &[("private-greeting", "1")]);
        let fetched = cargo.run(&package, &["fetch"]);
        let search = leaks::search_dir(cargo.path(), &[&self.registry.tokens().read]);
        assert!(search.files > 5 && search.found.is_empty(), "{search:?}");
        fetched
    }
}

/// Checks that a script, or Cargo, has come to its end.
pub(crate) fn assert_done(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

/// The machine's `PATH`, after this directory.
fn path_with(directory: &Path) -> OsString {
    let machine = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::iter::once(directory.to_owned());
    std::env::join_paths(directories.chain(std::env::split_paths(&machine))).unwrap()
}
