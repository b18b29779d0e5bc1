//! The registry itself: its `config.json`, asked with the token and without.
//!
//! Source: the Cargo book, "Registry Index" and "Registry Authentication": Cargo asks for a token when this file is
//! answered with 401, and with no other status.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cargo_credential_bridge_backend::http::{Client, Roots, Settings};
use cargo_credential_bridge_backend::{Context, Error, Kind};
use http::{HeaderValue, Request, Response, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::Deserialize;
use url::Url;

use super::cargo::{Cargo, Place};
use super::clock::skew;
use super::finding::{Finding, Level};
use super::source::scheme;
use crate::provider::cargo_token::files::Words;

/// What a sparse index says of itself.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Config {
    #[serde(default)]
    auth_required: bool,
}

/// The way to one registry.
pub(super) struct Live<'a> {
    /// The `config.json`.
    address: Url,
    /// Its entry in the config, as help names it.
    entry: &'a str,
    client: Client,
    roots: String,
    /// What the repository says of the way, which is not gone here.
    foreign: Vec<Finding>,
}

impl<'a> Live<'a> {
    /// The way there as Cargo goes it: with its authorities and its proxy.
    ///
    /// # Errors
    ///
    /// What stands in the way before anything is sent.
    pub(super) fn new(
        address: Url,
        entry: &'a str,
        cargo: &Cargo,
        context: &Context,
    ) -> Result<Self, Error> {
        let environment = &context.environment;
        let mut foreign = Vec::new();
        let mut said = |variable: &str, key: &str| -> Result<_, Error> {
            let all = cargo.said(variable, &["http", key])?;
            if let Some(said) = all.first().filter(|said| !said.is_ours) {
                foreign.push(
                    Finding::warning(format!(
                        "the repository says which `http.{key}` Cargo uses, at {}",
                        said.place
                    ))
                    .detail("the token is not sent that way here, and by Cargo it is")
                    .help(format!(
                        "delete that line, or write it into {}",
                        cargo.home_config()
                    )),
                );
            }
            let ours = all.into_iter().find(|said| said.is_ours);
            Ok(ours.and_then(|said| match &said.words {
                Words::Text(text) if !text.is_empty() => Some((text.clone(), said)),
                _ => None,
            }))
        };
        let roots = match said("CARGO_HTTP_CAINFO", "cainfo")? {
            Some((path, said)) => {
                let key = match said.place {
                    Place::Variable(name) => name,
                    Place::Line(..) => "`http.cainfo` of Cargo".to_owned(),
                };
                Roots::in_file(&key, &said.base.join(path), environment)?
            }
            None => Roots::System,
        };
        let proxy = said("CARGO_HTTP_PROXY", "proxy")?.map(|(proxy, _)| proxy.into());
        let settings = Settings {
            roots: roots.clone(),
            proxy,
            authority_key: "`http.cainfo` in Cargo's config (or SSL_CERT_FILE)",
            ..Settings::default()
        };
        Ok(Self {
            roots: roots.described(environment)?,
            client: Client::new(&address, settings, context)?,
            address,
            entry,
            foreign,
        })
    }

    /// Asks without a token, and with `token` if there is one.
    pub(super) async fn check(&self, token: Option<&SecretString>) -> Vec<Finding> {
        let mut findings = self.foreign.clone();
        let open = match self.ask(None).await {
            Ok(answer) => answer,
            Err(error) => {
                findings.push(Finding::of(Level::Problem, &error));
                return findings;
            }
        };
        if self.address.scheme() == "https" {
            findings.push(Finding::ok(format!(
                "the connection to `{}` is secure: its certificate is vouched for by {}",
                self.client.origin(),
                self.roots
            )));
        }
        findings.extend(skew(&open, SystemTime::now()));
        let Some(token) = token else {
            findings.push(self.without_token(&open));
            return findings;
        };
        for secret in parts(token) {
            self.client.conceal(&secret);
        }
        match self.ask(Some(token)).await {
            Ok(answer) => findings.extend(self.compared(&open, &answer, token).await),
            Err(error) => findings.push(Finding::of(Level::Problem, &error)),
        }
        findings
    }

    async fn ask(&self, token: Option<&SecretString>) -> Result<Response<Vec<u8>>, Error> {
        let mut request = Request::get(self.address.as_str()).header(header::ACCEPT, "*/*");
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(token.expose_secret())
                .map_err(|_| Error::new(Kind::Invalid, "the token can't be sent in a header"))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let request = request.body(Vec::new()).map_err(|error| {
            Error::new(Kind::Invalid, "can't ask the registry").because(error.to_string())
        })?;
        self.client.send(request).await
    }

    /// What the registry says to whoever has no token.
    fn without_token(&self, open: &Response<Vec<u8>>) -> Finding {
        match (open.status(), config(open)) {
            (StatusCode::OK, Some(config)) => self.open(&config),
            (StatusCode::OK, None) => self.no_index(open),
            (StatusCode::UNAUTHORIZED, _) => Finding::ok("the registry wants a token for reads")
                .detail(self.described(open, "without a token")),
            _ => self.no_challenge(open),
        }
    }

    fn open(&self, config: &Config) -> Finding {
        match config.auth_required {
            true => Finding::ok("the registry wants a token for all but its `config.json`"),
            false => Finding::ok("the registry wants no token for reads"),
        }
    }

    /// What the two answers say together.
    async fn compared(
        &self,
        open: &Response<Vec<u8>>,
        answer: &Response<Vec<u8>>,
        token: &SecretString,
    ) -> Vec<Finding> {
        let (alone, with) = (open.status(), answer.status());
        if with == StatusCode::OK && config(answer).is_none() {
            return vec![self.no_index(answer)];
        }
        match (alone, with) {
            (StatusCode::OK, StatusCode::OK) => {
                let mut findings: Vec<_> = config(open).map(|it| self.open(&it)).into_iter().collect();
                findings.push(Finding::ok("the registry takes the token"));
                findings
            }
            (StatusCode::UNAUTHORIZED, StatusCode::OK) => vec![
                Finding::ok("the registry wants a token for reads, and takes this one")
                    .detail(self.described(open, "without a token"))
                    .detail(self.described(answer, "with it")),
            ],
            (_, StatusCode::UNAUTHORIZED) => vec![self.refused(answer, token).await],
            (_, StatusCode::FORBIDDEN) => vec![
                Finding::problem("the registry knows the token, and does not let it read")
                    .detail(self.described(answer, "with it"))
                    .detail(self.words(answer))
                    .help("give the token's owner the right to read in the registry, or store a token that has it"),
            ],
            (_, StatusCode::OK) => vec![self.no_challenge(open)],
            _ => vec![self.no_index(answer)],
        }
    }

    /// The registry refuses the token. Whether a scheme is all that is missing is asked.
    async fn refused(&self, answer: &Response<Vec<u8>>, token: &SecretString) -> Finding {
        let wanted = challenges(answer);
        let names = |wanted: &[&str]| {
            let all: Vec<_> = wanted.iter().map(|name| format!("`{name}`")).collect();
            all.join(", ")
        };
        if scheme(token).is_none() {
            let bearer = SecretString::from(format!("Bearer {}", token.expose_secret()));
            let is_taken = match self.ask(Some(&bearer)).await {
                Ok(answer) => answer.status() == StatusCode::OK,
                Err(_) => false,
            };
            let problem = match (is_taken, wanted.as_slice()) {
                (true, _) => Some(Finding::problem(
                    "the token has no scheme, and the registry takes it as `Bearer` only",
                )),
                (false, []) => None,
                (false, wanted) => Some(Finding::problem(format!(
                    "the token has no scheme, and the registry wants {}",
                    names(wanted)
                ))),
            };
            if let Some(problem) = problem {
                let scheme = match is_taken {
                    true => "Bearer",
                    false => wanted.first().copied().unwrap_or("Bearer"),
                };
                let user = match scheme {
                    "Basic" => " and `username = \"…\"`",
                    _ => "",
                };
                return problem
                    .detail(self.described(answer, "with it"))
                    .detail(self.words(answer))
                    .help(format!(
                        "set `scheme = \"{scheme}\"`{user} in `[registries.\"{}\"]` of the config",
                        self.entry
                    ));
            }
        }
        let problem = Finding::problem("the registry refuses the token")
            .detail(self.described(answer, "with it"))
            .detail(self.words(answer));
        match wanted.as_slice() {
            [] => problem,
            wanted => problem.detail(format!("it wants {}", names(wanted))),
        }
        .help("make a new token in the registry, and store it in the place that this one is from")
    }

    /// Cargo never gets to ask for a token.
    fn no_challenge(&self, open: &Response<Vec<u8>>) -> Finding {
        let described = self.described(open, "without a token");
        match open.status() {
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => Finding::problem(format!(
                "the registry answers {} where there is no token, and Cargo sends one only after a 401",
                open.status()
            ))
            .detail(described)
            .help(
                "check the `index` in Cargo's config; if it is right, the registry must answer 401 to whoever has no token",
            ),
            _ => self.no_index(open),
        }
    }

    /// There is no index at this address.
    fn no_index(&self, answer: &Response<Vec<u8>>) -> Finding {
        let what = match answer.status() {
            StatusCode::OK => "the answer of the registry is not the `config.json` of an index",
            StatusCode::NOT_FOUND => "there is no index at this address",
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                "the registry can't answer now"
            }
            _ => "the registry gives no index",
        };
        let help = match answer.status().is_server_error() {
            true => "see to the registry; Cargo tries it three times, too",
            false => "check the `index` in Cargo's config: below it there must be a `config.json`",
        };
        Finding::problem(what)
            .detail(self.described(answer, "answered"))
            .detail(self.words(answer))
            .help(help)
    }

    fn described(&self, answer: &Response<Vec<u8>>, how: &str) -> String {
        match how {
            "answered" => format!("GET {} answered {}", self.address, answer.status()),
            how => format!("GET {} answered {} {how}", self.address, answer.status()),
        }
    }

    /// The registry's own words, unless it is a page for a browser.
    fn words(&self, answer: &Response<Vec<u8>>) -> String {
        let text = str::from_utf8(answer.body()).unwrap_or_default().trim();
        match answer.status() {
            StatusCode::OK => String::new(),
            _ if text.starts_with('<') => String::new(),
            _ => self.client.quote(text),
        }
    }
}

/// The token in all forms in which the registry may repeat it: with its scheme, without, and the password that is in one of
/// the scheme `Basic`.
fn parts(token: &SecretString) -> Vec<SecretString> {
    let mut parts = vec![token.clone()];
    let text = token.expose_secret();
    if scheme(token).is_some()
        && let Some((_, rest)) = text.split_once(' ')
    {
        parts.push(rest.trim().into());
        let pair = STANDARD.decode(rest.trim()).map(SecretSlice::from);
        let password = pair.ok().and_then(|pair| {
            let pair = str::from_utf8(pair.expose_secret()).ok()?;
            pair.split_once(':').map(|(_, password)| password.into())
        });
        parts.extend(password);
    }
    parts
}

fn config(answer: &Response<Vec<u8>>) -> Option<Config> {
    let body = answer.body().trim_ascii_start();
    body.starts_with(b"{")
        .then(|| serde_json::from_slice(body).ok())
        .flatten()
}

/// The schemes that the registry names, of those that a token can have.
fn challenges(answer: &Response<Vec<u8>>) -> Vec<&'static str> {
    let said = answer.headers().get_all(header::WWW_AUTHENTICATE);
    let said: Vec<_> = said
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    ["Bearer", "Token", "Basic"]
        .into_iter()
        .filter(|name| {
            said.iter()
                .flat_map(|value| value.split(','))
                .filter_map(|challenge| challenge.split_ascii_whitespace().next())
                .any(|first| first.eq_ignore_ascii_case(name))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemes_that_a_registry_wants() {
        let answer = Response::builder()
            .header(
                header::WWW_AUTHENTICATE,
                "Cargo login_url=\"https://r.example/me\"",
            )
            .header(
                header::WWW_AUTHENTICATE,
                "basic realm=\"r\", Bearer realm=\"r\"",
            )
            .body(Vec::new())
            .unwrap();
        assert_eq!(challenges(&answer), ["Bearer", "Basic"]);
    }
}
