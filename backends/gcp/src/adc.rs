//! Application Default Credentials: what Google's own clients find on a machine.
//!
//! Source: the page "How Application Default Credentials works", and AIP-4110 with its neighbours.

use std::path::{Path, PathBuf};

use cargo_credential_bridge_backend::{Environment, Error, Running, Value};

use crate::credentials_file::{CredentialsFile, Kind as FileKind};
use crate::login::Login;
use crate::session::Session;
use crate::{external_account, metadata, service_account, user};

/// The name under which gcloud leaves the credentials of its user.
const WELL_KNOWN: &str = "application_default_credentials.json";

/// The access token by the credentials of this machine, or by those in `given`.
pub(crate) fn login<'a>(
    given: Option<&'a Value<PathBuf>>,
    session: &'a Session,
) -> Running<'a, Result<Login, Error>> {
    Box::pin(async move {
        match find(given, &session.context.environment)? {
            Some(file) => by_file(&file, session).await,
            None => metadata::login(session).await,
        }
    })
}

/// The credentials in a file: the one of the config, that of `GOOGLE_APPLICATION_CREDENTIALS`, gcloud's. A file that is
/// asked for and is not there ends the search: what comes after it is somebody else.
pub(crate) fn find(
    given: Option<&Value<PathBuf>>,
    environment: &Environment,
) -> Result<Option<CredentialsFile>, Error> {
    const VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
    let named = match given {
        Some(path) => Some((
            "credentials-file",
            path.resolve("credentials-file", environment)?,
        )),
        None => environment
            .var(VARIABLE)?
            .map(|path| (VARIABLE, environment.path_from_variable(path))),
    };
    if let Some((key, path)) = named {
        let content = environment.read_existing(key, &path)?;
        return CredentialsFile::parse(&content, path, environment).map(Some);
    }
    let Some(path) = well_known(environment)? else {
        return Ok(None);
    };
    match environment.read("the credentials of gcloud", &path)? {
        Some(content) => CredentialsFile::parse(&content, path, environment).map(Some),
        None => Ok(None),
    }
}

/// Where gcloud keeps its files.
fn well_known(environment: &Environment) -> Result<Option<PathBuf>, Error> {
    let directory = match environment.var("CLOUDSDK_CONFIG")? {
        Some(directory) => Some(environment.path_from_variable(directory)),
        None if cfg!(windows) => environment
            .var("APPDATA")?
            .map(|data| Path::new(&data).join("gcloud")),
        None => environment.home().map(|home| home.join(".config/gcloud")),
    };
    Ok(directory.map(|directory| directory.join(WELL_KNOWN)))
}

/// The access token by what is in a file.
async fn by_file(file: &CredentialsFile, session: &Session) -> Result<Login, Error> {
    let login = match file.kind()? {
        FileKind::ServiceAccount => service_account::login(file)?,
        FileKind::AuthorizedUser => user::login(file, session).await?,
        FileKind::ExternalAccount => external_account::login(file, session).await?,
        FileKind::ExternalAccountAuthorizedUser => user::workforce_login(file, session).await?,
        FileKind::ImpersonatedServiceAccount => {
            let source = file.source_credentials()?;
            let login = Box::pin(by_file(&source, session)).await?;
            session.transport.conceal(&login.token);
            let impersonation = file
                .impersonation()?
                .ok_or_else(|| file.lacks("service_account_impersonation_url"))?;
            impersonation
                .send(&login.token, login.principal, session)
                .await?
        }
    };
    Ok(Login {
        project: login.project.or(file.project()?),
        quota_project: file.quota_project()?,
        universe: file.universe()?,
        ..login
    })
}
