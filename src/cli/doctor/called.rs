//! Whether Cargo asks this program for a registry, and by whose word.
//!
//! Source: the Cargo book, "Registry Authentication", and Cargo's `util/auth`: a registry's own provider is the only one that
//! is asked; without one, the global ones are, the last first.

use cargo_credential_bridge_backend::Error;

use super::cargo::{Cargo, Named, Place, Said, variable};
use super::finding::{Finding, Level};
use super::program::{self, Program};
use crate::provider::cargo_token::CRATES_IO;
use crate::provider::cargo_token::files::Words;
use crate::registry::IndexUrl;

const OURS: &str = "cargo-credential-bridge";

/// What is found of one registry.
pub(super) struct Called {
    pub(super) name: Option<String>,
    pub(super) findings: Vec<Finding>,
}

/// A provider as it is said, and what it leads to.
struct Provider {
    said: Said,
    /// Where its program is named: there, or in the alias that is named there.
    program_said: Said,
    words: Vec<String>,
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
    let mut findings = vec![provider.finding(&found, whose, said.get(1), cargo)];
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

/// The program and its arguments, by way of an alias where there is one.
fn resolve(cargo: &Cargo, said: &Said) -> Result<Result<Provider, Finding>, Error> {
    let words = match split(said) {
        Ok(words) => words,
        Err(problem) => return Ok(Err(problem)),
    };
    let mut provider = Provider {
        said: said.clone(),
        program_said: said.clone(),
        words,
    };
    // Cargo looks for an alias once, and only for a word that stands alone.
    if let [word] = provider.words.as_slice()
        && !word.starts_with("cargo:")
    {
        let variable = format!(
            "CARGO_CREDENTIAL_ALIAS_{}",
            word.to_uppercase().replace('-', "_")
        );
        if let Some(alias) = cargo.said(&variable, &["credential-alias", word])?.first() {
            provider.words = match split(alias) {
                Ok(words) => words,
                Err(problem) => return Ok(Err(problem)),
            };
            provider.program_said = alias.clone();
        }
    }
    Ok(Ok(provider))
}

/// The words as Cargo takes them: a string is cut at each space.
fn split(said: &Said) -> Result<Vec<String>, Finding> {
    let empty = || {
        Finding::problem(format!("{} names no provider: it is empty", said.place)).help(match &said
            .place
        {
            Place::Variable(name) => {
                format!("unset `{name}`: Cargo fails on an empty variable, too")
            }
            Place::Line(..) => {
                format!("write `credential-provider = \"{OURS}\"` there")
            }
        })
    };
    match &said.words {
        Words::Text(text) => {
            if program::has_spaces(text, &said.base) || text.contains(['"', '\'']) {
                return Err(Finding::problem(format!(
                    "Cargo cuts what {} says at each space",
                    said.place
                ))
                .help(array(text, said)));
            }
            let words: Vec<_> = text.split_ascii_whitespace().map(str::to_owned).collect();
            if words.is_empty() {
                return Err(empty());
            }
            Ok(words)
        }
        Words::Array(words) if words.is_empty() || words[0].is_empty() => Err(empty()),
        Words::Array(words) => Ok(words.clone()),
        Words::Other => Err(Finding::problem(format!(
            "{} is neither a string nor an array of strings",
            said.place
        ))
        .help(format!("write `credential-provider = \"{OURS}\"` there"))),
    }
}

/// What to write in the place of a string that spaces cut apart. Arguments are not shown: they may hold what is not for
/// everyone.
fn array(text: &str, said: &Said) -> String {
    let whole = said.base.join(text);
    match whole.is_file() {
        true => format!("write it as an array there: `credential-provider = [{text:?}]`"),
        false => "write it as an array there, the program and each argument a string of its own: \
             `credential-provider = [\"PROGRAM\", \"ARGUMENT\"]`"
            .to_owned(),
    }
}

impl Provider {
    fn find(&self) -> Program {
        program::find(&self.words[0], &self.program_said.base)
    }

    fn finding(&self, found: &Program, whose: &str, next: Option<&Said>, cargo: &Cargo) -> Finding {
        let (word, place) = (&self.words[0], &self.said.place);
        let by = match self.said.place == self.program_said.place {
            true => format!("by {place}"),
            false => format!("by {place}, and the alias at {}", self.program_said.place),
        };
        match found {
            Program::This => Finding::ok(format!("Cargo asks this program for {whose}, {by}")),
            Program::Namesake(path) => {
                let this = std::env::current_exe().unwrap_or_default();
                Finding::warning(format!(
                    "Cargo asks another program of this name for {whose}, {by}"
                ))
                .detail(format!("Cargo's is `{}`", path.display()))
                .detail(format!("this one is `{}`", this.display()))
                .help("remove the one that is not wanted")
            }
            Program::Missing if self.is_ours() => Finding::problem(format!(
                "Cargo does not find `{word}`, which it asks for {whose}, {by}"
            ))
            .help(
                match std::env::current_exe()
                    .ok()
                    .as_deref()
                    .and_then(std::path::Path::parent)
                {
                    Some(directory) => {
                        format!("put `{}` on the PATH of this job", directory.display())
                    }
                    None => "put the program on the PATH of this job".to_owned(),
                },
            ),
            Program::Other | Program::Missing => {
                let problem = Finding::problem(format!(
                    "Cargo asks `{word}` for {whose}, and not this program: {place} says so"
                ));
                let global = asked_globally(cargo).ok().flatten();
                let problem = match global {
                    Some(global) => problem
                        .detail(global.what)
                        .detail("a registry's own provider goes before every global one"),
                    None => problem,
                };
                problem.help(match (&self.said.place, next) {
                    (Place::Variable(name), _) => format!("unset `{name}`"),
                    (_, Some(next)) => {
                        format!("delete that line: {} counts then", next.place)
                    }
                    _ => format!("write `credential-provider = \"{OURS}\"` there"),
                })
            }
        }
    }

    fn is_ours(&self) -> bool {
        let stem = std::path::Path::new(&self.words[0]).file_stem();
        stem.is_some_and(|stem| stem == OURS)
    }
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
