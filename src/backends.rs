//! The stores that are built in: the only place where the provider names them.

use core::any::Any;
use core::fmt::Display;
use core::future::Future;
use core::pin::Pin;

use cargo_credential_bridge_backend::{
    Backend, Context, Edit, Error, Fetched, Inspection, Step, Written,
};

use crate::config::{Fault, Node};

/// Makes an instance from its table: its name, and the table without `type`.
pub(crate) type Configure = fn(String, Node<'_>) -> Result<Box<dyn Instance>, Fault>;

/// The values of `type`, and what each stands for, if it is in this build.
pub(crate) const TYPES: &[(&str, Type)] = &[
    #[cfg(feature = "vault")]
    (
        "vault",
        Type::Here(configure::<cargo_credential_bridge_vault::Vault>),
    ),
    #[cfg(not(feature = "vault"))]
    ("vault", Type::LeftOut("vault")),
    #[cfg(feature = "openbao")]
    (
        "openbao",
        Type::Here(configure::<cargo_credential_bridge_vault::OpenBao>),
    ),
    #[cfg(not(feature = "openbao"))]
    ("openbao", Type::LeftOut("openbao")),
    #[cfg(feature = "aws")]
    (
        "aws",
        Type::Here(configure::<cargo_credential_bridge_aws::Aws>),
    ),
    #[cfg(not(feature = "aws"))]
    ("aws", Type::LeftOut("aws")),
    #[cfg(feature = "gcp")]
    (
        "gcp",
        Type::Here(configure::<cargo_credential_bridge_gcp::Gcp>),
    ),
    #[cfg(not(feature = "gcp"))]
    ("gcp", Type::LeftOut("gcp")),
    #[cfg(feature = "file")]
    (
        "file",
        Type::Here(configure::<cargo_credential_bridge_file::File>),
    ),
    #[cfg(not(feature = "file"))]
    ("file", Type::LeftOut("file")),
    #[cfg(feature = "env")]
    (
        "env",
        Type::Here(configure::<cargo_credential_bridge_env::Env>),
    ),
    #[cfg(not(feature = "env"))]
    ("env", Type::LeftOut("env")),
];

/// Whether a store is in this build.
#[derive(Clone, Copy)]
pub(crate) enum Type {
    #[cfg_attr(
        not(any(
            feature = "aws",
            feature = "gcp",
            feature = "vault",
            feature = "openbao",
            feature = "file",
            feature = "env"
        )),
        expect(dead_code, reason = "constructed in builds with a store")
    )]
    Here(Configure),
    /// Built without its feature.
    #[cfg_attr(
        all(
            feature = "aws",
            feature = "gcp",
            feature = "vault",
            feature = "openbao",
            feature = "file",
            feature = "env"
        ),
        expect(dead_code, reason = "constructed in builds without all features")
    )]
    LeftOut(&'static str),
}

/// A configured instance of some store.
pub(crate) trait Instance {
    /// Reads what names a secret: a source's table without the keys that all stores have.
    fn reference(&self, table: Node<'_>) -> Result<Box<dyn Reference>, Fault>;

    /// Whether its secrets can be written.
    fn is_writable(&self) -> bool;

    /// How a person makes `edit` with the store's own tools.
    fn by_hand(&self, reference: &dyn Reference, edit: &Edit<'_>) -> String;

    /// Adds to `steps` what a fetch of the secret that `reference` names would do.
    fn explain<'a>(
        &'a self,
        reference: &'a dyn Reference,
        context: &'a Context,
        steps: &'a mut Vec<Step>,
    ) -> Running<'a, Result<(), Error>>;

    /// Opens it.
    fn open(&self, context: &Context) -> Result<Box<dyn Opened>, Error>;
}

/// What names a secret in some store.
pub(crate) trait Reference: Any + Display {}

/// An open instance of some store.
pub(crate) trait Opened {
    /// Fetches the secret that `reference`, of the same instance, names.
    fn fetch<'a>(&'a mut self, reference: &'a dyn Reference)
    -> Running<'a, Result<Fetched, Error>>;

    /// Asks the store what it says of this job, and of the secret that `reference`, of the same instance, names.
    fn inspect<'a>(&'a mut self, reference: &'a dyn Reference) -> Running<'a, Inspection>;

    /// Makes `edit` a new version of the secret that `reference`, of the same instance, names.
    fn write<'a>(
        &'a mut self,
        reference: &'a dyn Reference,
        edit: &'a Edit<'_>,
    ) -> Running<'a, Result<Written, Error>>;

    /// Ends what was begun at the store, except what a secret that is in use depends on.
    fn close(self: Box<Self>, is_in_use: bool) -> Running<'static, ()>;
}

/// A future of whatever store.
pub(crate) type Running<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

struct Configured<B: Backend> {
    name: String,
    config: B::Config,
}

#[cfg_attr(
    not(any(
        feature = "aws",
        feature = "gcp",
        feature = "vault",
        feature = "openbao",
        feature = "file",
        feature = "env"
    )),
    expect(
        dead_code,
        reason = "a build without any store has nothing to configure"
    )
)]
fn configure<B>(name: String, table: Node<'_>) -> Result<Box<dyn Instance>, Fault>
where
    B: Backend + 'static,
{
    Ok(Box::new(Configured::<B> {
        name,
        config: table.read()?,
    }))
}

impl<T: Any + Display> Reference for T {}

impl<B: Backend + 'static> Instance for Configured<B> {
    fn reference(&self, table: Node<'_>) -> Result<Box<dyn Reference>, Fault> {
        Ok(Box::new(table.read::<B::Reference>()?))
    }

    fn is_writable(&self) -> bool {
        B::IS_WRITABLE
    }

    fn by_hand(&self, reference: &dyn Reference, edit: &Edit<'_>) -> String {
        B::by_hand(&self.config, own(reference), edit)
    }

    fn explain<'a>(
        &'a self,
        reference: &'a dyn Reference,
        context: &'a Context,
        steps: &'a mut Vec<Step>,
    ) -> Running<'a, Result<(), Error>> {
        let reference = own(reference);
        Box::pin(B::explain(
            &self.name,
            &self.config,
            reference,
            context,
            steps,
        ))
    }

    fn open(&self, context: &Context) -> Result<Box<dyn Opened>, Error> {
        Ok(Box::new(B::open(&self.name, &self.config, context)?))
    }
}

impl<B: Backend + 'static> Opened for B {
    fn fetch<'a>(
        &'a mut self,
        reference: &'a dyn Reference,
    ) -> Running<'a, Result<Fetched, Error>> {
        Box::pin(Backend::fetch(self, own(reference)))
    }

    fn inspect<'a>(&'a mut self, reference: &'a dyn Reference) -> Running<'a, Inspection> {
        Box::pin(Backend::inspect(self, own(reference)))
    }

    fn write<'a>(
        &'a mut self,
        reference: &'a dyn Reference,
        edit: &'a Edit<'_>,
    ) -> Running<'a, Result<Written, Error>> {
        Box::pin(Backend::write(self, own(reference), edit))
    }

    fn close(self: Box<Self>, is_in_use: bool) -> Running<'static, ()> {
        Box::pin(Backend::close(*self, is_in_use))
    }
}

/// A reference as the type that its store gave it.
fn own<R: Any>(reference: &dyn Reference) -> &R {
    let reference: &dyn Any = reference;
    reference
        .downcast_ref()
        .expect("a source asks the instance that read its reference")
}
