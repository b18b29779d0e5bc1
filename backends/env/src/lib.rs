//! Secrets in environment variables, as a backend.
//!
//! The weakest of the stores: every later step, build script and proc macro of the job can read the
//! variable as well. It is there for what has nothing better, and for tests.

use core::fmt;

use cargo_credential_bridge_backend::{
    Backend, Context, Edit, Environment, Error, Fetched, Kind, Known, Payload, SecretSlice, Step,
};
use serde::Deserialize;

/// The environment of this process.
#[derive(Debug)]
pub struct Env {
    environment: Environment,
}

/// `[backends.NAME]` with `type = "env"`: there is nothing to set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// A variable.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Its name.
    var: String,
}

impl Backend for Env {
    type Config = Config;
    type Reference = Reference;

    fn open(_: &str, _: &Config, context: &Context) -> Result<Self, Error> {
        Ok(Self {
            environment: context.environment.clone(),
        })
    }

    fn by_hand(_: &Config, reference: &Reference, _: &Edit<'_>) -> String {
        format!("{reference} is set by whoever starts this job")
    }

    async fn explain(
        name: &str,
        config: &Config,
        reference: &Reference,
        context: &Context,
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        let env = Self::open(name, config, context)?;
        steps.push(Step::Read(reference.to_string()));
        env.value(reference).map(drop)
    }

    /// An empty variable is an absent one: that is how CI systems export a secret that they do not have.
    async fn fetch(&mut self, reference: &Reference) -> Result<Fetched, Error> {
        let value = self.value(reference)?;
        Ok(Fetched {
            payload: Payload::Bytes(SecretSlice::from(value.into_bytes())),
            lifetime: None,
            binding: None,
            warnings: Vec::new(),
            known: Known::default(),
        })
    }
}

impl Env {
    fn value(&self, reference: &Reference) -> Result<String, Error> {
        self.environment.var(&reference.var)?.ok_or_else(|| {
            Error::new(
                Kind::NotFound,
                format!("{reference} is not set, or is empty"),
            )
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the environment variable `{}`", self.var)
    }
}
