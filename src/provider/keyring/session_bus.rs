//! The one question that libsecret's errors leave open: whether there is any keyring on the session bus.
//!
//! Two messages to the bus itself, and no D-Bus client for it, which would be a third of all the crates in the binary.
//!
//! Source: the D-Bus specification, "Server Addresses", "Authentication Protocol", "Message Protocol" and "Message Bus
//! Messages".

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;

use cargo_credential_bridge_backend::Environment;

/// No answer to what is asked here is larger than this many bytes.
const LIMIT: u32 = 64 << 10;

const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;

/// The address of a session bus, as D-Bus writes it.
pub(super) struct SessionBus(String);

impl SessionBus {
    /// The one that GLib would take, but for what it would start.
    pub(super) fn find(environment: &Environment) -> Option<Self> {
        if let Ok(Some(address)) = environment.var("DBUS_SESSION_BUS_ADDRESS") {
            return Some(Self(address));
        }
        let directory = environment.var("XDG_RUNTIME_DIR").ok()??;
        let socket = Path::new(&directory).join("bus");
        socket
            .exists()
            .then(|| Self(format!("unix:path={}", socket.display())))
    }

    /// Starts the service of this name, if it does not run.
    ///
    /// # Errors
    ///
    /// Why there is no bus, or the bus's own words.
    pub(super) fn start(&self, service: &str) -> io::Result<()> {
        let mut bus = BufReader::new(self.connect()?);
        let user = nix::unistd::geteuid().to_string();
        let user: String = user.bytes().map(|digit| format!("{digit:02x}")).collect();
        write!(bus.get_mut(), "\0AUTH EXTERNAL {user}\r\n")?;
        let mut answer = Vec::new();
        bus.by_ref()
            .take(LIMIT.into())
            .read_until(b'\n', &mut answer)?;
        if !answer.starts_with(b"OK ") {
            return Err(io::Error::other("the session bus is another user's"));
        }
        let hello = call(1, "Hello", "", &[]);
        let start = call(2, "StartServiceByName", "su", &service_and_flags(service));
        bus.get_mut()
            .write_all(&[b"BEGIN\r\n", &hello[..], &start].concat())?;
        // The bus answers in the order in which it is asked.
        for _ in [hello, start] {
            answered(&mut bus)?;
        }
        Ok(())
    }

    /// Connects to the first socket of the address that there is.
    fn connect(&self) -> io::Result<UnixStream> {
        let mut failure = io::Error::other(format!("`{}` is no socket of this machine", self.0));
        for address in self.0.split(';') {
            match socket(address).map(|socket| UnixStream::connect_addr(&socket?)) {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) => failure = error,
                None => {}
            }
        }
        Err(failure)
    }
}

/// The socket that one address names, if it is one.
fn socket(address: &str) -> Option<io::Result<SocketAddr>> {
    // Keys, values and what escapes them are as in the query of a URL, but for the comma.
    let pairs = address.strip_prefix("unix:")?.replace(',', "&");
    url::form_urlencoded::parse(pairs.as_bytes()).find_map(|(key, value)| match &*key {
        "path" => Some(SocketAddr::from_pathname(&*value)),
        "abstract" => Some(SocketAddr::from_abstract_name(&*value)),
        _ => None,
    })
}

/// A call to the bus itself, with a body of this signature.
fn call(serial: u32, method: &str, signature: &str, body: &[u8]) -> Vec<u8> {
    const BUS: &str = "org.freedesktop.DBus";
    let mut fields = Vec::new();
    for (code, kind, text) in [
        (1, b'o', "/org/freedesktop/DBus"),
        (6, b's', BUS),
        (2, b's', BUS),
        (3, b's', method),
    ] {
        pad(&mut fields, 8);
        fields.extend([code, 1, kind, 0]);
        string(&mut fields, text);
    }
    if !signature.is_empty() {
        pad(&mut fields, 8);
        fields.extend([8, 1, b'g', 0, signature.len() as u8]);
        fields.extend(signature.bytes());
        fields.push(0);
    }
    // Little-endian, a method call, no flags, version 1.
    let mut message = vec![b'l', 1, 0, 1];
    message.extend((body.len() as u32).to_le_bytes());
    message.extend(serial.to_le_bytes());
    message.extend((fields.len() as u32).to_le_bytes());
    message.extend(fields);
    pad(&mut message, 8);
    message.extend(body);
    message
}

fn service_and_flags(service: &str) -> Vec<u8> {
    let mut body = Vec::new();
    string(&mut body, service);
    pad(&mut body, 4);
    body.extend(0_u32.to_le_bytes());
    body
}

fn string(to: &mut Vec<u8>, text: &str) {
    to.extend((text.len() as u32).to_le_bytes());
    to.extend(text.bytes());
    to.push(0);
}

fn pad(to: &mut Vec<u8>, boundary: usize) {
    to.resize(to.len().next_multiple_of(boundary), 0);
}

/// Reads until an answer comes; what the bus tells besides is for others.
fn answered(bus: &mut impl io::Read) -> io::Result<()> {
    loop {
        let mut head = [0; 16];
        bus.read_exact(&mut head)?;
        let number = |at: usize| {
            let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
            match head[0] {
                b'B' => u32::from_be_bytes(bytes),
                _ => u32::from_le_bytes(bytes),
            }
        };
        let (body, fields) = (number(4), number(12));
        if body > LIMIT || fields > LIMIT {
            return Err(io::Error::other("what the session bus says makes no sense"));
        }
        let mut rest = vec![0; fields.next_multiple_of(8) as usize + body as usize];
        bus.read_exact(&mut rest)?;
        match head[1] {
            METHOD_RETURN => return Ok(()),
            ERROR => {
                // The first argument of an error is what people read.
                let text = &rest[fields.next_multiple_of(8) as usize..];
                let text = text.get(4..).unwrap_or_default();
                let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
                return Err(io::Error::other(String::from_utf8_lossy(text)));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_bus_is() {
        let directory = tempfile::tempdir().unwrap();
        let runtime = directory.path().to_str().unwrap();
        let found = |variables: &[(&str, &str)]| {
            let environment = Environment::fixed(variables.iter().copied(), "/");
            SessionBus::find(&environment).map(|bus| bus.0)
        };
        let address = ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/bus");
        assert_eq!(found(&[address]).unwrap(), address.1);
        assert_eq!(found(&[("XDG_RUNTIME_DIR", runtime)]), None);
        std::fs::write(directory.path().join("bus"), "").unwrap();
        let expected = format!("unix:path={runtime}/bus");
        assert_eq!(found(&[("XDG_RUNTIME_DIR", runtime)]), Some(expected));
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn addresses() {
        let named = |text: &str| {
            let socket = socket(text)?.unwrap();
            match socket.as_pathname() {
                Some(path) => Some(path.display().to_string()),
                None => String::from_utf8(socket.as_abstract_name()?.to_vec()).ok(),
            }
        };
        for (address, expected) in [
            ("unix:path=/run/user/1000/bus", Some("/run/user/1000/bus")),
            ("unix:guid=0a,path=/tmp/my%20bus%2b1", Some("/tmp/my bus+1")),
            ("unix:abstract=/tmp/dbus-x,guid=0a", Some("/tmp/dbus-x")),
            ("unix:runtime=yes", None),
            ("tcp:host=localhost,port=1", None),
            ("disabled:", None),
            ("/dev/null", None),
        ] {
            assert_eq!(named(address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn what_is_no_bus_is_told() {
        for (address, why) in [
            ("disabled:", "`disabled:` is no socket of this machine"),
            ("unix:path=/nowhere/bus;tcp:host=x", "No such file"),
        ] {
            let error = SessionBus(address.to_owned()).start("x").unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
