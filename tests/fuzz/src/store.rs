//! A server in process answers with the bytes, and the backend reads them as it reads a real one's.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cargo_credential_bridge_aws::Aws;
use cargo_credential_bridge_backend::{
    Backend, Context, Deadline, Environment, Error, ExposeSecret as _, Fetched, Kind, Payload,
};
use serde_json::{Value, json};
use test_servers::{Response, Server};

use crate::TOKEN;

/// A JWT as far as anybody looks before it is sent.
const IDENTITY: &str = "e30.eyJzdWIiOiJjaSJ9.s1gnature-Zq7-of-a-job-that-is-as-long-as-one-is";

/// What must not come back in a message, though it was sent: the end of the identity, and AWS's key, which is in the
/// environment of the process.
const SENT: [&str; 2] = [
    "s1gnature-Zq7-of-a-job-that-is-as-long-as-one-is",
    "k3y-of-aws-Zq7",
];

/// What came of asking, and the answers that were given on the way.
pub(crate) struct Asked {
    pub(crate) outcome: Result<Fetched, Error>,
    pub(crate) answers: Vec<Given>,
}

/// An answer: its status, and its body as JSON, if it is.
pub(crate) struct Given {
    pub(crate) status: u16,
    pub(crate) text: Option<String>,
    pub(crate) json: Value,
}

/// What AWS answers to `GetSecretValue`, and to `DescribeSecret` after it: the secret is the one of the first, and bound as the
/// second says.
pub(crate) fn aws(data: &[u8]) {
    let asked = ask::<Aws>(
        data,
        |address| json!({ "region": "eu-west-1", "endpoint": address, "index-url-tag": "index-url" }),
        json!({ "secret": "ci/cargo" }),
    );
    let Asked {
        outcome: Ok(fetched),
        answers,
    } = asked
    else {
        return;
    };
    let [secret, described] = answers.last_chunk().expect("both were needed");
    let text = secret.json["SecretString"]
        .as_str()
        .map(|text| text.as_bytes().to_vec());
    let bytes = || STANDARD.decode(secret.json["SecretBinary"].as_str()?).ok();
    assert_eq!(Some(payload(&fetched)), text.or_else(bytes).as_deref());
    assert_eq!((secret.status, described.status), (200, 200));
    let tags = described.json["Tags"].as_array();
    let tag = tags
        .into_iter()
        .flatten()
        .find(|tag| tag["Key"] == "index-url");
    let said = tag.map(|tag| tag["Value"].as_str().unwrap_or_default());
    assert_eq!(bound_to(&fetched), said);
}

/// The bytes of a secret.
pub(crate) fn payload(fetched: &Fetched) -> &[u8] {
    match &fetched.payload {
        Payload::Bytes(bytes) => bytes.expose_secret(),
        Payload::Fields(json) => json.expose_secret().as_bytes(),
    }
}

/// The registries that a secret is for, if it names any.
pub(crate) fn bound_to(fetched: &Fetched) -> Option<&str> {
    let binding = fetched.binding.as_ref()?;
    Some(&binding.urls)
}

/// Has the backend fetch a secret from a server that gives the parts of `data` as its answers: of each, the first byte is
/// the status and the rest the body. Whatever they are, it ends by itself, with a secret or with a reason that holds nothing of
/// what was sent, nor of an answer that was none of a failure.
pub(crate) fn ask<B: Backend>(
    data: &[u8],
    config: impl FnOnce(&str) -> Value,
    reference: Value,
) -> Asked {
    let mut left: Vec<_> = data
        .split(|byte| *byte == 0xff)
        .take(4)
        .map(answer)
        .collect();
    let all = left.clone();
    left.reverse();
    let (outcome, count) = answering(left, |address, runtime| {
        let config = serde_json::from_value(config(address)).expect("the config makes sense");
        let reference = serde_json::from_value(reference).expect("the reference makes sense");
        let context = context(Duration::from_secs(10), [("IDENTITY", IDENTITY)]);
        let mut backend = B::open("fuzzed", &config, &context).expect("nothing is missing");
        runtime.block_on(async {
            let outcome = backend.fetch(&reference).await;
            backend.close(false).await;
            outcome
        })
    });
    let answers: Vec<_> = all
        .into_iter()
        .take(count)
        .map(|response| given(&response))
        .collect();
    match &outcome {
        Ok(fetched) => assert!(!format!("{:?}", fetched.payload).contains(TOKEN)),
        Err(error) => {
            assert_told(error);
            if answers.iter().all(|answer| answer.status == 200) {
                assert!(!format!("{error:?}").contains(TOKEN), "{error:?}");
            }
        }
    }
    Asked { outcome, answers }
}

/// What is said is said of something, in time, and holds nothing that was sent.
pub(crate) fn assert_told(error: &Error) {
    assert!(!error.what().is_empty());
    assert_ne!(error.kind(), Kind::Timeout, "{error}");
    let told = format!("{error:?}");
    assert!(!SENT.iter().any(|sent| told.contains(sent)), "{told}");
}

/// Gives these answers, the last one first, to whoever asks at the address; and how many it gave meanwhile.
pub(crate) fn answering<T>(
    left: Vec<Response>,
    asking: impl FnOnce(&str, &tokio::runtime::Runtime) -> T,
) -> (T, usize) {
    type Answers = Arc<Mutex<Vec<Response>>>;
    thread_local! {
        static SERVER: (Server, Answers) = {
            let answers = Answers::default();
            let given = Arc::clone(&answers);
            let server = Server::start(move |_| {
                let next = given.lock().expect("no handler panics").pop();
                next.unwrap_or_else(|| Response::text(400, "no answer left"))
            });
            (server, answers)
        };
        static RUNTIME: RefCell<tokio::runtime::Runtime> = RefCell::new(
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made"),
        );
    }
    SERVER.with(|(server, answers)| {
        let count = left.len();
        *answers.lock().expect("no handler panics") = left;
        let outcome = RUNTIME.with_borrow(|runtime| asking(&server.url(), runtime));
        let left = answers.lock().expect("no handler panics").len();
        (outcome, count - left)
    })
}

/// An answer that ends a request: what is tried again would only take its time.
pub(crate) fn answer(part: &[u8]) -> Response {
    let (status, body) = part.split_first().unwrap_or((&0, &[]));
    let status = match status {
        b'k' => 200,
        b'n' => 404,
        b'd' => 403,
        b'u' => 401,
        b'i' => 501,
        _ => 400,
    };
    Response::bytes(status, body.to_vec()).header("content-type", "application/json")
}

fn given(response: &Response) -> Given {
    Given {
        status: response.status,
        text: String::from_utf8(response.body.clone()).ok(),
        json: serde_json::from_slice(&response.body).unwrap_or_default(),
    }
}

pub(crate) fn context<const N: usize>(limit: Duration, variables: [(&str, &str); N]) -> Context {
    Context {
        environment: Environment::fixed(variables, "/nonexistent"),
        deadline: Deadline::after(limit),
    }
}
