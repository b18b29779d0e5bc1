//! The part of Google that one test has for itself.

use std::path::Path;

use serde_json::{Value, json};
use test_servers::google_fake::{SECRET_ACCESSOR, bytes};
use test_servers::provider::{Run, error_text, get_request};
use test_servers::{GoogleFake, Provider, leaks, random};

use crate::BINARY;

/// The registry of all tests that need no Cargo.
pub(crate) const URL: &str = "sparse+https://crates.example.com/index/";

/// The project of everything, unless a test says otherwise, and its number.
pub(crate) const PROJECT: &str = "acme";
pub(crate) const NUMBER: &str = "123456789";

/// The secret that a test binds to somebody, and the one that nobody may read.
pub(crate) const SECRET: &str = "cargo";
pub(crate) const OTHER: &str = "other";

/// Google's own host of global secrets.
pub(crate) const HOST: &str = "https://secretmanager.googleapis.com";

/// A Google with two secrets in a project.
#[derive(Debug)]
pub(crate) struct Team {
    google: GoogleFake,
    token: String,
}

impl Team {
    /// Makes one where nobody may do anything.
    pub(crate) fn new() -> Self {
        let google = GoogleFake::start();
        let token = format!("registry-{}", random::alphanumeric(24));
        google.project(PROJECT, NUMBER);
        google.put_secret(PROJECT, SECRET, &token);
        google.put_secret(PROJECT, OTHER, "nobody's");
        Self { google, token }
    }

    /// The Google that it is in.
    pub(crate) fn google(&self) -> &GoogleFake {
        &self.google
    }

    /// The registry's token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Lets a member read a secret of the project.
    pub(crate) fn let_read(&self, secret: &str, member: &str) {
        self.google.bind(
            &format!("projects/{PROJECT}/secrets/{secret}"),
            SECRET_ACCESSOR,
            member,
        );
    }

    /// A service account that may read everything in the project, as its key file.
    pub(crate) fn reader(&self) -> Value {
        let email = account("reader");
        let key = self.google.service_account_key(&email);
        let member = format!("serviceAccount:{email}");
        self.google
            .bind(&format!("projects/{PROJECT}"), SECRET_ACCESSOR, &member);
        key
    }

    /// The provider at Google's own hosts, by nobody yet: `settings` in the table of the backend, and this source.
    pub(crate) fn nobody(&self, settings: &str, source: &str) -> Provider {
        let provider = Provider::new(BINARY)
            .config(&config(settings, source))
            .file("ca.pem", self.google.ca_pem())
            .secret(&self.token);
        let authority = provider.home().join("ca.pem");
        provider
            .env("HTTPS_PROXY", self.google.url())
            .env("SSL_CERT_FILE", authority)
            .env("GOOGLE_CLOUD_PROJECT", PROJECT)
    }

    /// The same, by a file of credentials.
    pub(crate) fn by_file(&self, file: &Value, source: &str) -> Provider {
        with_file(self.nobody("", source), file)
    }

    /// Asks for a token, and makes sure that nothing that Google was shown is said to anybody else.
    pub(crate) fn ask(&self, provider: &Provider) -> Run {
        let run = provider.run(get_request(URL, "read").as_bytes());
        let requests = self.google.requests();
        let shown: Vec<&str> = requests
            .iter()
            .filter_map(|request| request["headers"]["authorization"].as_str())
            .filter_map(|value| value.split(' ').nth(1))
            .collect();
        leaks::assert_absent(
            &shown,
            &[
                ("standard output", run.stdout.as_bytes()),
                ("standard error", run.stderr.as_bytes()),
            ],
        );
        run
    }

    /// What the user reads where there is an error.
    pub(crate) fn error(&self, provider: &Provider) -> String {
        error_text(&self.ask(provider).answer())
    }

    /// What the user reads where there is no token, which is no error.
    pub(crate) fn note(&self, provider: &Provider) -> String {
        let run = self.ask(provider);
        assert_eq!(
            run.answer(),
            json!({ "Err": { "kind": "not-found" } }),
            "{run:?}"
        );
        run.stderr
    }

    /// Who `asked` is: `member`, who may read what is bound to it and nothing else. `named` is how the provider calls it
    /// in its error, where it knows. `asked` makes the provider for a source.
    pub(crate) fn is(&self, member: &str, named: Option<&str>, asked: impl Fn(&str) -> Provider) {
        let source = |secret: &str| format!("secret = \"{secret}\"");
        assert_eq!(
            self.error(&asked(&source(SECRET))),
            denied(SECRET, named),
            "nothing is bound to {member}"
        );
        self.let_read(SECRET, member);
        assert_eq!(
            self.ask(&asked(&source(SECRET))).answer(),
            answer(&self.token)
        );
        assert_eq!(self.error(&asked(&source(OTHER))), denied(OTHER, named));
    }

    /// Every request so far, as `METHOD PATH`, with its host where it came to one of Google's.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.google.requests();
        requests.iter().map(shown).collect()
    }

    /// What Google's own client for Python reads, over one of its transports, with a token of `member`.
    pub(crate) fn python(&self, transport: &str, member: &str, name: &str) -> Value {
        let token = self.google.token(member);
        let asked = json!({ "name": name, "token": token, "transport": transport });
        self.google.python_client("read", &asked)
    }

    /// The bytes that Google's own client reads by REST and by gRPC.
    pub(crate) fn read_by_python(&self, member: &str, name: &str) -> Vec<u8> {
        let [rest, grpc] = ["rest", "grpc"].map(|transport| self.python(transport, member, name));
        assert_eq!(rest, grpc, "{name}");
        bytes(&rest["read"]["base64"]).unwrap_or_else(|| panic!("{name}: {rest}"))
    }
}

/// A config with one backend and one source of it.
pub(crate) fn config(settings: &str, source: &str) -> String {
    format!(
        "[backends.store]\ntype = \"gcp\"\n{settings}\n\n[registries.\"{URL}\"]\nsources = [ {{ backend = \"store\", {source} }} ]\n"
    )
}

/// With this file as `GOOGLE_APPLICATION_CREDENTIALS`, of which nobody may print a secret.
pub(crate) fn with_file(provider: Provider, file: &Value) -> Provider {
    let provider = conceal(provider.file("credentials.json", &file.to_string()), file);
    let path = provider.home().join("credentials.json");
    provider.env("GOOGLE_APPLICATION_CREDENTIALS", path)
}

/// The provider that may print no secret in a file of credentials, nor in those inside of it.
pub(crate) fn conceal(provider: Provider, file: &Value) -> Provider {
    let secrets = ["private_key", "client_secret", "refresh_token"];
    let inner = file.get("source_credentials").unwrap_or(&Value::Null);
    [file, inner]
        .iter()
        .flat_map(|file| secrets.iter().filter_map(|name| file[*name].as_str()))
        .fold(provider, |provider, secret| {
            // A key is many lines, and each of them is enough.
            secret
                .lines()
                .filter(|line| !line.starts_with("-----"))
                .fold(provider, |provider, line| provider.secret(line))
        })
}

/// The email address of a service account of the project.
pub(crate) fn account(name: &str) -> String {
    format!("{name}@{PROJECT}.iam.gserviceaccount.com")
}

/// The answer that gives a token.
pub(crate) fn answer(token: &str) -> Value {
    json!({ "Ok": { "kind": "get", "token": token, "cache": "session", "operation_independent": true } })
}

/// The whole error of somebody who may not read a secret's latest version.
pub(crate) fn denied(secret: &str, named: Option<&str>) -> String {
    let version = format!("projects/{PROJECT}/secrets/{secret}/versions/latest");
    let who = named.map_or_else(
        || "the identity of this machine".to_owned(),
        |named| format!("`{named}`"),
    );
    format!(
        "Google does not let {who} read the secret `{secret}`\n\
         GET {HOST}/v1/{version}:access answered 403 Forbidden, PERMISSION_DENIED (IAM_PERMISSION_DENIED)\n\
         Permission 'secretmanager.versions.access' denied for resource '{version}' (or it may not exist).\n\
         help: is it the right project (a secret that does not exist is refused too)? The binding, for this secret alone:\n\
         gcloud secrets add-iam-policy-binding {secret} --project={PROJECT} --role=roles/secretmanager.secretAccessor \
         --member={}",
        named.unwrap_or("MEMBER")
    )
}

/// A file below the provider's home directory.
pub(crate) fn path(provider: &Provider, name: &str) -> String {
    let path: &Path = provider.home();
    path.join(name).display().to_string()
}

fn shown(request: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let host = text(&request["headers"]["host"]);
    let host = if host.ends_with(".googleapis.com") {
        host
    } else {
        String::new()
    };
    format!(
        "{} {host}{}",
        text(&request["method"]),
        text(&request["path"])
    )
}
