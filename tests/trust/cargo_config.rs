//! What a repository's own `.cargo/config.toml` may try, with Cargo itself.

use serde_json::Value;
use test_servers::cargo::quoted;
use test_servers::{Response, Server};

use crate::BINARY;
use crate::job::Job;

const CONFIG: &str = ".cargo/config.toml";

/// Notes what Cargo says to it, and has nothing.
const THIEF: &str = "echo '{\"v\":[1]}'\nread -r line\nprintf '%s\\n' \"$line\" >>loot\necho '{\"Err\":{\"kind\":\"not-found\"}}'\n";

/// Asks us in Cargo's place.
const ASKER: &str = "\"$BRIDGE\" get \"$WANTED\" >>loot\necho '{\"v\":[1]}'\nread -r line\necho '{\"Err\":{\"kind\":\"not-found\"}}'\n";

#[test]
fn our_provider_for_a_registry_of_theirs() {
    let job = Job::start();
    let ours = job.registry.index_url();
    let provider = format!(
        "['{BINARY}', '--registry', '{ours}', '--config', 'bridge.toml', '--path', 'ci/cargo']"
    );
    let bridge = job.config(&job.elsewhere.index_url());
    job.tree(
        "theirs",
        &[
            (CONFIG, &job.theirs(&provider, "")),
            ("bridge.toml", &bridge),
        ],
    );
    let fetched = job.fetch();
    job.assert_refused(&fetched);
    let why = "no credential providers could handle the request";
    assert!(fetched.stderr.contains(why), "{}", fetched.stderr);
}

#[test]
fn the_name_of_our_registry_for_theirs() {
    let job = Job::start();
    let url = quoted(&job.elsewhere.index_url());
    let config = format!("[registries.corp]\nindex = {url}\n");
    job.tree("corp", &[(CONFIG, &config)]);
    job.assert_refused(&job.fetch());
    assert!(job.registry.requests().is_empty());

    // A variable goes before the file: then not even the name is theirs.
    let url = job.registry.index_url();
    let job = job
        .env("CARGO_REGISTRIES_CORP_INDEX", &url)
        .env("CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER", BINARY);
    let before = job.elsewhere.requests().len();
    job.assert_fetched(&job.fetch());
    assert_eq!(job.elsewhere.requests().len(), before);
}

#[test]
fn a_program_of_theirs_in_our_place() {
    let job = Job::start();
    let config = "[registries.corp]\ncredential-provider = ['./thief']\n";
    job.tree("corp", &[(CONFIG, config)]);
    job.program("thief", THIEF);
    let fetched = job.fetch();
    assert!(!fetched.success());
    job.assert_untouched();
    // What it is told is what the repository knows anyway.
    let told: Value = serde_json::from_str(&job.loot()).unwrap();
    assert_eq!(told["registry"]["index-url"], job.registry.index_url());
    job.assert_nothing_in(&job.registry.requests());
}

#[test]
fn an_alias_with_our_name() {
    let ours = std::path::Path::new(BINARY);
    let (directory, name) = (ours.parent().unwrap(), "cargo-credential-bridge");
    let path = std::env::var("PATH").unwrap_or_default();
    let job = Job::without_config().env("PATH", &format!("{}:{path}", directory.display()));
    job.cargo
        .bridge_config(&job.config(&job.registry.index_url()));
    job.cargo
        .registry("corp", &job.registry.index_url(), &[name]);
    let config = format!("[credential-alias]\n{name} = ['./thief']\n");
    let tree = job.tree("corp", &[(CONFIG, &config)]);
    job.program("thief", THIEF);
    assert!(!job.fetch().success());
    assert!(job.loot().contains("\"kind\":\"get\""));
    job.assert_untouched();

    // Outside of the repository Cargo does not see its config.
    let manifest = tree.join("Cargo.toml");
    let arguments = ["fetch", "--manifest-path", manifest.to_str().unwrap()];
    let fetched = job.cargo.run(job.cargo.path(), &arguments);
    job.search_outputs(&fetched);
    job.assert_fetched(&fetched);
}

/// There is no wall between processes of one user, and Cargo lets a repository start some.
#[test]
fn a_program_of_theirs_asks_us() {
    let job = Job::start();
    let url = job.registry.index_url();
    let job = job.env("BRIDGE", BINARY).env("WANTED", &url);
    let config = "[registries.corp]\ncredential-provider = ['./asker']\n";
    job.tree("corp", &[(CONFIG, config)]);
    job.program("asker", ASKER);
    assert!(!job.fetch().success());
    assert_eq!(job.loot().trim_end(), job.registry.tokens().read);
}

#[test]
fn a_source_in_the_place_of_our_registry() {
    let job = Job::start();
    let (ours, theirs) = (job.registry.index_url(), job.elsewhere.index_url());
    let config = format!(
        "[source.ours]\nregistry = {}\nreplace-with = 'mirror'\n[source.mirror]\nregistry = {}\n\
         [registry]\nglobal-credential-providers = ['{BINARY}']\n",
        quoted(&ours),
        quoted(&theirs)
    );
    job.tree("corp", &[(CONFIG, &config)]);
    job.assert_refused(&job.fetch());
    assert!(job.registry.requests().is_empty());
}

#[test]
fn variables_of_the_env_table() {
    let job = Job::start();
    let bridge = job.config(&job.elsewhere.index_url());
    let env = "[env]\nCARGO_CREDENTIAL_BRIDGE_CONFIG = { value = 'bridge.toml', relative = true, force = true }\n\
               CARGO_HOME = { value = '.cargo', relative = true, force = true }\n";
    let config = job.theirs(&quoted(BINARY), env);
    job.tree(
        "theirs",
        &[
            (CONFIG, &config),
            ("bridge.toml", &bridge),
            (".cargo/credential-bridge.toml", &bridge),
        ],
    );
    job.assert_refused(&job.fetch());
}

/// Newer Cargos follow it, older ones do not: what it says is the repository's either way.
#[test]
fn an_included_config() {
    let job = Job::start();
    let url = quoted(&job.elsewhere.index_url());
    let more = format!("[registries.corp]\nindex = {url}\n");
    job.tree(
        "corp",
        &[
            (CONFIG, "include = ['more.toml']\n"),
            (".cargo/more.toml", &more),
        ],
    );
    let _either_way = job.fetch();
    job.assert_nothing_in(&job.elsewhere.requests());
}

/// Cargo sends the token where its own config leads; ours is not read from there, and the store is asked directly.
#[test]
fn a_proxy_of_theirs() {
    let job = Job::start();
    let proxy = Server::start(|request| match request.header("authorization") {
        None => Response::empty(401),
        Some(_) => Response::empty(404),
    });
    let config = format!("[http]\nproxy = '{}'\ncainfo = 'ca.pem'\n", proxy.url());
    job.tree("corp", &[(CONFIG, &config)]);
    assert!(!job.fetch().success());
    let read = Some(job.registry.tokens().read.as_str());
    let seen = proxy.requests();
    assert!(
        seen.iter()
            .any(|request| request.header("authorization") == read)
    );
    assert!(seen.iter().all(|request| !request.path.starts_with("/v1/")));
    assert!(job.vault.connections() > 0);

    // A variable goes before the file.
    let job = Job::start()
        .env("CARGO_HTTP_PROXY", "")
        .env("CARGO_HTTP_CAINFO", "");
    job.tree("corp", &[(CONFIG, &config)]);
    let before = proxy.requests().len();
    job.assert_fetched(&job.fetch());
    assert_eq!(proxy.requests().len(), before);
}
