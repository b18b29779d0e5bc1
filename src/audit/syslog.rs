use std::io;
use std::path::Path;

/// Facility `authpriv`, severity `notice` (RFC 5424, section 6.2.1).
#[cfg(unix)]
const PRIORITY: u8 = 10 * 8 + 5;

/// Sends a line to the daemon that listens at this socket, and does not wait for it.
///
/// It is the form of RFC 3164 without time and host, as programs on the daemon's own machine send it: journald does not
/// know that of RFC 5424, and each daemon adds its own time. Ours is in the line.
#[cfg(unix)]
pub(super) fn send(socket: &Path, line: &[u8]) -> io::Result<()> {
    use std::os::unix::net::UnixDatagram;

    let mut message = format!(
        "<{PRIORITY}>cargo-credential-bridge[{}]: ",
        std::process::id()
    )
    .into_bytes();
    message.extend_from_slice(line.trim_ascii_end());
    let sender = UnixDatagram::unbound()?;
    sender.set_nonblocking(true)?;
    sender.send_to(&message, socket).map(drop)
}

#[cfg(not(unix))]
pub(super) fn send(_: &Path, _: &[u8]) -> io::Result<()> {
    Err(io::Error::other("this system has none"))
}
