//! Proving who this job is: one login at the most, by the first method whose inputs exist here.

use core::time::Duration;

use cargo_credential_bridge_backend::identity::{Audience, Identity, WorkloadToken};
use cargo_credential_bridge_backend::{
    Error, ExposeSecret as _, Kind, SecretString, Value, step, unbroken,
};
use http::StatusCode;
use rustify::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use vaultrs::api::auth::approle::requests::LoginWithApproleRequest;
use vaultrs::api::auth::kubernetes::requests::LoginWithKubernetesRequest;
use vaultrs::api::auth::oidc::requests::JWTLoginRequest;
use vaultrs::api::sys::requests::UnwrapRequest;

use crate::answer::{Auth, Envelope, LoginAnswer, Unwrapped};
use crate::client::Session;
use crate::error::{self, Action};
use crate::method::{Method, Proof};
use crate::path::VaultPath;
use crate::token::TokenPlace;

/// A Vault token, and what becomes of it.
pub(crate) struct Login {
    /// The token; `None` where a Vault Agent puts in its own.
    pub(crate) token: Option<SecretString>,
    /// Whom it stands for, in messages.
    pub(crate) identity: String,
    /// The namespace to revoke it in if it is ours to revoke: a login of our own that is not a batch token.
    pub(crate) revoke_in: Option<Option<String>>,
    /// How long the token lives, where the login said so: what is leased by it does not live longer.
    pub(crate) lifetime: Option<Duration>,
}

/// What is sent for a login, besides the request itself.
struct Attempt<'a> {
    method: &'static str,
    mount: &'a VaultPath,
    role: Option<String>,
    /// What the job proves itself by, if it is a token of its own.
    shown: Option<WorkloadToken>,
    namespace: Option<&'a str>,
}

/// The login by certificate. `vaultrs` sends the role as `cert_name`, which Vault does not know and passes
/// over: any role that the certificate fits would do. Vault's page "TLS certificates (API)" calls it `name`.
pub(crate) struct CertLogin<'a> {
    mount: &'a str,
    role: Option<&'a str>,
}

impl<'a> CertLogin<'a> {
    pub(crate) fn new(mount: &'a VaultPath, role: Option<&'a str>) -> Self {
        Self {
            mount: mount.as_str(),
            role,
        }
    }
}

impl Endpoint for CertLogin<'_> {
    type Response = ();
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        format!("auth/{}/login", self.mount)
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::POST
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        let body = match self.role {
            Some(role) => serde_json::json!({ "name": role }),
            None => serde_json::json!({}),
        };
        Ok(Some(body.to_string().into_bytes()))
    }
}

/// Logs in by the first of `methods` whose inputs exist on this machine; by Vault's own token if there is nothing to choose
/// from.
///
/// # Errors
///
/// [`Kind::NotAvailable`] if there are methods and none can be used here, besides those of the login.
pub(crate) async fn login(methods: &[Method], session: &Session) -> Result<Login, Error> {
    let mut missing = Vec::new();
    for method in methods {
        let outcome = match method.check(session) {
            // Some inputs, such as AWS's, are known to be missing only when they have been looked for.
            Ok(()) => method.login(session).await,
            Err(error) => Err(error),
        };
        match outcome {
            Err(error) if error.kind() == Kind::NotAvailable => missing.push(error),
            Ok(login) => {
                step!("login", to = session.dialect, method = method.name());
                return Ok(login);
            }
            refused => return refused,
        }
    }
    if missing.is_empty() {
        return default_login(session).await;
    }
    Err(no_way(session, missing))
}

/// The error if no method can be used here.
pub(crate) fn no_way(session: &Session, missing: Vec<Error>) -> Error {
    Error::joined(
        Kind::NotAvailable,
        format!("no way to log in to {} here", session.dialect),
        missing,
    )
}

/// The login with a token of the job's own.
pub(crate) fn jwt_request(mount: &VaultPath, role: Option<String>, jwt: String) -> JWTLoginRequest {
    JWTLoginRequest {
        mount: mount.to_string(),
        jwt,
        role,
    }
}

/// The login with a pod's token.
pub(crate) fn kubernetes_request(
    mount: &VaultPath,
    role: String,
    jwt: String,
) -> LoginWithKubernetesRequest {
    LoginWithKubernetesRequest {
        mount: mount.to_string(),
        role,
        jwt,
    }
}

/// The login with a role id and a secret id.
pub(crate) fn approle_request(
    mount: &VaultPath,
    role_id: String,
    secret_id: String,
) -> LoginWithApproleRequest {
    LoginWithApproleRequest {
        mount: mount.to_string(),
        role_id,
        secret_id,
    }
}

/// Whom a login stands for, in messages.
pub(crate) fn identity(method: &str, role: Option<&str>) -> String {
    match role {
        Some(role) => format!("the {method} role `{role}`"),
        None => format!("the {method} login"),
    }
}

impl Method {
    /// Whether this machine has what the method needs. Nothing is sent.
    pub(crate) fn check(&self, session: &Session) -> Result<(), Error> {
        let environment = &session.context.environment;
        match &self.proof {
            Proof::Token { token: Some(token) } => token.check("token", environment),
            Proof::Token { token: None } => {
                TokenPlace::find(session.dialect, environment).map(drop)
            }
            Proof::Jwt {
                identity: Some(identity),
                ..
            }
            | Proof::Kubernetes { identity, .. } => identity.check(environment),
            Proof::Jwt { identity: None, .. } => Identity::detect(environment).map(drop),
            Proof::AppRole {
                role_id, secret_id, ..
            } => {
                role_id.resolve("role-id", environment)?;
                secret_id.as_ref().map_or(Ok(()), |secret_id| {
                    secret_id.check("secret-id", environment)
                })
            }
            // Whether there is an identity is known only when the SDK has looked for it.
            #[cfg(feature = "aws")]
            Proof::Aws { identity, .. } => {
                cargo_credential_bridge_aws::check(identity, environment)
            }
            // Likewise: a metadata server answers or does not.
            #[cfg(feature = "gcp")]
            Proof::Gcp { .. } => Ok(()),
            Proof::Cert { .. } if session.has_certificate => Ok(()),
            Proof::Cert { .. } => Err(Error::new(
                Kind::NotAvailable,
                format!(
                    "no client certificate here: neither `client-cert` nor `{}_CLIENT_CERT` is set",
                    session.dialect.prefix()
                ),
            )),
        }
    }

    /// Logs in.
    ///
    /// # Errors
    ///
    /// [`Kind::Unauthenticated`] if the server refuses, besides those of getting the inputs and of sending.
    async fn login(&self, session: &Session) -> Result<Login, Error> {
        let context = &session.context;
        let environment = &context.environment;
        let optional = |value: &Option<Value>, key: &str| {
            Value::resolve_optional(value.as_ref(), key, environment)
        };
        let own_namespace = optional(&self.namespace, "namespace")?;
        let namespace = own_namespace.as_deref().or(session.namespace.as_deref());
        let attempt = |method, mount, role, shown| Attempt {
            method,
            mount,
            role,
            shown,
            namespace,
        };
        match &self.proof {
            Proof::Token { token: Some(token) } => {
                token.resolve("token", environment).map(Login::given)
            }
            Proof::Token { token: None } => own_token(session).await.map(Login::given),
            Proof::Jwt {
                mount,
                role,
                audience,
                identity,
            } => {
                let identity = Identity::chosen(identity.as_ref(), environment)?;
                let audience = optional(audience, "audience")?;
                let role = optional(role, "role")?;
                let shown = identity
                    .token(audience.as_deref().map(Audience::Named), context)
                    .await?;
                let jwt = shown.secret().expose_secret().to_owned();
                let request = jwt_request(mount, role.clone(), jwt);
                attempt("jwt", mount, role, Some(shown))
                    .send(&request, session)
                    .await
            }
            Proof::Kubernetes {
                mount,
                role,
                identity,
            } => {
                let role = role.resolve("role", environment)?;
                let shown = identity.token(None, context).await?;
                let jwt = shown.secret().expose_secret().to_owned();
                let request = kubernetes_request(mount, role.clone(), jwt);
                attempt("kubernetes", mount, Some(role), Some(shown))
                    .send(&request, session)
                    .await
            }
            Proof::AppRole {
                mount,
                role_id,
                secret_id,
                wrapped,
            } => {
                let role_id = role_id.resolve("role-id", environment)?;
                let mut secret_id = match secret_id {
                    Some(secret_id) => secret_id.resolve("secret-id", environment)?,
                    // A role may go without.
                    None => SecretString::default(),
                };
                if *wrapped {
                    secret_id = unwrap(&secret_id, session, namespace).await?;
                }
                session.http.conceal(&secret_id);
                let secret_id = secret_id.expose_secret().to_owned();
                let request = approle_request(mount, role_id, secret_id);
                attempt("approle", mount, None, None)
                    .send(&request, session)
                    .await
            }
            #[cfg(feature = "aws")]
            Proof::Aws {
                mount,
                role,
                server_id,
                region,
                identity,
            } => {
                let role = optional(role, "role")?;
                let request = crate::aws::sign(
                    mount,
                    role.as_deref(),
                    server_id.as_ref(),
                    region.as_ref(),
                    identity,
                    session,
                )
                .await?;
                attempt("aws", mount, role.clone(), None)
                    .send(&request, session)
                    .await
            }
            #[cfg(feature = "gcp")]
            Proof::Gcp {
                mount,
                role,
                statement,
            } => {
                let role = role.resolve("role", environment)?;
                let signed = crate::gcp::sign(statement, &role, session).await?;
                // The login has the shape of that of the JWT auth method.
                let jwt = signed.jwt.expose_secret().to_owned();
                let request = jwt_request(mount, Some(role.clone()), jwt);
                let shown = WorkloadToken::recognize(signed.jwt);
                attempt("gcp", mount, Some(role), shown)
                    .send(&request, session)
                    .await
            }
            Proof::Cert { mount, role } => {
                let role = optional(role, "role")?;
                let request = CertLogin::new(mount, role.as_deref());
                attempt("cert", mount, role.clone(), None)
                    .send(&request, session)
                    .await
            }
        }
    }
}

/// Vault's own token, where no method is given. Behind a Vault Agent there need not be one.
async fn default_login(session: &Session) -> Result<Login, Error> {
    match own_token(session).await {
        Ok(token) => {
            step!("login", to = session.dialect, method = "token");
            Ok(Login::given(token))
        }
        Err(error) if error.kind() == Kind::NotAvailable && session.is_agent => {
            step!("login", to = session.dialect, method = "agent");
            Ok(Login {
                token: None,
                identity: "the agent's identity".to_owned(),
                revoke_in: None,
                lifetime: None,
            })
        }
        Err(error) => Err(error),
    }
}

async fn own_token(session: &Session) -> Result<SecretString, Error> {
    TokenPlace::find(session.dialect, &session.context.environment)?
        .token(session.dialect, &session.address, &session.context)
        .await
}

/// Takes the secret id out of its wrapping (Vault's page "Response wrapping").
async fn unwrap(
    wrapping: &SecretString,
    session: &Session,
    namespace: Option<&str>,
) -> Result<SecretString, Error> {
    session.http.conceal(wrapping);
    let answer = session
        .ask(&UnwrapRequest { token: None }, Some(wrapping), namespace)
        .await?;
    if answer.status != StatusCode::OK {
        return Err(error::classify(
            &Action::Unwrap,
            &answer,
            session.dialect,
            &session.http,
        ));
    }
    let envelope: Envelope<'_> = answer.read()?;
    envelope
        .data
        .and_then(|data| serde_json::from_str::<Unwrapped>(data.get()).ok())
        .and_then(|unwrapped| unwrapped.secret_id)
        .map(SecretString::from)
        .ok_or_else(|| {
            Error::new(
                Kind::Invalid,
                "what is wrapped in `secret-id` is not an AppRole secret id",
            )
            .because(format!("{} answered {}", answer.request, answer.status))
        })
}

impl Attempt<'_> {
    async fn send<E: Endpoint>(&self, request: &E, session: &Session) -> Result<Login, Error> {
        if let Some(shown) = &self.shown {
            session.http.conceal(shown.secret());
        }
        // Without the answer nobody could revoke what was given.
        let answer = unbroken(session.ask(request, None, self.namespace)).await?;
        if answer.status != StatusCode::OK {
            let action = Action::Login {
                method: self.method,
                mount: self.mount.as_str(),
                role: self.role.as_deref(),
                claims: self.shown.as_ref().and_then(WorkloadToken::claims),
            };
            return Err(error::classify(
                &action,
                &answer,
                session.dialect,
                &session.http,
            ));
        }
        let auth = answer.read::<LoginAnswer>()?.auth;
        let lifetime = auth.as_ref().and_then(Auth::lifetime);
        let (token, is_batch) = auth.and_then(Auth::into_token).ok_or_else(|| {
            Error::new(
                Kind::Unauthenticated,
                format!("the {} login gave no token", self.method),
            )
            .because(format!("{} answered {}", answer.request, answer.status))
            .help("does the login want a second factor? a job has none")
        })?;
        Ok(Login {
            token: Some(token),
            identity: identity(self.method, self.role.as_deref()),
            revoke_in: (!is_batch).then(|| self.namespace.map(str::to_owned)),
            lifetime,
        })
    }
}

impl Login {
    /// A token that the job already had: not ours to revoke.
    fn given(token: SecretString) -> Self {
        Self {
            token: Some(token),
            identity: "the token of this machine".to_owned(),
            revoke_in: None,
            lifetime: None,
        }
    }
}
