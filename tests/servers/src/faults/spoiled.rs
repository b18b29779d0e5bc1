//! A server that answers well, except the request that it is to spoil.

mod gate;
mod wire;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

pub use self::gate::Gate;
use self::wire::{head_length, read, written};
use crate::authority::server_config;
use crate::http::{Request, Response};
use crate::server::Tls;

/// Between two bytes of a slow answer.
const PACE: Duration = Duration::from_millis(20);

/// What is done instead of answering. The first group spoils each request that is meant, the second the server as a whole,
/// from when it has answered what comes before.
#[derive(Clone, Debug)]
pub enum Spoil {
    /// Nothing is spoilt.
    Nothing,
    /// It answers this.
    Answer(Response),
    /// It answers this, and all that it was sent.
    Echo(Response),
    /// It answers well, once the gate is open.
    Gate(Arc<Gate>),
    /// The request is read, and nothing is ever answered.
    Silence,
    /// The first half of the answer is sent, and the rest is held back.
    Held,
    /// The answer comes byte by byte.
    Drip,
    /// The connection is reset (RST).
    Reset,
    /// The connection is closed (FIN).
    Close,
    /// The connection is closed in the middle of the headers.
    CutHead,
    /// The connection is closed in the middle of the body.
    CutBody,
    /// The answer is at another path of this server.
    Moved,
    /// The port refuses connections.
    Refused,
    /// Nobody answers on the port, not even the operating system.
    Deaf,
    /// It presents itself in this way.
    Tls(Presented),
    /// It answers the handshake of TLS with these bytes.
    Handshake(&'static [u8]),
}

impl Spoil {
    /// Whether it is the server that is spoilt, and not a request.
    #[must_use]
    pub fn is_of_server(&self) -> bool {
        matches!(
            self,
            Self::Refused | Self::Deaf | Self::Tls(_) | Self::Handshake(_)
        )
    }
}

type Answering = dyn Fn(&Request) -> Response + Send + Sync;
type Meant = dyn Fn(&Request) -> bool + Send + Sync;

/// What a [`SpoiledServer`] does.
pub struct Plan {
    /// How it answers.
    pub good: Arc<Answering>,
    /// Whether a request is to be spoilt.
    pub is_meant: Box<Meant>,
    /// How many requests come before the first of those.
    pub before: usize,
    /// What is done to it.
    pub spoil: Spoil,
    /// Whom it is by TLS; plain HTTP is spoken on the same port.
    pub tls: Option<Presented>,
}

/// How a server presents itself, read once for many servers.
#[derive(Clone, Debug)]
pub struct Presented(Arc<ServerConfig>);

impl Presented {
    /// As described.
    #[must_use]
    pub fn new(tls: &Tls) -> Self {
        Self(Arc::new(server_config(tls)))
    }
}

/// The server, on a free loopback port; it stops on drop. It answers one request on each connection.
pub struct SpoiledServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Keeps the port from others when nobody listens on it.
    _port: Socket,
}

struct Shared {
    plan: Plan,
    listener: TcpListener,
    requests: Mutex<Vec<Request>>,
    spoilt: AtomicUsize,
    answered: AtomicUsize,
    stopping: AtomicBool,
    /// What is kept open until the end.
    held: Mutex<Vec<TcpStream>>,
    /// Told when nobody accepts connections any more.
    ended: Mutex<Option<mpsc::Receiver<()>>>,
}

impl SpoiledServer {
    /// Starts it.
    #[must_use]
    pub fn start(plan: Plan) -> Self {
        let port = bound(0);
        let address = port.local_addr().expect("a bound socket has an address");
        let address = address.as_socket().expect("it is one of IPv4");
        let listener = bound(address.port());
        listener.listen(128).expect("a bound socket may listen");
        let listener = TcpListener::from(listener);
        let (end, ended) = mpsc::channel();
        let shared = Arc::new(Shared {
            plan,
            listener,
            requests: Mutex::default(),
            spoilt: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            held: Mutex::default(),
            ended: Mutex::new(Some(ended)),
        });
        let thread = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                accept(&shared);
                let _nobody_asks = end.send(());
            })
        };
        if shared.plan.before == 0 {
            shared.spoil_server();
        }
        Self {
            address,
            shared,
            thread: Some(thread),
            _port: port,
        }
    }

    /// Its host and port.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Every request that it has read, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared
            .requests
            .lock()
            .expect("no request panics")
            .clone()
    }

    /// The number of requests that were spoilt.
    #[must_use]
    pub fn spoilt(&self) -> usize {
        self.shared.spoilt.load(Ordering::SeqCst)
    }
}

impl Drop for SpoiledServer {
    fn drop(&mut self) {
        self.shared.stop();
        let _panicked = self.thread.take().map(JoinHandle::join);
        self.shared.held.lock().expect("no request panics").clear();
    }
}

impl std::fmt::Debug for SpoiledServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpoiledServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// A socket on this port, which others may have too as long as one alone listens.
fn bound(port: u16) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket can be made");
    socket
        .set_reuse_address(true)
        .and_then(|()| socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()))
        .expect("loopback has a free port");
    socket
}

fn accept(shared: &Arc<Shared>) {
    while let Ok((stream, _)) = shared.listener.accept() {
        if shared.stopping.load(Ordering::SeqCst) {
            break;
        }
        let shared = Arc::clone(shared);
        // A client that leaves in the middle is what this server is for.
        thread::spawn(move || shared.serve(stream));
    }
}

/// A connection, with or without TLS.
trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

impl Shared {
    /// Accepts nothing from here on, and refuses what still comes.
    fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes up who accepts; it fails where it was done before.
        let _again = SockRef::from(&self.listener).shutdown(Shutdown::Both);
    }

    /// Does what is done to the server as a whole.
    fn spoil_server(&self) {
        if !matches!(self.plan.spoil, Spoil::Refused | Spoil::Deaf) {
            return;
        }
        self.stop();
        if !matches!(self.plan.spoil, Spoil::Deaf) {
            return;
        }
        let ended = self.ended.lock().expect("no request panics").take();
        let _gone = ended.map(|ended| ended.recv());
        // A queue with no room, and one connection in it: the system drops what comes next, as a firewall does.
        let listener = SockRef::from(&self.listener);
        listener
            .listen(0)
            .expect("a socket that listened may do so again");
        let address = self
            .listener
            .local_addr()
            .expect("a bound socket has an address");
        let first = TcpStream::connect(address).expect("the queue takes one");
        self.held.lock().expect("no request panics").push(first);
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        // Bounded, so that a client that connects and says nothing can't keep the thread for ever.
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_nodelay(true)?;
        let mut first = [0];
        let is_tls = stream.peek(&mut first)? == 1 && first == [0x16];
        if !is_tls {
            return self.answer(&mut stream.try_clone()?, &stream);
        }
        let is_spoilt = self.answered.load(Ordering::SeqCst) >= self.plan.before;
        let config = match &self.plan.spoil {
            Spoil::Tls(config) if is_spoilt => Some(config),
            Spoil::Handshake(bytes) if is_spoilt => {
                let mut stream = stream;
                let _hello = stream.read(&mut [0; 4096])?;
                stream.write_all(bytes)?;
                stream.shutdown(Shutdown::Write)?;
                return std::io::copy(&mut stream, &mut std::io::sink()).map(drop);
            }
            _ => self.plan.tls.as_ref(),
        };
        let Some(config) = config else { return Ok(()) };
        let connection =
            ServerConnection::new(Arc::clone(&config.0)).expect("the configuration is whole");
        let mut tls = StreamOwned::new(connection, stream.try_clone()?);
        self.answer(&mut tls, &stream)?;
        tls.conn.send_close_notify();
        tls.flush()
    }

    fn answer(&self, stream: &mut dyn Stream, socket: &TcpStream) -> std::io::Result<()> {
        let Some(mut request) = read(stream)? else {
            return Ok(());
        };
        self.requests
            .lock()
            .expect("no request panics")
            .push(request.clone());
        let is_meant = !self.plan.spoil.is_of_server() && (self.plan.is_meant)(&request);
        if let Some(path) = request.path.strip_prefix("/moved") {
            request.path = path.to_owned();
        } else if is_meant && !matches!(self.plan.spoil, Spoil::Nothing) {
            self.spoilt.fetch_add(1, Ordering::SeqCst);
            return self.spoil(&request, stream, socket);
        }
        let response = written(&(self.plan.good)(&request));
        if self.answered.fetch_add(1, Ordering::SeqCst) + 1 == self.plan.before {
            self.spoil_server();
        }
        stream.write_all(&response)?;
        stream.flush()
    }

    fn spoil(
        &self,
        request: &Request,
        stream: &mut dyn Stream,
        socket: &TcpStream,
    ) -> std::io::Result<()> {
        let good = || written(&(self.plan.good)(request));
        match &self.plan.spoil {
            Spoil::Answer(response) => stream.write_all(&written(response))?,
            Spoil::Echo(response) => {
                let mut response = response.clone();
                for (_, value) in &request.headers {
                    response.body.extend_from_slice(value.as_bytes());
                    response.body.push(b'\n');
                }
                response.body.extend_from_slice(&request.body);
                stream.write_all(&written(&response))?;
            }
            Spoil::Moved => {
                let to = format!("/moved{}?{}", request.path, request.query);
                let moved = Response::empty(307).header("location", to.trim_end_matches('?'));
                stream.write_all(&written(&moved))?;
            }
            Spoil::Gate(gate) => {
                gate.pass();
                stream.write_all(&good())?;
            }
            Spoil::Silence => until_gone(stream),
            Spoil::Held => {
                let good = good();
                stream.write_all(&good[..good.len() - 1])?;
                stream.flush()?;
                until_gone(stream);
            }
            Spoil::Drip => {
                socket.set_read_timeout(Some(PACE))?;
                let mut good = good();
                // A short answer must not be whole in time: it never gets its end.
                good.pop();
                for byte in good {
                    stream.write_all(&[byte])?;
                    stream.flush()?;
                    match stream.read(&mut [0]) {
                        Err(error)
                            if matches!(
                                error.kind(),
                                ErrorKind::WouldBlock | ErrorKind::TimedOut
                            ) => {}
                        _ => return Ok(()),
                    }
                }
                socket.set_read_timeout(None)?;
                until_gone(stream);
            }
            Spoil::Reset => SockRef::from(socket).set_linger(Some(Duration::ZERO))?,
            Spoil::CutHead => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le")?,
            Spoil::CutBody => {
                let good = good();
                let (head, body) = good.split_at(head_length(&good));
                let head = String::from_utf8_lossy(head);
                // Nobody reads a body where there can be none.
                let head = head
                    .replace(" 204 ", " 200 ")
                    .replace("content-length: ", "x: ");
                let promised = format!(
                    "{}content-length: {}\r\n\r\n",
                    head.trim_end_matches("\r\n").to_owned() + "\r\n",
                    body.len() + 1
                );
                stream.write_all(promised.as_bytes())?;
                stream.write_all(&body[..body.len() / 2])?;
            }
            _ => {}
        }
        stream.flush()
    }
}

fn until_gone(stream: &mut dyn Stream) {
    while matches!(stream.read(&mut [0; 1024]), Ok(1..)) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Ask, ask};

    fn server(before: usize, spoil: Spoil) -> SpoiledServer {
        SpoiledServer::start(Plan {
            good: Arc::new(|request| Response::text(200, &request.path)),
            is_meant: Box::new(|request| request.path == "/meant"),
            before,
            spoil,
            tls: None,
        })
    }

    fn asked(server: &SpoiledServer, path: &str) -> std::io::Result<String> {
        let url = format!("http://{}{path}", server.host());
        let answer = ask(&Ask::new("POST", &url).body("hello"));
        answer
            .map(|answer| answer.text())
            .map_err(std::io::Error::other)
    }

    #[test]
    fn one_request_is_spoilt_and_the_others_are_not() {
        for spoil in [Spoil::Reset, Spoil::Close, Spoil::CutHead, Spoil::CutBody] {
            let server = server(1, spoil.clone());
            assert_eq!(asked(&server, "/a").unwrap(), "/a", "{spoil:?}");
            assert!(asked(&server, "/meant").is_err(), "{spoil:?}");
            assert_eq!(asked(&server, "/b").unwrap(), "/b", "{spoil:?}");
            assert_eq!((server.requests().len(), server.spoilt()), (3, 1));
        }
    }

    #[test]
    fn the_port_is_closed_after_what_comes_before() {
        for before in [0, 2] {
            let server = server(before, Spoil::Refused);
            for path in ["/a", "/b"].iter().take(before) {
                assert_eq!(asked(&server, path).unwrap(), *path);
            }
            let error = TcpStream::connect(server.host()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        }
    }

    #[test]
    fn the_port_is_deaf_after_what_comes_before() {
        for before in [0, 1] {
            let server = server(before, Spoil::Deaf);
            if before > 0 {
                assert_eq!(asked(&server, "/a").unwrap(), "/a");
            }
            let address = server.host().parse().unwrap();
            let error = TcpStream::connect_timeout(&address, PACE).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
        }
    }
}
