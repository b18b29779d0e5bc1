//! The script by itself, in the shells that images have.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::BINARY;
use crate::release::{Release, TAG, source, stem, sum, sums};

/// What the script uses besides the shell and what fetches.
const TOOLS: [&str; 13] = [
    "cat",
    "cut",
    "gzip",
    "grep",
    "mkdir",
    "mv",
    "rm",
    "sed",
    "sha256sum",
    "tar",
    "tr",
    "uname",
    "env",
];

const CONFIG: &str = "[backends.mounts]\ntype = \"file\"\n\n[registries.\"sparse+https://crates.example.com/index/\"]\n\
    sources = [ { backend = \"mounts\", path = \"/run/secrets/cargo-token\" } ]\n";

/// A machine with one shell, few programs and no Cargo.
struct Image {
    directory: TempDir,
    shell: &'static str,
    variables: Vec<(String, String)>,
}

impl Image {
    /// One with this shell and this program to fetch with. Busybox brings its own tools, too.
    fn new(shell: &'static str, fetcher: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let image = Self {
            directory,
            shell,
            variables: Vec::new(),
        };
        fs::create_dir(image.path("bin")).unwrap();
        let own = |name: &str| match shell {
            "busybox" => which("busybox"),
            _ => which(name),
        };
        symlink(own(shell), image.path("bin/sh")).unwrap();
        for tool in TOOLS {
            symlink(own(tool), image.path("bin").join(tool)).unwrap();
        }
        if !fetcher.is_empty() {
            symlink(which(fetcher), image.path("bin").join(fetcher)).unwrap();
        }
        let home = image.path("home").display().to_string();
        let bin = image.path("bin").display().to_string();
        image
            .variable("HOME", &home)
            .variable("PATH", &bin)
            .variable("CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML", CONFIG)
            .variable(
                "CARGO_CREDENTIAL_BRIDGE_REGISTRIES",
                "# all of them\ncorp = sparse+https://crates.example.com/index/\n\n  my-other=sparse+https://other.example.com/?a=b\ncrates-io\n",
            )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where releases are for it.
    fn with(self, release: &Release) -> Self {
        let authority = release.write_authority(self.directory.path());
        let wgetrc = self.path("wgetrc").display().to_string();
        self.variable("CARGO_CREDENTIAL_BRIDGE_RELEASES", &release.releases())
            .variable("CURL_CA_BUNDLE", &authority.display().to_string())
            .variable("WGETRC", &wgetrc)
    }

    /// Runs the script as runners do, and then shows the environment.
    fn run(&self) -> Output {
        let script = fs::read_to_string(source("ci/gitlab/before-script.sh")).unwrap();
        let script = format!("set -e\n{script}\nenv\ncargo-credential-bridge config check\n");
        let mut command = Command::new(self.path("bin/sh"));
        command
            .args(["-c", &script])
            .current_dir(self.directory.path());
        if self.shell == "bash" {
            command.arg0_is_sh();
        }
        command
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap()
    }

    /// Runs it, and gives what it has printed in the end.
    fn done(&self) -> String {
        let output = self.run();
        assert!(output.status.success(), "{}: {output:?}", self.shell);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs it, and gives why it fails.
    fn fails(&self) -> String {
        let output = self.run();
        assert_eq!(output.status.code(), Some(1), "{}: {output:?}", self.shell);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("\nhelp: "), "{said}");
        said
    }
}

trait AsSh {
    fn arg0_is_sh(&mut self);
}

impl AsSh for Command {
    /// Bash is itself only under its own name.
    fn arg0_is_sh(&mut self) {
        std::os::unix::process::CommandExt::arg0(self, "bash");
    }
}

fn which(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("`{name}` is missing: `ci/install {name}` installs it"))
}

const SHELLS: [&str; 3] = ["dash", "busybox", "bash"];

#[test]
fn a_release_in_each_shell() {
    let release = Release::start();
    for (shell, fetcher) in [
        ("dash", "curl"),
        ("busybox", "curl"),
        ("bash", "wget"),
        ("dash", "wget"),
    ] {
        let image = Image::new(shell, fetcher).with(&release);
        let shown = image.done();
        for line in [
            "CARGO_REGISTRIES_CORP_INDEX=sparse+https://crates.example.com/index/",
            "CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER=cargo-credential-bridge",
            "CARGO_REGISTRIES_MY_OTHER_INDEX=sparse+https://other.example.com/?a=b",
            "CARGO_REGISTRIES_MY_OTHER_CREDENTIAL_PROVIDER=cargo-credential-bridge",
            "CARGO_REGISTRY_CREDENTIAL_PROVIDER=cargo-credential-bridge",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
        }
        assert!(!shown.contains("CONFIG_TOML="), "{shown}");
        assert!(!shown.contains("ccb_"), "{shown}");
        assert!(
            shown.contains("credential-bridge.toml` makes sense: 1 backend, 1 registry"),
            "{shown}"
        );
        let rights = fs::metadata(image.path("home/.cargo/credential-bridge.toml"))
            .unwrap()
            .permissions();
        assert_eq!(rights.mode() & 0o777, 0o600);
    }
}

#[test]
fn what_a_cache_brings_back_is_checked() {
    let release = Release::start();
    let image = Image::new("dash", "curl").with(&release);
    image.done();
    image.done();
    let archive = image
        .path("home/.cargo/credential-bridge")
        .join(format!("{}.tar.gz", stem()));
    let archives = || {
        release
            .asked()
            .iter()
            .filter(|path| path.ends_with(".tar.gz"))
            .count()
    };
    assert_eq!(archives(), 1);
    fs::write(&archive, "poison").unwrap();
    fs::write(
        image.path("home/.cargo/bin/cargo-credential-bridge"),
        "poison",
    )
    .unwrap();
    image.done();
    assert_eq!(archives(), 2);
    // With the sum in the job itself, nothing is asked.
    let before = release.asked().len();
    let image = image.variable("CARGO_CREDENTIAL_BRIDGE_SHA256", &sum());
    image.done();
    assert_eq!(release.asked().len(), before);
}

#[test]
fn a_wrong_sum_ends_it() {
    let wrong = "f".repeat(64);
    let release = Release::with_sums(sums().replace(&sum(), &wrong));
    for shell in SHELLS {
        let image = Image::new(shell, "curl").with(&release);
        let said = image.fails();
        let expected = format!("{}.tar.gz is {}, not {wrong}\n", stem(), sum());
        assert!(said.contains(&expected), "{said}");
        assert!(
            !image
                .path("home/.cargo/bin/cargo-credential-bridge")
                .exists()
        );
        let kept = image
            .path("home/.cargo/credential-bridge")
            .join(format!("{}.tar.gz", stem()));
        assert!(!kept.exists());
    }
    let release = Release::start();
    let image = Image::new("dash", "curl")
        .with(&release)
        .variable("CARGO_CREDENTIAL_BRIDGE_SHA256", &wrong);
    assert!(image.fails().contains(&wrong));
}

#[test]
fn what_is_not_there() {
    let release = Release::start();
    let image = |fetcher| Image::new("dash", fetcher).with(&release);
    for (image, expected) in [
        (image(""), "neither curl nor wget is in this image"),
        (
            image("curl").variable("CARGO_CREDENTIAL_BRIDGE_VERSION", "v9.9.9"),
            "can't fetch https://",
        ),
        (
            image("curl").variable("CARGO_CREDENTIAL_BRIDGE_RELEASES", "http://127.0.0.1:9"),
            "is not https\n",
        ),
        (
            image("curl").variable("CARGO_CREDENTIAL_BRIDGE_INSTALL", "latest"),
            "INSTALL is latest\n",
        ),
        (
            image("curl").variable("CARGO_CREDENTIAL_BRIDGE_INSTALL", "/opt/bridge"),
            "/opt/bridge is no program here\n",
        ),
        (
            image("curl").variable("CARGO_CREDENTIAL_BRIDGE_CONFIG", "a.toml"),
            "both CARGO_CREDENTIAL_BRIDGE_CONFIG and ",
        ),
        (
            image("curl")
                .variable("CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML", "")
                .variable("CARGO_CREDENTIAL_BRIDGE_CONFIG", "a.toml"),
            "there is no file a.toml\n",
        ),
        (
            image("curl").variable("CARGO_CREDENTIAL_BRIDGE_REGISTRIES", "corp"),
            "has the line `corp`\n",
        ),
        (
            image("curl").variable("CARGO_CREDENTIAL_BRIDGE_REGISTRIES", "a$b=c"),
            "has the line `a$b=c`\n",
        ),
        (
            image("curl").variable("CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML", "[backend.x]"),
            "help: ",
        ),
    ] {
        let said = image.fails();
        assert!(said.contains(expected), "{said}");
    }
    let release = Release::with_sums(String::new());
    let said = Image::new("dash", "curl").with(&release).fails();
    assert!(
        said.contains(&format!("SHA256SUMS does not have {}.tar.gz\n", stem())),
        "{said}"
    );
}

#[test]
fn a_program_that_the_image_has() {
    for shell in SHELLS {
        let image = Image::new(shell, "").variable("CARGO_CREDENTIAL_BRIDGE_INSTALL", BINARY);
        assert!(
            image
                .done()
                .contains("CORP_CREDENTIAL_PROVIDER=cargo-credential-bridge\n")
        );
    }
}

/// Runners make the files of such variables with the rights of a mask of 0.
#[test]
fn a_config_that_others_can_write_becomes_one_that_they_cannot() {
    let image = Image::new("dash", "").variable("CARGO_CREDENTIAL_BRIDGE_INSTALL", BINARY);
    let file = image.path("file");
    fs::write(&file, CONFIG).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let image = image
        .variable("CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML", "")
        .variable(
            "CARGO_CREDENTIAL_BRIDGE_CONFIG",
            &file.display().to_string(),
        );
    assert!(
        image
            .done()
            .contains("/home/.cargo/credential-bridge.toml` makes sense")
    );
}

/// Whoever can push a branch would say which secret goes to which URL.
#[test]
fn a_config_in_the_repositorys_folder_is_not_taken() {
    for shell in SHELLS {
        let image = Image::new(shell, "");
        let (project, home) = (image.path("project"), image.path("project/.cargo"));
        fs::create_dir_all(&home).unwrap();
        fs::write(home.join("credential-bridge.toml"), CONFIG).unwrap();
        let image = image
            .variable("CARGO_CREDENTIAL_BRIDGE_INSTALL", BINARY)
            .variable("CARGO_HOME", &home.display().to_string())
            .variable("CI_PROJECT_DIR", &project.display().to_string());
        image.done();
        let image = image.variable("CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML", "");
        let said = image.fails();
        assert!(said.contains("is in the repository's folder"), "{said}");
        // Another folder, though its name begins alike.
        let other = image.path("proj").display().to_string();
        image.variable("CI_PROJECT_DIR", &other).done();
    }
}

/// Cargo's place is taken by a script that puts the program where Cargo would.
#[test]
fn by_cargo_install() {
    let image = Image::new("dash", "").variable("CARGO_CREDENTIAL_BRIDGE_INSTALL", "cargo");
    write_program(
        &image.path("bin/cargo"),
        &format!(
            "PATH=/usr/bin:/bin\necho \"cargo $*\"\nmkdir -p \"$HOME/.cargo/bin\"\ncat '{BINARY}' >\"$HOME/.cargo/bin/cargo-credential-bridge\"\nchmod 0755 \"$HOME/.cargo/bin/cargo-credential-bridge\"\n"
        ),
    );
    let shown = image.done();
    let root = image.path("home/.cargo").display().to_string();
    let expected = format!(
        "cargo install --locked --root {root} --version {} cargo-credential-bridge\n",
        &TAG[1..]
    );
    assert!(shown.starts_with(&expected), "{shown}");
    write_program(&image.path("bin/cargo"), "exit 101\n");
    assert!(
        image
            .fails()
            .contains("can't build cargo-credential-bridge\n")
    );
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
