//! Whether Cargo asks this program for a registry, and by whose word.
//!
//! Source: the Cargo book, "Registry Authentication", and Cargo's `util/auth`: a registry's own provider is the only one that
//! is asked; without one, the global ones are, the last first.

use cargo_credential_bridge_backend::Error;

use super::cargo::{Cargo, Named, Place, Said, variable};
use super::finding::{Finding, Level};
use super::program::Program;
use super::provider::{OURS, resolve};
use crate::provider::cargo_token::CRATES_IO;
use crate::provider::cargo_token::files::Words;
use crate::registry::IndexUrl;

/// What is found of one registry.
pub(super) struct Called {
    pub(super) name: Option<String>,
    pub(super) findings: Vec<Finding>,
}

/// Looks whether Cargo asks this program for `url`. `is_wanted` says that somebody asked for this very registry.
///
/// # Errors
///
/// If Cargo's configuration can't be read.
pub(super) fn check(cargo: &Cargo, url: &IndexUrl, is_wanted: bool) -> Result<Called, Error> {
    let is_crates_io = CRATES_IO.parse().is_ok_and(|other: IndexUrl| other == *url);
    if is_crates_io {
        return crates_io(cargo);
    }
    let mut names = cargo.names(url)?;
    names.dedup_by(|one, other| one.name == other.name);
    let [named] = names.as_slice() else {
        return unnamed(cargo, url, &names, is_wanted);
    };
    let name = &named.name;
    let setting = variable(name, "CREDENTIAL_PROVIDER");
    let said = cargo.said(&setting, &["registries", name, "credential-provider"])?;
    let mut findings = match lost_name(cargo, named, &said)? {
        Some(problem) => vec![problem],
        None => provider(
            cargo,
            &said,
            &format!("`{name}`"),
            &format!("[registries.{name}]"),
        )?,
    };
    findings.extend(token_variable(&variable(name, "TOKEN")));
    Ok(Called {
        name: Some(name.clone()),
        findings,
    })
}

/// Whether the registry's own provider is this program.
///
/// # Errors
///
/// If Cargo's configuration can't be read.
pub(super) fn is_asked(cargo: &Cargo, url: &IndexUrl) -> Result<bool, Error> {
    let names = cargo.names(url)?;
    let Some(named) = names.first() else {
        return Ok(false);
    };
    let said = cargo.said(
        &variable(&named.name, "CREDENTIAL_PROVIDER"),
        &["registries", &named.name, "credential-provider"],
    )?;
    let Some(said) = said.first() else {
        return Ok(false);
    };
    let provider = resolve(cargo, said)?;
    Ok(provider.is_ok_and(|provider| provider.find() == Program::This))
}

/// crates.io has settings of its own, below `[registry]`.
fn crates_io(cargo: &Cargo) -> Result<Called, Error> {
    let keys = ["registry", "credential-provider"];
    let said = cargo.said("CARGO_REGISTRY_CREDENTIAL_PROVIDER", &keys)?;
    let misplaced = cargo.said(
        "CARGO_REGISTRIES_CRATES_IO_CREDENTIAL_PROVIDER",
        &["registries", "crates-io", "credential-provider"],
    )?;
    let ignored = |level, said: &Said| {
        Finding::new(
            level,
            format!("Cargo ignores what {} says for crates.io", said.place),
        )
        .help(format!(
            "write it below `[registry]` in {}: `credential-provider = \"{OURS}\"`",
            cargo.home_config()
        ))
    };
    let mut findings = match misplaced.first() {
        Some(misplaced) if said.is_empty() => match asked_globally(cargo)? {
            Some(global) => vec![global, ignored(Level::Warning, misplaced)],
            None => vec![ignored(Level::Problem, misplaced)],
        },
        misplaced => {
            let mut findings = provider(cargo, &said, "crates.io", "[registry]")?;
            findings.extend(misplaced.map(|misplaced| ignored(Level::Warning, misplaced)));
            findings
        }
    };
    findings.extend(token_variable("CARGO_REGISTRY_TOKEN"));
    Ok(Called {
        name: Some("crates-io".to_owned()),
        findings,
    })
}

/// A registry that Cargo has no name for, or several.
fn unnamed(
    cargo: &Cargo,
    url: &IndexUrl,
    names: &[Named],
    is_wanted: bool,
) -> Result<Called, Error> {
    if let [one, other, ..] = names {
        let problem = Finding::problem(format!(
            "Cargo has two names for this registry, `{}` and `{}`, and takes neither",
            one.name, other.name
        ))
        .detail(format!("{}: `{}`", one.place, one.name))
        .detail(format!("{}: `{}`", other.place, other.name))
        .help(format!(
            "delete the `index` of `{}` at {}",
            other.name, other.place
        ));
        return Ok(Called {
            name: None,
            findings: vec![problem],
        });
    }
    let level = match is_wanted {
        true => Level::Problem,
        false => Level::Warning,
    };
    let mut finding = Finding::new(
        level,
        "Cargo's configuration has no registry with this index",
    );
    let nearest = cargo.registries()?.into_iter().find(|named| {
        let other = named.index.parse::<IndexUrl>();
        other.is_ok_and(|other| other.is_on_host_of(url))
    });
    if let Some(nearest) = nearest {
        finding = finding.detail(format!(
            "`{}` is on the same host: `{}` at {}",
            nearest.name, nearest.index, nearest.place
        ));
    }
    let mut findings = vec![finding.help(format!(
        "write into {}:\n[registries.NAME]\nindex = \"{url}\"\ncredential-provider = \"{OURS}\"",
        cargo.home_config()
    ))];
    // As a dependency of another registry, it may be known by its URL alone.
    if let Some(global) = asked_globally(cargo)? {
        findings = vec![global];
    }
    Ok(Called {
        name: None,
        findings,
    })
}

/// A variable names a registry in lower case and with underscores, and settings in files under another spelling are lost.
fn lost_name(cargo: &Cargo, named: &Named, said: &[Said]) -> Result<Option<Finding>, Error> {
    if !said.is_empty() || !matches!(named.place, Place::Variable(_)) {
        return Ok(None);
    }
    let spelled = |name: &str| name.to_lowercase().replace('-', "_");
    let names = cargo.keys(&["registries"])?;
    let lost = names
        .iter()
        .find(|name| **name != named.name && spelled(name) == named.name);
    Ok(lost.map(|lost| {
        Finding::problem(format!(
            "Cargo takes the registry's name from {} as `{}`, and so passes over `[registries.{lost}]`",
            named.place, named.name
        ))
        .help(format!(
            "set {}={OURS} too, or unset the variable",
            variable(&named.name, "CREDENTIAL_PROVIDER")
        ))
    }))
}

/// Whether the provider that is said leads here; without one, whether a global one does.
fn provider(cargo: &Cargo, said: &[Said], whose: &str, table: &str) -> Result<Vec<Finding>, Error> {
    let Some(first) = said.first() else {
        if let Some(global) = asked_globally(cargo)? {
            return Ok(vec![global]);
        }
        return Ok(vec![
            Finding::problem(format!("Cargo asks no provider for {whose}")).help(format!(
                "write below `{table}` in {}: `credential-provider = \"{OURS}\"`",
                cargo.home_config()
            )),
        ]);
    };
    let provider = match resolve(cargo, first)? {
        Ok(provider) => provider,
        Err(problem) => return Ok(vec![problem]),
    };
    let found = provider.find();
    let mut findings = vec![provider.finding(&found, whose, said.get(1), asked_globally(cargo)?)];
    if !provider.said.is_ours && matches!(found, Program::This | Program::Namesake(_)) {
        findings.push(
            Finding::warning(format!(
                "the provider is set in the repository only, at {}",
                provider.said.place
            ))
            .detail("whoever can write there can set another, and `cargo install` does not read it")
            .help(format!(
                "write below `{table}` in {}: `credential-provider = \"{OURS}\"`",
                cargo.home_config()
            )),
        );
    }
    Ok(findings)
}

/// Whether one of the global providers is this program.
fn asked_globally(cargo: &Cargo) -> Result<Option<Finding>, Error> {
    let all = cargo.said(
        "CARGO_REGISTRY_GLOBAL_CREDENTIAL_PROVIDERS",
        &["registry", "global-credential-providers"],
    )?;
    for said in all {
        let providers: Vec<String> = match &said.words {
            Words::Text(text) => text.split_ascii_whitespace().map(str::to_owned).collect(),
            Words::Array(all) => all.clone(),
            Words::Other => Vec::new(),
        };
        for text in providers {
            let one = Said {
                words: Words::Text(text),
                ..said.clone()
            };
            let Ok(provider) = resolve(cargo, &one)? else {
                continue;
            };
            if provider.find() == Program::This {
                return Ok(Some(Finding::ok(format!(
                    "Cargo asks this program for every registry without a provider of its own, by {}",
                    said.place
                ))));
            }
        }
    }
    Ok(None)
}

/// A token that is still where every build script can read it.
fn token_variable(name: &str) -> Option<Finding> {
    let is_set = std::env::var_os(name).is_some_and(|value| !value.is_empty());
    is_set.then(|| {
        Finding::warning(format!(
            "`{name}` is set: every build script and every proc macro can read it"
        ))
        .help("delete the step that exports it; Cargo ignores it where the registry has a provider of its own")
    })
}
