use core::fmt;

use cargo_credential_bridge_backend::http::Transport;
use cargo_credential_bridge_backend::{
    Backend, Change, Context, Edit, Error, Fetched, Inspection, Step, Written,
};

use crate::by_hand;
use crate::config::{Config, Reference, Resolved, SecretVersion};
use crate::error::Access;
use crate::login::{self, Login};
use crate::metadata;
use crate::method::Method;
use crate::name::{Endpoint, Project, UniverseDomain, Version};
use crate::session::Session;
use crate::write;

/// Google Secret Manager.
pub struct Gcp {
    pub(crate) session: Session,
    project: Option<Project>,
    pub(crate) endpoint: Option<Endpoint>,
    quota_project: Option<Project>,
    pub(crate) methods: Vec<Method>,
    pub(crate) index_url_annotation: Option<String>,
    login: Option<Login>,
}

/// One secret: where it is, what for, and as whom.
pub(crate) struct Target<'a> {
    pub(crate) access: Access,
    pub(crate) session: &'a Session,
    pub(crate) login: &'a Login,
    pub(crate) endpoint: Endpoint,
    pub(crate) quota_project: Option<&'a Project>,
    pub(crate) secret: &'a SecretVersion,
    pub(crate) reference: &'a Reference,
    pub(crate) index_url_annotation: Option<&'a str>,
}

impl Backend for Gcp {
    type Config = Config;
    type Reference = Reference;

    fn open(_: &str, config: &Config, context: &Context) -> Result<Self, Error> {
        let Resolved {
            project,
            endpoint,
            universe,
            quota_project,
            http,
            methods,
            index_url_annotation,
        } = config.resolve(context)?;
        Ok(Self {
            session: Session {
                transport: Transport::new(http, context),
                context: context.clone(),
                universe,
            },
            project,
            endpoint,
            quota_project,
            methods,
            index_url_annotation,
            login: None,
        })
    }

    async fn explain(
        name: &str,
        config: &Config,
        reference: &Reference,
        context: &Context,
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        let gcp = Self::open(name, config, context)?;
        gcp.explain_all(reference, steps).await
    }

    async fn fetch(&mut self, reference: &Reference) -> Result<Fetched, Error> {
        let login = match self.login.take() {
            Some(login) => login,
            None => login::first(&self.methods, &self.session).await?,
        };
        let outcome = self.read(reference, &login).await;
        self.login = Some(login);
        outcome
    }

    async fn inspect(&mut self, reference: &Reference) -> Inspection {
        // Why it can't be asked, a fetch has said.
        self.inspected(reference).await.unwrap_or_default()
    }

    const IS_WRITABLE: bool = true;

    async fn write(&mut self, reference: &Reference, edit: &Edit<'_>) -> Result<Written, Error> {
        if let Change::Set(token) = edit.change {
            self.session.transport.conceal(token);
        }
        let login = login::first(&self.methods, &self.session).await?;
        let secret = self.secret(reference, &login).await?;
        let target = self.target(write::access(edit), reference, &secret, &login);
        target.await?.write(edit).await
    }

    fn by_hand(config: &Config, reference: &Reference, edit: &Edit<'_>) -> String {
        by_hand::by_hand(config, reference, edit)
    }
}

impl Gcp {
    /// The project of a secret without one of its own, as far as it is known without asking.
    pub(crate) fn known_project(&self, login: &Login) -> Option<Project> {
        self.project.clone().or_else(|| login.project.clone())
    }

    /// A machine at Google is in a project, which only the metadata server knows.
    pub(crate) fn asks_for_project(
        &self,
        known: Option<&Project>,
        login: &Login,
        reference: &Reference,
    ) -> bool {
        known.is_none() && login.is_machine && !reference.has_project()
    }

    async fn read(&self, reference: &Reference, login: &Login) -> Result<Fetched, Error> {
        let secret = self.secret(reference, login).await?;
        let target = self.target(Access::Read, reference, &secret, login);
        target.await?.fetch().await
    }

    async fn inspected(&self, reference: &Reference) -> Result<Inspection, Error> {
        let Some(login) = &self.login else {
            return Ok(Inspection::default());
        };
        let secret = self.secret(reference, login).await?;
        let target = self.target(Access::Read, reference, &secret, login);
        Ok(target.await?.inspect().await)
    }

    /// The secret's whole name.
    async fn secret(&self, reference: &Reference, login: &Login) -> Result<SecretVersion, Error> {
        let mut project = self.known_project(login);
        if self.asks_for_project(project.as_ref(), login, reference) {
            let said = metadata::value("project/project-id", &self.session).await?;
            project = said.and_then(|id| id.parse().ok());
        }
        reference.resolve(project.as_ref(), &self.session.context.environment)
    }

    async fn target<'a>(
        &'a self,
        access: Access,
        reference: &'a Reference,
        secret: &'a SecretVersion,
        login: &'a Login,
    ) -> Result<Target<'a>, Error> {
        Ok(Target {
            access,
            session: &self.session,
            login,
            endpoint: self.endpoint_for(secret, login).await?,
            // What the config or a variable says goes before what the credentials say.
            quota_project: self.quota_project.as_ref().or(login.quota_project.as_ref()),
            secret,
            reference,
            index_url_annotation: self.index_url_annotation.as_deref(),
        })
    }

    /// Where this secret is kept: a regional one in its region, which alone answers for it.
    async fn endpoint_for(&self, secret: &SecretVersion, login: &Login) -> Result<Endpoint, Error> {
        if let Some(endpoint) = &self.endpoint {
            return Ok(endpoint.clone());
        }
        let universe = login.universe(&self.session).await?;
        Ok(self.endpoint_in(secret, &universe))
    }

    /// The same in a universe that is known.
    pub(crate) fn endpoint_in(
        &self,
        secret: &SecretVersion,
        universe: &UniverseDomain,
    ) -> Endpoint {
        if let Some(endpoint) = &self.endpoint {
            return endpoint.clone();
        }
        match &secret.location {
            None => Endpoint::of("secretmanager", universe),
            Some(location) => Endpoint::of(&format!("secretmanager.{location}.rep"), universe),
        }
    }
}

impl Target<'_> {
    /// The URL of a version of the secret, or of a method of it.
    pub(crate) fn url(&self, version: &Version, method: &str) -> String {
        self.endpoint.version(self.secret, version, method)
    }

    /// The URL of something below the secret.
    pub(crate) fn secret_url(&self, below: &str) -> String {
        self.endpoint.below(self.secret, below)
    }
}

impl fmt::Debug for Gcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gcp")
            .field("project", &self.project)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
