//! Writes to a store without the provider around it: what a backend does, and what it says of it.

use std::time::Duration;

use cargo_credential_bridge_backend::{
    Backend, Change, Context, Deadline, Edit, Environment, Error, SecretString, Written,
};
use serde_json::Value;

/// One instance of a store, with one secret in it.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    /// `[backends.NAME]`.
    pub(crate) config: Value,
    /// What names the secret.
    pub(crate) reference: Value,
    /// The variables of the job.
    pub(crate) variables: Vec<(String, String)>,
}

impl Store {
    /// Writes the token, into a field if one is named.
    pub(crate) fn set<B: Backend>(
        &self,
        field: Option<&str>,
        token: &str,
    ) -> Result<Written, Error> {
        let secret = SecretString::from(token);
        let outcome = self.write::<B>(&Edit {
            field,
            change: Change::Set(&secret),
            consent: None,
        });
        let said = match &outcome {
            Ok(written) => format!("{written:?}"),
            Err(error) => format!("{error:?}"),
        };
        assert!(!said.contains(token), "the token is in {said}");
        outcome
    }

    /// Erases the token.
    pub(crate) fn erase<B: Backend>(&self, field: Option<&str>) -> Result<Written, Error> {
        self.write::<B>(&Edit {
            field,
            change: Change::Erase,
            consent: None,
        })
    }

    fn write<B: Backend>(&self, edit: &Edit<'_>) -> Result<Written, Error> {
        let reference = self.reference::<B>();
        run(async {
            let mut backend = self.open::<B>()?;
            let outcome = backend.write(&reference, edit).await;
            backend.close(false).await;
            outcome
        })
    }

    /// What a person is told.
    pub(crate) fn by_hand<B: Backend>(&self, field: Option<&str>, change: Change<'_>) -> String {
        let edit = Edit {
            field,
            change,
            consent: None,
        };
        B::by_hand(&self.config::<B>(), &self.reference::<B>(), &edit)
    }

    /// The command in what a person is told.
    pub(crate) fn command<B: Backend>(&self, field: Option<&str>, change: Change<'_>) -> String {
        let told = self.by_hand::<B>(field, change);
        let command = told.split('`').nth(1);
        command.expect("it is in backticks").to_owned()
    }

    fn open<B: Backend>(&self) -> Result<B, Error> {
        let context = Context {
            environment: Environment::fixed(self.variables.clone(), "/nonexistent"),
            deadline: Deadline::after(Duration::from_secs(30)),
        };
        B::open("store", &self.config::<B>(), &context)
    }

    fn config<B: Backend>(&self) -> B::Config {
        serde_json::from_value(self.config.clone()).expect("the settings are right")
    }

    fn reference<B: Backend>(&self) -> B::Reference {
        serde_json::from_value(self.reference.clone()).expect("the reference is right")
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    runtime.block_on(work)
}
