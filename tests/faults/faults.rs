//! What goes wrong with a request.

use std::io::Write as _;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use test_servers::faults::{Presented, Spoil};
use test_servers::{Authority, Request, Response, Tls};

use crate::ways::By;

/// One column of the table.
pub(crate) struct Column {
    pub(crate) code: &'static str,
    pub(crate) fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Refused,
    Deaf,
    Silence,
    Held,
    Drip,
    Reset,
    Close,
    CutHead,
    CutBody,
    Status(u16),
    /// With a time to wait.
    Later(u16, Wait),
    /// Statuses of a hundred that have no column, spread over the rows.
    Others(u16),
    Html,
    BrokenJson,
    NotText,
    Big,
    Bomb,
    Inside,
    Outside,
    Loop,
    Certificate(Wrong),
    OldHello,
    OldAlert,
}

/// What `Retry-After` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Now,
    Past,
    Long,
    Future,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Expired,
    Issuer,
    Host,
}

const fn column(code: &'static str, fault: Fault) -> Column {
    Column { code, fault }
}

/// All of them.
pub(crate) const COLUMNS: &[Column] = &[
    column("rf", Fault::Refused),
    column("df", Fault::Deaf),
    column("si", Fault::Silence),
    column("he", Fault::Held),
    column("dr", Fault::Drip),
    column("rs", Fault::Reset),
    column("cl", Fault::Close),
    column("ch", Fault::CutHead),
    column("cb", Fault::CutBody),
    column("400", Fault::Status(400)),
    column("401", Fault::Status(401)),
    column("403", Fault::Status(403)),
    column("404", Fault::Status(404)),
    column("405", Fault::Status(405)),
    column("408", Fault::Status(408)),
    column("409", Fault::Status(409)),
    column("412", Fault::Status(412)),
    column("429", Fault::Status(429)),
    column("4xx", Fault::Others(400)),
    column("500", Fault::Status(500)),
    column("501", Fault::Status(501)),
    column("502", Fault::Status(502)),
    column("503", Fault::Status(503)),
    column("504", Fault::Status(504)),
    column("5xx", Fault::Others(500)),
    column("9s0", Fault::Later(429, Wait::Now)),
    column("9d0", Fault::Later(429, Wait::Past)),
    column("9s1", Fault::Later(429, Wait::Long)),
    column("9d1", Fault::Later(429, Wait::Future)),
    column("3s0", Fault::Later(503, Wait::Now)),
    column("3d0", Fault::Later(503, Wait::Past)),
    column("3s1", Fault::Later(503, Wait::Long)),
    column("3d1", Fault::Later(503, Wait::Future)),
    column("ht", Fault::Html),
    column("js", Fault::BrokenJson),
    column("u8", Fault::NotText),
    column("10M", Fault::Big),
    column("gz", Fault::Bomb),
    column("ri", Fault::Inside),
    column("ro", Fault::Outside),
    column("rl", Fault::Loop),
    column("ce", Fault::Certificate(Wrong::Expired)),
    column("cu", Fault::Certificate(Wrong::Issuer)),
    column("cw", Fault::Certificate(Wrong::Host)),
    column("t0", Fault::OldHello),
    column("t1", Fault::OldAlert),
];

/// A server of TLS 1.0 alone goes on in its own version: a `ServerHello` for a cipher suite of that time.
const HELLO: &[u8] = b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01\
    0123456789abcdef0123456789abcdef\x00\x00\x2f\x00";
/// One of 1.1 that looks at what the client offers ends the handshake: `protocol_version`.
const ALERT: &[u8] = b"\x15\x03\x02\x00\x02\x02\x46";

/// Ten MiB that begin as an answer would.
static BIG: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut bytes = b"{\"data\":\"".to_vec();
    bytes.resize(10 << 20, b'x');
    bytes
});
/// The same in a few KiB.
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&BIG).expect("memory takes everything");
    packed.finish().expect("memory takes everything")
});

/// What all servers of the matrix are made from.
pub(crate) struct Faults {
    pub(crate) authority: Authority,
    pub(crate) good: Presented,
    wrong: [(Wrong, Presented); 3],
    /// Where a redirect out of the origin leads.
    pub(crate) elsewhere: String,
}

impl Faults {
    pub(crate) fn new(elsewhere: String) -> Self {
        let (authority, other) = (Authority::new(), Authority::new());
        let presented = |certificate| {
            Presented::new(&Tls {
                certificate,
                client_authority_pem: None,
                version: Default::default(),
            })
        };
        let host = &["127.0.0.1"];
        Self {
            good: presented(authority.server(host)),
            wrong: [
                (Wrong::Expired, presented(authority.expired_server(host))),
                (Wrong::Issuer, presented(other.server(host))),
                (
                    Wrong::Host,
                    presented(authority.server(&["vault.example.com"])),
                ),
            ],
            authority,
            elsewhere,
        }
    }

    /// What is done to a request for this fault, of the row at this position among so many.
    pub(crate) fn spoils(&self, fault: Fault, by: By, row: (usize, usize)) -> Vec<(String, Spoil)> {
        let answer = |response: Response| {
            // Whoever stands in the place of Google's metadata server without its header is not it.
            let response = match by {
                By::Machine => response.header("metadata-flavor", "Google"),
                _ => response,
            };
            vec![(String::new(), Spoil::Answer(response))]
        };
        let json = |body: &[u8]| {
            Response::bytes(200, body.to_vec()).header("content-type", "application/json")
        };
        let spoil = |spoil| vec![(String::new(), spoil)];
        match fault {
            Fault::Refused => spoil(Spoil::Refused),
            Fault::Deaf => spoil(Spoil::Deaf),
            Fault::Silence => spoil(Spoil::Silence),
            Fault::Held => spoil(Spoil::Held),
            Fault::Drip => spoil(Spoil::Drip),
            Fault::Reset => spoil(Spoil::Reset),
            Fault::Close => spoil(Spoil::Close),
            Fault::CutHead => spoil(Spoil::CutHead),
            Fault::CutBody => spoil(Spoil::CutBody),
            // As AWS does, it repeats what it was sent.
            Fault::Status(status) => match answer(failed(status)).remove(0) {
                (_, Spoil::Answer(response)) => spoil(Spoil::Echo(response)),
                other => vec![other],
            },
            Fault::Later(status, wait) => {
                let wait = match wait {
                    Wait::Now => "0",
                    Wait::Past => "Fri, 31 Dec 1999 23:59:59 GMT",
                    Wait::Long => "3600",
                    Wait::Future => "Fri, 31 Dec 2100 23:59:59 GMT",
                };
                answer(failed(status).header("retry-after", wait))
            }
            Fault::Others(hundred) => (hundred..hundred + 100)
                .filter(|status| {
                    COLUMNS
                        .iter()
                        .all(|known| known.fault != Fault::Status(*status))
                })
                .filter(|status| usize::from(*status) % row.1 == row.0)
                .map(|status| (status.to_string(), answer(failed(status)).remove(0).1))
                .collect(),
            Fault::Html => answer(
                Response::text(200, "<!DOCTYPE html><title>Sign in</title>")
                    .header("x-from", "a proxy"),
            ),
            Fault::BrokenJson => answer(json(b"{\"data\": {\"token\": ")),
            Fault::NotText => answer(json(b"{\"data\": \"\xff\xfe\"}")),
            Fault::Big => answer(json(&BIG)),
            Fault::Bomb => answer(json(&BOMB).header("content-encoding", "gzip")),
            Fault::Inside => spoil(Spoil::Moved),
            Fault::Outside => answer(
                Response::empty(307).header("location", &format!("{}/v1/there", self.elsewhere)),
            ),
            // The path of the request itself is where it is.
            Fault::Loop => answer(Response::empty(307).header("location", "?again")),
            Fault::Certificate(wrong) => {
                let (_, presented) = self
                    .wrong
                    .iter()
                    .find(|(known, _)| *known == wrong)
                    .expect("all are listed");
                spoil(Spoil::Tls(presented.clone()))
            }
            Fault::OldHello => spoil(Spoil::Handshake(HELLO)),
            Fault::OldAlert => spoil(Spoil::Handshake(ALERT)),
        }
    }
}

impl Fault {
    pub(crate) fn is_tls(self) -> bool {
        matches!(self, Self::Certificate(_) | Self::OldHello | Self::OldAlert)
    }

    /// Whether it ends with the deadline alone.
    pub(crate) fn is_endless(self) -> bool {
        matches!(self, Self::Deaf | Self::Silence | Self::Held | Self::Drip)
    }

    /// Whether two requests are the same to it.
    pub(crate) fn is_meant(name: &'static str) -> Box<dyn Fn(&Request) -> bool + Send + Sync> {
        Box::new(move |request| crate::cloud::name(request) == name)
    }
}

/// A status, by somebody who stands in front of the store.
fn failed(status: u16) -> Response {
    Response::text(status, "not today")
}
