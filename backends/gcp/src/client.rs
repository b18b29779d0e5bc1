use core::fmt;

use cargo_credential_bridge_backend::http::Transport;
use cargo_credential_bridge_backend::{Backend, Context, Error, Fetched};

use crate::config::{Config, Reference, Resolved, SecretVersion};
use crate::login::{self, Login};
use crate::metadata;
use crate::method::Method;
use crate::name::{Endpoint, Project};
use crate::session::Session;

/// Google Secret Manager.
pub struct Gcp {
    session: Session,
    project: Option<Project>,
    endpoint: Option<Endpoint>,
    quota_project: Option<Project>,
    methods: Vec<Method>,
    login: Option<Login>,
}

/// What is read, where, and as whom.
pub(crate) struct Reading<'a> {
    pub(crate) session: &'a Session,
    pub(crate) login: &'a Login,
    pub(crate) endpoint: Endpoint,
    pub(crate) quota_project: Option<&'a Project>,
    pub(crate) secret: &'a SecretVersion,
    pub(crate) reference: &'a Reference,
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
            login: None,
        })
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
}

impl Gcp {
    async fn read(&self, reference: &Reference, login: &Login) -> Result<Fetched, Error> {
        let mut project = self.project.clone().or_else(|| login.project.clone());
        // A machine at Google is in a project, which only the metadata server knows.
        if project.is_none() && login.is_machine && !reference.has_project() {
            let said = metadata::value("project/project-id", &self.session).await?;
            project = said.and_then(|id| id.parse().ok());
        }
        let secret = reference.resolve(project.as_ref(), &self.session.context.environment)?;
        let reading = Reading {
            session: &self.session,
            login,
            endpoint: self.endpoint_for(&secret, login).await?,
            // What the config or a variable says goes before what the credentials say.
            quota_project: self.quota_project.as_ref().or(login.quota_project.as_ref()),
            secret: &secret,
            reference,
        };
        reading.fetch().await
    }

    /// Where this secret is kept: a regional one in its region, which alone answers for it.
    async fn endpoint_for(&self, secret: &SecretVersion, login: &Login) -> Result<Endpoint, Error> {
        if let Some(endpoint) = &self.endpoint {
            return Ok(endpoint.clone());
        }
        let universe = login.universe(&self.session).await?;
        Ok(match &secret.location {
            None => Endpoint::of("secretmanager", &universe),
            Some(location) => Endpoint::of(&format!("secretmanager.{location}.rep"), &universe),
        })
    }
}

impl Reading<'_> {
    /// The URL of the version, or of a method of it.
    pub(crate) fn url(&self, method: &str) -> String {
        self.endpoint
            .at(&format!("/v1/{}{method}", self.secret.resource()))
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
