//! The ways to a token, and into a store: each request of every backend is in one of them.

mod table;

use serde_json::json;
use test_servers::{Authority, Provider};

use self::table::USER;
pub(crate) use self::table::WAYS;
use crate::BINARY;
use crate::cloud::{ACCESS, JWT, KEY, LOGIN, METADATA, SECRET_ID, SESSION, STORED};

pub(crate) const URL: &str = "sparse+https://crates.example.com/index/";
/// What the second source has.
pub(crate) const SECOND: &str = "s3cond-s3cret-token";
/// What a login brings.
const NEW: &str = "n3w-s3cret-token";
/// What a job is given to begin with.
const REQUEST_TOKEN: &str = "github-s3cret-request-token";
const VAULT_TOKEN: &str = "hvs.giv3n-s3cret-token";
const WRAPPING: &str = "hvs.wrapp1ng-s3cret-token";
const OWN_KEY: &str = "aws-s3cret-key-of-the-job";
const REFRESH: &str = "1//refr3sh-token-of-a-user";

/// What Cargo asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Get,
    Login,
    Logout,
}

/// One way, with the requests on it that no way above it has.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) asked: Asked,
    /// The keys of the backend and of the source. `$URL` is the server, `$HOST` its host and port.
    backend: &'static str,
    source: &'static str,
    variables: &'static [(&'static str, &'static str)],
    pub(crate) requests: &'static [Step],
}

/// One request of a way.
pub(crate) struct Step {
    /// As [`crate::cloud::name`] calls it.
    pub(crate) request: &'static str,
    /// What it is for.
    pub(crate) name: &'static str,
    pub(crate) by: By,
}

/// By whom a request is sent, which decides what is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The client that all backends share.
    Us,
    /// The client that all backends share, to Vault, which has statuses of its own.
    Vault,
    /// The same, for a secret of a KV engine: to read it twice does no harm.
    Read,
    /// The client that all backends share, for the token of a CI system: whoever has none to give can't be asked.
    Mint,
    /// Us, and only where it has not been done for sure.
    Once,
    /// AWS's SDK.
    Sdk,
    /// AWS's SDK, for the metadata of an instance that this machine may not be.
    Instance,
    /// AWS's SDK, for the role of an instance that this machine is.
    Role,
    /// AWS's SDK, for the keys of that role.
    Keys,
    /// AWS's SDK, for the endpoint of a container.
    Container,
    /// The search for Google's metadata server.
    Machine,
    /// The client that all backends share, when the answer is given.
    After,
}

/// Where a way leads, and how.
pub(crate) struct Server<'a> {
    pub(crate) host: &'a str,
    pub(crate) scheme: &'static str,
    /// Whom to trust.
    pub(crate) authority: &'a Authority,
    /// The certificate and the key of this machine.
    pub(crate) client: &'a (String, String),
}

impl Way {
    /// The provider on this way, with a variable as its second source.
    pub(crate) fn provider(
        &self,
        server: &Server<'_>,
        timeout: &str,
        unavailable: &str,
    ) -> Provider {
        let url = format!("{}://{}", server.scheme, server.host);
        let led = |text: &str| text.replace("$URL", &url).replace("$HOST", server.host);
        let config = format!(
            "timeout = \"{timeout}\"\n[backends.store]\n{}\n[backends.job]\ntype = \"env\"\n\
             [registries.\"{URL}\"]\non-unavailable = \"{unavailable}\"\n\
             sources = [ {{ backend = \"store\", {} }}, {{ backend = \"job\", var = \"SECOND\" }} ]\n",
            led(self.backend),
            self.source
        );
        let mut provider = Provider::new(BINARY).config(&config).env("SECOND", SECOND);
        for (name, value) in self.variables {
            let home = provider.home().to_string_lossy().into_owned();
            provider = provider.env(*name, led(value).replace('~', &home));
        }
        if server.scheme == "https" {
            let file = provider.home().join("ca.pem");
            provider = provider.env("SSL_CERT_FILE", file);
            provider = provider.file("ca.pem", server.authority.pem());
        }
        if self.backend.contains("sa-token") {
            provider = provider.file(".cargo/sa-token", &JWT);
        }
        if self.backend.contains("client.pem") {
            provider = provider
                .file(".cargo/client.pem", &server.client.0)
                .file(".cargo/client-key.pem", &server.client.1);
        }
        if self.variables == USER {
            let user = json!({
                "type": "authorized_user",
                "client_id": "764086051850-example.apps.googleusercontent.com",
                "client_secret": "cl1ent-s3cret",
                "refresh_token": REFRESH,
                "token_uri": format!("{url}/token"),
            });
            provider = provider.file("user.json", &user.to_string());
        }
        [
            STORED,
            SECOND,
            NEW,
            LOGIN,
            SECRET_ID,
            KEY,
            SESSION,
            METADATA,
            ACCESS,
            &JWT,
            REQUEST_TOKEN,
            VAULT_TOKEN,
            WRAPPING,
            OWN_KEY,
            REFRESH,
        ]
        .into_iter()
        .fold(provider, Provider::secret)
    }

    /// The same without anything that TLS needs.
    pub(crate) fn plain(&self, host: &str) -> Provider {
        let (authority, client) = (Authority::new(), Default::default());
        let server = Server {
            host,
            scheme: "http",
            authority: &authority,
            client: &client,
        };
        self.provider(&server, "20s", "stop")
    }

    /// What Cargo sends.
    pub(crate) fn request(&self) -> String {
        let kind = match self.asked {
            Asked::Get => return test_servers::provider::get_request(URL, "read"),
            Asked::Login => "login",
            Asked::Logout => "logout",
        };
        let mut request =
            json!({ "v": 1, "registry": { "index-url": URL, "name": "corp" }, "kind": kind });
        if self.asked == Asked::Login {
            request["token"] = json!(NEW);
        }
        format!("{request}\n")
    }
}
