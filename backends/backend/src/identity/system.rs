//! What the systems that give their jobs an identity have in common, and the table of them.

use core::fmt;

use secrecy::SecretString;

use super::{
    azure_pipelines, bitbucket, buildkite, circleci, forgejo, github, gitlab, kubernetes, mint,
};
use crate::{Environment, Error, Kind};

/// The systems in the order in which they are looked for. Forgejo's jobs have GitHub's variables besides their own, so it
/// comes before GitHub; the pod comes last, because a CI system's runner may be in one.
pub(super) static SYSTEMS: [&System; 8] = [
    &forgejo::SYSTEM,
    &github::SYSTEM,
    &gitlab::SYSTEM,
    &circleci::SYSTEM,
    &buildkite::SYSTEM,
    &azure_pipelines::SYSTEM,
    &bitbucket::SYSTEM,
    &kubernetes::SYSTEM,
];

/// Their names in the settings.
pub(super) const NAMES: &[&str] = &{
    let mut names = [""; SYSTEMS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = SYSTEMS[at].name;
        at += 1;
    }
    names
};

/// A system that gives its jobs an identity: all in which one differs from the next.
pub(super) struct System {
    /// Its name in the settings.
    pub(super) name: &'static str,
    /// What messages call it.
    pub(super) vendor: &'static str,
    /// What messages call the token.
    pub(super) token: &'static str,
    /// A variable that each of its jobs has, whether or not it was given its identity.
    pub(super) marker: Option<&'static str>,
    /// Who says whom the token is for.
    pub(super) audience: Chosen,
    /// What is to be switched on in the system, for messages.
    pub(super) help: &'static str,
    /// How this job gets its token, for this audience where that can be chosen. Nothing is sent and nothing is run.
    pub(super) way: fn(Option<&str>, &Environment) -> Result<Way, Error>,
}

/// Who says whom a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    /// We, when we ask for it.
    Here,
    /// The system or the job's author; where they do that, for messages.
    There(&'static str),
}

/// How a job gets its token.
pub(super) enum Way {
    /// It is in this variable already.
    Variable(&'static str, SecretString),
    /// It is in this file.
    File(&'static str),
    /// It is minted on request.
    Request(mint::Request),
    /// A program of the system prints it: the name and the arguments.
    Program(&'static str, Vec<String>),
}

impl System {
    /// The variables that the token is made from.
    ///
    /// # Errors
    ///
    /// [`Kind::NotAvailable`], naming those that are not set.
    pub(super) fn variables<const N: usize>(
        &self,
        names: [&str; N],
        environment: &Environment,
    ) -> Result<[String; N], Error> {
        let mut values = [const { String::new() }; N];
        let mut missing = Vec::new();
        for (name, value) in names.iter().zip(&mut values) {
            match environment.var(name)? {
                Some(text) => *value = text,
                None => missing.push(format!("`{name}`")),
            }
        }
        match missing.len() {
            0 => Ok(values),
            1 => Err(self.absent(&format!("{} is not set", missing[0]))),
            _ => Err(self.absent(&format!("{} are not set", missing.join(" and ")))),
        }
    }

    /// That this job has no identity of this system.
    pub(super) fn absent(&self, why: &str) -> Error {
        Error::new(
            Kind::NotAvailable,
            format!("no {} identity here: {why}", self.vendor),
        )
        .help(self.help)
    }

    /// That a job has an identity, and the system did not give the token of it.
    pub(super) fn not_minted(&self, kind: Kind) -> Error {
        Error::new(
            kind,
            format!(
                "{} did not mint an identity token for this job",
                self.vendor
            ),
        )
    }
}

impl PartialEq for System {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for System {}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
