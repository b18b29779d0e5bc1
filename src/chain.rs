//! Asking the sources of a registry in turn, until one has the token.

use core::fmt;
use core::time::Duration;

use cargo_credential_bridge_backend::log::{Public, Timer};
use cargo_credential_bridge_backend::{Context, Edit, Error, Inspection, Kind, Known, step};
use secrecy::SecretString;

use crate::backends::Opened;
use crate::config::{Config, Registry, Secret, Source};
use crate::protocol::Request;
use crate::provider::Terms;
use crate::token::{self, Asked, Changed as TokenChange, Parts};

/// The sources of one registry and operation, with the backends that were opened to ask them.
pub(crate) struct Chain<'a> {
    config: &'a Config,
    registry: &'a Registry,
    sources: &'a [Source],
    /// What Cargo asked, for the providers that are asked the same.
    request: &'a Request,
    context: Context,
    /// By the position of the backend in the config: several sources share one, and so its login.
    opened: Vec<Option<Box<dyn Opened>>>,
}

/// A token and what is known of it.
pub(crate) struct Found {
    /// The value of the `Authorization` header.
    pub(crate) token: SecretString,
    /// When the token expires by its own words, in Unix seconds.
    pub(crate) expiration: Option<i64>,
    /// How long the store lets it live.
    pub(crate) lifetime: Option<Duration>,
    /// What messages call the place that it is from.
    pub(crate) place: String,
    /// The position of the backend that it is from, if it is from one.
    pub(crate) backend: Option<usize>,
    /// What a plugin says about keeping it.
    pub(crate) terms: Terms,
    /// What the user should know.
    pub(crate) warnings: Vec<String>,
    /// Where the secret says that it is for this registry, if it says so.
    pub(crate) said_in: Vec<String>,
    /// What the store has said of it on the way.
    pub(crate) known: Known,
    /// Why the sources before it had no token.
    pub(crate) passed_over: Vec<Error>,
}

/// A source in which a token was stored or erased.
pub(crate) struct Changed {
    /// What messages call it, and the version that is in force there.
    pub(crate) place: String,
    /// What the user should know, a part of a sentence each.
    pub(crate) notes: Vec<String>,
}

/// How the chain ends without a token.
pub(crate) enum End {
    /// Every store that could be asked says that there is no token; these are the answers.
    NotFound(Vec<Error>),
    /// Something that the user must see to.
    Failed(Error),
}

impl<'a> Chain<'a> {
    pub(crate) fn new(
        config: &'a Config,
        registry: &'a Registry,
        sources: &'a [Source],
        request: &'a Request,
        context: Context,
    ) -> Self {
        Self {
            config,
            registry,
            sources,
            request,
            context,
            opened: config.backends.iter().map(|_| None).collect(),
        }
    }

    /// Asks one source after the other. The kind of an error alone decides whether the next is asked: an
    /// identity that is refused never makes way for another.
    pub(crate) async fn ask(&mut self) -> Result<Found, End> {
        let mut passed_over = Vec::new();
        // How many are to be asked still, this one among them.
        let left = (1..=self.sources.len()).rev();
        for (left, source) in left.zip(self.sources) {
            match self.ask_one(source, left).await {
                Ok(found) => {
                    return Ok(Found {
                        passed_over,
                        ..found
                    });
                }
                Err(error) if makes_way(&error, self.registry) => passed_over.push(error),
                Err(error) => return Err(End::Failed(error)),
            }
        }
        Err(end(passed_over))
    }

    /// Asks one source, before `left - 1` others.
    pub(crate) async fn ask_one(&mut self, source: &Source, left: usize) -> Result<Found, Error> {
        let timer = Timer::start();
        step!("asking", source = Place(self.config, source));
        let outcome = self.ask_source(source, left).await;
        let result = match &outcome {
            Ok(_) => Ok("token"),
            Err(error) => Err(error.kind()),
        };
        self.log(source, result, timer);
        outcome
    }

    async fn ask_source(&mut self, source: &Source, left: usize) -> Result<Found, Error> {
        let place = Place(self.config, source).to_string();
        match source {
            Source::Secret(secret) => self.ask_store(secret, place, left).await,
            Source::Provider(provider) => {
                let given = provider.get(self.request, &self.share(left)).await?;
                // It is the value of the header already: that is what Cargo's providers keep.
                token::check(&given.token, &place)?;
                Ok(Found {
                    expiration: token::jwt_expiration(&given.token),
                    token: given.token,
                    lifetime: None,
                    place,
                    backend: None,
                    terms: given.terms,
                    warnings: Vec::new(),
                    said_in: Vec::new(),
                    known: Known::default(),
                    passed_over: Vec::new(),
                })
            }
        }
    }

    async fn ask_store(
        &mut self,
        source: &Secret,
        place: String,
        left: usize,
    ) -> Result<Found, Error> {
        let backend = self.opened(source.backend, |chain| chain.share(left))?;
        let fetched = backend.fetch(source.reference.as_ref()).await?;
        let asked = Asked {
            url: &self.request.index_url,
            place: &place,
        };
        let select =
            |field: Option<&str>| asked.select(&fetched.payload, fetched.binding.as_ref(), field);
        let selected = select(source.field.as_deref())?;
        let token = self.registry.scheme.apply(
            &selected.text,
            |field| Ok(select(Some(field))?.text),
            &place,
            &self.context.environment,
        )?;
        Ok(Found {
            token,
            expiration: token::jwt_expiration(&selected.text),
            lifetime: fetched.lifetime,
            place,
            backend: Some(source.backend),
            terms: Terms::default(),
            warnings: fetched.warnings,
            said_in: selected.said_in,
            known: fetched.known,
            passed_over: Vec::new(),
        })
    }

    /// Asks the store of a source what it says of this job and of the secret, as whom it was asked for the token. Nothing
    /// where there is no store, or none that could be opened.
    pub(crate) async fn inspect(&mut self, source: &Source) -> Inspection {
        let Source::Secret(secret) = source else {
            return Inspection::default();
        };
        match &mut self.opened[secret.backend] {
            Some(backend) => backend.inspect(secret.reference.as_ref()).await,
            None => Inspection::default(),
        }
    }

    /// Stores a token, or with none erases the one that is there, in one source.
    pub(crate) async fn change(
        &mut self,
        source: &Source,
        token: Option<&Parts>,
    ) -> Result<Changed, Error> {
        let timer = Timer::start();
        step!("changing", source = Place(self.config, source));
        let outcome = self.change_source(source, token).await;
        let result = match &outcome {
            Ok(_) => Ok("changed"),
            Err(error) => Err(error.kind()),
        };
        self.log(source, result, timer);
        outcome
    }

    async fn change_source(
        &mut self,
        source: &Source,
        token: Option<&Parts>,
    ) -> Result<Changed, Error> {
        let place = Place(self.config, source).to_string();
        match source {
            Source::Provider(provider) => {
                let token = token.map(|token| token.header(&place)).transpose()?;
                let note = provider.change(self.request, token, &self.context).await?;
                Ok(Changed {
                    place,
                    notes: note.into_iter().collect(),
                })
            }
            Source::Secret(secret) => {
                let token = token.map(|token| token.secret(&place)).transpose()?;
                let url = &self.request.index_url;
                let change = TokenChange {
                    asked: Asked { url, place: &place },
                    field: secret.field.as_deref(),
                    token,
                };
                let edit = Edit {
                    consent: Some(&change),
                    ..secret.edit(token)
                };
                let backend = self.opened(secret.backend, |chain| chain.context.clone())?;
                let written = backend.write(secret.reference.as_ref(), &edit).await?;
                let undo = written
                    .undo
                    .map(|command| format!("`{command}` brings back what was there"));
                Ok(Changed {
                    place: match written.version {
                        Some(version) => format!("{place}, as version {version}"),
                        None => place,
                    },
                    notes: undo.into_iter().collect(),
                })
            }
        }
    }

    /// Says what a source had to say.
    fn log(&self, source: &Source, result: Result<&'static str, Kind>, timer: Timer) {
        let place = Place(self.config, source);
        match result {
            Ok(result) => step!(
                "done",
                source = place,
                outcome = result,
                took = timer.took()
            ),
            Err(kind) => step!("done", source = place, outcome = kind, took = timer.took()),
        }
    }

    /// The backend at this position, opened on first use.
    fn opened(
        &mut self,
        position: usize,
        context: impl FnOnce(&Self) -> Context,
    ) -> Result<&mut dyn Opened, Error> {
        if self.opened[position].is_none() {
            let (_, instance) = &self.config.backends[position];
            self.opened[position] = Some(instance.open(&context(self))?);
        }
        let opened = self.opened[position].as_mut();
        Ok(opened.expect("it was opened just now").as_mut())
    }

    /// What one source is asked with, before `left - 1` others: one that keeps silent must leave time to ask the next
    /// one in, if that is what is wanted.
    fn share(&self, left: usize) -> Context {
        let mut context = self.context.clone();
        if self.registry.next_if_unavailable {
            let left = u32::try_from(left).unwrap_or(u32::MAX).max(1);
            context.deadline = context
                .deadline
                .at_most(context.deadline.remaining() / left);
            context.environment = context.environment.until(context.deadline);
        }
        context
    }

    /// Ends what was begun at the stores, except what the token that was handed out depends on.
    pub(crate) async fn close(self, handed_out_by: Option<usize>) {
        for (position, backend) in self.opened.into_iter().enumerate() {
            if let Some(backend) = backend {
                backend.close(handed_out_by == Some(position)).await;
            }
        }
    }
}

/// Whether the chain goes on after this error.
pub(crate) fn makes_way(error: &Error, registry: &Registry) -> bool {
    match error.kind() {
        Kind::NotFound | Kind::NotAvailable => true,
        Kind::Unavailable | Kind::Timeout => registry.next_if_unavailable,
        Kind::Unauthenticated | Kind::PermissionDenied | Kind::Invalid => false,
    }
}

/// The outcome when no source had the token.
fn end(passed_over: Vec<Error>) -> End {
    let is = |error: &Error, kinds: &[Kind]| kinds.contains(&error.kind());
    let unreachable = passed_over
        .iter()
        .any(|error| is(error, &[Kind::Unavailable, Kind::Timeout]));
    let found_nothing = passed_over.iter().any(|error| is(error, &[Kind::NotFound]));
    if found_nothing && !unreachable {
        return End::NotFound(passed_over);
    }
    let kind = if unreachable {
        Kind::Unavailable
    } else {
        Kind::NotAvailable
    };
    End::Failed(Error::joined(
        kind,
        "none of the places for this registry's token can be used here",
        passed_over,
    ))
}

/// A source, as messages call it.
struct Place<'a>(&'a Config, &'a Source);

impl Public for Place<'_> {}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Source::Secret(secret) => {
                let (backend, _) = &self.0.backends[secret.backend];
                write!(f, "{} of `{backend}`", secret.reference)
            }
            Source::Provider(provider) => provider.fmt(f),
        }
    }
}

/// For messages of others: what they call the place.
pub(crate) fn place(config: &Config, source: &Source) -> String {
    Place(config, source).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(kinds: &[Kind]) -> Vec<Error> {
        kinds
            .iter()
            .map(|&kind| Error::new(kind, format!("{kind:?}")))
            .collect()
    }

    #[test]
    fn how_a_chain_without_a_token_ends() {
        use Kind::{NotAvailable, NotFound, Unavailable};

        for kinds in [
            vec![NotFound],
            vec![NotFound, NotAvailable],
            vec![NotAvailable, NotFound],
        ] {
            assert!(matches!(end(errors(&kinds)), End::NotFound(_)), "{kinds:?}");
        }
        for (kinds, expected) in [
            (vec![NotAvailable], NotAvailable),
            (vec![NotAvailable, NotAvailable], NotAvailable),
            (vec![Unavailable, NotFound], Unavailable),
            (vec![NotAvailable, Unavailable], Unavailable),
        ] {
            match end(errors(&kinds)) {
                End::Failed(error) => assert_eq!(error.kind(), expected, "{kinds:?}"),
                End::NotFound(_) => panic!("{kinds:?} is not `not-found`"),
            }
        }
    }
}
