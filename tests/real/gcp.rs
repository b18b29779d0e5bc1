//! The Google Cloud auth method: Vault verifies what we show by Google's keys, and looks up who it is about, in the fake
//! of Google.

use serde_json::{Value, json};
use test_servers::google_fake::{TOKEN_CREATOR, WORKLOAD_IDENTITY_USER};
use test_servers::{Issuer, Provider, random};

use crate::tenant::{Tenant, URL};
use crate::vault::{google, vault};

/// The one machine's service account.
const MACHINE: &str = "runner@machines.iam.gserviceaccount.com";

/// A service account; it may do nothing.
pub(crate) fn account() -> String {
    let email = format!(
        "a{}@acme.iam.gserviceaccount.com",
        random::alphanumeric(12).to_lowercase()
    );
    google().control(&json!({ "call": "account", "email": email }));
    email
}

/// Enables the auth method, with a service account of Vault's own that looks others up, and the role `ci` for an account.
pub(crate) fn mount(tenant: &Tenant, role_type: &str, account: &str) -> String {
    let own = "vault@acme.iam.gserviceaccount.com";
    for (project, role) in [
        ("acme", "roles/iam.serviceAccountViewer"),
        ("machines", "roles/iam.serviceAccountViewer"),
        ("machines", "roles/compute.viewer"),
    ] {
        google().bind(
            &format!("projects/{project}"),
            role,
            &format!("serviceAccount:{own}"),
        );
    }
    let mount = tenant.enable("gcp");
    let config = json!({ "credentials": google().service_account_key(own).to_string() });
    vault().root("POST", &format!("auth/{mount}/config"), &config);
    let role = json!({
        "type": role_type, "bound_service_accounts": [account],
        "token_policies": [tenant.name()], "token_ttl": "20m",
    });
    vault().root("POST", &format!("auth/{mount}/role/ci"), &role);
    mount
}

/// The provider with this method, and `more` keys in it.
pub(crate) fn provider(tenant: &Tenant, mount: &str, more: &str) -> Provider {
    tenant.provider(&method(mount, "ci", more))
}

pub(crate) fn method(mount: &str, role: &str, more: &str) -> String {
    format!("auth = {{ method = \"gcp\", mount = \"{mount}\", role = \"{role}\"{more} }}")
}

/// By a file of credentials.
pub(crate) fn by(provider: Provider, file: &Value) -> Provider {
    let provider = provider.file("credentials.json", &file.to_string());
    let path = provider.home().join("credentials.json");
    let secrets = ["private_key", "refresh_token", "client_secret"];
    secrets
        .into_iter()
        .filter_map(|name| file[name].as_str())
        .fold(provider, Provider::secret)
        .env("GOOGLE_APPLICATION_CREDENTIALS", path)
}

/// By the machine's own service account.
pub(crate) fn on_the_machine(provider: Provider) -> Provider {
    google().attach("machines", MACHINE);
    provider.env("GCE_METADATA_HOST", google().host())
}

/// The signature of this account, and where it is got.
pub(crate) fn signed_as(account: &str) -> String {
    format!(
        ", service-account = \"{account}\", iam-endpoint = \"{}\"",
        google().url()
    )
}

/// The account, as what a policy is on.
pub(crate) fn resource(account: &str) -> String {
    format!("serviceAccounts/{account}")
}

/// How often IAM was asked to do something in an account's name.
fn asked(account: &str, what: &str) -> usize {
    let path = format!("/v1/projects/-/serviceAccounts/{account}:{what}");
    google()
        .requests()
        .iter()
        .filter(|request| request["path"] == path)
        .count()
}

/// A job whose tokens a pool takes: as a policy names it, and its file of credentials, by way of an account if one is named.
pub(crate) struct Job {
    pub(crate) member: String,
    token: String,
    file: Value,
}

impl Job {
    pub(crate) fn of(issuer: &Issuer, account: Option<&str>) -> Self {
        google().project("acme", "123456789");
        let pool = format!(
            "projects/123456789/locations/global/workloadIdentityPools/{}",
            random::alphanumeric(12).to_lowercase()
        );
        let name = format!("{pool}/providers/github");
        let mapping = json!({ "google.subject": "assertion.sub" });
        google().trust(&name, issuer, &mapping, &[]);
        let claims = issuer.claims(&format!("https://iam.googleapis.com/{name}"), &Value::Null);
        let mut file = json!({
            "type": "external_account",
            "audience": format!("//iam.googleapis.com/{name}"),
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": format!("{}/v1/token", google().url()),
        });
        if let Some(account) = account {
            let path = format!("/v1/projects/-/serviceAccounts/{account}:generateAccessToken");
            file["service_account_impersonation_url"] = json!(format!("{}{path}", google().url()));
        }
        let subject = claims["sub"].as_str().unwrap();
        Self {
            member: format!("principal://iam.googleapis.com/{pool}/subject/{subject}"),
            token: issuer.sign(&claims),
            file,
        }
    }

    pub(crate) fn shows(&self, provider: Provider) -> Provider {
        let provider = provider.file("token", &self.token).secret(&self.token);
        let mut file = self.file.clone();
        file["credential_source"] = json!({ "file": provider.home().join("token") });
        by(provider, &file)
    }
}

#[test]
fn a_service_account_by_its_key() {
    let account = account();
    let key = google().service_account_key(&account);
    // Named or not: who has the key signs with it.
    for more in [String::new(), signed_as(&account)] {
        let tenant = Tenant::new();
        let mount = mount(&tenant, "iam", &account);
        let provider = by(provider(&tenant, &mount, &more), &key);
        assert_eq!(provider.get(URL, "read"), tenant.answer());
        tenant.assert_one_of_each(&mount);
    }
    assert_eq!(asked(&account, "signJwt"), 0);
}

#[test]
fn a_service_account_by_a_user_who_may_sign_for_it() {
    let (tenant, account) = (Tenant::new(), account());
    let mount = mount(&tenant, "iam", &account);
    let user = "pat@example.com";
    google().bind(&resource(&account), TOKEN_CREATOR, &format!("user:{user}"));
    let provider = by(
        provider(&tenant, &mount, &signed_as(&account)),
        &google().user(user),
    );
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    tenant.assert_one_of_each(&mount);
    assert_eq!(asked(&account, "signJwt"), 1);
}

#[test]
fn a_service_account_by_a_job_that_may_sign_for_it() {
    let (tenant, account, issuer) = (Tenant::new(), account(), Issuer::start());
    let mount = mount(&tenant, "iam", &account);
    let job = Job::of(&issuer, None);
    google().bind(&resource(&account), TOKEN_CREATOR, &job.member);
    let provider = job.shows(provider(&tenant, &mount, &signed_as(&account)));
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    tenant.assert_one_of_each(&mount);
    assert_eq!(asked(&account, "signJwt"), 1);
    assert_eq!(asked(&account, "generateAccessToken"), 0);
}

#[test]
fn a_service_account_that_a_job_becomes() {
    let (tenant, account, issuer) = (Tenant::new(), account(), Issuer::start());
    let mount = mount(&tenant, "iam", &account);
    let job = Job::of(&issuer, Some(&account));
    google().bind(&resource(&account), WORKLOAD_IDENTITY_USER, &job.member);
    // It signs for itself, which no account may unless it is told so.
    google().bind(
        &resource(&account),
        TOKEN_CREATOR,
        &format!("serviceAccount:{account}"),
    );
    let endpoint = format!(", iam-endpoint = \"{}\"", google().url());
    let provider = job.shows(provider(&tenant, &mount, &endpoint));
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    tenant.assert_one_of_each(&mount);
    assert_eq!(asked(&account, "generateAccessToken"), 1);
    assert_eq!(asked(&account, "signJwt"), 1);
}

/// A role may want statements that hold for less time than Vault's own limit, and no clock is exactly Vault's.
#[test]
fn a_role_that_takes_short_statements() {
    let (tenant, account) = (Tenant::new(), account());
    let mount = mount(&tenant, "iam", &account);
    let role = json!({ "max_jwt_exp": "6m" });
    vault().root("POST", &format!("auth/{mount}/role/ci"), &role);
    let key = google().service_account_key(&account);
    let provider = by(provider(&tenant, &mount, ""), &key);
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    tenant.assert_one_of_each(&mount);
}

/// Google's own host, through a proxy.
#[test]
fn iam_at_its_own_address() {
    let (tenant, account) = (Tenant::new(), account());
    let mount = mount(&tenant, "iam", &account);
    let user = "sam@example.com";
    google().bind(&resource(&account), TOKEN_CREATOR, &format!("user:{user}"));
    let named = format!(", service-account = \"{account}\"");
    let provider = by(provider(&tenant, &mount, &named), &google().user(user))
        .file("google.pem", google().ca_pem());
    let authority = provider.home().join("google.pem");
    let provider = provider
        .env("HTTPS_PROXY", google().url())
        .env("NO_PROXY", "127.0.0.1")
        .env("SSL_CERT_FILE", authority);
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    tenant.assert_one_of_each(&mount);
    assert_eq!(asked(&account, "signJwt"), 1);
}

#[test]
fn the_machine() {
    let tenant = Tenant::new();
    let mount = mount(&tenant, "gce", MACHINE);
    let provider = on_the_machine(provider(&tenant, &mount, ", type = \"gce\""));
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    tenant.assert_one_of_each(&mount);
}

#[test]
fn the_service_account_of_the_machine() {
    let tenant = Tenant::new();
    let mount = mount(&tenant, "iam", MACHINE);
    google().bind(
        &resource(MACHINE),
        TOKEN_CREATOR,
        &format!("serviceAccount:{MACHINE}"),
    );
    let endpoint = format!(", iam-endpoint = \"{}\"", google().url());
    let provider = on_the_machine(provider(&tenant, &mount, &endpoint));
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    tenant.assert_one_of_each(&mount);
}
