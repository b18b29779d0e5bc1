//! An in-memory double of AWS Secrets Manager, with the operations of STS that give keys, as far as this project uses them.
//!
//! It really checks signatures (version 4) and session tokens. Of policies it knows one: nobody may read what was denied.
//! Web identity tokens are taken for what they say; a real STS is beyond any double.
//!
//! Source: the API references of Secrets Manager (JSON 1.1) and STS (query and XML).

mod signature;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use self::signature::Authorization;
use crate::authority::Certificate;
use crate::http::{Request, Response, percent_decode};
use crate::server::{Exchange, Server, Tls};
use crate::{clock, random};

/// The account that everything belongs to.
pub const ACCOUNT: &str = "123456789012";

/// The double; it stops on drop.
#[derive(Debug)]
pub struct SecretsManager {
    server: Server,
    state: Arc<Mutex<State>>,
}

/// Long-lived keys, or those of a session with its token.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The id, which is no secret.
    pub id: String,
    /// The secret.
    pub secret: String,
    /// The token of a session.
    pub token: Option<String>,
    /// Whose they are: an ARN.
    pub principal: String,
}

#[derive(Debug, Default)]
struct State {
    keys: Vec<Keys>,
    secrets: BTreeMap<String, Secret>,
}

#[derive(Debug)]
struct Secret {
    arn: String,
    /// Staging labels and what they are at: `SecretString` or `SecretBinary` with its value.
    versions: BTreeMap<String, (&'static str, String)>,
    tags: BTreeMap<String, String>,
    is_deleted: bool,
    refusal: Option<(&'static str, &'static str)>,
    /// Whether nobody may know what is known of it besides its value.
    is_undescribed: bool,
}

impl SecretsManager {
    /// Serves plain HTTP.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// Serves HTTPS with this certificate.
    #[must_use]
    pub fn start_tls(certificate: &Certificate) -> Self {
        Self::start_with(Some(&Tls {
            certificate: certificate.clone(),
            client_authority_pem: None,
            version: Default::default(),
        }))
    }

    fn start_with(tls: Option<&Tls>) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let server = {
            let state = Arc::clone(&state);
            Server::start_with(tls, move |request| lock(&state).answer(request))
        };
        Self { server, state }
    }

    /// The base URL, for `endpoint` or `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Calls back for every exchange from now on, before the answer is sent.
    pub fn watch(&self, watcher: impl Fn(&Exchange) + Send + 'static) {
        self.server.watch(watcher);
    }

    /// What was asked so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }

    /// Makes a user and its keys.
    #[must_use]
    pub fn user(&self, name: &str) -> Keys {
        lock(&self.state).issue("AKIA", None, format!("arn:aws:iam::{ACCOUNT}:user/{name}"))
    }

    /// Makes the keys of a session, as a machine has them.
    #[must_use]
    pub fn session(&self, role: &str) -> Keys {
        let principal = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/machine");
        lock(&self.state).issue("ASIA", Some(random::text(60)), principal)
    }

    /// Keeps a text under a name, at the label `AWSCURRENT`; gives its ARN.
    pub fn put(&self, name: &str, text: &str) -> String {
        self.put_at(name, "AWSCURRENT", "SecretString", text.to_owned())
    }

    /// Keeps a text at another label.
    pub fn put_stage(&self, name: &str, stage: &str, text: &str) -> String {
        self.put_at(name, stage, "SecretString", text.to_owned())
    }

    /// Keeps bytes under a name.
    pub fn put_binary(&self, name: &str, bytes: &[u8]) -> String {
        self.put_at(name, "AWSCURRENT", "SecretBinary", STANDARD.encode(bytes))
    }

    fn put_at(&self, name: &str, stage: &str, shape: &'static str, value: String) -> String {
        let mut state = lock(&self.state);
        let secret = state
            .secrets
            .entry(name.to_owned())
            .or_insert_with(|| Secret {
                arn: format!(
                    "arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:{name}-{}",
                    random::alphanumeric(6)
                ),
                versions: BTreeMap::new(),
                tags: BTreeMap::new(),
                is_deleted: false,
                refusal: None,
                is_undescribed: false,
            });
        secret.versions.insert(stage.to_owned(), (shape, value));
        secret.arn.clone()
    }

    /// Gives a secret that is there a tag.
    pub fn tag(&self, name: &str, key: &str, value: &str) {
        if let Some(secret) = lock(&self.state).secrets.get_mut(name) {
            secret.tags.insert(key.to_owned(), value.to_owned());
        }
    }

    /// Lets nobody know more of a secret than its value.
    pub fn deny_description(&self, name: &str) {
        if let Some(secret) = lock(&self.state).secrets.get_mut(name) {
            secret.is_undescribed = true;
        }
    }

    /// Schedules a secret for deletion.
    pub fn delete(&self, name: &str) {
        if let Some(secret) = lock(&self.state).secrets.get_mut(name) {
            secret.is_deleted = true;
        }
    }

    /// Refuses every read of a name, there or not, with this code; `$user` in the message is who asks.
    pub fn refuse(&self, name: &str, code: &'static str, message: &'static str) {
        self.put_stage(name, "AWSCURRENT", "not to be read");
        if let Some(secret) = lock(&self.state).secrets.get_mut(name) {
            secret.refusal = Some((code, message));
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no handler panics")
}

impl State {
    fn issue(&mut self, prefix: &str, token: Option<String>, principal: String) -> Keys {
        let keys = Keys {
            id: format!("{prefix}{}", random::alphanumeric(16).to_uppercase()),
            secret: random::alphanumeric(40),
            token,
            principal,
        };
        self.keys.push(keys.clone());
        keys
    }

    fn answer(&mut self, request: &Request) -> Response {
        match request.header("x-amz-target") {
            Some(target) => self.secrets_manager(target, request),
            None => self.sts(request),
        }
    }

    /// Whose request it is.
    fn authenticate(
        &self,
        request: &Request,
        service: &str,
    ) -> Result<Keys, (&'static str, String)> {
        let refuse = |code, message: &str| Err((code, message.to_owned()));
        let Some(authorization) = Authorization::of(request) else {
            return refuse(
                "MissingAuthenticationTokenException",
                "Request is missing Authentication Token",
            );
        };
        let Some(keys) = self
            .keys
            .iter()
            .find(|keys| keys.id == authorization.key_id)
        else {
            return refuse(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            );
        };
        if request.header("x-amz-security-token") != keys.token.as_deref() {
            return refuse(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            );
        }
        if authorization.service != service || !authorization.is_by(&keys.secret, request) {
            // AWS repeats what it has signed, the session's token included.
            let message = format!(
                "The request signature we calculated does not match the signature you provided. x-amz-security-token:{}",
                keys.token.as_deref().unwrap_or_default()
            );
            return Err(("InvalidSignatureException", message));
        }
        Ok(keys.clone())
    }

    fn secrets_manager(&self, target: &str, request: &Request) -> Response {
        let caller = match self.authenticate(request, "secretsmanager") {
            Ok(keys) => keys.principal,
            Err((code, message)) => return failed(code, &message),
        };
        let asked = request.json().unwrap_or_default();
        let id = asked["SecretId"].as_str().unwrap_or_default();
        let found = self.secrets.iter().find(|(name, secret)| {
            name.as_str() == id
                || secret.arn == id
                || secret
                    .arn
                    .rsplit_once('-')
                    .is_some_and(|(arn, _)| arn == id)
        });
        let Some((name, secret)) = found else {
            return failed(
                "ResourceNotFoundException",
                "Secrets Manager can't find the specified secret.",
            );
        };
        if let Some((code, message)) = secret.refusal {
            return failed(code, &message.replace("$user", &caller));
        }
        match target {
            "secretsmanager.GetSecretValue" => secret.value(name, &asked),
            "secretsmanager.DescribeSecret" if secret.is_undescribed => {
                let action = "secretsmanager:DescribeSecret";
                let message = format!(
                    "User: {caller} is not authorized to perform: {action} on resource: {} because no identity-based \
                     policy allows the {action} action",
                    secret.arn
                );
                failed("AccessDeniedException", &message)
            }
            "secretsmanager.DescribeSecret" => secret.description(name),
            _ => failed("UnknownOperationException", ""),
        }
    }

    fn sts(&mut self, request: &Request) -> Response {
        let form = String::from_utf8_lossy(&request.body).into_owned();
        let parameter = |name: &str| {
            form.split('&').find_map(|pair| {
                let (key, value) = pair.split_once('=')?;
                (key == name).then(|| percent_decode(&value.replace('+', " ")))
            })
        };
        let operation = parameter("Action").unwrap_or_default();
        if operation != "AssumeRoleWithWebIdentity"
            && let Err((code, message)) = self.authenticate(request, "sts")
        {
            return failed_xml(code, &message);
        }
        let role = parameter("RoleArn").unwrap_or_default();
        let name = role.rsplit('/').next().unwrap_or_default();
        if name == "refused" {
            return failed_xml(
                "AccessDenied",
                &format!("Not authorized to perform sts:{operation}"),
            );
        }
        let session = parameter("RoleSessionName").unwrap_or_default();
        let principal = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}");
        let token = random::text(60);
        let keys = self.issue("ASIA", Some(token.clone()), principal.clone());
        let body = format!(
            "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result><AssumedRoleUser>\
             <AssumedRoleId>AROA:{session}</AssumedRoleId><Arn>{principal}</Arn></AssumedRoleUser><Credentials>\
             <AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey><SessionToken>{token}</SessionToken>\
             <Expiration>{}</Expiration></Credentials></{operation}Result></{operation}Response>",
            keys.id,
            keys.secret,
            clock::rfc3339_after(900),
        );
        Response::text(200, &body)
    }
}

impl Secret {
    fn value(&self, name: &str, asked: &Value) -> Response {
        if self.is_deleted {
            let message = "You can't perform this operation on the secret because it was marked for deletion.";
            return failed("InvalidRequestException", message);
        }
        let stage = asked["VersionStage"].as_str().unwrap_or("AWSCURRENT");
        match self.versions.get(stage) {
            Some((shape, value)) => Response::json(
                200,
                &json!({
                    "ARN": self.arn, "Name": name, *shape: value,
                    "VersionId": random::uuid(), "VersionStages": [stage],
                }),
            ),
            None => {
                let message = format!(
                    "Secrets Manager can't find the specified secret value for staging label: {stage}"
                );
                failed("ResourceNotFoundException", &message)
            }
        }
    }

    fn description(&self, name: &str) -> Response {
        let versions: BTreeMap<_, _> = self
            .versions
            .keys()
            .map(|stage| (random::uuid(), [stage]))
            .collect();
        let mut body = json!({ "ARN": self.arn, "Name": name, "VersionIdsToStages": versions });
        // AWS leaves out what is empty.
        if !self.tags.is_empty() {
            let tags = self.tags.iter();
            body["Tags"] = tags
                .map(|(key, value)| json!({ "Key": key, "Value": value }))
                .collect();
        }
        if self.is_deleted {
            body["DeletedDate"] = json!(1_790_000_000.5);
        }
        Response::json(200, &body)
    }
}

/// An error of Secrets Manager.
fn failed(code: &str, message: &str) -> Response {
    Response::json(400, &json!({ "__type": code, "Message": message }))
        .header("x-amzn-requestid", "double")
}

/// An error of STS.
fn failed_xml(code: &str, message: &str) -> Response {
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>double</RequestId></ErrorResponse>"
    );
    Response::text(403, &body).header("x-amzn-requestid", "double")
}
