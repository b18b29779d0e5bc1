//! A small blocking HTTP/1.1 client, to ask the servers here and to set up a real Vault.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::authority::{Certificate, client_config};
use crate::server::TlsVersion;

/// Longer than any answer takes; a hanging server fails the test instead of blocking it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Anything that can go wrong between two ends of a connection.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// One request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Headers besides `Host` and `Content-Length`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The authorities trusted for HTTPS, in PEM.
    pub ca_pem: String,
    /// The certificate presented for HTTPS.
    pub client: Option<Certificate>,
    /// The TLS versions offered.
    pub version: TlsVersion,
}

impl Ask {
    /// A request without headers or body.
    #[must_use]
    pub fn new(method: &str, url: &str) -> Self {
        Self {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            ca_pem: String::new(),
            client: None,
            version: TlsVersion::default(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the authorities trusted for HTTPS.
    #[must_use]
    pub fn trust(mut self, ca_pem: &str) -> Self {
        ca_pem.clone_into(&mut self.ca_pem);
        self
    }
}

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The first value of a header; the name's case does not matter.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Sends one request over a connection of its own and reads the whole answer.
///
/// # Errors
/// If there is no connection, no trust or no complete HTTP answer.
pub fn ask(ask: &Ask) -> Result<Answer, Error> {
    // A thread of its own, because a server's handler may ask too and already runs inside a runtime.
    thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async { tokio::time::timeout(PATIENCE, connect(ask)).await? })
        });
        asked.join().expect("the client does not panic")
    })
}

async fn connect(ask: &Ask) -> Result<Answer, Error> {
    let uri: hyper::Uri = ask.url.parse()?;
    let host = uri.host().ok_or("the url has no host")?;
    let tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await?;
    if !tls {
        return send(stream, &uri, ask).await;
    }
    let config = client_config(&ask.ca_pem, ask.client.as_ref(), ask.version);
    let name = ServerName::try_from(host.to_owned())?;
    send(
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?,
        &uri,
        ask,
    )
    .await
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    uri: &hyper::Uri,
    ask: &Ask,
) -> Result<Answer, Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the runtime; its error reaches the sender as well.
    tokio::spawn(connection);
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let mut request = hyper::Request::builder()
        .method(ask.method.as_str())
        .uri(target);
    // Whoever passes a request on keeps the name that it was signed for.
    if !ask
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"))
    {
        request = request.header("host", host);
    }
    for (name, value) in &ask.headers {
        request = request.header(name, value);
    }
    let answer = sender
        .send_request(request.body(Full::new(Bytes::from(ask.body.clone())))?)
        .await?;
    let (head, body) = answer.into_parts();
    let text =
        |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(Answer {
        status: head.status.as_u16(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), text(value)))
            .collect(),
        body: body.collect().await?.to_bytes().to_vec(),
    })
}
