//! A sparse Cargo registry that demands a token for everything, and one that stands for crates.io.

mod crate_file;
mod index;

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use self::index::Crates;
use crate::authority::{Authority, Certificate};
use crate::http::{Request, Response};
use crate::random;
use crate::server::{Exchange, Server};

/// What the registry demands as the whole value of the `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// For reading: the index and the downloads.
    pub read: String,
    /// For changing: publish, yank, unyank, owners.
    pub publish: String,
}

impl Tokens {
    /// Two random tokens.
    #[must_use]
    pub fn random() -> Self {
        Self {
            read: random::alphanumeric(32),
            publish: random::alphanumeric(32),
        }
    }
}

/// The registry; it stops on drop.
#[derive(Debug)]
pub struct Registry {
    server: Server,
    crates: Arc<Mutex<Crates>>,
    tokens: Tokens,
}

impl Registry {
    /// Starts it with random tokens and no crates.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(Tokens::random())
    }

    /// Starts it with these tokens and no crates.
    #[must_use]
    pub fn start_with(tokens: Tokens) -> Self {
        Self::start_at(tokens, Place::Loopback, |desk| {
            Server::start(move |request| desk.answer(request))
        })
    }

    /// Starts it with HTTPS and this certificate, random tokens and no crates.
    #[must_use]
    pub fn start_tls(certificate: &Certificate) -> Self {
        Self::start_at(Tokens::random(), Place::Tls, |desk| {
            Server::start_tls(certificate, None, move |request| desk.answer(request))
        })
    }

    /// Starts one at a host of the world, over TLS, with these tokens and no crates; a [`Proxy`](crate::Proxy) must lead there.
    #[must_use]
    pub fn start_at_host(host: &str, authority: &Authority, tokens: Tokens) -> Self {
        let certificate = authority.server(&[host]);
        Self::start_at(tokens, Place::Tls, |desk| {
            Server::start_tls(&certificate, None, move |request| desk.answer(request))
        })
    }

    /// Starts one that stands for crates.io, with random tokens and no crates: anyone may read it, and it is at its hosts,
    /// to which a [`Proxy`](crate::Proxy) must lead.
    #[must_use]
    pub fn crates_io(authority: &Authority) -> Self {
        let certificate = authority.server(&["crates.io", "index.crates.io"]);
        Self::start_at(Tokens::random(), Place::CratesIo, |desk| {
            Server::start_tls(&certificate, None, move |request| desk.answer(request))
        })
    }

    fn start_at(tokens: Tokens, place: Place, serve: impl FnOnce(Desk) -> Server) -> Self {
        let crates = Arc::new(Mutex::new(Crates::default()));
        let server = serve(Desk {
            crates: Arc::clone(&crates),
            tokens: tokens.clone(),
            place,
        });
        Self {
            server,
            crates,
            tokens,
        }
    }

    /// The index URL in Cargo's form: `sparse+http://127.0.0.1:PORT/index/`.
    #[must_use]
    pub fn index_url(&self) -> String {
        format!("sparse+{}/index/", self.server.url())
    }

    /// The base URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// The tokens that it demands.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Adds a crate whose library has this source.
    pub fn add_crate(&self, name: &str, version: &str, lib_rs: &str) {
        self.add_crate_with(name, version, &[("src/lib.rs", lib_rs)]);
    }

    /// Adds a crate with these files and a plain `Cargo.toml`.
    ///
    /// # Panics
    /// If it has that version already.
    pub fn add_crate_with(&self, name: &str, version: &str, files: &[(&str, &str)]) {
        let manifest =
            format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2021\"\n");
        let files = [&[("Cargo.toml", manifest.as_str())], files].concat();
        let crate_file = crate_file::pack(name, version, &files);
        let metadata = json!({ "name": name, "vers": version });
        self.crates
            .lock()
            .expect("no request panics")
            .add(&metadata, crate_file)
            .expect("the version is new");
    }

    /// Whether a crate was published or added.
    #[must_use]
    pub fn has_crate(&self, name: &str) -> bool {
        self.crates
            .lock()
            .expect("no request panics")
            .contains(name)
    }

    /// The file of the index at this path, for an index that is somewhere else.
    #[must_use]
    pub fn index_file(&self, path: &str) -> Option<String> {
        let crates = self.crates.lock().expect("no request panics");
        crates.index_file(path)
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }

    /// Method, path and `Authorization` header of every request so far.
    #[must_use]
    pub fn authorizations(&self) -> Vec<(String, String, Option<String>)> {
        let line = |request: Request| {
            let authorization = request.header("authorization").map(str::to_owned);
            (request.method, request.path, authorization)
        };
        self.requests().into_iter().map(line).collect()
    }

    /// Calls back for every exchange from now on, before the answer is sent.
    pub fn watch(&self, watcher: impl Fn(&Exchange) + Send + 'static) {
        self.server.watch(watcher);
    }
}

struct Desk {
    crates: Arc<Mutex<Crates>>,
    tokens: Tokens,
    place: Place,
}

/// Where a registry is, and who may read it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// All of it on one port, for those who have a token.
    Loopback,
    /// Likewise, over TLS.
    Tls,
    /// The index on a host of its own, all of it for everyone.
    CratesIo,
}

impl Desk {
    fn answer(&self, request: &Request) -> Response {
        let host = request.header("host").unwrap_or_default();
        let (url, path) = match self.place {
            Place::Loopback => (format!("http://{host}"), request.path.clone()),
            Place::Tls => (format!("https://{host}"), request.path.clone()),
            Place::CratesIo if host == "index.crates.io" => (
                "https://crates.io".to_owned(),
                format!("/index{}", request.path),
            ),
            Place::CratesIo => ("https://crates.io".to_owned(), request.path.clone()),
        };
        let is_private = self.place != Place::CratesIo;
        let wanted = if is_change(request) {
            Some(&self.tokens.publish)
        } else {
            is_private.then_some(&self.tokens.read)
        };
        if wanted.is_some_and(|wanted| request.header("authorization") != Some(wanted)) {
            return refused(401, "a token for this is missing or wrong")
                .header("www-authenticate", &format!("Cargo login_url=\"{url}/me\""));
        }
        let mut crates = self.crates.lock().expect("no request panics");
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match (request.method.as_str(), segments.as_slice()) {
            ("GET", ["index", "config.json"]) => Response::json(
                200,
                &json!({ "dl": format!("{url}/dl"), "api": url, "auth-required": is_private }),
            ),
            ("GET", ["index", path @ ..]) => crates
                .index_file(&path.join("/"))
                .map_or_else(not_found, |text| Response::text(200, &text)),
            ("GET", ["dl", name, version, "download"]) => crates
                .crate_file(name, version)
                .map_or_else(not_found, |bytes| Response::bytes(200, bytes)),
            ("PUT", ["api", "v1", "crates", "new"]) => match crates.publish(&request.body) {
                Ok(()) => Response::json(200, &json!({ "warnings": no_warnings() })),
                Err(text) => refused(400, &text),
            },
            ("DELETE", ["api", "v1", "crates", name, version, "yank"]) => {
                changed(crates.yank(name, version, true))
            }
            ("PUT", ["api", "v1", "crates", name, version, "unyank"]) => {
                changed(crates.yank(name, version, false))
            }
            (method, ["api", "v1", "crates", name, "owners"]) if crates.contains(name) => {
                owners(method)
            }
            _ => not_found(),
        }
    }
}

fn is_change(request: &Request) -> bool {
    request.method != "GET" || request.path.ends_with("/owners")
}

fn owners(method: &str) -> Response {
    match method {
        "GET" => Response::json(
            200,
            &json!({ "users": [{ "id": 1, "login": "ci", "name": "CI" }] }),
        ),
        _ => Response::json(
            200,
            &json!({ "ok": true, "msg": "the owners were changed" }),
        ),
    }
}

fn changed(change: Option<()>) -> Response {
    change.map_or_else(not_found, |()| Response::json(200, &json!({ "ok": true })))
}

fn no_warnings() -> Value {
    json!({ "invalid_categories": [], "invalid_badges": [], "other": [] })
}

fn not_found() -> Response {
    refused(404, "not found")
}

fn refused(status: u16, detail: &str) -> Response {
    Response::json(status, &json!({ "errors": [{ "detail": detail }] }))
}
