//! Runs the real buildah: a container storage of its own above the one with the base images, which is only read.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The variable that names the storage with the base images.
const BASE: &str = "CCB_BASE_IMAGE";

/// A container storage, removed on drop with everything that was built in it.
///
/// Builds are isolated by a chroot: what they run is root in the image's files, with the network of this machine, so that
/// they reach the servers of the tests on loopback.
#[derive(Debug)]
pub(crate) struct Buildah {
    directory: PathBuf,
    caches: PathBuf,
    // Removed on drop.
    _temporary: Option<TempDir>,
}

/// What a build has told.
#[derive(Debug)]
pub(crate) struct Build {
    /// Whether there is an image.
    pub(crate) success: bool,
    /// Everything that was printed.
    pub(crate) log: String,
}

/// What a container is given.
#[derive(Debug, Default)]
pub(crate) struct Given<'a> {
    /// Variables.
    pub(crate) variables: &'a [(&'a str, &'a str)],
    /// Files of this machine, and where they are mounted.
    pub(crate) files: &'a [(&'a Path, &'a str)],
    /// Standard input.
    pub(crate) input: &'a str,
}

impl Buildah {
    /// An empty storage above the base images and what another one has built.
    pub(crate) fn above(other: &Self) -> Self {
        let temporary = tempfile::Builder::new()
            .prefix("containers-")
            .tempdir()
            .unwrap();
        let directory = temporary.path().to_owned();
        let stores = [base(), other.storage()];
        Self {
            caches: directory.join("caches"),
            _temporary: Some(temporary),
            directory,
        }
        .configured(&stores)
    }

    /// An empty storage in a folder that stays, as the caches of its builds do from one run to the next.
    pub(crate) fn with_caches(directory: PathBuf) -> Self {
        // A run that was killed leaves its mounts, a run that came to its end none.
        let mounts = Command::new("umount")
            .args(["--recursive", "--lazy"])
            .arg(directory.join("storage/overlay"))
            .output();
        assert!(mounts.is_ok(), "{mounts:?}");
        for part in ["storage", "run"] {
            let part = directory.join(part);
            if part.exists() {
                std::fs::remove_dir_all(part).unwrap();
            }
        }
        Self {
            caches: directory.join("caches"),
            _temporary: None,
            directory,
        }
        .configured(&[base()])
    }

    fn configured(self, stores: &[PathBuf]) -> Self {
        let config = format!(
            "[storage]\ndriver = \"overlay\"\ngraphroot = {:?}\nrunroot = {:?}\n\
             [storage.options]\nadditionalimagestores = {stores:?}\n",
            self.storage(),
            self.directory.join("run"),
        );
        std::fs::create_dir_all(&self.caches).unwrap();
        std::fs::write(self.directory.join("storage.conf"), config).unwrap();
        self
    }

    /// Where everything that it has built is: each layer as a folder, the images' configurations and histories.
    pub(crate) fn storage(&self) -> PathBuf {
        self.directory.join("storage")
    }

    /// Builds the Dockerfile of a folder, or another one, which must be named with its path. Each stage's layers are kept.
    /// `secrets` are ids, and files with what is mounted.
    pub(crate) fn build(
        &self,
        context: &Path,
        dockerfile: Option<&Path>,
        tag: &str,
        secrets: &[(&str, &Path)],
        more: &[&str],
    ) -> Build {
        let mut command = self.command(&["build", "--isolation", "chroot", "--pull-never"]);
        command.args(["--layers", "--tag", tag]).args(more);
        for (id, file) in secrets {
            command.arg(format!("--secret=id={id},src={}", file.display()));
        }
        if let Some(dockerfile) = dockerfile {
            command.arg("--file").arg(dockerfile);
        }
        let output = command.arg(context).output().unwrap();
        Build {
            success: output.status.success(),
            log: text(&output.stdout) + &text(&output.stderr),
        }
    }

    /// Writes an image as a file of this kind: `docker-archive` or `oci-archive`.
    pub(crate) fn archive(&self, tag: &str, kind: &str) -> PathBuf {
        let file = self.directory.join(format!("{tag}-{kind}.tar"));
        self.run(&[
            "push",
            "--quiet",
            tag,
            &format!("{kind}:{}", file.display()),
        ]);
        file
    }

    /// Copies a file of an image out of it.
    pub(crate) fn take(&self, tag: &str, file: &str, to: &Path) {
        let container = self.run(&["from", "--pull-never", tag]);
        let root = self.run(&["mount", container.trim()]);
        std::fs::copy(Path::new(root.trim()).join(file), to).unwrap();
        self.run(&["rm", container.trim()]);
    }

    /// Runs a program in a container of the image, by the image's user.
    pub(crate) fn run_in(&self, tag: &str, given: &Given<'_>, arguments: &[&str]) -> Output {
        let container = self.run(&["from", "--pull-never", tag]);
        let mut command = self.command(&["run", "--isolation", "chroot"]);
        for (name, value) in given.variables {
            command.arg(format!("--env={name}={value}"));
        }
        for (file, at) in given.files {
            command.arg(format!("--volume={}:{at}:ro", file.display()));
        }
        command.args([container.trim(), "--"]).args(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(given.input.as_bytes()).unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        self.run(&["rm", container.trim()]);
        output
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        text(&output.stdout)
    }

    /// With nothing of the test's environment.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("buildah");
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.directory)
            .env(
                "CONTAINERS_STORAGE_CONF",
                self.directory.join("storage.conf"),
            )
            .env("TMPDIR", &self.caches)
            .stdin(Stdio::null());
        command
    }
}

/// The storage with the base images.
fn base() -> PathBuf {
    let base = std::env::var_os(BASE).map(PathBuf::from);
    let base = base.expect("CCB_BASE_IMAGE names a container storage: run `ci/test containers`, or set it to what `ci/install base-image` prints");
    assert!(
        base.is_dir(),
        "{BASE} is `{}`, which is not a folder",
        base.display()
    );
    base
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
