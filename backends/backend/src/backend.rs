use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;

use secrecy::{SecretSlice, SecretString};
use serde::de::DeserializeOwned;

use crate::{Binding, Deadline, Edit, Environment, Error, Inspection, Kind, Step};

/// A client of one secret store.
///
/// The life of a backend is one answer: it is opened when the chain first asks it, fetches one secret,
/// and is closed when the answer is out.
pub trait Backend: Sized {
    /// The settings of an instance, as they are written down: `[backends.NAME]` without its `type`.
    type Config: DeserializeOwned;

    /// What names one secret in the store. Its `Display` is what people read in messages.
    type Reference: DeserializeOwned + fmt::Display;

    /// Opens the instance called `name`.
    ///
    /// Nothing is sent yet. Settings that the job supplies are read here.
    ///
    /// # Errors
    ///
    /// [`Kind::NotAvailable`](crate::Kind::NotAvailable) where this machine does not have what the instance
    /// needs, [`Kind::Invalid`](crate::Kind::Invalid) where a setting makes no sense.
    fn open(name: &str, config: &Self::Config, context: &Context) -> Result<Self, Error>;

    /// Proves who this job is, where the store asks for it, and fetches the secret.
    ///
    /// # Errors
    ///
    /// As [`Kind`](crate::Kind) lays down, variant by variant.
    fn fetch(
        &mut self,
        reference: &Self::Reference,
    ) -> impl Future<Output = Result<Fetched, Error>>;

    /// Asks the store who this job is to it and what it knows of the secret, after a fetch and as whom that was. What may
    /// not be asked is left out.
    fn inspect(&mut self, reference: &Self::Reference) -> impl Future<Output = Inspection> {
        let _ = reference;
        async { Inspection::default() }
    }

    /// Whether [`write`](Self::write) is there.
    const IS_WRITABLE: bool = false;

    /// Makes `edit` a new version of the secret. Nothing else of the secret changes, also if others write it at the
    /// same time, and what was there before can be brought back with the store's own tools.
    ///
    /// # Errors
    ///
    /// As [`Kind`] lays down; [`Kind::NotFound`] where there is nothing to erase.
    fn write(
        &mut self,
        reference: &Self::Reference,
        edit: &Edit<'_>,
    ) -> impl Future<Output = Result<Written, Error>> {
        let _ = edit;
        let what = format!("{reference} can't be written");
        async { Err(Error::new(Kind::Invalid, what)) }
    }

    /// How a person makes `edit` with the store's own tools: the command in backticks, or what else there is to do. A
    /// token is read from standard input, and not shown.
    fn by_hand(config: &Self::Config, reference: &Self::Reference, edit: &Edit<'_>) -> String {
        let _ = (config, edit);
        format!("{reference} is changed with the tools of its store")
    }

    /// Tells what opening, fetching and closing would do, and does none of it: nothing is sent, and no program is run.
    ///
    /// The steps are added to `steps` in their order.
    ///
    /// # Errors
    ///
    /// That with which it would end, as far as that is known beforehand.
    fn explain(
        name: &str,
        config: &Self::Config,
        reference: &Self::Reference,
        context: &Context,
        steps: &mut Vec<Step>,
    ) -> impl Future<Output = Result<(), Error>>;

    /// Ends what was begun at the store for this answer, best effort: nobody waits for the outcome.
    ///
    /// `is_in_use` says whether what was fetched last was handed out, and so must stay valid.
    fn close(self, is_in_use: bool) -> impl Future<Output = ()> {
        let _ = is_in_use;
        async {}
    }
}

/// A future of whatever size. What a function gives as one is compiled once, where it is written; an `async fn` is
/// compiled anew in every crate that awaits it.
pub type Running<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What an instance is opened with.
#[derive(Clone, Debug)]
pub struct Context {
    /// The machine: variables, the home directory, files.
    pub environment: Environment,
    /// When the answer must be ready.
    pub deadline: Deadline,
}

/// A secret, as the store gave it.
#[derive(Debug)]
pub struct Fetched {
    /// The secret itself.
    pub payload: Payload,
    /// How long the store lets the secret live from now, where it says so: a Vault lease.
    pub lifetime: Option<Duration>,
    /// Which registries the secret is for, where the store says so beside the secret.
    pub binding: Option<Binding>,
    /// Things that the user should know although nothing failed, one line each.
    pub warnings: Vec<String>,
    /// What else is known of it by now.
    pub known: Known,
}

/// What is known of a secret that was read, without a request of its own: for the audit line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The version, as the store counts or names them.
    pub version: Option<String>,
    /// As whom it was read, in the words of the store where it has said so, else of the login's settings.
    pub identity: Option<String>,
}

/// What writing a secret came to.
#[derive(Debug)]
pub struct Written {
    /// The version that is in force now, as the store counts or names them, if there is one.
    pub version: Option<String>,
    /// The command that brings back what was there before, if there was something.
    pub undo: Option<String>,
}

impl Written {
    /// The error of a request that was to write something, for the user to know that nobody can tell whether it did.
    pub fn in_doubt(error: Error) -> Error {
        match error.kind() {
            Kind::Unavailable | Kind::Timeout => {
                error.because("whether it was written all the same is not known")
            }
            _ => error,
        }
    }
}

/// The two shapes in which stores keep secrets.
#[derive(Debug)]
pub enum Payload {
    /// A value without structure of its own. It may hold JSON.
    Bytes(SecretSlice<u8>),
    /// Named fields: the text of one JSON object.
    Fields(SecretString),
}
