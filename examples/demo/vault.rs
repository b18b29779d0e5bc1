//! Where the registry's tokens live: the double in this process, or the Vault at `VAULT_ADDR`.

use std::error::Error;
use std::path::PathBuf;

use serde_json::{Value, json};
use test_servers::client::{Answer, Ask, ask};
use test_servers::http::{Request, Response};
use test_servers::{Authority, Exchange, Issuer, Server, Tokens, VaultServer};

/// The audience that the job's identity token is made for.
pub(crate) const AUDIENCE: &str = "https://vault.example.com";

/// A Vault that holds the demo's secrets.
pub(crate) struct Vault {
    api: Api,
    front: Front,
    /// What tells this run's names from those of others.
    run: u32,
    /// Whether anything was written that must be removed.
    written: bool,
    /// Whether the job can log in with its identity; else it is given the token of whoever runs the demo.
    pub(crate) jwt: bool,
}

/// What the provider talks to.
enum Front {
    Double {
        server: VaultServer,
        ca_pem: String,
    },
    /// A proxy before a real Vault, which sees what is asked.
    Proxy(Server),
}

impl Vault {
    /// Starts the double.
    pub(crate) fn double() -> Self {
        let authority = Authority::new();
        let server = VaultServer::start_tls(&authority.server(&["127.0.0.1"]));
        let ca_pem = authority.pem().to_owned();
        let api = Api {
            address: server.url(),
            token: server.root_token().to_owned(),
            ca_pem: ca_pem.clone(),
        };
        Self {
            api,
            front: Front::Double { server, ca_pem },
            run: std::process::id(),
            written: false,
            jwt: false,
        }
    }

    /// Finds the real one.
    pub(crate) fn real() -> Result<Self, Box<dyn Error>> {
        let address =
            std::env::var("VAULT_ADDR").map_err(|_unset| "`--vault` wants `VAULT_ADDR`")?;
        let token = token()
            .ok_or("`--vault` wants `VAULT_TOKEN`, with the right to write policies and secrets")?;
        let ca_pem = match std::env::var("VAULT_CACERT") {
            Ok(path) => std::fs::read_to_string(path)?,
            Err(_) if address.starts_with("https:") => {
                return Err("`--vault` with https wants `VAULT_CACERT`".into());
            }
            Err(_) => String::new(),
        };
        let api = Api {
            address: address.trim_end_matches('/').to_owned(),
            token,
            ca_pem,
        };
        let proxied = api.clone();
        let front = Front::Proxy(Server::start(move |request| proxied.forward(request)));
        Ok(Self {
            api,
            front,
            run: std::process::id(),
            written: false,
            jwt: false,
        })
    }

    /// Writes the secrets, and the role of the job where the token at hand may do that.
    pub(crate) fn set_up(
        &mut self,
        tokens: &Tokens,
        issuer: &Issuer,
    ) -> Result<(), Box<dyn Error>> {
        for (kind, token) in [("read", &tokens.read), ("publish", &tokens.publish)] {
            let path = format!("secret/data/{}", self.secret(kind));
            self.api
                .must("POST", &path, &json!({ "data": { "token": token } }))?;
            self.written = true;
        }
        let mount = self.mount();
        self.jwt = self
            .api
            .send(
                "POST",
                &format!("sys/auth/{mount}"),
                &json!({ "type": "jwt" }),
            )?
            .status
            == 204;
        if !self.jwt {
            return Ok(());
        }
        let rule = |kind| {
            format!(
                "path \"secret/data/{}\" {{ capabilities = [\"read\"] }}\n",
                self.secret(kind)
            )
        };
        let policy = rule("read") + &rule("publish");
        let config = json!({ "jwt_validation_pubkeys": [issuer.public_key_pem()], "bound_issuer": issuer.url() });
        let role = json!({
            "role_type": "jwt",
            "user_claim": "sub",
            "bound_audiences": [AUDIENCE],
            "bound_claims": { "repository": "acme/app" },
            "token_policies": [&mount],
            "token_ttl": "5m",
        });
        self.api.must(
            "PUT",
            &format!("sys/policies/acl/{mount}"),
            &json!({ "policy": policy }),
        )?;
        self.api
            .must("POST", &format!("auth/{mount}/config"), &config)?;
        self.api
            .must("POST", &format!("auth/{mount}/role/cargo-ci"), &role)?;
        Ok(())
    }

    /// The backend of the provider's config.
    pub(crate) fn backend(&self, ca_file: &std::path::Path) -> String {
        let mut text = format!(
            "[backends.vault]\ntype = \"vault\"\naddress = \"{}\"\n",
            self.url()
        );
        if matches!(self.front, Front::Double { .. }) {
            text += &format!("ca-file = {}\n", Value::from(ca_file.to_string_lossy()));
        }
        text + &if self.jwt {
            format!(
                "auth = {{ method = \"jwt\", mount = \"{}\", role = \"cargo-ci\", audience = \"{AUDIENCE}\", \
                 identity = \"github-actions\" }}\n",
                self.mount()
            )
        } else {
            "auth = { method = \"token\" }\n".to_owned()
        }
    }

    /// The certificate of the double's authority.
    pub(crate) fn ca_pem(&self) -> &str {
        match &self.front {
            Front::Double { ca_pem, .. } => ca_pem,
            Front::Proxy(_) => "",
        }
    }

    /// The variables that a job needs when it can't log in with its identity.
    pub(crate) fn environment(&self) -> Option<(&'static str, String)> {
        (!self.jwt).then(|| ("VAULT_TOKEN", self.api.token.clone()))
    }

    /// The path of a secret in the engine at `secret/`.
    pub(crate) fn secret(&self, kind: &str) -> String {
        format!("credential-bridge-demo/{}/{kind}", self.run)
    }

    /// Where the provider finds it.
    pub(crate) fn url(&self) -> String {
        match &self.front {
            Front::Double { server, .. } => server.url(),
            Front::Proxy(server) => server.url(),
        }
    }

    /// What it is, for people.
    pub(crate) fn description(&self) -> String {
        match &self.front {
            Front::Double { server, .. } => format!("{}, a double in this process", server.url()),
            Front::Proxy(_) => self.api.address.clone(),
        }
    }

    /// Calls back for everything that the provider asks.
    pub(crate) fn watch(&self, watcher: impl Fn(&Exchange) + Send + 'static) {
        match &self.front {
            Front::Double { server, .. } => server.watch(watcher),
            Front::Proxy(server) => server.watch(watcher),
        }
    }

    /// Whether a token is still good for anything.
    pub(crate) fn is_alive(&self, token: &str) -> Result<bool, Box<dyn Error>> {
        let api = Api {
            token: token.to_owned(),
            ..self.api.clone()
        };
        match api
            .send("GET", "auth/token/lookup-self", &Value::Null)?
            .status
        {
            200 => Ok(true),
            403 => Ok(false),
            status => Err(format!("vault answers {status} to a lookup").into()),
        }
    }

    fn mount(&self) -> String {
        format!("jwt-demo-{}", self.run)
    }
}

impl Drop for Vault {
    /// Removes what the demo has written.
    fn drop(&mut self) {
        if matches!(self.front, Front::Double { .. }) || !self.written {
            return;
        }
        let mut paths = vec![
            format!("secret/metadata/{}", self.secret("read")),
            format!("secret/metadata/{}", self.secret("publish")),
        ];
        if self.jwt {
            paths.extend([
                format!("sys/auth/{}", self.mount()),
                format!("sys/policies/acl/{}", self.mount()),
            ]);
        }
        for path in paths {
            if let Err(error) = self.api.must("DELETE", &path, &Value::Null) {
                eprintln!("note: left behind: {error}");
            }
        }
    }
}

fn token() -> Option<String> {
    let file = || {
        std::fs::read_to_string(PathBuf::from(std::env::var_os("HOME")?).join(".vault-token")).ok()
    };
    let token = std::env::var("VAULT_TOKEN").ok().or_else(file)?;
    Some(token.trim().to_owned()).filter(|token| !token.is_empty())
}

/// Vault's API with one token.
#[derive(Clone)]
struct Api {
    address: String,
    token: String,
    ca_pem: String,
}

impl Api {
    fn send(&self, method: &str, path: &str, body: &Value) -> Result<Answer, Box<dyn Error>> {
        let mut request =
            Ask::new(method, &format!("{}/v1/{path}", self.address)).trust(&self.ca_pem);
        request = request
            .header("x-vault-token", &self.token)
            .header("x-vault-request", "true");
        if let Ok(namespace) = std::env::var("VAULT_NAMESPACE") {
            request = request.header("x-vault-namespace", &namespace);
        }
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        Ok(ask(&request).map_err(|error| format!("{method} {}: {error}", request.url))?)
    }

    fn must(&self, method: &str, path: &str, body: &Value) -> Result<(), Box<dyn Error>> {
        let answer = self.send(method, path, body)?;
        if answer.status < 300 {
            return Ok(());
        }
        Err(format!(
            "{method} {}/v1/{path}: {} {}",
            self.address,
            answer.status,
            answer.text().trim()
        )
        .into())
    }

    fn forward(&self, request: &Request) -> Response {
        let query = if request.query.is_empty() {
            String::new()
        } else {
            format!("?{}", request.query)
        };
        let url = format!("{}{}{query}", self.address, request.path);
        let mut onward = Ask::new(&request.method, &url)
            .trust(&self.ca_pem)
            .body(request.body.clone());
        let kept = |name: &str| name.starts_with("x-vault-") || name == "content-type";
        onward.headers = request
            .headers
            .iter()
            .filter(|(name, _)| kept(name))
            .cloned()
            .collect();
        match ask(&onward) {
            Ok(answer) => {
                let response = Response::bytes(answer.status, answer.body.clone());
                response.header(
                    "content-type",
                    answer.header("content-type").unwrap_or("application/json"),
                )
            }
            Err(error) => Response::text(502, &error.to_string()),
        }
    }
}
