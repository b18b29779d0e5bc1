//! Programs that print the token of an external account.
//!
//! Source: AIP-4117, "Determining the subject token in executable-sourced credentials".

use core::time::Duration;

use cargo_credential_bridge_backend::{Error, ExposeSecret as _, Kind, SecretString, program};
use serde::Deserialize;
use tokio::process::Command;

use crate::credentials_file::{CredentialsFile, Executable, Secret};
use crate::service_account::now;
use crate::session::Session;

/// Without it no program in a credentials file is run: the file may be somebody else's.
const ALLOW: &str = "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES";

const DEFAULT_LIMIT: Duration = Duration::from_secs(30);

/// What the program prints, or has left in its file.
#[derive(Deserialize)]
struct Printed {
    version: u32,
    success: bool,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default)]
    id_token: Option<Secret>,
    #[serde(default)]
    saml_response: Option<Secret>,
    #[serde(default)]
    expiration_time: Option<u64>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
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
    if environment.var(ALLOW)?.as_deref() != Some("1") {
        return Err(file
            .invalid("has its token from a program, which is not allowed here")
            .help(format!("if you trust that file, set {ALLOW}=1")));
    }
    let output_file = executable
        .output_file
        .as_ref()
        .map(|path| environment.path_from_variable(path));
    if let Some(path) = &output_file
        && let Some(content) = environment.read("the output of the program", path)?
        && let Some(token) = kept(&content)
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
    let limit = executable
        .timeout_millis
        .map_or(DEFAULT_LIMIT, Duration::from_millis);
    let printed = program::printed_by(command, context.deadline.at_most(limit))
        .await
        .map_err(|failure| failed(failure.kind, failure.to_string()))?;
    let printed: Printed = serde_json::from_slice(printed.expose_secret())
        .map_err(|_| invalid("what it printed is not JSON with `version` and `success`"))?;
    if printed.version != 1 {
        return Err(invalid("what it printed has another `version` than 1"));
    }
    if !printed.success {
        return Err(failed(
            Kind::Unauthenticated,
            format!(
                "it says that it failed: {} ({})",
                session
                    .transport
                    .quote(printed.message.as_deref().unwrap_or("without a message")),
                session
                    .transport
                    .quote(printed.code.as_deref().unwrap_or("without a code")),
            ),
        ));
    }
    if printed.expiration_time.is_some_and(|time| time <= now()) {
        return Err(failed(
            Kind::Unauthenticated,
            "the token that it printed has expired".to_owned(),
        ));
    }
    printed
        .token()
        .ok_or_else(|| invalid("what it printed has no token of the type that it names"))
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
    fn token(self) -> Option<SecretString> {
        match self.token_type.as_deref()? {
            "urn:ietf:params:oauth:token-type:jwt"
            | "urn:ietf:params:oauth:token-type:id_token" => self.id_token,
            "urn:ietf:params:oauth:token-type:saml2" => self.saml_response,
            _ => None,
        }
        .map(|token| token.0)
    }
}
