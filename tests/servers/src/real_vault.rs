//! A real Vault: started, initialised, unsealed, and stopped with the process that started it.
//!
//! `ci/install vault` builds it and prints its path, which `CCB_VAULT` names.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::authority::{Authority, Certificate};
use crate::client::{Answer, Ask, ask};
use crate::google_fake::GoogleFake;

/// Vault is up in a second; a machine under load gets more.
const PATIENCE: Duration = Duration::from_secs(60);

/// Another process may take the free port before Vault does.
const TRIES: usize = 5;

/// Its name in the world, for those whom a [`Proxy`](crate::Proxy) leads here.
pub const HOST: &str = "vault.example.com";

/// Runs `$1` with the config `$2` until standard input ends, however the process that holds the other end does, and
/// removes the directory `$3`, unless Vault is to go on there.
const SUPERVISOR: &str = r#"
"$1" server -config="$2" 2>>"$3/log" &
exec >/dev/null
cat
kill $!
wait $!
[ -e "$3/paused" ] || rm -rf "$3"
"#;

/// A Vault server with a certificate of an authority of its own, and storage in memory, or in files for one that is
/// stopped and goes on.
#[derive(Debug)]
pub struct RealVault {
    url: String,
    directory: PathBuf,
    authority: Authority,
    root_token: String,
    unseal_key: String,
    supervisor: Child,
}

impl RealVault {
    /// Starts and initialises it; it is sealed.
    ///
    /// # Panics
    /// If `CCB_VAULT` does not name a Vault, or it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// The same, with storage in files: what it knows outlasts [`stop`](Self::stop).
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_durable() -> Self {
        Self::start_on(true, None)
    }

    /// The same, with this for all that it asks of Google. Nothing else goes to a proxy: all else is on loopback.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with(google: Option<&GoogleFake>) -> Self {
        Self::start_on(false, google)
    }

    fn start_on(durable: bool, google: Option<&GoogleFake>) -> Self {
        let binary = binary();
        (0..TRIES)
            .find_map(|_| Self::try_start(&binary, durable, google))
            .expect("vault starts; its own words are above")
    }

    fn try_start(binary: &Path, durable: bool, google: Option<&GoogleFake>) -> Option<Self> {
        let directory = tempfile::Builder::new()
            .prefix("vault-")
            .tempdir()
            .expect("there is a temporary directory")
            .keep();
        let authority = Authority::new();
        let Certificate { cert_pem, key_pem } = authority.server(&["127.0.0.1", HOST]);
        for (name, text) in [
            ("ca.pem", authority.pem()),
            ("cert.pem", &cert_pem),
            ("key.pem", &key_pem),
        ] {
            fs::write(directory.join(name), text).expect("the directory is writable");
        }
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .expect("loopback has a free port")
            .local_addr()
            .expect("a bound socket has an address");
        let url = format!("https://{address}");
        let file = |name: &str| {
            directory
                .join(name)
                .to_str()
                .expect("the directory has a name in UTF-8")
                .to_owned()
        };
        let storage = match durable {
            true => json!({ "file": { "path": file("storage") } }),
            false => json!({ "inmem": {} }),
        };
        let config = json!({
            "disable_mlock": true,
            "api_addr": url,
            "storage": storage,
            "listener": { "tcp": {
                "address": address.to_string(),
                "tls_cert_file": file("cert.pem"),
                "tls_key_file": file("key.pem"),
                "tls_client_ca_file": file("ca.pem"),
            } },
        });
        fs::write(directory.join("config.json"), config.to_string())
            .expect("the directory is writable");
        let mut shell = Command::new("sh");
        if let Some(google) = google {
            fs::write(directory.join("google.pem"), google.ca_pem())
                .expect("the directory is writable");
            shell
                .env("HTTPS_PROXY", google.url())
                .env("SSL_CERT_FILE", file("google.pem"));
        }
        let supervisor = supervise(shell, binary, &directory)?;
        let mut vault = Self {
            url,
            directory,
            authority,
            root_token: String::new(),
            unseal_key: String::new(),
            supervisor,
        };
        let made = vault.root(
            "PUT",
            "sys/init",
            &json!({ "secret_shares": 1, "secret_threshold": 1 }),
        );
        vault.root_token = made["root_token"]
            .as_str()
            .expect("Vault gives a root token")
            .to_owned();
        vault.unseal_key = made["keys_base64"][0]
            .as_str()
            .expect("Vault gives an unseal key")
            .to_owned();
        Some(vault)
    }

    /// Unseals it.
    ///
    /// # Panics
    /// If it stays sealed.
    #[must_use]
    pub fn unseal(self) -> Self {
        self.unseal_again();
        self
    }

    /// The same, of one that has been [resumed](Self::resume).
    ///
    /// # Panics
    /// If it stays sealed.
    pub fn unseal_again(&self) {
        let answer = self.root("PUT", "sys/unseal", &json!({ "key": self.unseal_key }));
        assert_eq!(answer["sealed"], false);
    }

    /// Stops it, as systemd and Kubernetes do, by SIGTERM; returns when it is gone. Its address stays its own.
    ///
    /// # Panics
    /// If its directory can't be written to.
    pub fn stop(&mut self) {
        let paused = self.directory.join("paused");
        File::create(&paused).expect("the directory is writable");
        end(&mut self.supervisor);
        fs::remove_file(&paused).expect("the directory is still there");
    }

    /// Starts it again where it was [stopped](Self::stop); it is sealed.
    ///
    /// # Panics
    /// If it does not start.
    pub fn resume(&mut self) {
        self.supervisor = supervise(Command::new("sh"), &binary(), &self.directory)
            .expect("vault starts again; its own words are above");
    }

    /// Keeps an audit log. Accessors are plain in it, to follow a login; tokens and values are hashed.
    #[must_use]
    pub fn audited(self) -> Self {
        let options = json!({ "file_path": self.audit_log(), "hmac_accessor": "false" });
        self.root(
            "PUT",
            "sys/audit/file",
            &json!({ "type": "file", "options": options }),
        );
        self
    }

    /// `VAULT_ADDR`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The certificate of its authority: `VAULT_CACERT`.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// The authority of its certificate, and of its clients'.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The audit log, one JSON object a line.
    #[must_use]
    pub fn audit_log(&self) -> PathBuf {
        self.directory.join("audit.log")
    }

    /// The token that may do everything.
    #[must_use]
    pub fn root_token(&self) -> &str {
        &self.root_token
    }

    /// Asks as root with a body as it is, and panics with Vault's words if that fails.
    ///
    /// # Panics
    /// With those words.
    pub fn root_text(&self, method: &str, path: &str, body: &str) {
        let request = Ask::new(method, &format!("{}/v1/{path}", self.url))
            .trust(self.authority.pem())
            .header("X-Vault-Token", &self.root_token)
            .body(body);
        let answer = ask(&request).expect("vault answers");
        assert!(answer.status < 300, "{}", answer.text());
    }

    /// Asks as root, and panics with Vault's words if that fails.
    ///
    /// # Panics
    /// With those words.
    pub fn root(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.root_answer(method, path, body);
        assert!(
            (200..300).contains(&answer.status),
            "{method} {path}: {} {}",
            answer.status,
            answer.text()
        );
        answer.json()
    }

    /// Asks as root.
    #[must_use]
    pub fn root_answer(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.ask(method, path, &self.root_token, body)
    }

    /// Asks with a token, or without one where it is empty.
    ///
    /// # Panics
    /// If nothing answers.
    #[must_use]
    pub fn ask(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        let mut request =
            Ask::new(method, &format!("{}/v1/{path}", self.url)).trust(self.authority.pem());
        if !token.is_empty() {
            request = request.header("X-Vault-Token", token);
        }
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        ask(&request).expect("vault answers")
    }

    /// As [`root`](Self::root), with the answer wrapped: gives the wrapping's token and accessor.
    ///
    /// # Panics
    /// If it is not wrapped.
    #[must_use]
    pub fn wrapped(&self, method: &str, path: &str) -> (String, String) {
        let request = Ask::new(method, &format!("{}/v1/{path}", self.url))
            .trust(self.authority.pem())
            .header("X-Vault-Token", &self.root_token)
            .header("X-Vault-Wrap-TTL", "300");
        let answer = ask(&request).expect("vault answers").json();
        let part = |name: &str| {
            answer["wrap_info"][name]
                .as_str()
                .expect("Vault wraps the answer")
                .to_owned()
        };
        (part("token"), part("accessor"))
    }
}

impl Drop for RealVault {
    fn drop(&mut self) {
        end(&mut self.supervisor);
        // One that is stopped has left it there.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The path in `CCB_VAULT`.
///
/// # Panics
/// If it names no file.
#[must_use]
pub fn binary() -> PathBuf {
    let path = std::env::var_os("CCB_VAULT").map(PathBuf::from);
    let path = path.expect("CCB_VAULT names a Vault binary: run `ci/test real`, or set it to what `ci/install vault` prints");
    assert!(
        path.is_file(),
        "CCB_VAULT is `{}`, which is not a file",
        path.display()
    );
    path
}

/// Starts Vault with the config in `directory` and waits until it listens. What it says instead goes to standard error.
fn supervise(mut shell: Command, binary: &Path, directory: &Path) -> Option<Child> {
    let mut supervisor = shell
        .args(["-c", SUPERVISOR, "sh"])
        .args([binary, &directory.join("config.json"), directory])
        .env_remove("VAULT_TOKEN")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("there is a shell");
    let said = supervisor.stdout.take().expect("stdout is a pipe");
    if is_up(said) {
        return Some(supervisor);
    }
    let mut words = String::new();
    let _ = File::open(directory.join("log")).map(|mut log| log.read_to_string(&mut words));
    #[expect(clippy::print_stderr, reason = "why Vault does not start")]
    {
        eprintln!("{words}");
    }
    end(&mut supervisor);
    None
}

/// Waits until Vault says that it listens. It may say more later, so its output is read on until it ends.
fn is_up(said: impl std::io::Read + Send + 'static) -> bool {
    let (up, is_up) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            if line.contains("Vault server started!") {
                // Nobody waits for it any more after a second one.
                let _ = up.send(());
            }
        }
    });
    is_up.recv_timeout(PATIENCE).is_ok()
}

/// Ends Vault by closing the supervisor's standard input, and waits for it.
fn end(supervisor: &mut Child) {
    drop(supervisor.stdin.take());
    let _ = supervisor.wait();
}
