//! Who we are to Google by what is around us: the job's token, the machine.

use serde_json::{Value, json};
use test_servers::provider::error_text;
use test_servers::{GoogleServer, Issuer, Response, Server};

use crate::gcp_requests::{ACCOUNT, PROJECT, STORED, URL, at, get, paths, provider};

pub(crate) const SOURCE: &str = "secret = \"cargo\"";
pub(crate) const POOL: &str = "projects/123456789/locations/global/workloadIdentityPools/ci";
const READ: &str = "/v1/projects/acme/secrets/cargo/versions/latest:access";

pub(crate) fn of_pool() -> String {
    format!("{POOL}/providers/github")
}

/// The subject of the issuer's jobs, as a policy names it.
pub(crate) fn subject(issuer: &Issuer) -> String {
    let claims = issuer.claims("x", &Value::Null);
    format!(
        "principal://iam.googleapis.com/{POOL}/subject/{}",
        claims["sub"].as_str().expect("a job has a subject")
    )
}

pub(crate) fn store(member: &str) -> GoogleServer {
    let server = GoogleServer::start();
    server.put(PROJECT, "cargo", STORED.as_bytes());
    server.allow(member, "projects/acme/secrets/cargo");
    server
}

pub(crate) fn service_account() -> String {
    format!("serviceAccount:{ACCOUNT}")
}

/// The backend with `auth` by this issuer's token, and more keys in it.
fn federated(server: &GoogleServer, more: &str) -> String {
    let url = server.url();
    format!(
        "{}\n[backends.store.auth]\nmethod = \"workload-identity\"\nprovider = \"{}\"\nsts-endpoint = \"{url}\"\niam-endpoint = \"{url}\"\n{more}",
        at(server),
        of_pool()
    )
}

#[test]
fn a_jobs_token_goes_straight_to_sts() {
    let issuer = Issuer::start();
    let server = store(&subject(&issuer));
    server.trust(&of_pool(), &issuer, &[], None);
    get(&provider(&federated(&server, ""), SOURCE).in_github(&issuer));
    let audience = issuer.requests()[0].parameter("audience");
    assert_eq!(
        audience.as_deref(),
        Some(&*format!("https://iam.googleapis.com/{}", of_pool()))
    );
    assert_eq!(paths(&server), ["/v1/token", READ]);
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_service_account_is_become_on_the_way() {
    let issuer = Issuer::start();
    let server = store(&service_account());
    server.trust(&of_pool(), &issuer, &["https://corp.example.com"], None);
    let between = "between@acme.iam.gserviceaccount.com";
    let auth = format!("service-account = \"{ACCOUNT}\"\naudience = \"https://corp.example.com\"");

    server.let_impersonate(&subject(&issuer), ACCOUNT);
    get(&provider(&federated(&server, &auth), SOURCE).in_github(&issuer));
    let become_account = format!("/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken");
    assert_eq!(paths(&server), ["/v1/token", &become_account, READ]);
    assert_eq!(
        server.requests()[1].json().unwrap(),
        json!({ "scope": ["https://www.googleapis.com/auth/cloud-platform"], "delegates": [], "lifetime": "900s" })
    );

    // By a delegate, and no other way.
    let server = store(&service_account());
    server.trust(&of_pool(), &issuer, &["https://corp.example.com"], None);
    server.let_impersonate(&subject(&issuer), between);
    server.let_impersonate(&format!("serviceAccount:{between}"), ACCOUNT);
    let delegated = format!("{auth}\ndelegates = [ \"{between}\" ]");
    get(&provider(&federated(&server, &delegated), SOURCE).in_github(&issuer));
    let direct = provider(&federated(&server, &auth), SOURCE).in_github(&issuer);
    let text = error_text(&direct.get(URL, "read"));
    assert!(
        text.starts_with(&format!(
            "Google does not let `{}` act as `{ACCOUNT}`",
            subject(&issuer)
        )),
        "{text}"
    );
    let command = format!(
        "gcloud iam service-accounts add-iam-policy-binding {ACCOUNT} --role=roles/iam.workloadIdentityUser --member={}",
        subject(&issuer)
    );
    assert!(text.ends_with(&command), "{text}");

    // To be a delegate's first link is more than to become it.
    let server = store(&service_account());
    server.trust(&of_pool(), &issuer, &["https://corp.example.com"], None);
    let chain = provider(&federated(&server, &delegated), SOURCE).in_github(&issuer);
    let text = error_text(&chain.get(URL, "read"));
    let role = format!("binding {between} --role=roles/iam.serviceAccountTokenCreator ");
    assert!(text.contains(&role), "{text}");
}

#[test]
fn a_refused_trade_says_what_to_look_at() {
    let issuer = Issuer::start();
    let server = store(&subject(&issuer));
    let ask = || {
        let provider = provider(&federated(&server, ""), SOURCE).in_github(&issuer);
        error_text(&provider.get(URL, "read"))
    };
    let text = ask();
    assert!(text.contains("invalid_target"), "{text}");
    assert!(text.contains("with the number of its project"), "{text}");

    server.trust(&of_pool(), &issuer, &[], Some(("repository", "acme/other")));
    let text = ask();
    assert!(
        text.starts_with(
            "Google refused the job's token at `//iam.googleapis.com/projects/123456789/"
        ),
        "{text}"
    );
    assert!(text.contains("unauthorized_client"), "{text}");
    assert!(text.contains("attribute condition"), "{text}");
    assert!(
        text.contains("sub \\\"repo:acme/app") || text.contains("sub \"repo:acme/app"),
        "{text}"
    );

    server.trust(&of_pool(), &issuer, &["https://other.example.com"], None);
    let text = ask();
    assert!(text.contains("invalid_grant"), "{text}");
    assert!(
        text.contains(&format!(
            "we asked for a token for `https://iam.googleapis.com/{}`",
            of_pool()
        )),
        "{text}"
    );
    assert_eq!(paths(&server), ["/v1/token"; 3]);
}

#[test]
fn a_token_that_has_expired_is_no_identity() {
    let issuer = Issuer::start();
    let server = store(&subject(&issuer));
    server.trust(&of_pool(), &issuer, &[], None);
    let audience = format!("https://iam.googleapis.com/{}", of_pool());
    let token =
        issuer.sign(&issuer.claims(&audience, &json!({ "exp": 1_000_000, "iat": 999_000 })));
    let backend = federated(&server, "identity = { env = \"JOB_TOKEN\" }");
    let provider = provider(&backend, SOURCE)
        .env("JOB_TOKEN", &token)
        .secret(&token);
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("it must not have expired"), "{text}");
}

#[test]
fn a_machine_at_google_has_its_own() {
    let server = store(&service_account());
    let machine = || provider(&at(&server), SOURCE).env("GCE_METADATA_HOST", server.host());
    // Without a service account it is nobody.
    let text = error_text(&machine().get(URL, "read"));
    assert!(
        text.contains("this machine has no service account"),
        "{text}"
    );
    server.attach(ACCOUNT);
    get(&machine());
    // Who it is goes into the error.
    server.attach("other@acme.iam.gserviceaccount.com");
    let text = error_text(&machine().get(URL, "read"));
    assert!(
        text.starts_with(
            "Google does not let `serviceAccount:other@acme.iam.gserviceaccount.com` read"
        ),
        "{text}"
    );
}

#[test]
fn nobody_at_the_metadata_address_is_no_identity() {
    let server = store(&service_account());
    let source = format!("{SOURCE} }}, {{ backend = \"job\", var = \"SECOND\"");
    let backend = format!("{}\n[backends.job]\ntype = \"env\"", at(&server));
    let asked = |host: &str| {
        let provider = provider(&backend, &source).env("SECOND", "s3cond-s3cret");
        provider.env("GCE_METADATA_HOST", host).get(URL, "read")
    };
    let refused = test_servers::refused_port();
    let host = format!("127.0.0.1:{}", refused.port());
    assert_eq!(asked(&host)["Ok"]["token"], "s3cond-s3cret");
    // Whoever else is there is not asked for anything, and nobody takes his place.
    let other = Server::start(|_| Response::text(200, "{\"access_token\":\"x\"}"));
    let host = other.url().replace("http://", "");
    let text = error_text(&asked(&host));
    assert!(
        text.contains("without the header Metadata-Flavor"),
        "{text}"
    );
}

#[test]
fn the_first_method_whose_inputs_exist() {
    let issuer = Issuer::start();
    let server = store(&subject(&issuer));
    server.trust(&of_pool(), &issuer, &[], None);
    let url = server.url();
    let backend = format!(
        "{}\nauth = [ {{ method = \"workload-identity\", provider = \"{provider}\", sts-endpoint = \"{url}\", identity = \"gitlab\" }},\n\
         {{ method = \"workload-identity\", provider = \"{provider}\", sts-endpoint = \"{url}\", identity = \"github-actions\" }} ]",
        at(&server),
        provider = of_pool()
    );
    get(&provider(&backend, SOURCE).in_github(&issuer));
    let text = error_text(&provider(&backend, SOURCE).get(URL, "read"));
    assert!(
        text.contains("no GitLab identity here") && text.contains("no GitHub identity here"),
        "{text}"
    );
}

/// The metadata server's own words have no form.
#[test]
fn what_the_metadata_server_refuses_is_told_as_it_says_it() {
    let server = store(&service_account());
    server.attach(ACCOUNT);
    let refusal = Response::text(403, "Unable to generate access token: no binding")
        .header("Metadata-Flavor", "Google");
    server.answer_next("/token", refusal);
    let provider = provider(&at(&server), SOURCE).env("GCE_METADATA_HOST", server.host());
    let text = error_text(&provider.get(URL, "read"));
    assert!(
        text.starts_with("the metadata server gave no identity of this machine"),
        "{text}"
    );
    assert!(text.contains("Unable to generate access token"), "{text}");
}
