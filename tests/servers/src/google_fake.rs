//! A fake of Google on Google's own messages, and Google's own clients for Python, to check it and to compare with.
//!
//! `tests/servers/google/README.md` says what it enforces. `ci/install google` installs what it needs and prints the
//! Python that runs it, which `CCB_GOOGLE_PYTHON` names.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::client::{Ask, ask};
use crate::issuer::Issuer;

/// The variable that names the Python.
const PYTHON: &str = "CCB_GOOGLE_PYTHON";

/// The role that reads a secret's values, and nothing else.
pub const SECRET_ACCESSOR: &str = "roles/secretmanager.secretAccessor";

/// The role that makes tokens of a service account.
pub const TOKEN_CREATOR: &str = "roles/iam.serviceAccountTokenCreator";

/// The role that lets somebody else's workload act as a service account.
pub const WORKLOAD_IDENTITY_USER: &str = "roles/iam.workloadIdentityUser";

/// Google on two free loopback ports: everything that speaks HTTP, told apart by the path, and Secret Manager's gRPC.
///
/// The first is a proxy too, to Google's own hosts, which are served right there: with `HTTPS_PROXY` at
/// [`url`](Self::url) and trust in [`ca_pem`](Self::ca_pem), nothing needs another endpoint than Google's. Each host has
/// its own service alone, and `secretmanager.LOCATION.rep.googleapis.com` what is in that location.
///
/// Nobody may do anything until a [`bind`](Self::bind) says so. It ends with the process that started it.
#[derive(Debug)]
pub struct GoogleFake {
    url: String,
    grpc: String,
    ca_pem: String,
    child: Child,
    // It serves for as long as this is open.
    held: Option<ChildStdin>,
}

impl GoogleFake {
    /// Starts one.
    ///
    /// # Panics
    /// If `CCB_GOOGLE_PYTHON` does not name a Python with Google's clients.
    #[must_use]
    pub fn start() -> Self {
        let mut child = python("serve.py")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the Python in CCB_GOOGLE_PYTHON can be started");
        let output = child.stdout.take().expect("standard output is a pipe");
        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .expect("the fake says where it listens");
        let hello: Value = serde_json::from_str(&line)
            .expect("the fake starts; is CCB_GOOGLE_PYTHON what `ci/install google` prints?");
        let text = |name: &str| hello[name].as_str().expect("it says all three").to_owned();
        Self {
            url: text("url"),
            grpc: text("grpc"),
            ca_pem: text("ca"),
            held: child.stdin.take(),
            child,
        }
    }

    /// The base URL of Secret Manager's REST, STS, IAM's credentials, OAuth and the pages of [`control`](Self::control).
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Host and port of the same, as `GCE_METADATA_HOST` wants it.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Host and port of Secret Manager's gRPC, without TLS.
    #[must_use]
    pub fn grpc(&self) -> &str {
        &self.grpc
    }

    /// The authority that certifies Google's own hosts, in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Makes one call of `tests/servers/google/control.py`, `{"call": NAME, …}`, and gives its answer.
    ///
    /// # Panics
    /// If the call makes no sense to it.
    pub fn control(&self, call: &Value) -> Value {
        let asked = Ask::new("POST", &format!("{}/control", self.url)).body(call.to_string());
        let answer = ask(&asked).expect("the fake answers").json();
        assert!(
            answer.get("ok").is_some(),
            "{call} is answered by {answer}, not by `ok`"
        );
        answer["ok"].clone()
    }

    /// Makes a project with that number.
    pub fn project(&self, id: &str, number: &str) {
        self.control(&json!({ "call": "project", "id": id, "number": number }));
    }

    /// Adds a version with this text to a secret, which is made if it is missing, and gives the version's full name.
    pub fn put_secret(&self, project: &str, secret: &str, value: &str) -> String {
        self.put(project, None, secret, value.as_bytes())
    }

    /// Adds a version with these bytes to a secret of one location, which is made if it is missing, and gives the
    /// version's full name. Without a location it is a global secret.
    pub fn put(&self, project: &str, location: Option<&str>, secret: &str, value: &[u8]) -> String {
        let made = self.control(&json!({
            "call": "secret", "project": project, "location": location, "secret": secret,
            "base64_value": STANDARD.encode(value),
        }));
        text(&made["name"])
    }

    /// Sets the state of a version, by its full name: `ENABLED`, `DISABLED` or `DESTROYED`.
    pub fn set_state(&self, version: &str, state: &str) {
        self.control(&json!({ "call": "state", "name": version, "state": state }));
    }

    /// Gives a role on `projects/P/secrets/S`, `projects/P` or `serviceAccounts/EMAIL` to a member of policies.
    pub fn bind(&self, resource: &str, role: &str, member: &str) {
        self.control(
            &json!({ "call": "bind", "resource": resource, "role": role, "member": member }),
        );
    }

    /// A new key of a service account, as Google's key file has it. The account is made if it is missing.
    #[must_use]
    pub fn service_account_key(&self, email: &str) -> Value {
        self.control(&json!({ "call": "key", "email": email }))
    }

    /// A user, as the file has it that `gcloud auth application-default login` writes, with the fake's `token_uri`.
    #[must_use]
    pub fn user(&self, email: &str) -> Value {
        self.control(&json!({ "call": "user", "email": email }))
    }

    /// Makes a provider of a workload identity pool that trusts the issuer, with Google's default audience.
    ///
    /// `mapping` is attributes and what is put there (`{"google.subject": "assertion.sub"}`), `condition` pairs of a
    /// claim and the value that it must have.
    pub fn trust(
        &self,
        provider: &str,
        issuer: &Issuer,
        mapping: &Value,
        condition: &[(&str, &str)],
    ) {
        let keys = ask(&Ask::new("GET", &format!("{}/jwks", issuer.url())));
        self.control(&json!({
            "call": "provider", "name": provider, "issuer": issuer.url(), "mapping": mapping,
            "jwks": keys.expect("the issuer answers").json(), "condition": condition,
        }));
    }

    /// Makes the host a machine of Google's with that service account.
    pub fn attach(&self, project: &str, email: &str) {
        self.control(&json!({ "call": "machine", "project": project, "account": email }));
    }

    /// A bearer token of a member of policies (`serviceAccount:…`, `user:…`, `principal://…`), good for an hour.
    #[must_use]
    pub fn token(&self, member: &str) -> String {
        text(&self.control(&json!({ "call": "token", "member": member })))
    }

    /// Answers the next request whose path ends so by this; a body that is no text is sent as JSON.
    pub fn answer_next(&self, path: &str, status: u16, body: &Value) {
        self.control(&json!({ "call": "answer", "path": path, "status": status, "body": body }));
    }

    /// Every request so far: `method`, `path` with its query, `headers` with names in lower case, `body`. Those of gRPC
    /// have the method `GRPC`.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        let requests = self.control(&json!({ "call": "requests" }));
        requests.as_array().cloned().unwrap_or_default()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.control(&json!({ "call": "requests", "clear": true }));
    }

    /// Runs a part of `tests/servers/google/official.py`, Google's own clients, and gives what they say that they read.
    /// `asked` is what the part wants to know besides where the fake is.
    ///
    /// The part `read` wants `name`, a version's, and `token` or `credentials`, the content of a file of credentials, and
    /// optionally `transport`, one of `rest`, `google` (at Google's own host) and `grpc`. It gives `read` with `name`,
    /// `base64` and `crc32c`, or `refused`.
    ///
    /// # Panics
    /// If it does not come to its end.
    pub fn python_client(&self, part: &str, asked: &Value) -> Value {
        let mut asked = asked.as_object().cloned().unwrap_or_default();
        asked.insert("url".to_owned(), json!(self.url));
        asked.insert("grpc".to_owned(), json!(self.grpc));
        asked.insert("ca".to_owned(), json!(self.ca_pem));
        let mut child = python("official.py")
            .arg(part)
            .env("GCE_METADATA_HOST", self.host())
            .env("GCE_METADATA_IP", self.host())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the Python in CCB_GOOGLE_PYTHON can be started");
        let mut input = child.stdin.take().expect("standard input is a pipe");
        input
            .write_all(Value::from(asked).to_string().as_bytes())
            .expect("it reads what it is asked");
        drop(input);
        let output = child.wait_with_output().expect("it ends");
        assert!(
            output.status.success(),
            "official.py {part}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).expect("it says in JSON what it read")
    }

    /// The path in `CCB_GOOGLE_PYTHON`.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn python() -> PathBuf {
        let path = std::env::var_os(PYTHON).map(PathBuf::from);
        let path = path.expect("CCB_GOOGLE_PYTHON names a Python with Google's clients: run `ci/test real`, or set it to what `ci/install google` prints");
        assert!(
            path.is_file(),
            "{PYTHON} is `{}`, which is not a file",
            path.display()
        );
        path
    }
}

impl Drop for GoogleFake {
    fn drop(&mut self) {
        drop(self.held.take());
        let _ended = self.child.wait();
    }
}

/// A script of `tests/servers/google`, in an environment with nothing of the test's.
fn python(script: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("google");
    let mut command = Command::new(GoogleFake::python());
    command
        .arg(folder.join(script))
        .env_clear()
        // Else it would write its bytecode beside the sources.
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// The bytes of a text in base64.
#[must_use]
pub fn bytes(value: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(value.as_str()?).ok()
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .expect("the fake gives a text here")
        .to_owned()
}
