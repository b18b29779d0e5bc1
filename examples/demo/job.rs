//! The CI job: a real Cargo with the provider, and no token anywhere.

use std::cell::RefCell;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use test_servers::{CargoHome, Outcome};

use crate::narrator::Narrator;
use crate::stage::{BUILD_RS, Stage};

/// A job with its own `CARGO_HOME`.
pub(crate) struct Job<'a> {
    pub(crate) home: CargoHome,
    stage: &'a Stage,
    output: RefCell<String>,
}

impl<'a> Job<'a> {
    /// Tells Cargo about the registry and the provider, and the provider where the tokens are.
    pub(crate) fn new(stage: &'a Stage, provider: &Path) -> Self {
        let environment = stage.issuer.github_env().into_iter();
        let environment = environment.chain(
            stage
                .vault
                .environment()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        let home = environment.fold(home(), |home, (name, value)| home.env(name, value));
        let index_url = stage.registry.index_url();
        let ca_file = home.home().join("vault-ca.pem");
        std::fs::write(&ca_file, stage.vault.ca_pem())
            .expect("the temporary directory is writable");
        home.registry("corp", &index_url, &[&provider.to_string_lossy()]);
        let source = |kind| {
            format!(
                "{{ backend = \"vault\", path = \"{}\", field = \"token\" }}",
                stage.vault.secret(kind)
            )
        };
        home.bridge_config(&format!(
            "{}\n[registries.\"{index_url}\"]\nsources = [ {} ]\npublish = [ {} ]\n",
            stage.vault.backend(&ca_file),
            source("read"),
            source("publish"),
        ));
        Self {
            home,
            stage,
            output: RefCell::default(),
        }
    }

    /// `cargo build` of a program that depends on the private crate, and a run of it.
    pub(crate) fn build(&self, narrator: &Narrator) -> Result<(), Box<dyn Error>> {
        let app = app(&self.home);
        self.cargo(narrator, &app, &["build"])?;
        let text = run_app(&self.home)?;
        narrator.step("app", &format!("says: {text}"), "");
        narrator.check(
            text == "hello from a private crate",
            "the program runs with the private crate in it",
        );
        Ok(())
    }

    /// `cargo publish` of a library.
    pub(crate) fn publish(&self, narrator: &Narrator) -> Result<(), Box<dyn Error>> {
        let library = self.home.package("farewell", &[("greeting", "1")]);
        self.cargo(narrator, &library, &["publish", "--registry", "corp"])?;
        narrator.check(
            self.stage.registry.has_crate("farewell"),
            "the registry has the crate",
        );
        Ok(())
    }

    /// Everything that Cargo and the provider have printed.
    pub(crate) fn output(&self) -> String {
        self.output.borrow().clone()
    }

    /// What each build script wrote down of its environment.
    pub(crate) fn environments_of_build_scripts(&self) -> Vec<Vec<u8>> {
        environments(&self.home)
    }

    fn cargo(
        &self,
        narrator: &Narrator,
        dir: &Path,
        arguments: &[&str],
    ) -> Result<(), Box<dyn Error>> {
        let outcome = cargo(narrator, &self.home, dir, arguments);
        let mut output = self.output.borrow_mut();
        output.push_str(&outcome.stdout);
        output.push_str(&outcome.stderr);
        if outcome.success() {
            Ok(())
        } else {
            Err(format!("`cargo {}` failed", arguments.join(" ")).into())
        }
    }
}

/// A `CARGO_HOME` for quick builds.
pub(crate) fn home() -> CargoHome {
    CargoHome::with_cargo(env!("CARGO"))
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0")
}

/// Makes the program of the story.
pub(crate) fn app(home: &CargoHome) -> PathBuf {
    let main = "fn main() {\n    println!(\"{}\", greeting::greeting());\n}\n";
    let dir = home.package("app", &[("greeting", "1")]);
    std::fs::remove_file(dir.join("src/lib.rs")).expect("the package has a library");
    home.package_with("app", &[("src/main.rs", main), ("build.rs", BUILD_RS)])
}

/// Runs the program of the story.
pub(crate) fn run_app(home: &CargoHome) -> Result<String, Box<dyn Error>> {
    let program = home
        .target()
        .join("debug")
        .join(format!("app{}", std::env::consts::EXE_SUFFIX));
    Ok(String::from_utf8(Command::new(program).output()?.stdout)?
        .trim()
        .to_owned())
}

/// Runs Cargo and tells its messages as they come.
pub(crate) fn cargo(
    narrator: &Narrator,
    home: &CargoHome,
    dir: &Path,
    arguments: &[&str],
) -> Outcome {
    let root = home.path().to_string_lossy().into_owned();
    home.run_with(dir, arguments, |line| {
        narrator.step("cargo", line.trim().replace(&root, "…").as_str(), "")
    })
}

/// What each build script below a target directory wrote down.
pub(crate) fn environments(home: &CargoHome) -> Vec<Vec<u8>> {
    let Ok(builds) = std::fs::read_dir(home.target().join("debug/build")) else {
        return Vec::new();
    };
    let file =
        |build: std::fs::DirEntry| std::fs::read(build.path().join("out/environment.txt")).ok();
    builds
        .flatten()
        .filter_map(file)
        .filter(|dump| !dump.is_empty())
        .collect()
}
