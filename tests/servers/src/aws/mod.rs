//! An in-memory double of AWS, for what moto does not check and for what must be fast: Secrets Manager and STS.
//!
//! It really checks signatures and their time, session tokens, and the signature, issuer, audience and subject of a web
//! identity token against the trust policy of the role. Its errors are AWS's codes; the HTTP status is AWS's as well,
//! where moto has another.

mod answer;
mod keys;
mod sigv4;
mod state;
mod sts;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use time::OffsetDateTime;

use self::answer::{Language, Refused, json_answer};
pub use self::keys::Keys;
use self::state::{Principal, State};
pub use self::sts::Trust;
use crate::authority::Certificate;
use crate::form::Form;
use crate::http::{Request, Response};
use crate::server::{Server, Tls};

/// Where its secrets are, and the account of everybody whom moto does not know better.
pub const ACCOUNT: &str = "123456789012";

/// The double; it stops on drop.
#[derive(Debug)]
pub struct AwsServer {
    server: Server,
    desk: Arc<Desk>,
}

impl AwsServer {
    /// Serves plain HTTP.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// Serves HTTPS with this certificate.
    #[must_use]
    pub fn start_tls(certificate: &Certificate) -> Self {
        let certificate = certificate.clone();
        Self::start_with(Some(&Tls {
            certificate,
            client_authority_pem: None,
            version: Default::default(),
        }))
    }

    fn start_with(tls: Option<&Tls>) -> Self {
        let desk = Arc::new(Desk::default());
        let server = {
            let desk = Arc::clone(&desk);
            Server::start_with(tls, move |request| desk.answer(request))
        };
        Self { server, desk }
    }

    /// The base URL: `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Keeps a text under a name.
    pub fn put(&self, name: &str, text: &str) {
        self.desk
            .state()
            .secrets
            .insert(name.to_owned(), text.to_owned());
    }

    /// Lets nobody read the secret of this name.
    pub fn deny(&self, name: &str) {
        self.desk.state().denied.insert(name.to_owned());
    }

    /// A key of a user.
    #[must_use]
    pub fn user(&self, arn: &str) -> Keys {
        self.desk.state().user(arn)
    }

    /// A key of a session.
    #[must_use]
    pub fn session(&self, arn: &str) -> Keys {
        self.desk.state().session(arn)
    }

    /// Ends the session of a key.
    pub fn expire(&self, keys: &Keys) {
        self.desk.state().expire(&keys.id);
    }

    /// Makes a role that trusts the tokens of an issuer.
    pub fn role(&self, arn: &str, trust: Trust) {
        self.desk.state().roles.insert(arn.to_owned(), trust);
    }

    /// Makes a role that whoever has a key may assume.
    pub fn plain_role(&self, arn: &str) {
        self.desk.state().plain_roles.insert(arn.to_owned());
    }

    /// Sets its clock that many seconds before everybody else's.
    pub fn set_ahead(&self, seconds: i64) {
        self.desk.state().ahead = seconds;
    }

    /// Answers first, where it answers: for faults.
    pub fn intercept(&self, answer: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static) {
        self.desk
            .intercepts
            .lock()
            .expect("no intercept panics")
            .push(Box::new(answer));
    }

    /// The operations that were asked for, in order: `GetSecretValue`, `AssumeRole`.
    #[must_use]
    pub fn operations(&self) -> Vec<String> {
        self.requests().iter().map(operation).collect()
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }

    /// The number of connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.server.connections()
    }
}

/// The operation that a request is for.
#[must_use]
pub fn operation(request: &Request) -> String {
    match request.header("x-amz-target") {
        Some(target) => target.rsplit('.').next().unwrap_or_default().to_owned(),
        None => Form::of(request).value("Action").to_owned(),
    }
}

/// The region that a request is signed for.
#[must_use]
pub fn region(request: &Request) -> Option<&str> {
    sigv4::Signature::of(request).map(|signature| signature.region)
}

/// An error of Secrets Manager, for [`AwsServer::intercept`].
#[must_use]
pub fn refused(status: u16, code: &str, message: &str) -> Response {
    Refused::new(status, code, message).response(Language::Json)
}

/// A refusal in the language of a request: Secrets Manager has other codes than STS where the caller is not known.
pub(crate) fn refusal_of(request: &Request, status: u16, code: &str, message: &str) -> Response {
    if request.header("x-amz-target").is_none() {
        return Refused::new(status, code, message).response(Language::Xml);
    }
    let code = match code {
        "AccessDenied" => "AccessDeniedException",
        "InvalidClientTokenId" => "UnrecognizedClientException",
        "SignatureDoesNotMatch" => "InvalidSignatureException",
        code => code,
    };
    Refused::new(400, code, message).response(Language::Json)
}

type Intercept = Box<dyn Fn(&Request) -> Option<Response> + Send + Sync>;

#[derive(Default)]
struct Desk {
    state: Mutex<State>,
    intercepts: Mutex<Vec<Intercept>>,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no request panics")
    }

    fn answer(&self, request: &Request) -> Response {
        let intercepts = self.intercepts.lock().expect("no intercept panics");
        if let Some(first) = intercepts.iter().find_map(|answer| answer(request)) {
            return first;
        }
        let mut state = self.state();
        let language = match request.header("x-amz-target") {
            Some(_) => Language::Json,
            None => Language::Xml,
        };
        let answer = answer(&mut state, request, language)
            .unwrap_or_else(|refused| refused.response(language));
        answer.header("date", &http_date(state.now()))
    }
}

fn answer(state: &mut State, request: &Request, language: Language) -> Result<Response, Refused> {
    let operation = operation(request);
    let form = Form::of(request);
    // The one that nobody signs: whoever asks has no keys yet.
    if operation == "AssumeRoleWithWebIdentity" {
        return sts::assume_role_with_web_identity(state, &form);
    }
    let by = state.authenticate(request, language)?;
    match operation.as_str() {
        "GetSecretValue" => read(state, request, &by),
        "AssumeRole" => sts::assume_role(state, &form, &by),
        "GetCallerIdentity" => Ok(sts::get_caller_identity(&by)),
        _ => Err(Refused::new(400, "UnknownOperationException", "")),
    }
}

fn read(state: &State, request: &Request, by: &Principal) -> Result<Response, Refused> {
    let asked: Value = request.json().unwrap_or_default();
    let id = asked["SecretId"].as_str().unwrap_or_default();
    if state.denied.contains(id) {
        return Err(Refused::new(
            400,
            "AccessDeniedException",
            format!(
                "User: {} is not authorized to perform: secretsmanager:GetSecretValue on resource: {id} because no \
                 identity-based policy allows the secretsmanager:GetSecretValue action",
                by.arn
            ),
        ));
    }
    let Some(text) = state.secrets.get(id) else {
        return Err(Refused::new(
            400,
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret.",
        ));
    };
    let arn = format!("arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:{id}-a1b2c3");
    let body = json!({
        "ARN": arn, "Name": id, "SecretString": text, "CreatedDate": 1_700_000_000.123,
        "VersionId": "8f3c1c1e-3f6a-4b0c-9d6e-0d9f6b7a2c11", "VersionStages": ["AWSCURRENT"],
    });
    Ok(json_answer(200, &body))
}

/// A time in seconds since the epoch, as HTTP's `Date` has it.
fn http_date(seconds: i64) -> String {
    let time = OffsetDateTime::from(
        UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default()),
    );
    let (weekday, month) = (time.weekday().to_string(), time.month().to_string());
    format!(
        "{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
        &weekday[..3],
        time.day(),
        &month[..3],
        time.year(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Answer, Ask, ask};
    use crate::http::percent_encode;
    use crate::{Issuer, clock};

    const ROLE: &str = "arn:aws:iam::123456789012:role/ci";

    fn trade(aws: &AwsServer, role: &str, token: &str) -> Answer {
        let body = format!(
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={}&RoleSessionName=run&WebIdentityToken={token}",
            percent_encode(role)
        );
        ask(&Ask::new("POST", &aws.url()).body(body)).unwrap()
    }

    #[test]
    fn a_token_is_believed_only_if_all_of_it_is_right() {
        let (aws, issuer, other) = (AwsServer::start(), Issuer::start(), Issuer::start());
        let subject = "repo:acme/app:ref:refs/heads/main";
        aws.role(
            ROLE,
            Trust::new(&issuer, "sts.amazonaws.com").subject(subject),
        );
        let given = trade(&aws, ROLE, &issuer.token("sts.amazonaws.com"));
        assert_eq!(given.status, 200, "{}", given.text());
        assert!(given.text().contains("assumed-role/ci/run</Arn>"));

        let claims = |extra| issuer.claims("sts.amazonaws.com", &extra);
        let past = clock::unix_now() - 1;
        for (token, status, code) in [
            ("a.b".to_owned(), 400, "InvalidIdentityToken"),
            (issuer.token("vault"), 400, "InvalidIdentityToken"),
            (
                other.token("sts.amazonaws.com"),
                400,
                "InvalidIdentityToken",
            ),
            (other.sign(&claims(json!({}))), 400, "InvalidIdentityToken"),
            (
                issuer.sign(&claims(json!({ "exp": past }))),
                400,
                "ExpiredTokenException",
            ),
            (
                issuer.sign(&claims(json!({ "sub": "repo:acme/fork" }))),
                403,
                "AccessDenied",
            ),
        ] {
            let answer = trade(&aws, ROLE, &token);
            let code = format!("<Code>{code}</Code>");
            assert_eq!(answer.status, status, "{}", answer.text());
            assert!(answer.text().contains(&code), "{}", answer.text());
        }
        let answer = trade(
            &aws,
            "arn:aws:iam::1:role/x",
            &issuer.token("sts.amazonaws.com"),
        );
        assert!(answer.text().contains("<Code>AccessDenied</Code>"));
    }

    #[test]
    fn nothing_is_read_without_a_signature() {
        let aws = AwsServer::start();
        aws.put("a", "s3cret");
        let request = Ask::new("POST", &aws.url())
            .header("x-amz-target", "secretsmanager.GetSecretValue")
            .body(json!({ "SecretId": "a" }).to_string());
        let answer = ask(&request).unwrap();
        assert_eq!(
            answer.json()["__type"],
            "MissingAuthenticationTokenException"
        );
        assert_eq!(aws.operations(), ["GetSecretValue"]);
    }

    #[test]
    fn its_date_is_that_of_its_clock() {
        assert_eq!(http_date(1_440_938_160), "Sun, 30 Aug 2015 12:36:00 GMT");
    }
}
