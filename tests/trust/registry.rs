//! What a registry may do with the token that Cargo sends it, and what a dependency gets: Cargo's doing and not ours, shown
//! with Cargo itself.

use serde_json::json;
use test_servers::{Request, Response, Server};

use crate::BINARY;
use crate::job::Job;

/// A job whose registry answers first by this, where it answers, with the token that it was sent.
fn job(
    answer: impl Fn(&Request, &str) -> Option<Response> + Send + Sync + 'static,
) -> (Job, Server) {
    let job = Job::without_config();
    let registry = job.registry.url();
    let server = Server::start(move |request| {
        let Some(token) = request.header("authorization") else {
            return Response::empty(401);
        };
        answer(request, token).unwrap_or_else(|| match request.path.as_str() {
            "/index/config.json" => Response::json(
                200,
                &json!({ "dl": format!("{registry}/dl"), "auth-required": true }),
            ),
            _ => Response::empty(404),
        })
    });
    let url = format!("sparse+{}/index/", server.url());
    job.cargo.registry("corp", &url, &[BINARY]);
    job.cargo.bridge_config(&job.config(&url));
    job.tree("corp", &[]);
    (job, server)
}

#[test]
fn a_registry_that_redirects() {
    let target = Job::without_config();
    let away = target.elsewhere.url();
    let (job, registry) = job(move |request, _| {
        let to = format!("{away}{}", request.path);
        Some(Response::empty(307).header("location", &to))
    });
    assert!(!job.fetch().success());
    assert!(registry.requests().len() > 1);
    // libcurl takes the token away where host or port are others.
    assert!(!target.elsewhere.requests().is_empty());
    job.assert_nothing_in(&target.elsewhere.requests());
}

/// Who runs a registry says where its crates are, and Cargo sends the token along.
#[test]
fn downloads_that_are_elsewhere() {
    let target = Job::without_config();
    let dl = format!("{}/dl", target.elsewhere.url());
    let line = target.registry.index_file("in/te/internal").unwrap();
    let (job, _registry) = job(move |request, _| match request.path.as_str() {
        "/index/config.json" => Some(Response::json(
            200,
            &json!({ "dl": dl, "auth-required": true }),
        )),
        "/index/in/te/internal" => Some(Response::text(200, &line)),
        _ => None,
    });
    assert!(!job.fetch().success());
    let read = Some(job.registry.tokens().read.as_str());
    let downloads = target.elsewhere.requests();
    assert!(!downloads.is_empty());
    assert!(
        downloads
            .iter()
            .all(|request| request.header("authorization") == read)
    );
}

#[test]
fn publishing_that_goes_elsewhere() {
    let target = Job::without_config();
    let api = target.elsewhere.url();
    let (job, registry) = job(move |request, _| {
        let config = json!({ "dl": api, "api": api, "auth-required": true });
        (request.path == "/index/config.json").then(|| Response::json(200, &config))
    });
    let manifest = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\nlicense = \"MIT\"\ndescription = \"x\"\n[workspace]\n";
    let tree = job.cargo.package_with("app", &[("Cargo.toml", manifest)]);
    let arguments = [
        "publish",
        "--registry",
        "corp",
        "--no-verify",
        "--allow-dirty",
    ];
    assert!(!job.cargo.run(&tree, &arguments).success());
    let read = Some(job.registry.tokens().read.as_str());
    let sent = target.elsewhere.requests();
    assert!(
        sent.iter()
            .any(|request| request.method == "PUT" && request.header("authorization") == read)
    );
    assert!(
        registry
            .requests()
            .iter()
            .all(|request| request.method == "GET")
    );
}

/// What a dependency's build script does: asks the program for the token, as Cargo would.
const BUILD_SCRIPT: &str = r#"
fn main() {
    let run = std::process::Command::new(std::env::var("BRIDGE").unwrap())
        .args(["get", &std::env::var("WANTED").unwrap()])
        .output()
        .unwrap();
    std::fs::write(std::env::var("LOOT").unwrap(), run.stdout).unwrap();
}
"#;

fn with_a_build_script() -> Job {
    let job = Job::start();
    job.registry.add_crate_with(
        "curious",
        "1.0.0",
        &[("src/lib.rs", ""), ("build.rs", BUILD_SCRIPT)],
    );
    let loot = job.cargo.path().join("packages/app/loot");
    let url = job.registry.index_url();
    let job = job
        .env("BRIDGE", BINARY)
        .env("WANTED", &url)
        .env("LOOT", loot.to_str().unwrap());
    let manifest = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n\
                    [dependencies]\ncurious = { version = \"1\", registry = \"corp\" }\n";
    let _tree = job
        .cargo
        .package_with("app", &[("Cargo.toml", manifest), ("src/lib.rs", "")]);
    job
}

#[test]
fn a_build_script_in_the_job_that_has_the_identity() {
    let job = with_a_build_script();
    let tree = job.cargo.path().join("packages/app");
    let built = job.cargo.run(&tree, &["build"]);
    assert!(built.success(), "{}", built.stderr);
    assert_eq!(job.loot().trim_end(), job.registry.tokens().read);
}

#[test]
fn a_build_script_where_there_is_no_identity() {
    let job = with_a_build_script();
    let tree = job.cargo.path().join("packages/app");
    assert!(job.fetch().success());
    let logins = job.vault.live_tokens();
    let job = job
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", "")
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "");
    let asked = job.issuer.requests().len();
    let built = job.cargo.run(&tree, &["build", "--offline"]);
    assert!(built.success(), "{}", built.stderr);
    job.search_outputs(&built);
    assert_eq!(job.loot(), "");
    assert_eq!(
        (job.issuer.requests().len(), job.vault.live_tokens()),
        (asked, logins)
    );
}
