use core::fmt;
use core::time::Duration;
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use secrecy::SecretString;
use url::Url;

use super::address::{self, ActualHost, is_loopback, is_metadata, origin};
use super::asked::{self, describe};
use super::{ClientCertificate, Concealed, Retry, Roots, refusal, retry, tls};
use crate::log::Timer;
use crate::{Context, Deadline, Error, Kind, Running};

/// No answer of a store is larger than this many bytes. Vault's limit for a request is 32 MiB, but a secret
/// with a token in it is a few KiB.
const ANSWER_LIMIT: usize = 4 << 20;

/// A server that has not accepted a connection by then is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Within its origin a server may send us on this many times for one request.
const REDIRECTS: u32 = 3;

const USER_AGENT: &str = concat!("cargo-credential-bridge/", env!("CARGO_PKG_VERSION"));

/// How a [`Client`] behaves where stores differ.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whom to trust.
    pub roots: Roots,
    /// The certificate to show to the server.
    pub certificate: Option<ClientCertificate>,
    /// The name in the server's certificate, where it is not the host of the address.
    pub server_name: Option<String>,
    /// The HTTP proxy to go through, whose address may hold a password; without one, what `HTTPS_PROXY` and its like say.
    pub proxy: Option<SecretString>,
    /// Whether plain HTTP may leave this machine.
    pub allow_http: bool,
    /// Who serves this machine its metadata, in plain HTTP and past every proxy, besides the addresses that clouds have
    /// for that: a host, with its port if it has one.
    pub metadata_host: Option<String>,
    /// Whether the user has keys for all of this, `allow-http`, `tls-server-name` and `client-cert`: messages offer no others.
    pub has_keys: bool,
    /// What to set where the server's authority is not trusted, for messages.
    pub authority_key: &'static str,
    /// When and how often a request is sent again.
    pub retry: Retry,
    /// The limit of one try, besides the deadline.
    pub try_timeout: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            roots: Roots::System,
            certificate: None,
            server_name: None,
            proxy: None,
            allow_http: false,
            metadata_host: None,
            has_keys: false,
            authority_key: "`ca-file` on the backend (or SSL_CERT_FILE)",
            retry: Retry::default(),
            try_timeout: None,
        }
    }
}

/// An HTTP client for one origin.
pub struct Client {
    http: reqwest::Client,
    origin: String,
    server_name: Option<String>,
    keys: Keys,
    retry: Retry,
    try_timeout: Option<Duration>,
    deadline: Deadline,
    concealed: Arc<Concealed>,
}

/// What messages may tell the user to set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys {
    /// As [`Settings::has_keys`].
    pub(super) is_complete: bool,
    /// As [`Settings::authority_key`].
    pub(super) authority: &'static str,
}

/// Marks a request, as an extension, that does the same whether the server gets it once or twice: it is sent again if its
/// connection breaks before the answer is whole, when nobody knows whether it has been acted upon.
#[derive(Clone, Copy, Debug)]
pub struct Repeatable;

/// The outcome of one try. The flag beside an error says whether another may help.
pub(super) type Tried = Result<Response<Vec<u8>>, (Error, bool)>;

impl Client {
    /// A client for the scheme, host and port of `address`, which is `http`, `https`, or `unix` with the path
    /// of a socket on which plain HTTP is spoken.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if the address, the certificates or the proxy can't be used.
    pub fn new(address: &Url, settings: Settings, context: &Context) -> Result<Self, Error> {
        // In plain HTTP nobody is verified, and no bundle is read.
        let roots = (address.scheme() == "https").then_some(&settings.roots);
        let tls = tls::config(roots, settings.certificate.as_ref(), &context.environment)?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(None)
            // No connection lives long enough to need them.
            .tcp_keepalive(None)
            .tcp_keepalive_interval(None)
            .tcp_keepalive_retries(None);
        #[cfg(any(target_os = "android", target_os = "linux"))]
        {
            builder = builder.tcp_user_timeout(None);
        }

        match address.scheme() {
            "https" => {}
            "http" if settings.allow_http || is_loopback(address) => {}
            #[cfg(unix)]
            "unix" => builder = builder.unix_socket(address.path().to_owned()),
            "http" => {
                return Err(Error::new(
                    Kind::Invalid,
                    format!("`{address}` is plain HTTP: everyone on the way could read the secret"),
                )
                .help(match settings.has_keys {
                    true => {
                        "use https; a backend may say `allow-http = true` if nobody is on the way"
                    }
                    false => "use https: plain HTTP is for this machine only",
                }));
            }
            scheme => {
                return Err(Error::new(
                    Kind::Invalid,
                    format!(
                        "`{address}` is not an address to reach a store at: `{scheme}` is not https"
                    ),
                ));
            }
        }

        builder = match &settings.server_name {
            None if is_metadata(address, settings.metadata_host.as_deref()) => builder.no_proxy(),
            None => address::proxied(builder, address, settings.proxy.as_ref())?,
            // A proxy would be told to connect to the name in the certificate, which need not lead anywhere.
            Some(name) if settings.proxy.is_none() => builder
                .no_proxy()
                .dns_resolver(ActualHost::of(address, name)?),
            Some(name) => {
                return Err(Error::new(
                    Kind::Invalid,
                    format!("`{address}` can't be reached through a proxy as `{name}`"),
                )
                .help("use the name in the server's certificate as the address, or no proxy"));
            }
        };

        let http = builder.build().map_err(|error| {
            Error::new(
                Kind::Invalid,
                format!("can't set up a client for `{address}`"),
            )
            .because_of(&error)
        })?;
        Ok(Self {
            http,
            origin: origin(address),
            server_name: settings.server_name,
            keys: Keys {
                is_complete: settings.has_keys,
                authority: settings.authority_key,
            },
            retry: settings.retry,
            try_timeout: settings.try_timeout,
            deadline: context.deadline,
            concealed: Arc::default(),
        })
    }

    /// Sends a request, again where that may help, and gives the answer whatever its status.
    ///
    /// # Errors
    ///
    /// [`Kind::Unavailable`] and [`Kind::Timeout`] where there is no whole answer.
    pub fn send(&self, request: Request<Vec<u8>>) -> Running<'_, Result<Response<Vec<u8>>, Error>> {
        Box::pin(async move {
            let described = describe(&request);
            let is_repeatable = request.extensions().get::<Repeatable>().is_some();
            let mut request = self.prepare(request, &described)?;
            let mut made = 0;
            let mut redirects = 0;
            loop {
                made += 1;
                let again = request.try_clone();
                let (outcome, wish) = match self
                    .send_once(request, &described, self.try_timeout, is_repeatable)
                    .await
                {
                    Ok(response) if response.status().is_redirection() => {
                        redirects += 1;
                        request = self.follow(again, &response, redirects, &described)?;
                        made -= 1;
                        continue;
                    }
                    Ok(response) if Retry::is_transient(response.status()) => {
                        let wish = retry::retry_after(response.headers(), SystemTime::now());
                        (Ok(response), wish)
                    }
                    Ok(response) => return Ok(response),
                    Err((error, true)) => (Err(error), None),
                    Err((error, false)) => return Err(error),
                };
                let wait = self.retry.wait(made, wish, fastrand::f64());
                match (wait, again) {
                    // A wait that ends after the deadline helps nobody: what we have now says more.
                    (Some(wait), Some(again)) if wait < self.deadline.remaining() => {
                        tokio::time::sleep(wait).await;
                        request = again;
                    }
                    _ => return outcome,
                }
            }
        })
    }

    /// Sends a request exactly once, within `limit`, and gives the answer whatever its status, a redirect
    /// included: for a client that has retries of its own. The flag beside an error says whether another try
    /// may help.
    pub(super) async fn exchange(
        &self,
        request: Request<Vec<u8>>,
        limit: Option<Duration>,
    ) -> Tried {
        let described = describe(&request);
        let request = self
            .prepare(request, &described)
            .map_err(|error| (error, false))?;
        self.send_once(request, &described, limit, false).await
    }

    /// The same, that also strikes out what another client was sent.
    pub(super) fn concealing(self, concealed: Arc<Concealed>) -> Self {
        Self { concealed, ..self }
    }

    /// Strikes `secret` out of everything that the server says from now on.
    pub fn conceal(&self, secret: &SecretString) {
        self.concealed.add(secret);
    }

    /// What a server said, fit for a message: without the secrets it was sent, without control characters,
    /// cut after a few hundred characters.
    pub fn quote(&self, said: &str) -> String {
        self.concealed.quote(said)
    }

    /// The scheme, host and port that this client is for.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The request as the HTTP library takes it.
    fn prepare(
        &self,
        request: Request<Vec<u8>>,
        described: &str,
    ) -> Result<reqwest::Request, Error> {
        let mut request = reqwest::Request::try_from(request).map_err(|error| {
            Error::new(Kind::Invalid, format!("can't ask `{}`", self.origin))
                .because(described)
                .because_of(&error)
        })?;
        self.name_server(&mut request)?;
        Ok(request)
    }

    /// One try, and a word on it in the log. The flag beside an error says whether another may help.
    fn send_once<'a>(
        &'a self,
        request: reqwest::Request,
        described: &'a str,
        limit: Option<Duration>,
        is_repeatable: bool,
    ) -> Running<'a, Tried> {
        Box::pin(async move {
            let timer = Timer::start();
            let tried = self
                .try_once(request, described, limit, is_repeatable)
                .await;
            asked::log(described, &tried, timer);
            tried
        })
    }

    async fn try_once(
        &self,
        mut request: reqwest::Request,
        described: &str,
        limit: Option<Duration>,
        is_repeatable: bool,
    ) -> Tried {
        let remaining = self.deadline.remaining();
        if remaining.is_zero() {
            return Err((
                refusal::timeout(&self.origin, described, self.deadline),
                false,
            ));
        }
        let limit = limit.map_or(remaining, |limit| limit.min(remaining));
        *request.timeout_mut() = Some(limit);

        let failed = |error: reqwest::Error| {
            let again =
                refusal::is_transient(&error) || (is_repeatable && refusal::is_broken_off(&error));
            (
                refusal::classify(&error, &self.origin, described, self.deadline, self.keys),
                again,
            )
        };
        let mut answer = self.http.execute(request).await.map_err(failed)?;
        let mut body =
            Vec::with_capacity(answer.content_length().unwrap_or(0).min(1 << 16) as usize);
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_LIMIT {
                let error = Error::new(
                    Kind::Invalid,
                    format!(
                        "`{}` answered more than {} MiB",
                        self.origin,
                        ANSWER_LIMIT >> 20
                    ),
                )
                .because(described)
                .help("check the address: no secret store answers as much");
                return Err((error, false));
            }
        }
        let mut response = Response::new(body);
        *response.status_mut() = answer.status();
        core::mem::swap(response.headers_mut(), answer.headers_mut());
        Ok(response)
    }

    /// The request to send instead, when the server sends us on within its own origin.
    ///
    /// Anything else would hand the job's identity to whoever the answer names.
    fn follow(
        &self,
        request: Option<reqwest::Request>,
        response: &Response<Vec<u8>>,
        redirects: u32,
        described: &str,
    ) -> Result<reqwest::Request, Error> {
        let status = response.status();
        let failed = |why: String, help: &str| {
            Error::new(
                Kind::Unavailable,
                format!("`{}` sends us elsewhere", self.origin),
            )
            .because(format!("{described} answered {status}"))
            // The server may lead us to a place that has our own token in its name.
            .because(self.quote(&why))
            .help(help)
        };
        let location = response
            .headers()
            .get(header::LOCATION)
            .and_then(|location| location.to_str().ok());
        let keeps_method = matches!(
            status,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
        );
        let (Some(mut request), Some(location)) = (request, location) else {
            return Err(failed(
                "it does not say where to".to_owned(),
                "check the address",
            ));
        };
        let Ok(mut target) = request.url().join(location) else {
            return Err(failed(
                "to something that is not a URL".to_owned(),
                "check the address",
            ));
        };
        // The server may know itself by the name in the address, while we call it by its certificate's.
        if origin(&target) == self.origin {
            target = address::with_origin_of(target, request.url());
        }
        if origin(&target) != origin(request.url()) {
            return Err(failed(
                format!("to `{}`", origin(&target)),
                "no redirect leaves the address: if this is a standby of a cluster, set the address to the \
                 cluster's own (its load balancer) or to the node it points to",
            ));
        }
        if !keeps_method && request.method() != Method::GET {
            return Err(failed(
                format!(
                    "to `{}`, with a status that turns {} into GET",
                    target.path(),
                    request.method()
                ),
                "check the address, its path included",
            ));
        }
        if redirects > REDIRECTS {
            return Err(failed(
                format!("{redirects} times in a row"),
                "check the address, its path included",
            ));
        }
        *request.url_mut() = target;
        Ok(request)
    }

    /// Puts the name of the server's certificate in the place of the host, for TLS, and the host in the
    /// `Host` header, for HTTP.
    fn name_server(&self, request: &mut reqwest::Request) -> Result<(), Error> {
        let Some(name) = &self.server_name else {
            return Ok(());
        };
        let url = request.url();
        let host = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
            None => url.host_str().unwrap_or_default().to_owned(),
        };
        let named = request.url_mut().set_host(Some(name)).is_ok();
        match HeaderValue::try_from(host) {
            Ok(host) if named => {
                request.headers_mut().insert(header::HOST, host);
                Ok(())
            }
            _ => Err(Error::new(
                Kind::Invalid,
                format!("`{name}` is not the name of a server"),
            )),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    fn client(address: &str) -> Result<Client, Error> {
        let context = Context {
            environment: Environment::fixed([("", ""); 0], "/"),
            deadline: Deadline::after(Duration::from_secs(5)),
        };
        Client::new(&Url::parse(address).unwrap(), Settings::default(), &context)
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for address in [
            "http://127.0.0.1:8200",
            "http://localhost",
            "http://[::1]:8200",
            "http://a.localhost",
        ] {
            client(address).unwrap();
        }
        for address in [
            "http://vault.example.com",
            "http://localhost.example.com",
            "http://10.0.0.1",
        ] {
            assert_eq!(
                client(address).unwrap_err().kind(),
                Kind::Invalid,
                "{address}"
            );
        }
    }
}
