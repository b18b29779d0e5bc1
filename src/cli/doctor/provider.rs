//! A provider as Cargo's configuration says it: its words, by way of an alias perhaps, and the program that they lead to.

use cargo_credential_bridge_backend::Error;

use super::cargo::{Cargo, Place, Said};
use super::finding::Finding;
use super::program::{self, Program};
use crate::provider::cargo_token::files::Words;

/// How this program is called where Cargo finds it on the `PATH`.
pub(super) const OURS: &str = "cargo-credential-bridge";

/// A provider as it is said, and what it leads to.
pub(super) struct Provider {
    pub(super) said: Said,
    /// Where its program is named: there, or in the alias that is named there.
    program_said: Said,
    words: Vec<String>,
}

/// The program and its arguments, by way of an alias where there is one.
///
/// # Errors
///
/// If Cargo's configuration can't be read; what is wrong with the words is a finding.
pub(super) fn resolve(cargo: &Cargo, said: &Said) -> Result<Result<Provider, Finding>, Error> {
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
    pub(super) fn find(&self) -> Program {
        program::find(&self.words[0], &self.program_said.base)
    }

    /// What is found of it, for the registry `whose`: `next` is said where it counts less, and `global` if this program is
    /// one of the global providers.
    pub(super) fn finding(
        &self,
        found: &Program,
        whose: &str,
        next: Option<&Said>,
        global: Option<Finding>,
    ) -> Finding {
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
