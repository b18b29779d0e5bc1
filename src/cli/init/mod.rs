//! `init`: everything that a registry needs, from Cargo's config to the rights in the store.

mod arguments;
mod ask;
mod aws;
mod bridge;
mod cargo;
mod check;
mod files;
mod gather;
mod gcp;
mod job;
mod setup;
mod template;
mod vault;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cargo_credential_bridge_backend::{Environment, Error, Kind};

pub(super) use arguments::Arguments;

use super::Outcome;
use super::report::{self, Failure};
use crate::config;
use ask::Person;
use files::{File, Made};
use setup::{Job, Setup, Store};

/// For its owner alone: it says which secret goes where.
const PRIVATE: u32 = 0o600;

/// As the user's mask has it.
const PUBLIC: u32 = 0o666;

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let person = Person::new(arguments.yes);
    let setup = gather::setup(arguments, &person)?;
    let files = files(arguments, &setup)?;
    let job = job::text(&setup).filter(|_| arguments.job.is_none());
    let mut out = report::out();
    if arguments.print {
        for file in files.iter().filter(|file| file.is_changed()) {
            file.write_whole(&mut out)?;
        }
        write_job(&mut out, job.as_deref())?;
        return Ok(ExitCode::SUCCESS);
    }
    let changed: Vec<_> = files.iter().filter(|file| file.is_changed()).collect();
    for file in &changed {
        file.write_difference(&mut out)?;
    }
    write_job(&mut out, job.as_deref())?;
    out.flush()?;
    if changed.is_empty() {
        writeln!(out, "all files are so already")?;
        return Ok(ExitCode::SUCCESS);
    }
    if !arguments.yes {
        if !person.is_there() {
            return Err(Error::new(
                Kind::Invalid,
                "nothing was written: nobody is at a terminal to agree",
            )
            .help("`--yes` writes all of it, `--print` is for looking at it")
            .into());
        }
        if !person.agrees("write these files?")? {
            return Err(Error::new(Kind::Invalid, "nothing was written").into());
        }
    }
    files::write_all(&changed)?;
    for file in &changed {
        writeln!(out, "written: {}", file.path().display())?;
    }
    write_next(&mut out, arguments, &setup)?;
    Ok(ExitCode::SUCCESS)
}

/// All files as they are to be.
fn files(arguments: &Arguments, setup: &Setup) -> Result<Vec<File>, Failure> {
    let mut files = Vec::new();
    let replace = arguments.replace;
    let path = match &arguments.config {
        Some(path) => path.clone(),
        None => config::target()?,
    };
    let before = read(&path)?;
    let after = bridge::with(setup, &path, before.as_deref().unwrap_or_default(), replace)?;
    files.push(File::new(&path, before, after, PRIVATE));

    let path = cargo_config()?;
    let before = read(&path)?;
    let after = cargo::with(setup, &path, before.as_deref().unwrap_or_default(), replace)?;
    let shown = |text: &str| cargo::shown(setup, text);
    files.push(File::new(&path, before, after, PUBLIC).hiding(shown));

    let mut own: Vec<_> = made(setup)
        .into_iter()
        .map(|made| (arguments.directory.join(made.name), made.text, made.mode))
        .collect();
    if let Some(path) = &arguments.job {
        own.extend(job::text(setup).map(|text| (path.clone(), text, PUBLIC)));
    }
    for (path, after, mode) in own {
        let before = read(&path)?;
        let file = File::new(&path, before, after, mode);
        if !file.is_new() && file.is_changed() && !replace {
            return Err(Error::new(
                Kind::Invalid,
                format!(
                    "`{}` is there already, and is another; nothing was changed",
                    path.display()
                ),
            )
            .help("`--replace` writes it anew; `--directory` and `--job` name other places")
            .into());
        }
        files.push(file);
    }
    Ok(files)
}

/// The store's side.
fn made(setup: &Setup) -> Vec<Made> {
    match (&setup.job, &setup.store) {
        // Whoever sits there has their rights already.
        (Job::Nobody, _) => Vec::new(),
        (_, Store::Vault(vault)) => vault::files(setup, vault),
        (_, Store::Aws { account, region }) => aws::files(setup, account, region),
        (
            _,
            Store::Google {
                project,
                number,
                pool,
                provider,
            },
        ) => gcp::files(setup, project, number, pool, provider),
    }
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    files::read(path).map_err(|error| {
        Error::new(
            Kind::Invalid,
            format!("can't read `{}`; nothing was changed", path.display()),
        )
        .because(error.to_string())
    })
}

/// The config in Cargo's home. The file of old is the only one where it is.
fn cargo_config() -> Result<PathBuf, Error> {
    let home = config::cargo_home(&Environment::process(None))?.ok_or_else(|| {
        Error::new(Kind::NotFound, "there is no place for Cargo's config here")
            .help("set `CARGO_HOME`, or `HOME`")
    })?;
    let old = home.join("config");
    Ok(if old.is_file() {
        old
    } else {
        home.join("config.toml")
    })
}

fn write_job(out: &mut impl Write, job: Option<&str>) -> io::Result<()> {
    job.map_or(Ok(()), |job| {
        files::write_text(out, "the job, to copy", job)
    })
}

/// What is left to do.
fn write_next(out: &mut impl Write, arguments: &Arguments, setup: &Setup) -> io::Result<()> {
    writeln!(out, "\nnext:")?;
    if !matches!(setup.job, Job::Nobody) {
        let script = arguments.directory.join(setup.store.script());
        writeln!(
            out,
            "  {} or Terraform beside it, by someone who may",
            script.display()
        )?;
    }
    if let Some(path) = &arguments.config {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        writeln!(out, "  CARGO_CREDENTIAL_BRIDGE_CONFIG={}", path.display())?;
    }
    writeln!(out, "  cargo-credential-bridge config check")
}
