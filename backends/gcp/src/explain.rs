//! What an answer would take, told without doing it: the search for credentials, the routes and the URLs are those of
//! `login`, `adc` and `client`.

use std::path::PathBuf;

use cargo_credential_bridge_backend::{
    Choice, Context, Error, Planned, Running, SecretString, Step, Value,
};

use crate::adc;
use crate::client::Gcp;
use crate::config::Reference;
use crate::credentials_file::{CredentialSource, CredentialsFile, Kind};
use crate::executable;
use crate::login::{self, Login, Route};
use crate::metadata;
use crate::method::Method;
use crate::name::Project;
use crate::read::ACCESS;
use crate::session::{Session, without_query};
use crate::signed_identity::{self, Proof};
use crate::user;

/// Stands where only the metadata server knows the project.
const UNKNOWN_PROJECT: &str = "the-project-of-this-machine";

const BECOME: &str = "become the service account";
const TRADE: &str = "trade the token for Google's";

impl Gcp {
    /// Adds what logging in and reading would take.
    pub(crate) async fn explain_all(
        &self,
        reference: &Reference,
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        let environment = &self.session.context.environment;
        let login = first(&self.methods, &self.session, steps).await?;
        let mut project = self.known_project(&login);
        if self.asks_for_project(project.as_ref(), &login, reference) {
            let purpose = "find the project of this machine";
            steps.push(machine("project/project-id", purpose, &self.session)?.into());
            project = UNKNOWN_PROJECT.parse::<Project>().ok();
        }
        let secret = reference.resolve(project.as_ref(), environment)?;
        let universe = match login.known_universe(&self.session) {
            Some(known) => known,
            None => {
                if self.endpoint.is_none() {
                    let purpose = "find the universe of this machine";
                    steps.push(machine("universe/universe-domain", purpose, &self.session)?.into());
                }
                self.session.universe()
            }
        };
        let url = self
            .endpoint_in(&secret, &universe)
            .version(&secret, &secret.version, ACCESS);
        steps.push(Planned::new("GET", url, "read the secret").into());
        if let Some(name) = &self.index_url_annotation {
            let url = self.endpoint_in(&secret, &universe).below(&secret, "");
            let purpose = format!("read the annotation `{name}`");
            steps.push(Planned::new("GET", url, purpose).into());
        }
        Ok(())
    }
}

/// Adds what having a statement signed would take: the counterpart of [`sign_identity`](crate::sign_identity).
///
/// # Errors
///
/// Those that are known without asking anybody.
pub fn explain_identity<'a>(
    proof: Proof<'a>,
    context: &'a Context,
    steps: &'a mut Vec<Step>,
) -> Running<'a, Result<(), Error>> {
    Box::pin(async move {
        let session = signed_identity::session(context)?;
        let Proof::Iam { account, endpoint } = proof else {
            let path = "instance/service-accounts/default/identity";
            let purpose = "have Google state who this machine is";
            steps.push(machine(path, purpose, &session)?.into());
            return Ok(());
        };
        let (account, endpoint) = signed_identity::parse(account, endpoint)?;
        let file = adc::find(None, &context.environment)?;
        if let Some(file) = &file
            && signed_identity::signs_itself(file, account.as_ref())?.is_some()
        {
            steps.push(Step::Read(format!("the key in {}", file.origin)));
            return Ok(());
        }
        let mut own = Vec::new();
        let login = adc_login(None, &session, &mut own).await;
        steps.append(&mut own);
        let login = login?;
        let of = match &account {
            Some(account) => account.to_string(),
            None => login
                .principal
                .as_deref()
                .and_then(|principal| principal.strip_prefix("serviceAccount:"))
                .unwrap_or("the-account-of-this-machine")
                .to_owned(),
        };
        if account.is_none() && login.principal.is_none() && login.is_machine {
            let path = "instance/service-accounts/default/email";
            let purpose = "find the service account of this machine";
            steps.push(machine(path, purpose, &session)?.into());
        }
        let universe = login.known_universe(&session).unwrap_or_default();
        let url = signed_identity::url(endpoint, &universe, &of);
        steps.push(Planned::new("POST", url, "have IAM sign the statement").into());
        Ok(())
    })
}

/// Adds what the first of `methods` whose inputs are here would take, and tells whom it makes us; there is no token in it.
async fn first(
    methods: &[Method],
    session: &Session,
    steps: &mut Vec<Step>,
) -> Result<Login, Error> {
    let mut choice = Choice::new(steps);
    for method in &*login::or_default(methods) {
        let mut own = Vec::new();
        let outcome = match method {
            Method::Adc { credentials_file } => {
                adc_login(credentials_file.as_ref(), session, &mut own).await
            }
            Method::WorkloadIdentity(method) => {
                Route::resolve(method, session).and_then(|route| route.explain(session, &mut own))
            }
        };
        let identity = outcome.as_ref().map(identity).map_err(Error::clone);
        if choice.settle(method.name(), own, identity)? {
            return outcome;
        }
    }
    Err(login::nobody(choice.missing()))
}

fn identity(login: &Login) -> String {
    match &login.principal {
        Some(principal) => format!("`{principal}`"),
        None if login.is_machine => "the service account of this machine".to_owned(),
        None => "whoever the credentials are of".to_owned(),
    }
}

impl Route {
    fn explain(&self, session: &Session, steps: &mut Vec<Step>) -> Result<Login, Error> {
        let environment = &session.context.environment;
        steps.push(self.identity.explain(Some(&self.audience), environment)?);
        steps.push(Planned::new("POST", &self.sts_url, TRADE).into());
        let Some(impersonation) = &self.impersonation else {
            return Ok(nobody(Some(self.provider.principal("SUBJECT"))));
        };
        steps.push(Planned::new("POST", &impersonation.url, BECOME).into());
        let principal = format!("serviceAccount:{}", impersonation.account);
        Ok(nobody(Some(principal)))
    }
}

/// Application Default Credentials.
fn adc_login<'a>(
    given: Option<&'a Value<PathBuf>>,
    session: &'a Session,
    steps: &'a mut Vec<Step>,
) -> Running<'a, Result<Login, Error>> {
    Box::pin(async move {
        match adc::find(given, &session.context.environment)? {
            Some(file) => {
                steps.push(Step::Read(format!("the credentials in {}", file.origin)));
                by_file(&file, session, steps)
                    .await
                    .map_err(|error| adc::final_for(&file, error))
            }
            None => {
                metadata::may_be_asked(&session.context.environment)?;
                let path = metadata::TOKEN;
                let purpose = "get a token, if this machine has a metadata server";
                steps.push(machine(path, purpose, session)?.into());
                Ok(Login {
                    is_machine: true,
                    ..nobody(None)
                })
            }
        }
    })
}

async fn by_file(
    file: &CredentialsFile,
    session: &Session,
    steps: &mut Vec<Step>,
) -> Result<Login, Error> {
    let content = &file.content;
    let login = match file.kind()? {
        Kind::ServiceAccount => {
            let email = file.need("client_email", content.client_email.as_deref())?;
            nobody(Some(format!("serviceAccount:{email}")))
        }
        Kind::AuthorizedUser => {
            let purpose = "renew the sign-in of the user";
            steps.push(Planned::new("POST", without_query(user::token_uri(file)), purpose).into());
            nobody(None)
        }
        Kind::ExternalAccountAuthorizedUser => {
            let url = file.need("token_url", content.token_url.as_deref())?;
            let purpose = "renew the sign-in of the user";
            steps.push(Planned::new("POST", without_query(url), purpose).into());
            nobody(None)
        }
        Kind::ExternalAccount => {
            let source = file.need("credential_source", content.credential_source.as_ref())?;
            subject_token(source, file, session, steps).await?;
            let url = file.need("token_url", content.token_url.as_deref())?;
            steps.push(Planned::new("POST", without_query(url), TRADE).into());
            match file.impersonation()? {
                None => nobody(None),
                Some(impersonation) => {
                    steps.push(Planned::new("POST", &impersonation.url, BECOME).into());
                    nobody(Some(format!("serviceAccount:{}", impersonation.account)))
                }
            }
        }
        Kind::ImpersonatedServiceAccount => {
            let source = file.source_credentials()?;
            let by = Box::pin(by_file(&source, session, steps)).await?;
            let impersonation = file
                .impersonation()?
                .ok_or_else(|| file.lacks("service_account_impersonation_url"))?;
            steps.push(Planned::new("POST", &impersonation.url, BECOME).into());
            Login {
                principal: Some(format!("serviceAccount:{}", impersonation.account)),
                ..by
            }
        }
    };
    login.by(file)
}

/// Where an external account has its token from.
async fn subject_token(
    source: &CredentialSource,
    file: &CredentialsFile,
    session: &Session,
    steps: &mut Vec<Step>,
) -> Result<(), Error> {
    let environment = &session.context.environment;
    if let Some(program) = &source.executable {
        executable::allowed(file, environment)?;
        // Arguments may hold what is not for everyone.
        let command = program.command.split_whitespace().next();
        steps.push(Step::Run(format!("`{}`", command.unwrap_or_default())));
    } else if source.environment_id.is_some() {
        #[cfg(feature = "aws")]
        cargo_credential_bridge_aws::explain_identity(&[], &session.context, steps).await?;
    } else if let Some(path) = &source.file {
        let path = environment.path_from_variable(path);
        steps.push(Step::Read(format!("the token in `{}`", path.display())));
    } else if let Some(url) = &source.url {
        let purpose = "get the token to trade";
        steps.push(Planned::new("GET", without_query(url), purpose).into());
    }
    Ok(())
}

/// A question to the metadata server.
fn machine(path: &str, purpose: &str, session: &Session) -> Result<Planned, Error> {
    let url = metadata::url(path, &session.context.environment)?;
    Ok(Planned::new("GET", url, purpose))
}

/// Somebody without a token.
fn nobody(principal: Option<String>) -> Login {
    Login::new(SecretString::default(), principal)
}
