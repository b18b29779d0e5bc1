//! What of the secrets is left in our memory when the answer is out, and who may look.
//!
//! What is given back to the allocator is overwritten, whoever it was of, so that what is found is what somebody still holds.
//! `docs/security.md` names it.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};

use serde_json::{Value, json};
use test_servers::memory::Memory;
use test_servers::provider::get_request;
use test_servers::{
    Authority, Exchange, GoogleServer, Issuer, Provider, Role, SecretsManager, VaultServer,
};

use crate::{BINARY, URL};

const TOKEN: &str = "r3gistry-s3cret-token-of-forty-characters";

/// An end as short as this tells one secret from all others, and is left where the start of a copy was written over.
const END: usize = 16;

/// So far above a secret stands the head of the message that it is in.
const HEAD: usize = 1024;

/// Secrets by what they are, and how many copies of each are left, by where.
type Left = BTreeMap<(&'static str, Where), usize>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Where {
    /// Below the head of a message: in a buffer of the HTTP library or of TLS. Our own have no head.
    Message,
    /// Anywhere else.
    Elsewhere,
}

impl Where {
    /// Where a copy is that stands below these bytes.
    fn is(before: &[u8]) -> Self {
        let heads = [
            "\r\naccept: ",
            "\r\nauthorization: ",
            "\r\ncontent-type: ",
            "\r\ndate: ",
        ];
        let has = |head: &&str| before.windows(head.len()).any(|at| at == head.as_bytes());
        match heads.iter().any(has) {
            true => Self::Message,
            false => Self::Elsewhere,
        }
    }
}

/// The secrets of one run, as the servers see them.
#[derive(Clone, Default)]
struct Secrets(Arc<Mutex<Vec<(&'static str, String)>>>);

impl Secrets {
    fn add(&self, name: &'static str, secret: &str) {
        self.0.lock().unwrap().push((name, secret.to_owned()));
    }

    /// The issuer of a job, whose tokens are secrets.
    fn issuer(&self) -> Issuer {
        let issuer = Issuer::start();
        self.add("request token", issuer.request_token());
        issuer.watch(self.field("identity", &["value"]));
        issuer
    }

    /// Notes what is at this place of each answer.
    fn field(
        &self,
        name: &'static str,
        path: &'static [&str],
    ) -> impl Fn(&Exchange) + Send + 'static {
        let secrets = self.clone();
        move |exchange| {
            let answer: Value = serde_json::from_slice(&exchange.response.body).unwrap_or_default();
            let found = path.iter().try_fold(&answer, |json, name| json.get(name));
            if let Some(secret) = found.and_then(Value::as_str) {
                secrets.add(name, secret);
            }
        }
    }

    /// What is left of them, and of the token, after these lines: each is answered before the memory is read.
    fn left_after(&self, provider: Provider, line: &str, expected: &Value) -> Left {
        self.add("token", TOKEN);
        let mut left = Left::new();
        // What is wrong with the second line is said when all that the first took is over.
        let run = provider
            .secret(TOKEN)
            .run_watched(&[line, "{}\n"], |process| left = self.found_in(process));
        assert_eq!(run.answers()[0]["Ok"], *expected, "{run:?}");
        left
    }

    fn found_in(&self, process: u32) -> Left {
        let mut left = Left::new();
        let Some(memory) = memory(process) else {
            return left;
        };
        for (name, secret) in self.0.lock().unwrap().iter() {
            let end = &secret.as_bytes()[secret.len() - END..];
            for before in memory.before(end, HEAD) {
                *left.entry((*name, Where::is(before))).or_default() += 1;
            }
        }
        left
    }

    fn left(&self, provider: Provider) -> Left {
        let token = json!({ "kind": "get", "token": TOKEN, "cache": "session", "operation_independent": true });
        self.left_after(provider, &get_request(URL, "read"), &token)
    }
}

fn provider(backend: &str, source: &str) -> Provider {
    Provider::new(BINARY).config(&format!(
        "[registries.\"{URL}\"]\nsources = [ {{ backend = \"store\", {source} }} ]\n[backends.store]\n{backend}\n"
    ))
}

/// The memory of the process, for root; nobody else may see it.
fn memory(process: u32) -> Option<Memory> {
    match Memory::of(process) {
        Ok(memory) => Some(memory),
        Err(error) => {
            assert!(!nix::unistd::geteuid().is_root(), "{error}");
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            None
        }
    }
}

/// Only these are left, and not more of them.
fn assert_left(left: &Left, documented: &[(&'static str, Where, usize)]) {
    for ((name, whose), count) in left {
        let most = documented
            .iter()
            .find(|entry| (entry.0, entry.1) == (*name, *whose));
        let most = most.map_or(0, |entry| entry.2);
        assert!(
            *count <= most,
            "{count} copies of the {name} are left, {whose:?}: {left:?}"
        );
    }
}

fn vault(secrets: &Secrets, server: &VaultServer, more: &str) -> Provider {
    let issuer = secrets.issuer();
    server.put("ci/cargo", json!({ "token": TOKEN }));
    server.policy("cargo", &["secret/data/ci/cargo"]);
    server.role("ci", Role::new(&issuer, "vault", &["cargo"]));
    server.watch(secrets.field("login", &["auth", "client_token"]));
    let backend = format!(
        "type = \"vault\"\naddress = \"{}\"\n{more}\n\
         auth = {{ method = \"jwt\", role = \"ci\", audience = \"vault\", identity = {{ file = \"~/identity\" }} }}",
        server.url(),
    );
    provider(&backend, "path = \"ci/cargo\", field = \"token\"")
        .file("identity", &issuer.token("vault"))
}

#[test]
fn vault_after_a_login_and_a_read() {
    let secrets = Secrets::default();
    let server = VaultServer::start();
    let left = secrets.left(vault(&secrets, &server, ""));
    assert_left(&left, &[]);
}

#[test]
fn vault_over_tls() {
    let secrets = Secrets::default();
    let authority = Authority::new();
    let server = VaultServer::start_tls(&authority.server(&["127.0.0.1"]));
    let provider =
        vault(&secrets, &server, "ca-file = \"~/ca.pem\"").file("ca.pem", authority.pem());
    let left = secrets.left(provider);
    assert_left(&left, &[]);
}

/// Cargo has the token by then, and may be at work with it for as long as the revocation takes.
#[test]
fn vault_while_the_login_is_revoked() {
    let secrets = Secrets::default();
    let server = VaultServer::start();
    let (arrive, arrived) = mpsc::channel();
    let (seen, is_seen) = mpsc::channel();
    let is_seen = Mutex::new(is_seen);
    server.intercept(move |request| {
        if request.path.ends_with("/revoke-self") {
            arrive.send(()).unwrap();
            is_seen.lock().unwrap().recv().unwrap();
        }
        None
    });
    let provider = vault(&secrets, &server, "").secret(TOKEN);
    secrets.add("token", TOKEN);
    let mut left = Left::new();
    provider.run_watched(&[&get_request(URL, "read")], |process| {
        arrived.recv().unwrap();
        left = secrets.found_in(process);
        seen.send(()).unwrap();
    });
    // The login is about to go; that it is found shows that what is there is found.
    let before = left.len();
    left.retain(|(name, _), _| *name != "login");
    assert!(left.len() < before || !nix::unistd::geteuid().is_root());
    // The buffer of the connection, which is still open.
    assert_left(&left, &[("token", Where::Message, 1)]);
}

#[test]
fn aws_by_the_identity_of_a_job() {
    let secrets = Secrets::default();
    let issuer = secrets.issuer();
    let server = SecretsManager::start();
    server.put("cargo", TOKEN);
    let kept = secrets.clone();
    server.watch(move |exchange| {
        let answer = String::from_utf8_lossy(&exchange.response.body).into_owned();
        for (name, tag) in [
            ("secret key", "SecretAccessKey"),
            ("session token", "SessionToken"),
        ] {
            let start = answer.split_once(&format!("<{tag}>"));
            if let Some((secret, _)) = start.and_then(|(_, rest)| rest.split_once('<')) {
                kept.add(name, secret);
            }
        }
    });
    let account = test_servers::secrets_manager::ACCOUNT;
    let backend = format!(
        "type = \"aws\"\nregion = \"eu-west-1\"\nauth = {{ method = \"web-identity\", role-arn = \"arn:aws:iam::{account}:role/ci\", identity = \"github-actions\" }}",
    );
    let provider = provider(&backend, "secret = \"cargo\"")
        .in_github(&issuer)
        .env("AWS_ENDPOINT_URL", server.url());
    assert_left(&secrets.left(provider), &[]);
}

#[test]
fn google_by_the_identity_of_a_job() {
    let secrets = Secrets::default();
    let issuer = secrets.issuer();
    let server = GoogleServer::start();
    server.put("acme", "cargo", TOKEN.as_bytes());
    let pool = "projects/123456789/locations/global/workloadIdentityPools/ci";
    let claims = issuer.claims("x", &Value::Null);
    let subject = claims["sub"].as_str().unwrap();
    let member = format!("principal://iam.googleapis.com/{pool}/subject/{subject}");
    server.allow(&member, "projects/acme/secrets/cargo");
    let github = format!("{pool}/providers/github");
    server.trust(&github, &issuer, &[], None);
    server.watch(secrets.field("access token", &["access_token"]));
    let url = server.url();
    let backend = format!(
        "type = \"gcp\"\nproject = \"acme\"\nendpoint = \"{url}\"\n\
         auth = {{ method = \"workload-identity\", provider = \"{github}\", sts-endpoint = \"{url}\", identity = \"github-actions\" }}"
    );
    let provider = provider(&backend, "secret = \"cargo\"").in_github(&issuer);
    assert_left(&secrets.left(provider), &[]);
}

#[test]
fn a_file_and_a_variable() {
    for (backend, source) in [
        ("type = \"file\"", "path = \"~/token\""),
        ("type = \"env\"", "var = \"TOKEN\""),
        (
            "type = \"file\"",
            "path = \"~/token.json\", field = \"token\"",
        ),
    ] {
        let provider = provider(backend, source)
            .file("token", TOKEN)
            .file("token.json", &json!({ "token": TOKEN }).to_string())
            .env("TOKEN", TOKEN);
        assert_left(&Secrets::default().left(provider), &[]);
    }
}

#[test]
fn a_token_that_is_stored() {
    let server = VaultServer::start();
    server.put("ci/cargo", json!({ "token": "an-older-token" }));
    let backend = format!("type = \"vault\"\naddress = \"{}\"", server.url());
    let provider = provider(
        &backend,
        "path = \"ci/cargo\", field = \"token\", write = true",
    )
    .env("VAULT_TOKEN", server.root_token());
    let request =
        json!({ "v": 1, "registry": { "index-url": URL }, "kind": "login", "token": TOKEN });
    let left = Secrets::default().left_after(
        provider,
        &format!("{request}\n"),
        &json!({ "kind": "login" }),
    );
    // The standard library's buffer of standard input, which Cargo's request came through.
    assert_left(&left, &[("token", Where::Elsewhere, 1)]);
}

/// Who is the same user and not root reads neither memory nor environment, and no core dump is made.
#[test]
fn the_same_user_may_not_look() {
    let secrets = Secrets::default();
    let server = VaultServer::start();
    let provider = vault(&secrets, &server, "");
    let mut command = provider.command();
    if nix::unistd::geteuid().is_root() {
        let copy = provider.home().join("provider");
        fs::copy(BINARY, &copy).unwrap();
        command = copied(&command, &copy);
        own(provider.home());
        as_somebody(&mut command);
    }
    // It can be told from one that hides nothing.
    let mut other = Command::new("cat");
    other.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut other = as_somebody(&mut other).spawn().unwrap();
    assert!(is_shown(other.id()));
    drop(other.stdin.take());
    other.wait().unwrap();

    let run = provider.run_watched_as(command, &[&get_request(URL, "read")], |process| {
        assert!(!is_shown(process));
        let memory = fs::metadata(format!("/proc/{process}/mem")).unwrap();
        assert_eq!(memory.uid(), 0);
        let limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
        let core = limits
            .lines()
            .find_map(|line| line.strip_prefix("Max core file size"));
        let core: Vec<_> = core.unwrap().split_ascii_whitespace().collect();
        assert_eq!(core, ["0", "0", "bytes"]);
    });
    assert_eq!(run.answer()["Ok"]["token"], TOKEN, "{run:?}");
}

/// Somebody without rights of his own, where tests run as root.
const NOBODY: u32 = 65534;

/// The same command for a copy of the program.
fn copied(command: &Command, copy: &Path) -> Command {
    let mut copied = Command::new(copy);
    copied
        .args(command.get_args())
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .current_dir(command.get_current_dir().unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    copied
}

/// Gives all that is here to nobody.
fn own(path: &Path) {
    std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            own(&entry.unwrap().path());
        }
    }
}

/// Whether the user of the process is shown its environment, which takes what a debugger takes.
fn is_shown(process: u32) -> bool {
    let mut look = Command::new("head");
    look.args(["--bytes=1", &format!("/proc/{process}/environ")]);
    as_somebody(&mut look).output().unwrap().status.success()
}

fn as_somebody(command: &mut Command) -> &mut Command {
    match nix::unistd::geteuid().is_root() {
        true => command.uid(NOBODY).gid(NOBODY),
        false => command,
    }
}
