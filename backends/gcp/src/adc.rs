//! Application Default Credentials: what Google's own clients find on a machine.
//!
//! Source: the page "How Application Default Credentials works", and AIP-4110 with its neighbours.

use std::path::{Path, PathBuf};

use cargo_credential_bridge_backend::{
    Environment, Error, ExposeSecret as _, Kind, Running, SecretSlice, Value,
};

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
            Some(file) => by_file(&file, session)
                .await
                .map_err(|error| final_for(&file, error)),
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
        let content = SecretSlice::from(environment.read_existing(key, &path)?);
        return CredentialsFile::parse(content.expose_secret(), &path).map(Some);
    }
    let Some(path) = well_known(environment)? else {
        return Ok(None);
    };
    let content = environment.read("the credentials of gcloud", &path)?;
    content
        .map(SecretSlice::from)
        .map(|content| CredentialsFile::parse(content.expose_secret(), &path))
        .transpose()
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

/// The error of a file that says who we are to be: that nothing here makes us that does not make us somebody else.
pub(crate) fn final_for(file: &CredentialsFile, error: Error) -> Error {
    if error.kind() != Kind::NotAvailable {
        return error;
    }
    let what = "gets its identity from where there is none";
    let settled = file
        .invalid(what)
        .because(error.what())
        .because_all(error.causes());
    match error.help_text() {
        Some(help) => settled.help(help),
        None => settled,
    }
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
            let by = Box::pin(by_file(&source, session)).await?;
            session.transport.conceal(&by.token);
            let impersonation = file
                .impersonation()?
                .ok_or_else(|| file.lacks("service_account_impersonation_url"))?;
            Login {
                project: by.project,
                universe: by.universe,
                ..impersonation.send(&by.token, by.principal, session).await?
            }
        }
    };
    login.by(file)
}
