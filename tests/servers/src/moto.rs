//! A real moto, the double of AWS that others wrote, and boto3, AWS's own client, to set it up and to compare with.
//!
//! `ci/install moto` installs both and prints the Python that runs them, which `CCB_MOTO_PYTHON` names.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::aws::{self, Keys};
use crate::client::{Ask, ask};
use crate::http::{Request, Response};
use crate::server::Server;

/// The variable that names the Python.
const PYTHON: &str = "CCB_MOTO_PYTHON";

/// A moto on a free loopback port, with a boto3 beside it. It ends with the process that started it.
#[derive(Debug)]
pub struct Moto {
    url: String,
    child: Child,
    boto: Mutex<Boto>,
    strict: Option<Strict>,
}

/// What comes with checks of rights.
#[derive(Debug)]
struct Strict {
    administrator: Keys,
    front: Server,
}

/// One call of AWS's API.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// As boto3 names it: `secretsmanager`.
    pub service: &'a str,
    /// As boto3 names it: `get_secret_value`.
    pub name: &'a str,
    /// Its arguments; bytes are [`binary`].
    pub with: Value,
    /// The region; `eu-west-1` if there is none.
    pub region: Option<&'a str>,
    /// Who calls; whoever set everything up if there is nobody.
    pub keys: Option<&'a Keys>,
}

#[derive(Debug)]
struct Boto {
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Moto {
    /// Starts one that lets everybody do everything, as moto does unless it is told otherwise.
    ///
    /// # Panics
    /// If `CCB_MOTO_PYTHON` does not name a Python with moto and boto3.
    #[must_use]
    pub fn start() -> Self {
        let python = Self::python();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("aws/serve.py");
        let mut child = Command::new(&python)
            .arg(script)
            .env_clear()
            .env("AWS_EC2_METADATA_DISABLED", "true")
            // Else it would write its bytecode beside the sources.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the Python in CCB_MOTO_PYTHON can be started");
        let mut boto = Boto {
            requests: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().expect("standard output is a pipe")),
        };
        let hello = boto.answer();
        let url = hello["url"].as_str().expect("it says where it listens");
        Self {
            url: url.to_owned(),
            child,
            boto: Mutex::new(boto),
            strict: None,
        }
    }

    /// Starts one that checks signatures and rights. [`call`](Self::call) is by an administrator there.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_strict() -> Self {
        let mut moto = Self::start();
        let everything = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
        let administrator = moto.user("administrator", &[everything]);
        moto.exchange(&json!({ "call": "check" }));
        let url = moto.url.clone();
        moto.strict = Some(Strict {
            administrator,
            front: Server::start(move |request| pass(&url, request)),
        });
        moto
    }

    /// The base URL, `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        self.strict
            .as_ref()
            .map_or_else(|| self.url.clone(), |strict| strict.front.url())
    }

    /// Calls AWS through boto3 and gives the answer, or AWS's error with its `Code` and `Message`.
    ///
    /// # Errors
    /// What AWS answers instead.
    ///
    /// # Panics
    /// If boto3 does.
    pub fn try_call(&self, call: &Call<'_>) -> Result<Value, Value> {
        let administrator = self.strict.as_ref().map(|strict| &strict.administrator);
        let keys = call.keys.or(administrator);
        let answer = self.exchange(&json!({
            "service": call.service,
            "call": call.name,
            "with": call.with,
            "region": call.region,
            "keys": keys.map(Keys::parts),
        }));
        match answer.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(answer["ok"].clone()),
        }
    }

    /// Calls AWS through boto3, in `eu-west-1`.
    ///
    /// # Panics
    /// If AWS answers by an error.
    pub fn call(&self, service: &str, name: &str, with: Value) -> Value {
        let call = Call {
            service,
            name,
            with,
            region: None,
            keys: None,
        };
        match self.try_call(&call) {
            Ok(answer) => answer,
            #[expect(clippy::panic, reason = "the invariant of a test's set-up")]
            Err(error) => panic!("{service} {name}: {error}"),
        }
    }

    /// Makes a user with a policy of these statements and a key.
    ///
    /// # Panics
    /// If there is one of that name.
    pub fn user(&self, name: &str, statements: &[Value]) -> Keys {
        self.call("iam", "create_user", json!({ "UserName": name }));
        if !statements.is_empty() {
            let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
            self.call(
                "iam",
                "put_user_policy",
                json!({ "UserName": name, "PolicyName": "all", "PolicyDocument": policy }),
            );
        }
        let key = self.call("iam", "create_access_key", json!({ "UserName": name }));
        Keys::of(&key["AccessKey"])
    }

    /// The path in `CCB_MOTO_PYTHON`.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn python() -> PathBuf {
        let path = std::env::var_os(PYTHON).map(PathBuf::from);
        let path = path.expect("CCB_MOTO_PYTHON names a Python with moto and boto3: run `ci/test real`, or set it to what `ci/install moto` prints");
        assert!(
            path.is_file(),
            "{PYTHON} is `{}`, which is not a file",
            path.display()
        );
        path
    }

    fn exchange(&self, request: &Value) -> Value {
        // A test that fails must not make the others fail by it.
        let mut boto = self
            .boto
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let requests = boto.requests.as_mut().expect("it is open until the end");
        writeln!(requests, "{request}").expect("boto3 reads");
        boto.answer()
    }
}

impl Boto {
    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("boto3 answers");
        serde_json::from_str(&line)
            .expect("boto3 answers in JSON; is CCB_MOTO_PYTHON what `ci/install moto` prints?")
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let boto = self
            .boto
            .get_mut()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        drop(boto.requests.take());
        let _ended = self.child.wait();
    }
}

/// Passes a request on to moto. Its refusals are in the language of EC2, whatever the service; AWS's own clients for
/// Python take that, those for Rust do not, and AWS never says it so.
fn pass(url: &str, request: &Request) -> Response {
    let asked = request
        .headers
        .iter()
        .filter(|(name, _)| name != "content-length")
        .fold(
            Ask::new(&request.method, &format!("{url}{}", request.path)),
            |asked, (name, value)| asked.header(name, value),
        )
        .body(request.body.clone());
    let answer = ask(&asked).expect("moto answers");
    let text = answer.text();
    let part = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0)
    };
    match (part("Errors"), part("Code"), part("Message")) {
        (Some(_), Some(code), Some(message)) => {
            aws::refusal_of(request, answer.status, code, message)
        }
        _ => {
            let kind = answer.header("content-type").unwrap_or_default();
            Response::bytes(answer.status, answer.body.clone()).header("content-type", kind)
        }
    }
}

/// Bytes as an argument of a [`Call`].
#[must_use]
pub fn binary(bytes: &[u8]) -> Value {
    json!({ "$base64": STANDARD.encode(bytes) })
}

/// The bytes in an answer.
#[must_use]
pub fn bytes(value: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(value["$base64"].as_str()?).ok()
}
