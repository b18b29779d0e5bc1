//! Each CI system with its own variables: the login by its token, and what is told of it.

use serde_json::{Value, json};
use test_servers::{Provider, Registry, Request, Response, Server, Tokens};

use super::{LOGIN, REQUEST_TOKEN, STORED, get, provider, shown, vault};
use crate::BINARY;

/// A token without an audience of its own, as a system's double mints it.
pub(super) const MINTED: &str =
    "eyJhbGciOiJSUzI1NiJ9.eyJmcm9tIjoidGhlLUNJIn0.m1nted-s3cret-signature";

/// A system as its jobs see it.
pub(super) struct System {
    /// Its name in the config.
    pub(super) name: &'static str,
    /// Its name in messages.
    pub(super) vendor: &'static str,
    /// What it sets in each of its jobs.
    marks: &'static [(&'static str, &'static str)],
    /// What it sets where the job has its identity; `{endpoint}` is the address of its service.
    inputs: &'static [(&'static str, &'static str)],
    /// How its service is asked, if a token is minted on request.
    pub(super) minted: Option<Minted>,
    /// The line of `explain` about it.
    told: &'static str,
}

/// A request for a token, and the field of the answer with it.
pub(super) struct Minted {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    query: &'static str,
    authorization: &'static str,
    body: &'static str,
    headers: &'static [(&'static str, &'static str)],
    pub(super) field: &'static str,
    /// What its help says where it refuses.
    pub(super) switch: &'static str,
}

pub(super) const SYSTEMS: &[System] = &[
    System {
        name: "github-actions",
        vendor: "GitHub",
        marks: &[("CI", "true"), ("GITHUB_ACTIONS", "true")],
        inputs: &[
            (
                "ACTIONS_ID_TOKEN_REQUEST_URL",
                "{endpoint}/token?api-version=2.0",
            ),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN),
        ],
        minted: Some(Minted {
            method: "GET",
            path: "/token",
            query: "api-version=2.0&audience=https%3A%2F%2Fvault.example.com",
            authorization: "bearer ",
            body: "",
            headers: &[],
            field: "value",
            switch: "`permissions: { id-token: write }`",
        }),
        told: "have GitHub mint the identity token of this job, for the audience `https://vault.example.com`",
    },
    System {
        name: "forgejo-actions",
        vendor: "Forgejo",
        marks: &[
            ("CI", "true"),
            ("FORGEJO_ACTIONS", "true"),
            ("GITEA_ACTIONS", "true"),
            ("GITHUB_ACTIONS", "true"),
        ],
        inputs: &[
            (
                "ACTIONS_ID_TOKEN_REQUEST_URL",
                "{endpoint}/api/actions/_apis/pipelines/workflows/792/idtoken?placeholder=true",
            ),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN),
        ],
        minted: Some(Minted {
            method: "GET",
            path: "/api/actions/_apis/pipelines/workflows/792/idtoken",
            query: "placeholder=true&audience=https%3A%2F%2Fvault.example.com",
            authorization: "bearer ",
            body: "",
            headers: &[],
            field: "value",
            switch: "`enable-openid-connect: true`",
        }),
        told: "have Forgejo mint the identity token of this job, for the audience `https://vault.example.com`",
    },
    System {
        name: "gitlab",
        vendor: "GitLab",
        marks: &[("CI", "true"), ("GITLAB_CI", "true")],
        inputs: &[("CARGO_ID_TOKEN", MINTED)],
        minted: None,
        told: "the identity token of this GitLab job, `CARGO_ID_TOKEN`",
    },
    System {
        name: "buildkite",
        vendor: "Buildkite",
        marks: &[("CI", "true"), ("BUILDKITE", "true")],
        inputs: &[
            ("BUILDKITE_AGENT_ENDPOINT", "{endpoint}/v3"),
            ("BUILDKITE_AGENT_ACCESS_TOKEN", REQUEST_TOKEN),
            ("BUILDKITE_JOB_ID", "0184990a-477b-4fa8-9968-496074483cee"),
        ],
        minted: Some(Minted {
            method: "POST",
            path: "/v3/jobs/0184990a-477b-4fa8-9968-496074483cee/oidc/tokens",
            query: "",
            authorization: "Token ",
            body: r#"{"audience":"https://vault.example.com"}"#,
            headers: &[("content-type", "application/json")],
            field: "token",
            switch: "`mount-buildkite-agent: true`",
        }),
        told: "have Buildkite mint the identity token of this job, for the audience `https://vault.example.com`",
    },
    System {
        name: "azure-pipelines",
        vendor: "Azure Pipelines",
        marks: &[
            ("TF_BUILD", "True"),
            ("SYSTEM_OIDCREQUESTURI", "{endpoint}/acme/oidctoken"),
        ],
        inputs: &[("SYSTEM_ACCESSTOKEN", REQUEST_TOKEN)],
        minted: Some(Minted {
            method: "POST",
            path: "/acme/oidctoken",
            query: "api-version=7.1",
            authorization: "Bearer ",
            body: "",
            headers: &[
                ("content-length", "0"),
                ("x-tfs-fedauthredirect", "Suppress"),
            ],
            field: "oidcToken",
            switch: "`env: { SYSTEM_ACCESSTOKEN: $(System.AccessToken) }`",
        }),
        told: "have Azure Pipelines mint the identity token of this job",
    },
    System {
        name: "bitbucket",
        vendor: "Bitbucket",
        marks: &[("CI", "true"), ("BITBUCKET_BUILD_NUMBER", "7")],
        inputs: &[("BITBUCKET_STEP_OIDC_TOKEN", MINTED)],
        minted: None,
        told: "the identity token of this Bitbucket step, `BITBUCKET_STEP_OIDC_TOKEN`",
    },
];

impl System {
    /// The provider in a job of it, with its service at `endpoint`.
    pub(super) fn job(&self, provider: Provider, endpoint: &str) -> Provider {
        self.marks
            .iter()
            .chain(self.inputs)
            .fold(provider.secret(MINTED), |provider, (name, value)| {
                provider.env(*name, value.replace("{endpoint}", endpoint))
            })
    }

    /// Its service as long as it is well.
    fn service(&self) -> Server {
        let field = self.minted.as_ref().map_or("none", |minted| minted.field);
        Server::start(move |_| Response::json(200, &json!({ field: MINTED })))
    }

    /// The login by its token, named or as the identity that the job has.
    pub(super) fn auth(&self, is_named: bool) -> String {
        let named = match is_named {
            true => format!(", identity = \"{}\"", self.name),
            false => String::new(),
        };
        format!(
            "{{ method = \"jwt\", role = \"ci\", audience = \"https://vault.example.com\"{named} }}"
        )
    }
}

#[test]
fn each_system_logs_in_by_its_token() {
    for system in SYSTEMS {
        for is_named in [true, false] {
            let (vault, service) = (vault(), system.service());
            let provider = provider(&vault, &system.auth(is_named));
            get(&system.job(provider, &service.url()));
            assert_eq!(shown(&vault), MINTED, "{}", system.name);
            match (&system.minted, &service.requests()[..]) {
                (None, []) => {}
                (Some(minted), [request]) => assert_asked(request, minted, &service),
                (_, requests) => panic!("{}: {} requests", system.name, requests.len()),
            }
        }
    }
}

/// All of it, and nothing else.
fn assert_asked(request: &Request, minted: &Minted, service: &Server) {
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        (minted.method, minted.path)
    );
    assert_eq!(request.query, minted.query);
    assert_eq!(String::from_utf8_lossy(&request.body), minted.body);
    let mut expected: Vec<(String, String)> = vec![
        ("accept", "application/json".to_owned()),
        (
            "authorization",
            format!("{}{REQUEST_TOKEN}", minted.authorization),
        ),
        ("host", format!("127.0.0.1:{}", service.port())),
        (
            "user-agent",
            format!("cargo-credential-bridge/{}", env!("CARGO_PKG_VERSION")),
        ),
    ]
    .into_iter()
    .chain(
        minted
            .headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned())),
    )
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    if !minted.body.is_empty() {
        expected.push(("content-length".to_owned(), minted.body.len().to_string()));
    }
    expected.sort();
    let mut headers = request.headers.clone();
    headers.sort();
    assert_eq!(headers, expected);
}

/// Without an audience in the config each gives the token that it gives by itself.
#[test]
fn nobody_is_asked_for_an_audience_that_nobody_named() {
    for system in SYSTEMS.iter().filter(|system| system.minted.is_some()) {
        let (vault, service) = (vault(), system.service());
        let auth = format!("{{ method = \"jwt\", identity = \"{}\" }}", system.name);
        get(&system.job(provider(&vault, &auth), &service.url()));
        let request = &service.requests()[0];
        assert!(!request.query.contains("audience"), "{}", request.query);
        let body = request.json().unwrap_or(Value::Null);
        assert!(body.get("audience").is_none(), "{body}");
    }
}

/// A service connection speaks for itself and not for the pipeline, so it is the job's author who names it.
#[test]
fn the_service_connection_of_azure() {
    let azure = SYSTEMS
        .iter()
        .find(|system| system.name == "azure-pipelines");
    let azure = azure.expect("it is in the table");
    let (vault, service) = (vault(), azure.service());
    let provider = azure
        .job(provider(&vault, &azure.auth(true)), &service.url())
        .env("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "of-a-task")
        .env("CARGO_SERVICE_CONNECTION_ID", "a&b");
    get(&provider);
    assert_eq!(
        service.requests()[0].query,
        "api-version=7.1&serviceConnectionId=a%26b"
    );
}

#[test]
fn each_is_told_before_it_is_done() {
    for system in SYSTEMS {
        for is_named in [true, false] {
            let (vault, service) = (vault(), system.service());
            let provider = provider(&vault, &system.auth(is_named));
            let provider = system.job(provider, &service.url());
            let run = provider.tool(&["explain", super::URL]);
            assert!(run.stdout.contains(system.told), "{}", run.stdout);
            if let Some(minted) = &system.minted {
                let asked = format!("{}{}\n", service.url(), minted.path);
                assert!(run.stdout.contains(&asked), "{}", run.stdout);
            }
            assert_eq!((vault.connections(), service.connections()), (0, 0));
        }
    }
}

#[test]
fn doctor_logs_in_as_each() {
    let registry = Registry::start_with(Tokens {
        read: STORED.to_owned(),
        publish: STORED.to_owned(),
    });
    let url = registry.index_url();
    for system in SYSTEMS {
        let (vault, service) = (vault(), system.service());
        let provider = Provider::new(BINARY).config(&format!(
            "[backends.corp]\ntype = \"vault\"\naddress = \"{}\"\nauth = {}\n[registries.\"{url}\"]\n\
             sources = [ {{ backend = \"corp\", path = \"ci/cargo\", field = \"token\" }} ]\n",
            vault.url(),
            system.auth(true)
        ));
        let provider = system
            .job(
                test_servers::doctor::with_cargo(provider, &url),
                &service.url(),
            )
            .secret(STORED)
            .secret(LOGIN)
            .secret(REQUEST_TOKEN);
        let run = provider.tool(&["doctor"]);
        assert_eq!(shown(&vault), MINTED, "{}", run.stdout);
        let settings = run
            .stdout
            .lines()
            .find(|line| line.contains("settings from"));
        let settings = settings.unwrap_or_default();
        for (name, _) in system.inputs {
            assert!(settings.contains(&format!("`{name}`")), "{}", run.stdout);
        }
    }
}
