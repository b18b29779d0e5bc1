//! The metadata server, which tells a machine at Google, or a pod, who it is.
//!
//! Source: the pages "About VM metadata" and "Authenticate applications using service account identities".

use core::time::Duration;
use std::path::Path;

use cargo_credential_bridge_backend::http::{Failure, Retry};
use cargo_credential_bridge_backend::identity::WorkloadToken;
use cargo_credential_bridge_backend::{Environment, Error, Kind, SecretString};
use http::{Response, StatusCode};

use crate::answer::{Answer, foreign};
use crate::error::{self, Action};
use crate::login::Login;
use crate::session::{Ask, Session};
use crate::sts::Granted;

/// Its name, where the variable gives no other.
const HOST: &str = "metadata.google.internal";
pub(crate) const VARIABLE: &str = "GCE_METADATA_HOST";

/// By then a machine that has none is known to have none: within its own network it answers in a few milliseconds.
const PROBE: Duration = Duration::from_millis(800);

/// On a machine that has one, a try may take this long, and so many are made: a pod's may need seconds to get ready.
const PATIENCE: Duration = Duration::from_secs(2);
const TRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// What it gives this machine its access token by.
pub(crate) const TOKEN: &str = "instance/service-accounts/default/token";

const FLAVOR: (&str, &str) = ("Metadata-Flavor", "Google");

/// The identity of this machine.
pub(crate) async fn login(session: &Session) -> Result<Login, Error> {
    let answer = ask(TOKEN, session).await.map_err(nothing_at_all)?;
    check(&answer, session)?;
    let token = answer.read::<Granted>()?.token(&answer.asked)?;
    Ok(Login {
        is_machine: true,
        ..Login::new(token, None)
    })
}

/// A token in which Google states who this machine is, for `audience`.
pub(crate) async fn identity_token(
    audience: &str,
    session: &Session,
) -> Result<SecretString, Error> {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("audience", audience)
        .append_pair("format", "full")
        .finish();
    let path = format!("instance/service-accounts/default/identity?{query}");
    let answer = ask(&path, session).await?;
    check(&answer, session)?;
    // What is no token must not be shown to anybody as one.
    std::str::from_utf8(answer.body())
        .ok()
        .and_then(|text| WorkloadToken::recognize(text.trim().into()))
        .map(|token| token.secret().clone())
        .ok_or_else(|| {
            foreign(Kind::Invalid, &answer.asked)
                .because(format!("{} answered {}", answer.asked, answer.status))
        })
}

/// What an answer means that is no identity.
fn check(answer: &Answer, session: &Session) -> Result<(), Error> {
    if answer.is_ok() {
        return Ok(());
    }
    if answer.status == StatusCode::NOT_FOUND {
        return Err(Error::new(
            Kind::NotAvailable,
            "no Google identity here: this machine has no service account",
        )
        .because(format!("{} answered {}", answer.asked, answer.status)));
    }
    Err(error::classify(
        &Action::Machine,
        &answer.refusal(&session.transport),
    ))
}

/// The service account of this machine, by its email address. A pod that is no service account of Google's gets the name of
/// its pool in the place of it, which is none.
///
/// # Errors
///
/// As [`value`].
pub(crate) async fn email(session: &Session) -> Result<Option<String>, Error> {
    let said = value("instance/service-accounts/default/email", session).await?;
    Ok(said.filter(|said| said.contains('@')))
}

/// One line of what it knows, such as `project/project-id`, `None` where it knows nothing.
///
/// # Errors
///
/// [`Kind::Unavailable`] and its like, where it does not answer.
pub(crate) async fn value(path: &str, session: &Session) -> Result<Option<String>, Error> {
    let url = url(path, &session.context.environment)?;
    let request = Ask::get(&url).header(FLAVOR.0, FLAVOR.1).build()?;
    let limit = PATIENCE.min(session.context.deadline.remaining());
    let response = session
        .transport
        .exchange(request, Some(limit))
        .await
        .map_err(|failure| failure.error)?;
    if response.status() != StatusCode::OK {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(response.body()).into_owned();
    Ok(Some(session.transport.quote(&text)).filter(|text| !text.is_empty()))
}

/// Whether it may be looked for at all.
pub(crate) fn may_be_asked(environment: &Environment) -> Result<(), Error> {
    match environment.var("NO_GCE_CHECK")?.as_deref() {
        Some("true") => Err(absent().because("NO_GCE_CHECK forbids to look for a metadata server")),
        _ => Ok(()),
    }
}

/// Asks it for something, if it is there.
async fn ask(path: &str, session: &Session) -> Result<Answer, Error> {
    let environment = &session.context.environment;
    may_be_asked(environment)?;
    let url = url(path, environment)?;
    let asked = format!("GET {}", crate::session::without_query(&url));
    let is_google = is_google(environment)?;
    let is_expected = is_google || environment.var(VARIABLE)?.is_some();
    let limit = if is_expected { PATIENCE } else { PROBE };
    let mut made = 0;
    loop {
        made += 1;
        let request = Ask::get(&url).header(FLAVOR.0, FLAVOR.1).build()?;
        let outcome = session.transport.exchange(request, Some(limit)).await;
        let is_over = session.context.deadline.remaining().is_zero();
        let is_last = made == TRIES || is_over;
        match outcome {
            Ok(response) if !is_googles(&response) => {
                let answered = format!(
                    "{asked} answered {} without the header {}",
                    response.status(),
                    FLAVOR.0
                );
                return Err(match is_expected {
                    true => foreign(Kind::Invalid, &asked),
                    // On somebody else's network anybody may have the address.
                    false => absent(),
                }
                .because(answered));
            }
            Ok(response) if Retry::is_transient(response.status()) && !is_last => {}
            Ok(response) => return Ok(Answer::new(asked, response)),
            Err(Failure { error, .. }) if is_over || error.kind() == Kind::Invalid => {
                return Err(error);
            }
            // Nobody is there. Only at Google somebody is about to come.
            Err(Failure {
                error,
                is_transient,
            }) if !is_expected || (is_transient && !is_google) => {
                return Err(absent().because(error.to_string()));
            }
            Err(Failure { error, .. }) if is_last => return Err(error),
            Err(_) => {}
        }
        let wait = FIRST_WAIT * made;
        tokio::time::sleep(wait.min(session.context.deadline.remaining())).await;
    }
}

/// Whether it is the metadata server who answers.
fn is_googles(response: &Response<Vec<u8>>) -> bool {
    response
        .headers()
        .get(FLAVOR.0)
        .is_some_and(|flavor| flavor == FLAVOR.1)
}

pub(crate) fn url(path: &str, environment: &Environment) -> Result<String, Error> {
    let host = environment.var(VARIABLE)?;
    let host = host.as_deref().map_or(HOST, str::trim);
    Ok(format!("http://{host}/computeMetadata/v1/{path}"))
}

/// Whether this machine is known to be Google's: by its firmware, or by what Cloud Run sets, which has none.
fn is_google(environment: &Environment) -> Result<bool, Error> {
    for variable in ["K_SERVICE", "CLOUD_RUN_JOB"] {
        if environment.var(variable)?.is_some() {
            return Ok(true);
        }
    }
    let product = Path::new("/sys/class/dmi/id/product_name");
    let name = environment.read_text("the product name", product);
    Ok(name.is_ok_and(|name| name.is_some_and(|name| name.starts_with("Google"))))
}

fn absent() -> Error {
    Error::new(
        Kind::NotAvailable,
        "no Google identity here: there is no metadata server",
    )
}

/// The error where the metadata server was the last to be looked for.
fn nothing_at_all(error: Error) -> Error {
    if error.kind() != Kind::NotAvailable {
        return error;
    }
    Error::new(
        Kind::NotAvailable,
        "no Google identity here: GOOGLE_APPLICATION_CREDENTIALS is not set, nobody has logged in with gcloud, and there is \
         no metadata server",
    )
    .because_all(error.causes())
    .help(
        "`gcloud auth application-default login` on a laptop; a CI job needs no key: \
         `auth = { method = \"workload-identity\", provider = \"…\" }` takes its identity token",
    )
}
