use core::time::Duration;
use std::time::SystemTime;

use cargo_credential_bridge_backend::{Environment, Error};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::chain::Found;
use crate::protocol::{Answer, Request, Subject};
use crate::publish_guard::{Claims, PublishGuard};
use crate::registry::Bare;

/// What a writer to a pipe, and so to most that stands behind one, does in one piece (POSIX: at least 512; Linux: this).
const PIPE_BUF: usize = 4096;

/// No text of a line is longer, in bytes as they are written.
const LONGEST: usize = 300;

/// The line. The names, and what they hold, are on the page `docs/audit.md`: what is there stays.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Record {
    time: String,
    pub(super) registry: String,
    pub(super) operation: &'static str,
    #[serde(rename = "crate")]
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    checksum: Option<String>,
    pub(super) outcome: &'static str,
    kind: Option<String>,
    reason: Option<String>,
    pub(super) source: Option<String>,
    secret_version: Option<String>,
    store_identity: Option<String>,
    claims: Option<Map<String, Value>>,
    job: Option<String>,
    duration_ms: u64,
    program: &'static str,
}

impl Record {
    /// What is known from the request, and of the job by its own variables.
    pub(super) fn new(request: &Request, environment: &Environment) -> Self {
        let Subject {
            name,
            version,
            checksum,
        } = request.subject();
        Self {
            time: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            registry: clip(&Bare(&request.index_url).to_string()),
            operation: super::operation(request.action),
            name: name.as_deref().map(clip),
            version: version.as_deref().map(clip),
            checksum: checksum.as_deref().map(clip),
            outcome: "",
            kind: None,
            reason: None,
            source: None,
            secret_version: None,
            store_identity: None,
            claims: None,
            job: job(environment).as_deref().map(clip),
            duration_ms: 0,
            program: concat!("cargo-credential-bridge ", env!("CARGO_PKG_VERSION")),
        }
    }

    /// Issuer and subject, and what the guard has looked at.
    pub(super) fn claims(&mut self, claims: &Claims, guard: &PublishGuard) {
        let guarded = guard.claims.iter().map(|(path, _)| path.as_str());
        let stated = ["iss", "sub"].into_iter().chain(guarded).map(|path| {
            let texts = claims
                .texts(path)
                .iter()
                .map(|text| clip(text).into())
                .collect();
            let value = match claims.get(path) {
                Some(Value::Array(_)) => Value::Array(texts),
                _ => texts.into_iter().next().unwrap_or_default(),
            };
            (path.to_owned(), value)
        });
        self.claims = Some(stated.collect());
    }

    /// Where the token is from, and as whom it was read there.
    pub(super) fn found(&mut self, found: &Found) {
        self.source = Some(clip(&found.place));
        self.secret_version = found.known.version.as_deref().map(clip);
        self.store_identity = found.known.identity.as_deref().map(clip);
    }

    /// How it ended.
    pub(super) fn answered(&mut self, answer: &Result<Answer, Error>, took: Duration) {
        self.outcome = match answer {
            Ok(Answer::Other { .. }) | Err(_) => "error",
            Ok(answer) => answer.kind(),
        };
        match answer {
            Ok(Answer::Other { message, .. }) => self.reason = message.lines().next().map(clip),
            Ok(_) => {}
            Err(error) => {
                self.kind = Some(error.kind().to_string());
                self.reason = Some(clip(error.what()));
            }
        }
        self.duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    }

    /// The line, with its break. One that would be too long to be written in one piece goes without what says it twice.
    pub(super) fn line(&self) -> Vec<u8> {
        let line = written(self);
        if line.len() <= PIPE_BUF {
            return line;
        }
        let Ok(Value::Object(mut short)) = serde_json::to_value(self) else {
            return line;
        };
        for name in ["reason", "claims", "job", "store-identity"] {
            short.insert(name.to_owned(), Value::Null);
        }
        written(&short)
    }
}

fn written(record: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(record).expect("texts and numbers are JSON");
    line.push(b'\n');
    line
}

/// Not more of a text than a line has room for.
fn clip(text: &str) -> String {
    let mut room = LONGEST;
    let end = text.char_indices().find_map(|(at, c)| {
        let written = match c {
            '"' | '\\' => 2,
            // `\u0000`
            '\0'..'\x20' => 6,
            _ => c.len_utf8(),
        };
        let left = room.checked_sub(written);
        room = left.unwrap_or_default();
        left.is_none().then_some(at)
    });
    match end {
        Some(end) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The address of the job, by variables that the job itself could set.
fn job(environment: &Environment) -> Option<String> {
    let variable = |name| environment.var(name).ok().flatten();
    if let Some(url) = variable("CI_JOB_URL") {
        return Some(url);
    }
    let [server, repository, run] =
        ["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"].map(variable);
    Some(format!("{}/{}/actions/runs/{}", server?, repository?, run?))
}
