//! Servers that misbehave below HTTP.

#[cfg(target_os = "linux")]
mod spoiled;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{SockRef, Socket};

#[cfg(target_os = "linux")]
pub use self::spoiled::{Gate, Plan, Presented, Spoil, SpoiledServer};

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The connection is accepted and nothing is ever answered.
    BlackHole,
    /// The connection is reset (RST) as soon as the client has sent something.
    Reset,
    /// The connection is closed (FIN) as soon as the client has sent something.
    Close,
    /// These bytes are sent, whatever was asked, and the connection is closed.
    Bytes(Vec<u8>),
    /// Only the first bytes of a response are sent, and the connection is closed.
    CutAfter {
        /// The response as it would be whole.
        response: Vec<u8>,
        /// How many of its bytes are sent.
        bytes: usize,
    },
}

/// A TCP server on a free loopback port that does one wrong thing to every connection; it stops on drop.
#[derive(Debug)]
pub struct FaultServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl FaultServer {
    /// Starts it.
    #[must_use]
    pub fn start(fault: Fault) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let thread = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || accept(&shared, &listener, &fault))
        };
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    /// The base URL with `http`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The base URL with `https`; no fault speaks TLS.
    #[must_use]
    pub fn https_url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The number of connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the accepting thread up; if that fails, the thread is gone already.
        let _woken = TcpStream::connect(self.address);
        let _panicked = self.thread.take().map(JoinHandle::join);
    }
}

/// A loopback port that nothing listens on: it is bound, so nobody else gets it, but refuses connections.
#[must_use]
pub fn refused_port() -> RefusedPort {
    let socket = Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
        .expect("a socket can be made");
    socket
        .bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
        .expect("loopback has a free port");
    RefusedPort(socket)
}

/// Holds a port that refuses connections; see [`refused_port`].
#[derive(Debug)]
pub struct RefusedPort(Socket);

impl RefusedPort {
    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        let address = self.0.local_addr().expect("a bound socket has an address");
        address.as_socket().map_or(0, |address| address.port())
    }

    /// The base URL with `http`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener, fault: &Fault) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            break;
        }
        let Ok(stream) = stream else { continue };
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let (shared, fault) = (Arc::clone(shared), fault.clone());
        // A client that leaves in the middle is what these servers are for.
        thread::spawn(move || shared.spoil(stream, &fault));
    }
    shared.held.lock().expect("no fault panics").clear();
}

#[derive(Debug, Default)]
struct Shared {
    connections: AtomicU64,
    stopping: AtomicBool,
    /// What a black hole keeps open.
    held: Mutex<Vec<TcpStream>>,
}

impl Shared {
    fn spoil(&self, mut stream: TcpStream, fault: &Fault) -> std::io::Result<()> {
        // Bounded, so that a client that connects and says nothing can't keep the thread for ever.
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        match fault {
            Fault::BlackHole => {
                self.held.lock().expect("no fault panics").push(stream);
                Ok(())
            }
            Fault::Reset => {
                hear(&mut stream)?;
                SockRef::from(&stream).set_linger(Some(Duration::ZERO))
            }
            Fault::Close => {
                hear(&mut stream)?;
                finish(&mut stream)
            }
            Fault::Bytes(bytes) => say(&mut stream, bytes),
            Fault::CutAfter { response, bytes } => {
                say(&mut stream, &response[..*bytes.min(&response.len())])
            }
        }
    }
}

fn say(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    hear(stream)?;
    stream.write_all(bytes)?;
    finish(stream)
}

fn hear(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.read(&mut [0; 64 * 1024]).map(drop)
}

/// Sends FIN and reads what still comes: closing a socket with unread bytes would send RST instead.
fn finish(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    std::io::copy(stream, &mut std::io::sink()).map(drop)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;
    use crate::client::{Ask, ask};

    fn exchange(fault: Fault) -> (std::io::Result<usize>, Vec<u8>) {
        let server = FaultServer::start(fault);
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .unwrap();
        let mut bytes = Vec::new();
        let result = stream.read_to_end(&mut bytes);
        assert_eq!(server.connections(), 1);
        (result, bytes)
    }

    #[test]
    fn reset_is_a_reset_and_close_is_an_end() {
        assert_eq!(
            exchange(Fault::Reset).0.unwrap_err().kind(),
            ErrorKind::ConnectionReset
        );
        assert_eq!(exchange(Fault::Close).0.unwrap(), 0);
    }

    #[test]
    fn bytes_are_sent_whole_or_cut() {
        assert_eq!(exchange(Fault::Bytes(b"hello".to_vec())).1, b"hello");
        assert_eq!(
            exchange(Fault::CutAfter {
                response: b"hello".to_vec(),
                bytes: 2
            })
            .1,
            b"he"
        );
        assert_eq!(
            exchange(Fault::CutAfter {
                response: b"hello".to_vec(),
                bytes: 9
            })
            .1,
            b"hello"
        );
    }

    #[test]
    fn a_cut_answer_is_an_error_for_a_client() {
        let response = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789".to_vec();
        let whole = FaultServer::start(Fault::Bytes(response.clone()));
        assert_eq!(
            ask(&Ask::new("GET", &whole.url())).unwrap().body,
            b"0123456789"
        );
        let bytes = response.len() - 1;
        let cut = FaultServer::start(Fault::CutAfter { response, bytes });
        assert!(ask(&Ask::new("GET", &cut.url())).is_err());
    }

    #[test]
    fn a_black_hole_keeps_the_connection() {
        let server = FaultServer::start(Fault::BlackHole);
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        stream.write_all(b"hello").unwrap();
        stream.set_nonblocking(true).unwrap();
        assert_eq!(
            stream.read(&mut [0; 1]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        stream.set_nonblocking(false).unwrap();
        drop(server);
        let mut bytes = Vec::new();
        let _end_or_reset = stream.read_to_end(&mut bytes);
        assert!(bytes.is_empty());
    }

    #[test]
    fn a_refused_port_refuses() {
        let port = refused_port();
        let kind = TcpStream::connect(("127.0.0.1", port.port()))
            .unwrap_err()
            .kind();
        assert_eq!(kind, ErrorKind::ConnectionRefused);
    }
}
