//! Programs that print the token of an external account.
//!
//! Source: AIP-4117, "Determining the subject token in executable-sourced credentials".

use core::ops::RangeInclusive;
use core::time::Duration;
use std::path::Path;

use cargo_credential_bridge_backend::program::{self, Ended, Terminal};
use cargo_credential_bridge_backend::{
    Environment, Error, ExposeSecret as _, Kind, SecretSlice, SecretString,
};
use serde::Deserialize;
use tokio::process::Command;

use crate::credentials_file::{CredentialsFile, Executable};
use crate::service_account::now;
use crate::session::Session;

/// Without it no program in a credentials file is run: the file may be somebody else's.
const ALLOW: &str = "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES";

const DEFAULT_LIMIT: Duration = Duration::from_secs(30);

/// What `timeout_millis` may be.
const LIMITS: RangeInclusive<u64> = 5_000..=120_000;

/// What the program prints, or has left in its file.
#[derive(Deserialize)]
struct Printed {
    version: u32,
    success: bool,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default)]
    id_token: Option<SecretString>,
    #[serde(default)]
    saml_response: Option<SecretString>,
    #[serde(default)]
    expiration_time: Option<u64>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

/// Whether programs in credentials files are run here.
pub(crate) fn allowed(file: &CredentialsFile, environment: &Environment) -> Result<(), Error> {
    match environment.var(ALLOW)?.as_deref() {
        Some("1") => Ok(()),
        _ => Err(file
            .invalid("has its token from a program, which is not allowed here")
            .help(format!("if you trust that file, set {ALLOW}=1"))),
    }
}

/// The token that the program prints, or printed a while ago into its file.
pub(crate) async fn subject_token(
    executable: &Executable,
    audience: &str,
    token_type: &str,
    file: &CredentialsFile,
    session: &Session,
) -> Result<SecretString, Error> {
    let context = &session.context;
    let environment = &context.environment;
    allowed(file, environment)?;
    let limit = limit(executable, file)?;
    let output_file = executable
        .output_file
        .as_ref()
        .map(|path| environment.path_from_variable(path));
    if let Some(content) = left(output_file.as_deref(), environment)?
        && let Some(token) = kept(content.expose_secret())
    {
        return Ok(token);
    }

    let failed = |kind, why: String| {
        Error::new(
            kind,
            format!(
                "the program in the Google credentials {} gave no token",
                file.origin
            ),
        )
        .because(why)
        .help("AIP-4117 says what it must print")
    };
    let invalid = |why: &str| failed(Kind::Invalid, why.to_owned());
    let mut words = shlex::split(&executable.command)
        .unwrap_or_default()
        .into_iter();
    let Some(name) = words.next() else {
        return Err(invalid(
            "its `command` is empty, or has a quote without an end",
        ));
    };
    let mut command = Command::new(name);
    command
        .args(words)
        .env("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE", audience)
        .env("GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE", token_type)
        .env("GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE", "0");
    if let Some(impersonation) = file.impersonation()? {
        command.env(
            "GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL",
            impersonation.account.as_ref(),
        );
    }
    if let Some(path) = &output_file {
        command.env("GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE", path);
    }
    let ended = program::run(command, Terminal::Away, context.deadline.at_most(limit))
        .await
        .map_err(|failure| failed(failure.kind, failure.to_string()))?;
    // Its own words say more than its status.
    if let Some(refusal) = refusal(&ended) {
        return Err(failed(Kind::Unauthenticated, refusal.words(session)));
    }
    let mut what = "what it printed";
    let mut content = ended
        .printed()
        .map_err(|failure| failed(failure.kind, failure.to_string()))?;
    if content.expose_secret().trim_ascii().is_empty()
        && let Some(written) = left(output_file.as_deref(), environment)?
    {
        what = "what it left in its `output_file`";
        content = written;
    }
    let printed: Printed = serde_json::from_slice(content.expose_secret())
        .map_err(|_| invalid(&format!("{what} is not JSON with `version` and `success`")))?;
    if printed.version != 1 {
        return Err(invalid(&format!("{what} has another `version` than 1")));
    }
    if !printed.success {
        return Err(failed(Kind::Unauthenticated, printed.words(session)));
    }
    if printed.expiration_time.is_some_and(|time| time <= now()) {
        return Err(failed(
            Kind::Unauthenticated,
            format!("the token in {what} has expired"),
        ));
    }
    printed
        .token()
        .ok_or_else(|| invalid(&format!("{what} has no token of the type that it names")))
}

/// How long the program may take. None at all is said by 0 too, as Google's clients have it.
fn limit(executable: &Executable, file: &CredentialsFile) -> Result<Duration, Error> {
    match executable.timeout_millis {
        None | Some(0) => Ok(DEFAULT_LIMIT),
        Some(millis) if LIMITS.contains(&millis) => Ok(Duration::from_millis(millis)),
        Some(_) => Err(file.invalid(&format!(
            "has a `timeout_millis` that is not from {} to {}",
            LIMITS.start(),
            LIMITS.end()
        ))),
    }
}

/// What is in the program's file, if it has one and it is there.
fn left(path: Option<&Path>, environment: &Environment) -> Result<Option<SecretSlice<u8>>, Error> {
    let Some(path) = path else {
        return Ok(None);
    };
    let content = environment.read("the output of the program", path)?;
    Ok(content.map(SecretSlice::from))
}

/// What a program that failed says of it.
fn refusal(ended: &Ended) -> Option<Printed> {
    let printed: Printed = serde_json::from_slice(ended.output.expose_secret()).ok()?;
    (printed.version == 1 && !printed.success).then_some(printed)
}

/// The token in the program's file, if it is one that still lives.
fn kept(content: &[u8]) -> Option<SecretString> {
    let printed: Printed = serde_json::from_slice(content).ok()?;
    let is_alive = printed.expiration_time.is_some_and(|time| time > now());
    (printed.version == 1 && printed.success && is_alive)
        .then(|| printed.token())
        .flatten()
}

impl Printed {
    /// What a program says that has failed.
    fn words(&self, session: &Session) -> String {
        let quoted = |text: Option<&str>, otherwise: &str| {
            session.transport.quote(text.unwrap_or(otherwise))
        };
        format!(
            "it says that it failed: {} ({})",
            quoted(self.message.as_deref(), "without a message"),
            quoted(self.code.as_deref(), "without a code"),
        )
    }

    fn token(self) -> Option<SecretString> {
        match self.token_type.as_deref()? {
            "urn:ietf:params:oauth:token-type:jwt"
            | "urn:ietf:params:oauth:token-type:id_token" => self.id_token,
            "urn:ietf:params:oauth:token-type:saml2" => self.saml_response,
            _ => None,
        }
    }
}
