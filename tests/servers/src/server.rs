//! An HTTP/1.1 server that answers from a closure and keeps what it was asked.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::authority::{Certificate, server_config};
use crate::http::{Delivery, Request, Response};

/// How a TLS server presents itself.
#[derive(Clone, Debug)]
pub struct Tls {
    /// What it presents.
    pub certificate: Certificate,
    /// Demands a client certificate that this authority issued.
    pub client_authority_pem: Option<String>,
    /// The protocol versions it speaks.
    pub version: TlsVersion,
}

/// The TLS versions of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// 1.2 only.
    Tls12,
    /// 1.3 only.
    Tls13,
}

/// A request and its answer, as handed to [`Server::watch`].
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What was asked.
    pub request: Request,
    /// What is about to be sent.
    pub response: Response,
    /// How long the handler took.
    pub took: Duration,
}

/// A server on a free loopback port, on a thread of its own; it stops on drop.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves plain HTTP.
    pub fn start(handler: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        Self::serve(None, Arc::new(handler))
    }

    /// Serves HTTPS; with `client_ca_pem`, only to clients with a certificate of that authority.
    pub fn start_tls(
        certificate: &Certificate,
        client_ca_pem: Option<&str>,
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        let tls = Tls {
            certificate: certificate.clone(),
            client_authority_pem: client_ca_pem.map(str::to_owned),
            version: TlsVersion::default(),
        };
        Self::start_with(Some(&tls), handler)
    }

    /// Serves HTTPS as described, or plain HTTP without a description.
    pub fn start_with(
        tls: Option<&Tls>,
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        Self::serve(tls, Arc::new(handler))
    }

    /// Serves plain HTTP and gives these answers in order, then 500 for ever.
    #[must_use]
    pub fn start_fifo(answers: Vec<Response>) -> Self {
        let answers = Mutex::new(answers.into_iter());
        Self::start(move |_| {
            let next = answers.lock().expect("no handler panics").next();
            next.unwrap_or_else(|| Response::text(500, "no answer left"))
        })
    }

    fn serve(tls: Option<&Tls>, handler: Arc<Handler>) -> Self {
        let acceptor = tls.map(|tls| TlsAcceptor::from(Arc::new(server_config(tls))));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .expect("loopback has a free port");
        listener
            .set_nonblocking(true)
            .expect("a socket can be made non-blocking");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = oneshot::channel();
        let thread = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || run(listener, acceptor, &shared, &handler, stopped))
        };
        Self {
            address,
            scheme,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The base URL without a trailing slash: `http://127.0.0.1:PORT` or `https://…`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every request so far, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared
            .requests
            .lock()
            .expect("no handler panics")
            .clone()
    }

    /// The number of connections accepted so far, those included whose TLS handshake failed.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Calls back for every exchange from now on, before the answer is sent.
    pub fn watch(&self, watcher: impl Fn(&Exchange) + Send + 'static) {
        self.shared
            .watchers
            .lock()
            .expect("no watcher panics")
            .push(Box::new(watcher));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if the thread is gone already, and then there is nothing to stop.
        let _gone = self.stop.take().map(|stop| stop.send(()));
        let _panicked = self.thread.take().map(JoinHandle::join);
    }
}

type Handler = dyn Fn(&Request) -> Response + Send + Sync;
type Watcher = Box<dyn Fn(&Exchange) + Send>;

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<Request>>,
    connections: AtomicU64,
    watchers: Mutex<Vec<Watcher>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

fn run(
    listener: std::net::TcpListener,
    acceptor: Option<TlsAcceptor>,
    shared: &Arc<Shared>,
    handler: &Arc<Handler>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).expect("the listener is non-blocking");
        let accepting = accept(&listener, acceptor.as_ref(), shared, handler);
        tokio::select! {
            () = accepting => {}
            _ = stopped => {}
        }
    });
    // Dropping the runtime drops the connections that are still open.
}

async fn accept(
    listener: &TcpListener,
    acceptor: Option<&TlsAcceptor>,
    shared: &Arc<Shared>,
    handler: &Arc<Handler>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let number = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
        let connection = Connection {
            number,
            shared: Arc::clone(shared),
            handler: Arc::clone(handler),
        };
        let acceptor = acceptor.cloned();
        tokio::spawn(async move { connection.open(stream, acceptor).await });
    }
}

#[derive(Clone)]
struct Connection {
    number: u64,
    shared: Arc<Shared>,
    handler: Arc<Handler>,
}

impl Connection {
    async fn open(self, stream: TcpStream, acceptor: Option<TlsAcceptor>) {
        let _slower = stream.set_nodelay(true);
        match acceptor {
            None => self.talk(stream).await,
            // A failed handshake is what some tests want to see; the client says why it failed.
            Some(acceptor) => {
                if let Ok(stream) = acceptor.accept(stream).await {
                    self.talk(stream).await;
                }
            }
        }
    }

    async fn talk(self, stream: impl AsyncRead + AsyncWrite + Unpin + 'static) {
        let service = service_fn(|request| {
            let connection = self.clone();
            async move { connection.answer(request).await }
        });
        let _client_left = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    async fn answer(
        self,
        request: hyper::Request<Incoming>,
    ) -> Result<hyper::Response<Full<Bytes>>, Disconnect> {
        let request = self.read(request).await?;
        self.shared
            .requests
            .lock()
            .expect("no handler panics")
            .push(request.clone());
        let start = Instant::now();
        let response = (self.handler)(&request);
        let exchange = Exchange {
            request,
            response,
            took: start.elapsed(),
        };
        for watcher in self
            .shared
            .watchers
            .lock()
            .expect("no watcher panics")
            .iter()
        {
            watcher(&exchange);
        }
        let response = exchange.response;
        match response.delivery {
            Delivery::Send => Ok(written(response)),
            Delivery::Disconnect => Err(Disconnect),
            Delivery::Hang => match std::future::pending::<Infallible>().await {},
        }
    }

    async fn read(&self, request: hyper::Request<Incoming>) -> Result<Request, Disconnect> {
        let (head, body) = request.into_parts();
        let text = |value: &hyper::header::HeaderValue| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        Ok(Request {
            method: head.method.as_str().to_owned(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head
                .headers
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), text(value)))
                .collect(),
            body: body
                .collect()
                .await
                .map_err(|_left| Disconnect)?
                .to_bytes()
                .to_vec(),
            connection: self.number,
        })
    }
}

fn written(response: Response) -> hyper::Response<Full<Bytes>> {
    let mut builder = hyper::Response::builder().status(response.status);
    for (name, value) in &response.headers {
        builder = builder.header(name, value);
    }
    builder
        .body(Full::new(Bytes::from(response.body)))
        .expect("a test's answer has a legal status and legal headers")
}

/// An error that makes hyper drop the connection.
#[derive(Debug)]
struct Disconnect;

impl std::fmt::Display for Disconnect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the server closes the connection")
    }
}

impl std::error::Error for Disconnect {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Authority;
    use crate::client::{Ask, ask};

    #[test]
    fn keeps_requests_and_answers_in_order() {
        let server = Server::start_fifo(vec![
            Response::text(200, "one").header("x-a", "b"),
            Response::disconnect(),
        ]);
        let url = format!("{}/p/q?r=s", server.url());
        let first = ask(&Ask::new("POST", &url).header("X-Token", "t").body("hello")).unwrap();
        assert_eq!(
            (first.status, first.body.as_slice(), first.header("X-A")),
            (200, &b"one"[..], Some("b"))
        );
        assert!(ask(&Ask::new("GET", &url)).is_err());
        assert_eq!(ask(&Ask::new("GET", &url)).unwrap().status, 500);
        let requests = server.requests();
        assert_eq!((requests.len(), server.connections()), (3, 3));
        let seen = &requests[0];
        assert_eq!(
            (
                seen.method.as_str(),
                seen.path.as_str(),
                seen.query.as_str()
            ),
            ("POST", "/p/q", "r=s")
        );
        assert_eq!(
            (
                seen.header("x-token"),
                seen.body.as_slice(),
                seen.connection
            ),
            (Some("t"), &b"hello"[..], 1)
        );
    }

    #[test]
    fn watchers_see_the_exchange_before_the_answer_is_sent() {
        let server = Server::start(|_| Response::text(201, "made"));
        let (sender, receiver) = std::sync::mpsc::channel();
        server.watch(move |exchange| sender.send(exchange.response.status).unwrap());
        ask(&Ask::new("GET", &server.url())).unwrap();
        assert_eq!(receiver.try_recv(), Ok(201));
    }

    #[test]
    fn a_hanging_answer_does_not_hinder_the_end() {
        let server = Server::start(|_| Response::hang());
        let (sender, receiver) = std::sync::mpsc::channel();
        server.watch(move |_| sender.send(()).unwrap());
        let url = server.url();
        let client = thread::spawn(move || ask(&Ask::new("GET", &url)));
        receiver.recv().unwrap();
        drop(server);
        assert!(client.join().unwrap().is_err());
    }

    #[test]
    fn tls_is_checked_in_both_directions() {
        let (authority, other) = (Authority::new(), Authority::new());
        let certificate = authority.server(&["127.0.0.1", "localhost"]);
        let server = Server::start_tls(&certificate, Some(authority.pem()), |_| {
            Response::empty(204)
        });
        let asked = |ca: &Authority, client: Option<Certificate>| {
            ask(&Ask {
                client,
                ..Ask::new("GET", &server.url()).trust(ca.pem())
            })
            .map(|answer| answer.status)
        };
        assert_eq!(
            asked(&authority, Some(authority.client("ci"))).unwrap(),
            204
        );
        assert!(asked(&authority, None).is_err());
        assert!(asked(&authority, Some(other.client("ci"))).is_err());
        assert!(asked(&other, Some(authority.client("ci"))).is_err());
    }

    #[test]
    fn tls_refuses_wrong_hosts_and_old_certificates() {
        let authority = Authority::new();
        let status = |certificate: &Certificate| {
            let server = Server::start_tls(certificate, None, |_| Response::empty(204));
            ask(&Ask::new("GET", &server.url()).trust(authority.pem())).map(|answer| answer.status)
        };
        assert_eq!(status(&authority.server(&["127.0.0.1"])).unwrap(), 204);
        assert!(status(&authority.server(&["vault.example.com"])).is_err());
        assert!(status(&authority.expired_server(&["127.0.0.1"])).is_err());
    }

    #[test]
    fn tls_versions_can_be_chosen() {
        let authority = Authority::new();
        for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
            let certificate = authority.server(&["127.0.0.1"]);
            let tls = Tls {
                certificate,
                client_authority_pem: None,
                version,
            };
            let server = Server::start_with(Some(&tls), |_| Response::empty(204));
            let with = |offer| {
                ask(&Ask {
                    version: offer,
                    ..Ask::new("GET", &server.url()).trust(authority.pem())
                })
            };
            let other = if version == TlsVersion::Tls12 {
                TlsVersion::Tls13
            } else {
                TlsVersion::Tls12
            };
            assert_eq!(with(version).unwrap().status, 204);
            assert!(with(other).is_err());
        }
    }
}
