mod registries;
mod schema;

use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::protocol::Operation;

const CONFIG: &str = r#"
timeout = "5s"
quiet = true

[audit]
file = "audit.jsonl"
syslog = true
job-summary = true
required = true

[backends.job]
type = "env"

[backends.mounted]
type = "file"

[registries."sparse+https://crates.example.com/index/"]
also = ["https://git.example.com/index"]
scheme = "Bearer"
on-unavailable = "next"
ttl = "2m"
sources = [
  { backend = "job", var = "A" },
  { backend = "mounted", path = "token", field = "x" },
]
publish = [ { backend = "job", var = "B" } ]

[registries."sparse+https://crates.example.com/index/".guard]
operations = ["publish", "owners"]
crates = ["acme-*"]
claims = { ref = "refs/tags/*", kubernetes.io.namespace = ["ci"] }
identity = "gitlab"
"#;

fn parse(text: &str) -> Result<Config, Fault> {
    Config::parse(text, Some(PathBuf::from("/etc")))
}

/// The whole text of the error for `text`.
fn fault(text: &str) -> String {
    let Err(fault) = parse(text) else {
        panic!("a good config:\n{text}");
    };
    let error = fault.explain("`c.toml`", text);
    format!("{error}\n{}", error.help_text().unwrap_or_default())
}

#[test]
fn every_key_reaches_its_place() {
    let config = parse(CONFIG).unwrap();
    assert_eq!(config.timeout, Duration::from_secs(5));
    assert!(config.quiet);
    let audit = config.audit.unwrap();
    assert_eq!(audit.file, Some("audit.jsonl".into()));
    assert!(audit.syslog.is_some() && audit.job_summary && audit.required);
    let names: Vec<_> = config
        .backends
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["job", "mounted"]);
    for url in [
        "sparse+https://crates.example.com/index",
        "registry+https://git.example.com/index/",
    ] {
        let registry = config.registries.find(&url.parse().unwrap()).unwrap();
        assert!(registry.next_if_unavailable);
        assert_eq!(registry.ttl, Some(Duration::from_secs(120)));
        let sources = |operation| {
            let sources = registry.chain(operation).unwrap();
            sources
                .iter()
                .map(|source| match source {
                    Source::Secret(source) => (
                        source.backend,
                        source.reference.to_string(),
                        source.field.clone(),
                    ),
                    Source::Provider(provider) => panic!("{provider} is no secret in a store"),
                })
                .collect::<Vec<_>>()
        };
        let all = sources(Operation::Read);
        assert_eq!(all[0], (0, "the environment variable `A`".to_owned(), None));
        assert_eq!(
            all[1],
            (1, "the file `token`".to_owned(), Some("x".to_owned()))
        );
        assert_eq!(sources(Operation::Yank), all);
        assert_eq!(
            sources(Operation::Publish)[0].1,
            "the environment variable `B`"
        );
        assert!(!registry.is_operation_independent());
        assert!(registry.shares_chain_with_read(Operation::Read));
        assert!(registry.shares_chain_with_read(Operation::Unyank));
        assert!(!registry.shares_chain_with_read(Operation::Owners));
        assert!(registry.guard(Operation::Owners).is_some());
        assert!(registry.guard(Operation::Read).is_none());
        let claims = &registry.guard.as_ref().unwrap().claims;
        let paths: Vec<_> = claims.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["kubernetes.io.namespace", "ref"]);
        assert!(!registry.shares_chain_with_read(Operation::Publish));
    }
}

#[test]
fn an_empty_config_is_a_config() {
    let config = parse("").unwrap();
    assert_eq!(config.timeout, Duration::from_secs(20));
    assert!(!config.quiet);
}

#[test]
fn faults_say_where_and_what_was_meant() {
    let registry =
        "[backends.job]\ntype = \"env\"\n[registries.\"sparse+https://a.example.com/\"]\n";
    for (text, expected) in [
        (
            "timout = \"5s\"",
            "unknown key `timout`| --> `c.toml`:1:1|did you mean `timeout`?",
        ),
        ("timeout = 5", "expected a string, found an integer|:1:11"),
        ("timeout = \"5\"", "not a duration|such as `20s`"),
        ("timeout = \"0s\"", "too short"),
        ("timeout = \"2h\"", "too long: 10m at most"),
        (
            "quiet = \"yes\"",
            "expected a boolean, found a string|quiet = \"…\"",
        ),
        ("quiet = 1979-05-27", "expected a boolean, found a date"),
        (
            "[backends.x]\naddress = \"a\"",
            "`[backends.x]` has no `type`",
        ),
        (
            "[backends.x]\ntype = \"valt\"",
            "unknown backend type `valt`|did you mean `vault`?",
        ),
        (
            "[backends.x]\ntype = \"aws\"\nregion = \"eu west\"",
            "`eu west` is not a region|:3:10",
        ),
        (
            "[backends.x]\ntype = \"aws\"\nauth = { method = \"web-identty\" }",
            "unknown value|did you mean `web-identity`?",
        ),
        (
            "[backends.x]\ntype = \"gcp\"\nauth = { method = \"workload-identity\", provider = \"projects/acme/locations/global/workloadIdentityPools/p/providers/x\" }",
            "is given by its number|:3:8",
        ),
        ("[backends]\nx = 1", "expected a table, found an integer"),
        (
            "[backends.x]\ntype = \"env\"\nvar = \"A\"",
            "unknown key `var`|known here: `type`",
        ),
        (
            "[backends.x]\ntype = \"vault\"\nadress = \"https://x\"",
            "unknown key `adress`|:3:1|did you mean `address`?",
        ),
        (
            "[backends.x]\ntype = \"vault\"\naddress = \"x.example.com\"",
            "the address is not a URL",
        ),
        (
            "[backends.x]\ntype = \"vault\"\naddress = \"ftp://x\"",
            "an address starts with `https://`",
        ),
        (
            "[backends.x]\ntype = \"vault\"\naddress = \"https://u:p4ss@x\"",
            "an address holds no user name and no password",
        ),
        (
            "[backends.x]\ntype = \"vault\"\nkv-version = 3",
            "`kv-version` is 1 or 2",
        ),
        (
            "[backends.x]\ntype = \"vault\"\nmount = \"a/../b\"",
            "`a/../b` is not a path",
        ),
        (
            "[backends.x]\ntype = \"vault\"\nnamespace = { evn = \"A\" }",
            "unknown key `evn`|did you mean `env`?",
        ),
        (
            "[backends.x]\ntype = \"vault\"\nnamespace = { env = \"A\", file = \"B\" }",
            "expected one of `{ env = \"NAME\" }`",
        ),
        (
            "[backends.x]\ntype = \"vault\"\nauth = { method = \"token\", token = \"hvs.s3cret\" }",
            "a secret is never written down in this file",
        ),
        (
            "[backends.x]\ntype = \"vault\"\nauth = { method = \"jtw\" }",
            "unknown value|did you mean `jwt`?",
        ),
        (
            "[backends.x]\ntype = \"vault\"\nauth = { method = \"jwt\", rol = \"x\" }",
            "unknown key `rol`|:3:26|did you mean `role`?",
        ),
        (
            "[backends.x]\ntype = \"vault\"\nauth = { role = \"x\" }",
            "the key `method` is missing",
        ),
        (
            "[backends.x]\ntype = \"vault\"\nauth = []",
            "at least one table",
        ),
        (
            "[backends.x]\ntype = \"vault\"\nauth = { method = \"gcp\", role = \"x\", type = \"gce\", service-account = \"y\" }",
            "go with `type = \"iam\"`",
        ),
        (
            "[backends.x]\ntype = \"vault\"\nauth = { method = \"jwt\", identity = \"gihub-actions\" }",
            "unknown value|did you mean `github-actions`?",
        ),
        (
            "[backends.x]\ntype = \"vault\"\nauth = { method = \"jwt\", identity = \"bitbuket\" }",
            "unknown value|did you mean `bitbucket`?",
        ),
        (
            "[backends.x]\ntype = \"vault\"\nauth = { method = \"approle\", role-id = \"x\", wrapped = true }",
            "`wrapped = true` says how `secret-id` is given",
        ),
        (
            "[registries.\"crates.example.com\"]\nsources = []",
            "is not a URL|as Cargo's config has it",
        ),
        (
            &format!("{registry}sources = []"),
            "there is no source in the list",
        ),
        (
            &format!("{registry}source = []"),
            "the registry has no `sources`",
        ),
        (
            &format!("{registry}sources = [ {{ backend = \"jbo\", var = \"A\" }} ]"),
            "unknown backend `jbo`|did you mean `job`?",
        ),
        (
            &format!("{registry}sources = [ {{ var = \"A\" }} ]"),
            "the source has no `backend`",
        ),
        (
            &format!("{registry}sources = [ {{ backend = \"job\" }} ]"),
            "the key `var` is missing",
        ),
        (
            &format!("{registry}sources = [ {{ backend = \"job\", vra = \"A\" }} ]"),
            "unknown key `vra`|did you mean `var`?",
        ),
        (
            &format!("{registry}sources = [ {{ backend = \"job\", var = \"A\", feild = \"A\" }} ]"),
            "unknown key `feild`|did you mean `field`?",
        ),
        (
            &format!("{registry}sources = [ \"cargo:paseto\" ]"),
            "`cargo:paseto` signs each request|:4:13",
        ),
        (
            &format!("{registry}sources = [ [\"1password\", \"--vault\", \"a b\"] ]"),
            "neither a provider of Cargo's nor a plugin|:4:13|a string is one of Cargo's providers",
        ),
        (
            &format!("{registry}sources = [ 5 ]"),
            "expected a table, found an integer",
        ),
        (
            &format!("{registry}sources = \"job\""),
            "expected an array, found a string",
        ),
        (
            &format!("{registry}sources = [ {{ backend = \"job\", var = \"A\", write = true }} ]"),
            "nothing can be written to `job`|leave out `write`",
        ),
        (
            &format!("{registry}pubish = []\nsources = [ {{ backend = \"job\", var = \"A\" }} ]"),
            "unknown key `pubish`|did you mean `publish`?",
        ),
        (
            &format!(
                "{registry}scheme = \"bearer\"\nsources = [ {{ backend = \"job\", var = \"A\" }} ]"
            ),
            "unknown scheme|`raw`, `Bearer` or `Basic`, written like this",
        ),
        (
            &format!(
                "{registry}scheme = \"Basic\"\nsources = [ {{ backend = \"job\", var = \"A\" }} ]"
            ),
            "`Basic` needs a user name",
        ),
        (
            &format!(
                "{registry}on-unavailable = \"nxt\"\nsources = [ {{ backend = \"job\", var = \"A\" }} ]"
            ),
            "unknown value|did you mean `next`?",
        ),
        (
            &format!("{registry}ttl = \"30s\"\nsources = [ {{ backend = \"job\", var = \"A\" }} ]"),
            "too short: it must be more than 1m",
        ),
        (
            &format!(
                "{registry}sources = [ {{ backend = \"job\", var = \"A\" }} ]\n[registries.\"sparse+https://A.example.com:443\"]\nsources = [ {{ backend = \"job\", var = \"A\" }} ]"
            ),
            "`sparse+https://a.example.com/` has an entry already|another spelling counts",
        ),
        ("a = 1\na = 2", "not TOML: duplicate key|:2:1"),
        ("token = hvs.s3cret", "not TOML|token = …"),
        ("hvs.s3cret", "not TOML|1 | …"),
        ("[", "not TOML"),
    ] {
        let found = fault(text);
        for part in expected.split('|') {
            assert!(
                found.contains(part),
                "{text}\n--- gave\n{found}\n--- without\n{part}"
            );
        }
        assert!(
            !found.contains("s3cret") && !found.contains("p4ss"),
            "{found}"
        );
    }
}

#[test]
fn a_fault_as_it_is_shown() {
    let text = "[backends.corp]\ntype = \"vault\"\nadress = \"https://vault.example.com\"\n";
    let Err(fault) = parse(text) else { panic!() };
    let error = fault.explain("`/home/ci/.cargo/credential-bridge.toml`", text);
    assert_eq!(error.what(), "bad config: unknown key `adress`");
    assert_eq!(
        error.causes(),
        [" --> `/home/ci/.cargo/credential-bridge.toml`:3:1\n  |\n3 | adress = \"…\"\n  | ^^^^^^"]
    );
    assert_eq!(error.help_text(), Some("did you mean `address`?"));
}

/// A key, known or not, at some level of the table.
fn misplaced() -> impl Strategy<Value = (&'static str, String)> {
    let key = prop_oneof![
        Just("token"),
        Just("timeout"),
        Just("quiet"),
        Just("type"),
        Just("address"),
        Just("kv-version"),
        Just("auth"),
        Just("sources"),
        Just("scheme"),
        Just("ttl"),
        Just("on-unavailable"),
    ];
    let table = prop_oneof![
        Just(""),
        Just("[backends.x]\ntype = \"vault\"\n"),
        Just("[backends.x]\ntype = \"env\"\n"),
        Just("[registries.\"sparse+https://a.example.com/\"]\n"),
    ];
    let value = prop_oneof![
        Just("\"{}\""),
        Just("'{}'"),
        Just("[\"{}\"]"),
        Just("{ token = \"{}\" }"),
        Just("{ method = \"token\", token = \"{}\" }"),
        Just("{}"),
        Just("\"{}"),
        Just("[\n{}\n]"),
        Just("\"\"\"\n{}\n\"\"\""),
    ];
    (table, key, value).prop_map(|(table, key, value)| {
        let value = value.replace("{}", "hvs-s3cret");
        (key, format!("{table}{key} = {value}\n"))
    })
}

/// Settings whose values are named in the message, because a person must see which of them is wrong.
const SHOWN: &[&str] = &["type"];

proptest! {
    /// A secret that someone writes where none belongs is in no message about it, unless it stands in the
    /// place of a setting that is no secret.
    #[test]
    fn a_misplaced_secret_is_not_repeated((key, text) in misplaced()) {
        if SHOWN.contains(&key) {
            return Ok(());
        }
        if let Err(fault) = parse(&text) {
            let shown = fault.explain("`c.toml`", &text).to_string();
            prop_assert!(!shown.contains("s3cret"), "{}\n{}", text, shown);
        }
    }

    /// No text whatever makes the parser fail in another way than by an error that can be shown.
    #[test]
    fn any_text(text in "[\\[\\]{}=\"'.,#a-z0-9 \\n\u{e9}-]{0,60}") {
        if let Err(fault) = parse(&text) {
            fault.explain("`c.toml`", &text);
        }
    }
}

/// Each config that is shown to people, and where: the files of the examples, the text that a job has in a variable, and
/// the blocks of README and guide.
fn examples() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    let mut jobs = Vec::new();
    for path in files_below(&root.join("examples")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let origin = path.display().to_string();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("toml") if !path.ends_with("cargo-config.toml") => files.push((origin, text)),
            Some("yml" | "yaml") => {
                jobs.extend(in_job(&text).into_iter().map(|text| (origin.clone(), text)));
            }
            _ => {}
        }
    }
    assert!(files.len() >= 15, "{files:?}");
    assert!(jobs.len() >= 13, "{jobs:?}");
    let readme = blocks(&root.join("README.md"));
    assert!(readme.len() >= 2, "{readme:?}");
    let guide: Vec<_> = files_below(&root.join("docs"))
        .iter()
        .flat_map(|page| blocks(page))
        .collect();
    assert!(guide.len() >= 3, "{guide:?}");
    [files, jobs, readme, guide].concat()
}

/// What is shown to people must be right.
#[test]
fn every_example_is_a_config() {
    for (origin, text) in examples() {
        if let Err(fault) = parse(&text) {
            panic!("{}", fault.explain(&origin, &text));
        }
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| match path.is_dir() {
            true => files_below(&path),
            false => vec![path],
        })
        .collect()
}

/// The configs in a job's description: the lines that are indented more than the name of the variable, or of the input of an
/// action, or stand between the quotes of a shell.
fn in_job(job: &str) -> Vec<String> {
    let places = ["CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML", "config: |"];
    let found = places.iter().flat_map(|place| {
        let at = job.match_indices(place);
        at.map(|(at, place)| (&job[..at], &job[at + place.len()..]))
    });
    found
        .filter_map(|(before, rest)| {
            let (first, lines) = rest.split_once('\n')?;
            if first == "='" {
                return Some(lines.split('\'').next()?.to_owned());
            }
            let depth = before.lines().last()?.len();
            let is_inside = |line: &&str| {
                let spaces = line.bytes().take_while(|&byte| byte == b' ').count();
                line.trim().is_empty() || spaces > depth
            };
            let lines: Vec<_> = lines.lines().take_while(is_inside).collect();
            Some(lines.join("\n"))
        })
        .collect()
}

/// The configs on a page.
fn blocks(page: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(page).unwrap();
    text.split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .filter(|block| block.contains("# credential-bridge.toml"))
        .map(|block| (page.display().to_string(), block.to_owned()))
        .collect()
}
