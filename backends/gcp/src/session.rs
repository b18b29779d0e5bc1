//! One instance while an answer is made: the way to Google, and what is known of this job there.

use cargo_credential_bridge_backend::http::{Retry, Transport};
use cargo_credential_bridge_backend::{
    Context, Error, ExposeSecret as _, Kind, Running, SecretString, Written,
};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use serde_json::Value;
use url::form_urlencoded;

use crate::answer::Answer;
use crate::error::{self, Action};
use crate::name::UniverseDomain;

/// What every exchange of a login and a read goes through.
pub(crate) struct Session {
    pub(crate) transport: Transport,
    pub(crate) context: Context,
    /// As the config or a variable says; the credentials may know better where it does not.
    pub(crate) universe: Option<UniverseDomain>,
}

/// One request, before it is sent.
#[derive(Clone)]
pub(crate) struct Ask<'a> {
    method: Method,
    url: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    authorization: Option<(&'static str, &'a SecretString)>,
    body: Vec<u8>,
    content_type: Option<&'static str>,
}

impl<'a> Ask<'a> {
    pub(crate) fn get(url: &'a str) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: Vec::new(),
            authorization: None,
            body: Vec::new(),
            content_type: None,
        }
    }

    /// A POST of JSON.
    pub(crate) fn json(url: &'a str, body: &Value) -> Self {
        Self {
            method: Method::POST,
            body: body.to_string().into_bytes(),
            content_type: Some("application/json"),
            ..Self::get(url)
        }
    }

    /// A POST of a form, as OAuth has it (RFC 6749).
    pub(crate) fn form(url: &'a str, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        Self {
            method: Method::POST,
            body: body.into_bytes(),
            content_type: Some("application/x-www-form-urlencoded"),
            ..Self::get(url)
        }
    }

    pub(crate) fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn bearer(self, token: &'a SecretString) -> Self {
        self.authorized("Bearer", token)
    }

    /// With this in the header `Authorization`.
    pub(crate) fn authorized(mut self, scheme: &'static str, credential: &'a SecretString) -> Self {
        self.authorization = Some((scheme, credential));
        self
    }

    /// The request as it goes out.
    pub(crate) fn build(self) -> Result<Request<Vec<u8>>, Error> {
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.url)
            .header(ACCEPT, "application/json");
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if let Some(content_type) = self.content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        if let Some((scheme, credential)) = self.authorization {
            request = request.header(AUTHORIZATION, authorization(scheme, credential)?);
        }
        request.body(self.body).map_err(|error| {
            Error::new(Kind::Invalid, "can't ask Google").because(error.to_string())
        })
    }
}

impl Session {
    /// Sends it, again where that may help, and gives the answer whatever its status.
    pub(crate) fn ask<'a>(&'a self, ask: Ask<'a>) -> Running<'a, Result<Answer, Error>> {
        Box::pin(async move {
            let asked = format!("{} {}", ask.method, without_query(ask.url));
            let response = self.transport.send(ask.build()?).await?;
            Ok(Answer::new(asked, response))
        })
    }

    /// Sends it, again only where Google has not done it for sure: where nobody was reached, or too many asked.
    ///
    /// # Errors
    ///
    /// What [`Written::in_doubt`] says, where nobody knows.
    pub(crate) fn ask_once<'a>(&'a self, ask: Ask<'a>) -> Running<'a, Result<Answer, Error>> {
        Box::pin(async move {
            let asked = format!("{} {}", ask.method, without_query(ask.url));
            let retry = Retry::default();
            let mut made = 0;
            loop {
                made += 1;
                let request = ask.clone().build()?;
                let outcome = self.transport.exchange(request, None).await;
                let is_undone = match &outcome {
                    Ok(response) => response.status() == StatusCode::TOO_MANY_REQUESTS,
                    Err(failure) => failure.is_transient,
                };
                // There is one of us: nobody needs to keep out of step.
                let wait = retry.wait(made, None, 1.0);
                match wait.filter(|wait| *wait < self.context.deadline.remaining()) {
                    Some(wait) if is_undone => tokio::time::sleep(wait).await,
                    _ => {
                        return match outcome {
                            Ok(response) => Ok(Answer::new(asked, response)),
                            Err(failure) if is_undone => Err(failure.error),
                            Err(failure) => Err(Written::in_doubt(failure.error)),
                        };
                    }
                }
            }
        })
    }

    /// As [`ask`](Self::ask), for an answer that must be one to go on: what it means that it is none is up to `action`.
    pub(crate) fn granted<'a>(
        &'a self,
        ask: Ask<'a>,
        action: &'a Action<'a>,
    ) -> Running<'a, Result<Answer, Error>> {
        Box::pin(async move {
            let answer = self.ask(ask).await?;
            if answer.is_ok() {
                return Ok(answer);
            }
            Err(error::classify(action, &answer.refusal(&self.transport)))
        })
    }

    /// The domain of Google's services for whoever has no endpoints of their own.
    pub(crate) fn universe(&self) -> UniverseDomain {
        self.universe.clone().unwrap_or_default()
    }
}

/// For messages: a query may hold what is not for everyone.
pub(crate) fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

fn authorization(scheme: &str, credential: &SecretString) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::try_from(format!("{scheme} {}", credential.expose_secret()))
        .map_err(|_| {
            Error::new(
                Kind::Invalid,
                "what should be an access token has characters in it that none has",
            )
        })?;
    value.set_sensitive(true);
    Ok(value)
}
