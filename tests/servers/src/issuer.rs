//! The workload identity of a CI job: an OIDC issuer with GitHub's token endpoint.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::clock::unix_now;
use crate::http::{Request, Response};
use crate::jwt::SigningKey;
use crate::random;
use crate::server::{Exchange, Server};

/// How long a token lives, in seconds; GitHub's live as long.
const LIFETIME: i64 = 300;

/// An OIDC issuer that speaks for the repository `acme/app` on its main branch.
///
/// It serves `/.well-known/openid-configuration`, `/jwks` and `/github/token`, GitHub's endpoint for a job's identity
/// (<https://docs.github.com/en/actions/reference/security/oidc>).
#[derive(Debug)]
pub struct Issuer {
    server: Server,
    key: Arc<SigningKey>,
    request_token: String,
}

impl Issuer {
    /// Starts it with a new key and a new request token.
    #[must_use]
    pub fn start() -> Self {
        Self::start_for(&Value::Null)
    }

    /// Starts one for another job: `extra`, an object or null, adds to the claims or replaces them.
    #[must_use]
    pub fn start_for(extra: &Value) -> Self {
        let key = Arc::new(SigningKey::new());
        let request_token = random::text(24);
        let desk = Desk {
            key: Arc::clone(&key),
            request_token: request_token.clone(),
            extra: extra.clone(),
        };
        let server = Server::start(move |request| desk.answer(request));
        Self {
            server,
            key,
            request_token,
        }
    }

    /// The issuer's URL, which is the `iss` of its tokens.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Signs exactly these claims; none is added.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        self.key.sign(claims)
    }

    /// The claims of a job's token for this audience; `extra`, an object or null, adds to them or replaces them.
    #[must_use]
    pub fn claims(&self, audience: &str, extra: &Value) -> Value {
        with(claims(&self.url(), audience), extra)
    }

    /// A job's token for this audience, valid for five minutes.
    #[must_use]
    pub fn token(&self, audience: &str) -> String {
        self.sign(&self.claims(audience, &Value::Null))
    }

    /// The public key in PEM.
    #[must_use]
    pub fn public_key_pem(&self) -> String {
        self.key.public_key_pem()
    }

    /// The token that the token endpoint demands: GitHub's `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
    #[must_use]
    pub fn request_token(&self) -> &str {
        &self.request_token
    }

    /// The two variables that GitHub sets in a job with `permissions: id-token: write`.
    #[must_use]
    pub fn github_env(&self) -> [(String, String); 2] {
        [
            (
                "ACTIONS_ID_TOKEN_REQUEST_URL".into(),
                format!("{}/github/token?api-version=2.0", self.url()),
            ),
            (
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN".into(),
                self.request_token.clone(),
            ),
        ]
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }

    /// Calls back for every exchange from now on.
    pub fn watch(&self, watcher: impl Fn(&Exchange) + Send + 'static) {
        self.server.watch(watcher);
    }
}

struct Desk {
    key: Arc<SigningKey>,
    request_token: String,
    extra: Value,
}

impl Desk {
    fn answer(&self, request: &Request) -> Response {
        let url = format!("http://{}", request.header("host").unwrap_or_default());
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/.well-known/openid-configuration") => Response::json(200, &discovery(&url)),
            ("GET", "/jwks") => Response::json(200, &self.key.jwks()),
            ("GET", "/github/token") => self.github(&url, request),
            _ => Response::text(404, "not found"),
        }
    }

    fn github(&self, url: &str, request: &Request) -> Response {
        let authorization = request.header("authorization").unwrap_or_default();
        let (scheme, token) = authorization.split_once(' ').unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") || token != self.request_token {
            return Response::text(401, "the request token is missing or wrong");
        }
        if request.parameter("api-version").as_deref() != Some("2.0") {
            return Response::text(400, "api-version must be 2.0");
        }
        // Without an audience, GitHub takes the URL of the repository's owner.
        let audience = request
            .parameter("audience")
            .unwrap_or_else(|| "https://github.com/acme".into());
        let claims = with(claims(url, &audience), &self.extra);
        Response::json(200, &json!({ "value": self.key.sign(&claims) }))
    }
}

fn claims(issuer: &str, audience: &str) -> Value {
    let now = unix_now();
    json!({
        "iss": issuer,
        "sub": "repo:acme/app:ref:refs/heads/main",
        "aud": audience,
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME,
        "repository": "acme/app",
        "ref": "refs/heads/main",
    })
}

fn with(mut claims: Value, extra: &Value) -> Value {
    let object = claims.as_object_mut().expect("claims are an object");
    let extra = extra.as_object().into_iter().flatten();
    object.extend(extra.map(|(key, value)| (key.clone(), value.clone())));
    claims
}

fn discovery(url: &str) -> Value {
    json!({
        "issuer": url,
        "jwks_uri": format!("{url}/jwks"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Ask, ask};
    use crate::jwt::verify;

    #[test]
    fn github_endpoint_wants_its_token_and_gives_the_audience() {
        let issuer = Issuer::start();
        let [(_, url), (_, token)] = issuer.github_env();
        let url = format!("{url}&audience=https%3A%2F%2Fvault.example.com");
        assert_eq!(ask(&Ask::new("GET", &url)).unwrap().status, 401);
        assert_eq!(
            ask(&Ask::new("GET", &url).header("authorization", "bearer no"))
                .unwrap()
                .status,
            401
        );
        let answer =
            ask(&Ask::new("GET", &url).header("authorization", &format!("bearer {token}")))
                .unwrap()
                .json();
        let claims = verify(
            answer["value"].as_str().unwrap(),
            &[issuer.public_key_pem()],
        )
        .unwrap();
        assert_eq!(
            (&claims["aud"], &claims["iss"]),
            (&json!("https://vault.example.com"), &json!(issuer.url()))
        );
        assert_eq!(issuer.requests().len(), 3);
    }

    #[test]
    fn claims_can_be_replaced() {
        let issuer = Issuer::start();
        let claims = issuer.claims("a", &json!({ "exp": 1, "project_path": "g/p" }));
        assert_eq!(
            (&claims["exp"], &claims["project_path"], &claims["aud"]),
            (&json!(1), &json!("g/p"), &json!("a"))
        );
    }

    #[test]
    fn discovery_leads_to_the_keys() {
        let issuer = Issuer::start();
        let url = format!("{}/.well-known/openid-configuration", issuer.url());
        let discovery = ask(&Ask::new("GET", &url)).unwrap().json();
        assert_eq!(discovery["issuer"], issuer.url());
        let keys = ask(&Ask::new("GET", discovery["jwks_uri"].as_str().unwrap()))
            .unwrap()
            .json();
        assert_eq!(keys["keys"][0]["kty"], "EC");
    }
}
