//! A forward proxy that leads every host of the world to a port of loopback, or nowhere.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// Where a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// At this port of loopback.
    Port(u16),
    /// Nowhere: the proxy says that it can't reach it.
    Away,
    /// At an address from which nothing ever comes.
    BlackHole,
}

/// The proxy, which does `CONNECT` and nothing else; it stops on drop.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts it; `route` is asked for each `host:port`.
    #[must_use]
    pub fn start(route: impl Fn(&str) -> Route + Send + Sync + 'static) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let thread = {
            let (shared, route) = (Arc::clone(&shared), Arc::new(route));
            thread::spawn(move || {
                for stream in listener.incoming() {
                    if shared.stopping.load(Ordering::SeqCst) {
                        break;
                    }
                    let (shared, route) = (Arc::clone(&shared), Arc::clone(&route));
                    // Either end may leave whenever it likes.
                    thread::spawn(move || shared.serve(stream.ok()?, &*route));
                }
                shared.held.lock().expect("no request panics").clear();
            })
        };
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    /// `HTTPS_PROXY`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Each `host:port` that was asked for, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().expect("no request panics").clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the accepting thread up; if that fails, the thread is gone already.
        let _woken = TcpStream::connect(self.address);
        let _panicked = self.thread.take().map(JoinHandle::join);
    }
}

#[derive(Debug, Default)]
struct Shared {
    stopping: AtomicBool,
    asked: Mutex<Vec<String>>,
    held: Mutex<Vec<TcpStream>>,
}

impl Shared {
    fn serve(&self, stream: TcpStream, route: &dyn Fn(&str) -> Route) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            (reader.read_line(&mut head).ok()? > 0).then_some(())?;
        }
        let target = head.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
        let route = route(&target);
        self.asked.lock().expect("no request panics").push(target);
        match route {
            Route::Away => answer(&stream, "502 Bad Gateway"),
            Route::BlackHole => {
                answer(&stream, "200 Connection established")?;
                self.held.lock().expect("no request panics").push(stream);
                Some(())
            }
            Route::Port(port) => {
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
                answer(&stream, "200 Connection established")?;
                let (back, to) = (stream.try_clone().ok()?, server.try_clone().ok()?);
                thread::spawn(move || pass(server, back));
                pass(reader, to);
                Some(())
            }
        }
    }
}

fn answer(mut stream: &TcpStream, status: &str) -> Option<()> {
    let text = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
    // A connection that is established has no length; clients ignore it.
    let text = text.replace("established\r\ncontent-length: 0", "established");
    stream.write_all(text.as_bytes()).ok()
}

fn pass(mut from: impl std::io::Read, mut to: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _closed = to.shutdown(Shutdown::Write);
}
