//! Proving who this job is: keys that are at hand, or those that STS gives for a token or a role.

use core::error::Error as _;
use std::borrow::Cow;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_sdk_sts::types::AssumedRoleUser;
use aws_smithy_types::date_time::ConversionError;
use cargo_credential_bridge_backend::identity::{Audience, Identity as Workload, WorkloadToken};
use cargo_credential_bridge_backend::{
    Error, ExposeSecret as _, Kind, Running, SecretString, Value, step,
};

use crate::config::Identity;
use crate::error::{self, Action};
use crate::method::{Method, Proof};
use crate::name::RoleArn;
use crate::refusal::{self, Refusal};
use crate::sdk::Sdk;

/// How AWS's logs call a session of ours, where nothing else is said.
const SESSION: &str = "cargo-credential-bridge";

/// The shortest life that STS gives to the keys of a role, in seconds: one read is all that they are for.
const LIFETIME: i32 = 900;

/// Who we are to AWS.
pub(crate) struct Login {
    pub(crate) credentials: Credentials,
    /// The ARN of it, where STS has said so.
    pub(crate) principal: Option<String>,
}

impl Identity {
    /// Gets the keys, by the first method whose inputs exist here, and then those of the roles on top.
    pub(crate) fn login<'a>(
        &'a self,
        sdk: &'a Sdk,
        config: &'a SdkConfig,
    ) -> Running<'a, Result<Login, Error>> {
        Box::pin(async move {
            let mut login = first(&self.methods, sdk, config).await?;
            login.conceal(sdk);
            for role in &self.roles {
                login = self.assume(role, &login, sdk, config).await?;
                login.conceal(sdk);
                step!("role assumed");
            }
            Ok(login)
        })
    }

    pub(crate) async fn assume(
        &self,
        role: &RoleArn,
        by: &Login,
        sdk: &Sdk,
        config: &SdkConfig,
    ) -> Result<Login, Error> {
        let settings = aws_sdk_sts::config::Builder::from(config)
            .credentials_provider(by.credentials.clone())
            .build();
        let outcome = aws_sdk_sts::Client::from_conf(settings)
            .assume_role()
            .role_arn(role.as_str())
            .role_session_name(session(self.session_name.clone(), sdk)?)
            .set_external_id(self.external_id.clone())
            .duration_seconds(LIFETIME)
            .send()
            .await;
        match outcome {
            Ok(given) => Login::given(role, given.credentials, given.assumed_role_user),
            Err(refused) => {
                let refusal = Refusal::of("AssumeRole", &refused, sdk)?;
                let action = Action::AssumeRole {
                    role,
                    external_id: self.external_id.as_deref(),
                    by: by.principal.as_deref(),
                };
                Err(error::classify(&action, &refusal))
            }
        }
    }
}

/// The keys by the first of `methods` whose inputs exist here. Whether the SDK finds any is known only when it has
/// looked for them.
async fn first(methods: &[Method], sdk: &Sdk, config: &SdkConfig) -> Result<Login, Error> {
    let mut missing = Vec::new();
    for method in &*or_default(methods) {
        let outcome = match &method.0 {
            Proof::Default => ambient(sdk, config).await,
            Proof::WebIdentity {
                role,
                session,
                audience,
                identity,
            } => {
                web_identity(
                    role,
                    session.as_ref(),
                    audience.as_ref(),
                    identity.as_ref(),
                    sdk,
                    config,
                )
                .await
            }
        };
        match outcome {
            Err(error) if error.kind() == Kind::NotAvailable => missing.push(error),
            Ok(login) => {
                step!("login", to = "AWS", method = method.name());
                return Ok(login);
            }
            refused => return refused,
        }
    }
    Err(nobody(missing))
}

/// The methods, or what counts without any.
pub(crate) fn or_default(methods: &[Method]) -> Cow<'_, [Method]> {
    match methods.is_empty() {
        true => vec![Method::default()].into(),
        false => methods.into(),
    }
}

/// The error if no method can be used here.
pub(crate) fn nobody(missing: Vec<Error>) -> Error {
    Error::joined(Kind::NotAvailable, "no AWS identity here", missing)
}

/// What the SDK finds.
async fn ambient(sdk: &Sdk, config: &SdkConfig) -> Result<Login, Error> {
    // A credential process of a profile has no limit of its own.
    let remaining = sdk.context.deadline.remaining();
    match tokio::time::timeout(remaining, sdk.credentials(config)).await {
        Err(_) => Err(unanswered(sdk)),
        Ok(Ok(credentials)) => Ok(Login {
            credentials,
            principal: None,
        }),
        Ok(Err(error)) => Err(not_loaded(&error, sdk)),
    }
}

/// The keys of a role for the token of this job.
async fn web_identity(
    role: &Value<RoleArn>,
    session_name: Option<&Value>,
    audience: Option<&Value>,
    identity: Option<&Workload>,
    sdk: &Sdk,
    config: &SdkConfig,
) -> Result<Login, Error> {
    let environment = &sdk.context.environment;
    let identity = Workload::chosen(identity, environment)?;
    let wanted = Wanted::resolve(role, session_name, audience, sdk)?;
    let asked = Audience::new(&wanted.audience, audience.is_some());
    let shown = identity.token(Some(asked), &sdk.context).await?;
    wanted.trade(&shown, sdk, config).await
}

/// The role that a token of this job is to give the keys of.
pub(crate) struct Wanted {
    pub(crate) role: RoleArn,
    pub(crate) audience: String,
    session: String,
}

impl Wanted {
    pub(crate) fn resolve(
        role: &Value<RoleArn>,
        session_name: Option<&Value>,
        audience: Option<&Value>,
        sdk: &Sdk,
    ) -> Result<Self, Error> {
        let environment = &sdk.context.environment;
        let role = role.resolve("role-arn", environment)?;
        let audience = match audience {
            Some(audience) => audience.resolve("audience", environment)?,
            None => "sts.amazonaws.com".to_owned(),
        };
        let session_name = session_name
            .map(|name| name.resolve("session-name", environment))
            .transpose()?;
        Ok(Self {
            role,
            audience,
            session: session(session_name, sdk)?,
        })
    }

    /// Trades the token.
    pub(crate) async fn trade(
        &self,
        shown: &WorkloadToken,
        sdk: &Sdk,
        config: &SdkConfig,
    ) -> Result<Login, Error> {
        let role = &self.role;
        sdk.transport.conceal(shown.secret());
        let outcome = aws_sdk_sts::Client::new(config)
            .assume_role_with_web_identity()
            .role_arn(role.as_str())
            .role_session_name(&self.session)
            .web_identity_token(shown.secret().expose_secret())
            .duration_seconds(LIFETIME)
            .send()
            .await;
        match outcome {
            Ok(given) => Login::given(role, given.credentials, given.assumed_role_user),
            Err(refused) => {
                let refusal = Refusal::of("AssumeRoleWithWebIdentity", &refused, sdk)?;
                let action = Action::WebIdentity { role, token: shown };
                Err(error::classify(&action, &refusal))
            }
        }
    }
}

/// The name of the session in AWS's logs.
fn session(given: Option<String>, sdk: &Sdk) -> Result<String, Error> {
    Ok(match given {
        Some(name) => name,
        None => sdk
            .context
            .environment
            .var("AWS_ROLE_SESSION_NAME")?
            .unwrap_or_else(|| SESSION.to_owned()),
    })
}

/// The error when the SDK has found no keys.
pub(crate) fn not_loaded(error: &CredentialsError, sdk: &Sdk) -> Error {
    // Nobody there to ask is not a refusal; the metadata of an instance that this machine is not, above all.
    if let CredentialsError::CredentialsNotLoaded(_) = error {
        return match sdk.profile() {
            Some(profile) => {
                let none = Error::new(
                    Kind::NotAvailable,
                    format!("no AWS identity here: the profile `{profile}` gives none"),
                );
                // The outermost words only say that there is none.
                match error.source() {
                    Some(source) => refusal::because(none, source, sdk),
                    None => none.because("there is no such profile, or there are no keys in it"),
                }
            }
            None => {
                let none = Error::new(
                    Kind::NotAvailable,
                    "no AWS identity here: no keys in the environment, no profile with any, no web identity, no container's \
                     or instance's role",
                );
                match sdk.context.environment.var("AWS_PROFILE") {
                    Ok(Some(profile)) => none.because(format!(
                        "AWS_PROFILE names the profile `{profile}`: is there one, with keys in it?"
                    )),
                    _ => none,
                }
            }
        }
        .help(
            "what AWS's own command line takes works here too; a CI job needs no keys: \
             `auth = { method = \"web-identity\", role-arn = \"…\" }` takes its identity token",
        );
    }
    if let Some(ours) = refusal::ours(error) {
        return ours;
    }
    if let Some(refusal) = inner_refusal(error, sdk) {
        return error::classify(&Action::Ambient, &refusal);
    }
    let (kind, what) = match error {
        CredentialsError::ProviderTimedOut(_) => {
            return unanswered(sdk);
        }
        CredentialsError::InvalidConfiguration(_) => (
            Kind::Invalid,
            "the AWS configuration of this machine makes no sense",
        ),
        // The SDK's error for the endpoint of a container has the status in words only.
        _ if let Some(status) = sdk.last_status().filter(|status| refusal::is_away(*status)) => {
            let away = Error::new(
                Kind::Unavailable,
                "what gives this machine its AWS identity can't answer now",
            )
            .because(format!("it answered HTTP status {status}"));
            return refusal::because(away, error, sdk).help("try again");
        }
        _ => (
            Kind::Unauthenticated,
            "the AWS identity of this machine gives no keys",
        ),
    };
    let mut refused = Error::new(kind, what);
    if let Some(status) = sdk.last_status().filter(|status| *status >= 300) {
        refused = refused.because(format!("it answered HTTP status {status}"));
    }
    refusal::because(refused, error, sdk).help(
        "`aws sts get-caller-identity` shows the same with AWS's own tools (an SSO session ends: `aws sso login`)",
    )
}

/// The error when the deadline came before the keys. Who was asked is the SDK's to know.
fn unanswered(sdk: &Sdk) -> Error {
    refusal::timeout("the request for credentials", sdk).help(
        "does a `credential_process` of the profile hang (it may still run), or may this machine not reach its source of \
         credentials or STS in this region? `timeout` in the config sets the limit",
    )
}

/// What STS said to the SDK, while it looked for keys.
fn inner_refusal(error: &CredentialsError, sdk: &Sdk) -> Option<Refusal> {
    let role = refusal::find::<AssumeRoleError>(error).map(|error| ("AssumeRole", error.meta()));
    let (operation, said) = role.or_else(|| {
        refusal::find::<AssumeRoleWithWebIdentityError>(error)
            .map(|error| ("AssumeRoleWithWebIdentity", error.meta()))
    })?;
    Some(Refusal {
        operation,
        code: sdk.transport.quote(said.code()?),
        message: sdk.transport.quote(said.message().unwrap_or_default()),
        request_id: None,
    })
}

impl Login {
    /// What STS gave for a role.
    fn given(
        role: &RoleArn,
        given: Option<aws_sdk_sts::types::Credentials>,
        user: Option<AssumedRoleUser>,
    ) -> Result<Self, Error> {
        let given = given.ok_or_else(|| {
            Error::new(
                Kind::Unauthenticated,
                format!("STS gave no keys for the role `{role}`"),
            )
        })?;
        let expiration: Result<_, ConversionError> = given.expiration.try_into();
        Ok(Self {
            credentials: Credentials::new(
                given.access_key_id,
                given.secret_access_key,
                Some(given.session_token),
                expiration.ok(),
                "sts",
            ),
            principal: user.map(|user| user.arn),
        })
    }

    /// Nothing that a server says may hold the keys: AWS repeats the request when it refuses its signature.
    fn conceal(&self, sdk: &Sdk) {
        sdk.transport
            .conceal(&SecretString::from(self.credentials.secret_access_key()));
        if let Some(token) = self.credentials.session_token() {
            sdk.transport.conceal(&SecretString::from(token));
        }
    }
}
