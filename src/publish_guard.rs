//! `[registries."…".guard]`: what must hold before a token to publish is given.
//!
//! The crate and the version that Cargo names are looked at before anybody is asked; then the identity token of this job is
//! got, and its claims are looked at, before any store is asked. It is a rail and no wall: who can read the store need not
//! come by here. (`guard` is something else: it sees to it that each request is answered.)

mod claims;
mod glob;

use cargo_credential_bridge_backend::identity::Identity;
use cargo_credential_bridge_backend::{Context, Error, Kind};
use semver::{Version, VersionReq};

use crate::protocol::{Operation, Subject};
use crate::registry::IndexUrl;

pub(crate) use claims::Claims;
pub(crate) use glob::Glob;

/// The rules of one registry. A list that is left out allows everything.
#[derive(Debug)]
pub(crate) struct PublishGuard {
    /// The operations that it is about.
    pub(crate) operations: Vec<Operation>,
    /// The names of crates.
    pub(crate) crates: Option<Vec<Glob>>,
    /// Their versions, by Cargo's own rules.
    pub(crate) versions: Option<Vec<VersionReq>>,
    /// What the identity token of the job must state, by the path of each claim.
    pub(crate) claims: Vec<(String, Vec<Glob>)>,
    /// Where that token is from; left out, the one that this job has.
    pub(crate) identity: Option<Identity>,
}

impl PublishGuard {
    /// Whether tokens for this operation are given only if all rules hold.
    pub(crate) fn covers(&self, operation: Operation) -> bool {
        self.operations.contains(&operation)
    }

    /// Looks at what the request names. Nobody is asked.
    ///
    /// # Errors
    ///
    /// [`Kind::PermissionDenied`] if the guard does not allow it, [`Kind::Invalid`] if the request does not say what a rule
    /// is about.
    pub(crate) fn check_subject(
        &self,
        operation: Operation,
        subject: &Subject,
        url: &IndexUrl,
    ) -> Result<(), Error> {
        let refused = |subject: &str| format!("{}: {subject}", Self::refusal(operation, url));
        if let Some(crates) = &self.crates {
            let Some(name) = &subject.name else {
                return Err(unnamed(&refused("the request names no crate")));
            };
            if !crates.iter().any(|glob| glob.matches(name)) {
                let what = refused(&format!("the crate is {}", shown(name)));
                let error = Error::new(Kind::PermissionDenied, what);
                return Err(error
                    .because(format!("its guard allows the crates {}", list(crates)))
                    .help("if this crate is to be published from here, add its name to `crates` of the guard"));
            }
        }
        if let Some(versions) = &self.versions {
            let Some(version) = &subject.version else {
                return Err(unnamed(&refused("the request names no version")));
            };
            let parsed = Version::parse(version).ok();
            if !parsed.is_some_and(|parsed| versions.iter().any(|one| one.matches(&parsed))) {
                let what = refused(&format!("the version is {}", shown(version)));
                let error = Error::new(Kind::PermissionDenied, what);
                return Err(error
                    .because(format!("its guard allows the versions {}", list(versions)))
                    .help(
                        "if this version is to be published from here, add it to `versions` of the guard, a pre-release by \
                         its own number: `=2.0.0-rc.1`",
                    ));
            }
        }
        Ok(())
    }

    /// Whether there is a rule about the identity token of the job.
    pub(crate) fn asks_for_claims(&self) -> bool {
        !self.claims.is_empty()
    }

    /// Looks at what the identity token of the job states.
    ///
    /// # Errors
    ///
    /// [`Kind::PermissionDenied`] if the guard does not allow it, with each claim that is not as it must be.
    pub(crate) fn check_claims(
        &self,
        operation: Operation,
        claims: &Claims,
        url: &IndexUrl,
    ) -> Result<(), Error> {
        let unheld = self.unheld(claims);
        if unheld.is_empty() {
            return Ok(());
        }
        let what = format!(
            "{}: its guard does not allow this job",
            Self::refusal(operation, url)
        );
        Err(Error::new(Kind::PermissionDenied, what).because_all(unheld).help(
            "publish from a job whose identity token states what is allowed, or add the value to `claims` of the guard",
        ))
    }

    /// The error of [`claims_here`](Self::claims_here), for an operation that there is no token for, then.
    pub(crate) fn untold(operation: Operation, url: &IndexUrl, error: &Error) -> Error {
        let what = format!(
            "{}: its guard can't tell which job this is",
            Self::refusal(operation, url)
        );
        let untold = Error::new(error.kind(), what).because_of(error);
        match error.help_text() {
            Some(help) => untold.help(help),
            None => untold,
        }
    }

    /// The claims of this job's identity token.
    ///
    /// # Errors
    ///
    /// Those of getting the token.
    pub(crate) async fn claims_here(&self, context: &Context) -> Result<Claims, Error> {
        let found;
        let identity = match &self.identity {
            Some(identity) => identity,
            None => {
                found = Identity::detect(&context.environment)?;
                &found
            }
        };
        let token = identity.token(None, context).await?;
        Claims::of(&token).ok_or_else(|| {
            Error::new(
                Kind::Invalid,
                format!("{identity} holds no claims that can be read"),
            )
        })
    }

    /// What is wrong with each claim that is not as it must be.
    pub(crate) fn unheld(&self, claims: &Claims) -> Vec<String> {
        let unheld = self.claims.iter().filter_map(|(path, allowed)| {
            let values = claims.texts(path);
            let holds = |value: &String| allowed.iter().any(|glob| glob.matches(value));
            if values.iter().any(holds) {
                return None;
            }
            let is = match claims.get(path) {
                None => format!(
                    "the identity token has no claim `{path}`, only {}",
                    claims.names()
                ),
                Some(_) if values.is_empty() => {
                    format!(
                        "the claim `{path}` of the identity token is no text, number or boolean"
                    )
                }
                Some(_) => {
                    let values: Vec<_> = values.iter().map(|value| shown(value)).collect();
                    format!(
                        "the claim `{path}` of the identity token is {}",
                        values.join(", ")
                    )
                }
            };
            Some(format!("{is}; allowed is {}", list(allowed)))
        });
        unheld.collect()
    }

    /// The rules as people read them, one each.
    pub(crate) fn described(&self) -> Vec<String> {
        let crates = self.crates.as_ref();
        let versions = self.versions.as_ref();
        let claims = self.claims.iter();
        let mut rules: Vec<_> = crates
            .map(|crates| format!("the crate is {}", alternatives(crates)))
            .into_iter()
            .chain(versions.map(|versions| format!("the version is {}", alternatives(versions))))
            .chain(claims.map(|(path, allowed)| {
                format!(
                    "the claim `{path}` of the identity token is {}",
                    alternatives(allowed)
                )
            }))
            .collect();
        if let Some(identity) = self.identity.as_ref().filter(|_| !self.claims.is_empty()) {
            rules.push(format!("these claims are of {identity}"));
        }
        rules
    }

    /// The operations as people read them.
    pub(crate) fn names(&self) -> String {
        let names: Vec<_> = self.operations.iter().map(|one| one.as_str()).collect();
        names.join(", ")
    }

    fn refusal(operation: Operation, url: &IndexUrl) -> String {
        format!("no {} token for `{url}`", operation.as_str())
    }
}

/// The error for a request that leaves out what a rule is about.
fn unnamed(what: &str) -> Error {
    Error::new(Kind::Invalid, what)
        .because("its guard has a rule about that")
        .help("let Cargo ask, which says what it publishes: `cargo publish`")
}

fn list(allowed: &[impl ToString]) -> String {
    joined(allowed, ", ")
}

fn alternatives(allowed: &[impl ToString]) -> String {
    joined(allowed, " or ")
}

fn joined(allowed: &[impl ToString], with: &str) -> String {
    let allowed: Vec<_> = allowed
        .iter()
        .map(|one| format!("`{}`", one.to_string()))
        .collect();
    allowed.join(with)
}

/// A text of others in a message: what is no letter of one line is escaped, and what is too long cut off.
fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut shown: String = text
        .chars()
        .take(LONGEST)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}
