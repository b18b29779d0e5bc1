//! `Debug` of every public type: what holds a secret does not show it.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;
use std::time::Duration;

use cargo_credential_bridge_aws::{Aws, CallerIdentity};
use cargo_credential_bridge_backend::http::{Client, ClientCertificate, Settings, Transport};
use cargo_credential_bridge_backend::identity::WorkloadToken;
use cargo_credential_bridge_backend::program::Ended;
use cargo_credential_bridge_backend::{
    Backend, Change, Context, Deadline, Edit, Environment, Fetched, Fields, Known, Payload,
    SecretSlice, SecretString,
};
use cargo_credential_bridge_env::Env;
use cargo_credential_bridge_file::File;
use cargo_credential_bridge_gcp::{Gcp, SignedIdentity};
use cargo_credential_bridge_vault::{OpenBao, Vault};
use test_servers::leaks;

/// It is a JWT, a JSON text and a part of a URL alike.
const SECRET: &str = "eyJzZWNyZXQi.eyJzZWNyZXQi.c2lnbmF0dXJl";

/// Public types that hold no secret: settings, which refuse one that is written down, names, places, outcomes, and errors,
/// which are made for messages.
const WITHOUT: &[&str] = &[
    "aws::Config",
    "aws::Method",
    "aws::Recipient",
    "aws::Reference",
    "aws::Region",
    "backend::Audience",
    "backend::Binding",
    "backend::Choice",
    "backend::Deadline",
    "backend::Error",
    "backend::Fact",
    "backend::Failure",
    "backend::Heard",
    "backend::Identity",
    "backend::Inspection",
    "backend::Kind",
    "backend::Known",
    "backend::OneOrMany",
    "backend::Planned",
    "backend::Program",
    "backend::Repeatable",
    "backend::Retry",
    "backend::Roots",
    "backend::SecretValue",
    "backend::Step",
    "backend::Supplied",
    "backend::Terminal",
    "backend::Timer",
    "backend::Took",
    "backend::Value",
    "backend::Written",
    "env::Config",
    "env::Reference",
    "file::Config",
    "file::Reference",
    "gcp::Config",
    "gcp::Proof",
    "gcp::Reference",
    "vault::Config",
    "vault::Reference",
];

/// Types that are others by another name.
const SAME: &[&str] = &["vault::Server"];

fn text() -> SecretString {
    SECRET.into()
}

fn context() -> Context {
    let variables = [
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "BAO_TOKEN",
        "HTTPS_PROXY",
        "SECRET",
        "VAULT_TOKEN",
    ];
    let given = variables.map(|name| (name, SECRET));
    let address = [
        ("VAULT_ADDR", "http://127.0.0.1:9"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_REGION", "eu-west-1"),
        ("GOOGLE_CLOUD_PROJECT", "acme"),
    ];
    Context {
        environment: Environment::fixed(given.into_iter().chain(address), "/"),
        deadline: Deadline::after(Duration::from_secs(5)),
    }
}

fn backend<T: Backend + Debug>() -> String {
    let config = toml::from_str("").unwrap();
    format!("{:#?}", T::open("corp", &config, &context()).unwrap())
}

/// Each type that can hold a secret, with what it shows when it does.
fn shown() -> Vec<(&'static str, String)> {
    let url = "http://127.0.0.1:9/".parse().unwrap();
    let certificate = ClientCertificate {
        origin: "a file".to_owned(),
        chain: SECRET.into(),
        key: SecretSlice::from(SECRET.as_bytes().to_vec()),
    };
    let settings = Settings {
        certificate: Some(certificate.clone()),
        proxy: Some(format!("http://ci:{SECRET}@127.0.0.1:9").into()),
        ..Settings::default()
    };
    let client = Client::new(&url, Settings::default(), &context()).unwrap();
    client.conceal(&text());
    let transport = Transport::new(settings.clone(), &context());
    transport.conceal(&text());
    let json = format!("{{\"token\":\"{SECRET}\"}}");
    let (secret, fields) = (text(), Fields::parse(&json).unwrap());
    let change = Change::Set(&secret);
    let edit = Edit {
        field: Some("token"),
        change,
        consent: None,
    };
    let payload = || Payload::Bytes(SecretSlice::from(SECRET.as_bytes().to_vec()));
    let fetched = Fetched {
        payload: payload(),
        lifetime: None,
        binding: None,
        warnings: Vec::new(),
        known: Known::default(),
    };
    let caller = CallerIdentity {
        method: "POST",
        url: "https://sts.amazonaws.com/".to_owned(),
        body: "",
        headers: vec![("authorization".to_owned(), SECRET.to_owned())],
        concealed: vec![text()],
    };
    let signed = SignedIdentity {
        jwt: text(),
        concealed: vec![text()],
    };
    let token = WorkloadToken::recognize(text()).unwrap();
    let ended = Ended {
        status: std::process::ExitStatus::default(),
        output: SecretSlice::from(SECRET.as_bytes().to_vec()),
    };
    vec![
        ("aws::Aws", backend::<Aws>()),
        ("aws::CallerIdentity", format!("{caller:#?}")),
        ("backend::Change", format!("{change:#?}")),
        ("backend::Client", format!("{client:#?}")),
        ("backend::ClientCertificate", format!("{certificate:#?}")),
        ("backend::Context", format!("{:#?}", context())),
        ("backend::Edit", format!("{edit:#?}")),
        ("backend::Ended", format!("{ended:#?}")),
        (
            "backend::Environment",
            format!("{:#?}", context().environment),
        ),
        ("backend::Fetched", format!("{fetched:#?}")),
        ("backend::Fields", format!("{fields:#?}")),
        (
            "backend::Payload",
            format!(
                "{:#?}{:#?}",
                payload(),
                Payload::Fields(json.as_str().into())
            ),
        ),
        ("backend::Settings", format!("{settings:#?}")),
        ("backend::Transport", format!("{transport:#?}")),
        ("backend::WorkloadToken", format!("{token:#?}")),
        ("env::Env", backend::<Env>()),
        ("file::File", backend::<File>()),
        ("gcp::Gcp", backend::<Gcp>()),
        ("gcp::SignedIdentity", format!("{signed:#?}")),
        ("vault::OpenBao", backend::<OpenBao>()),
        ("vault::Vault", backend::<Vault>()),
    ]
}

#[test]
fn no_type_shows_a_secret() {
    for (name, shown) in shown() {
        assert!(!shown.is_empty());
        leaks::assert_absent(&[SECRET], &[(name, shown.as_bytes())]);
    }
}

/// A new type is one or the other.
#[test]
fn every_public_type_is_looked_at() {
    let listed: BTreeSet<String> = shown()
        .into_iter()
        .map(|(name, _)| name)
        .chain(WITHOUT.iter().copied())
        .chain(SAME.iter().copied())
        .map(str::to_owned)
        .collect();
    let mut public: BTreeSet<String> = ["vault::OpenBao", "vault::Vault"].map(str::to_owned).into();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("backends");
    for package in std::fs::read_dir(root).unwrap() {
        let package = package.unwrap().path();
        let name = package.file_name().unwrap().to_str().unwrap();
        for source in sources(&package.join("src")) {
            public.extend(types(&source).map(|found| format!("{name}::{found}")));
        }
    }
    assert_eq!(public, listed);
}

fn sources(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(sources(&path)),
            false => found.push(std::fs::read_to_string(path).unwrap()),
        }
    }
    found
}

fn types(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter_map(|line| {
        let line = line.strip_prefix("pub ")?;
        let name = line
            .strip_prefix("struct ")
            .or_else(|| line.strip_prefix("enum "))?;
        name.split(|c: char| !c.is_alphanumeric()).next()
    })
}
