//! Application Default Credentials: a key, a person, a machine, and who they become.

use serde_json::{Value, json};
use test_servers::Provider;
use test_servers::google_fake::{TOKEN_CREATOR, bytes};

use crate::team::{PROJECT, SECRET, Team, account, answer, conceal, denied, with_file};

const STAFF: &str = "locations/global/workforcePools/staff";
const IAM: &str = "https://iamcredentials.googleapis.com";

/// The path of the method that gives a service account's token.
pub(crate) fn generate(email: &str) -> String {
    format!("/v1/projects/-/serviceAccounts/{email}:generateAccessToken")
}

/// A file by which `source` becomes a service account.
fn impersonated(email: &str, source: &Value, delegates: &[&str]) -> Value {
    let delegates: Vec<_> = delegates
        .iter()
        .map(|delegate| format!("projects/-/serviceAccounts/{delegate}"))
        .collect();
    json!({
        "type": "impersonated_service_account",
        "service_account_impersonation_url": format!("{IAM}{}", generate(email)),
        "delegates": delegates,
        "source_credentials": source,
    })
}

/// Lets a member make tokens of a service account.
fn let_create(team: &Team, email: &str, member: &str) {
    team.google()
        .bind(&format!("serviceAccounts/{email}"), TOKEN_CREATOR, member);
}

/// A user's file as gcloud writes it: it names no address.
fn user(team: &Team, email: &str) -> Value {
    let mut file = team.google().user(email);
    file.as_object_mut().unwrap().remove("token_uri");
    file
}

/// The file of a user of a workforce pool, as gcloud writes it.
fn workforce(team: &Team) -> Value {
    let mut file = team
        .google()
        .control(&json!({ "call": "user", "email": "alan@example.com", "workforce_pool": STAFF }));
    file["token_url"] = json!("https://sts.googleapis.com/v1/oauthtoken");
    file
}

fn get(secret: &str) -> String {
    format!(
        "GET secretmanager.googleapis.com/v1/projects/{PROJECT}/secrets/{secret}/versions/latest:access"
    )
}

#[test]
fn a_service_accounts_key() {
    let team = Team::new();
    let email = account("keyed");
    let key = team.google().service_account_key(&email);
    let member = format!("serviceAccount:{email}");
    team.is(&member, Some(&member), |source| team.by_file(&key, source));
    // It signs for itself: nobody is asked but the store.
    assert_eq!(team.requests(), [get(SECRET), get(SECRET), get("other")]);
}

#[test]
fn a_key_names_its_project() {
    let team = Team::new();
    let key = team.reader();
    let source = format!("secret = \"{SECRET}\"");
    let provider = team.by_file(&key, &source).env("GOOGLE_CLOUD_PROJECT", "");
    assert_eq!(team.ask(&provider).answer()["Ok"]["token"], team.token());
}

#[test]
fn a_key_that_is_no_longer_one() {
    let team = Team::new();
    let key = team.reader();
    let email = account("reader");
    let provider = team.by_file(&key, &format!("secret = \"{SECRET}\""));
    team.google()
        .control(&json!({ "call": "account", "email": email, "disabled": true }));
    let refused = |reason: &str, words: &str| {
        assert_eq!(
            team.error(&provider),
            format!(
                "Google does not accept the access token of `serviceAccount:{email}`\n\
                 {} answered 401 Unauthorized, UNAUTHENTICATED ({reason})\n\
                 Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid \
                 authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.\n\
                 help: {words}",
                get(SECRET).replace("GET ", "GET https://"),
            )
        );
    };
    refused(
        "ACCOUNT_STATE_INVALID",
        "is the service account disabled, or deleted? `gcloud iam service-accounts list` tells",
    );
    team.google()
        .control(&json!({ "call": "account", "email": email }));
    team.google()
        .control(&json!({ "call": "delete_key", "email": email, "key": key["private_key_id"] }));
    refused(
        "ACCESS_TOKEN_TYPE_UNSUPPORTED",
        "has it expired, is this machine's clock right, is a service account's key deleted, or is it a token of another \
         universe?",
    );
}

/// Reads a secret that everybody may read by the same files as Google's own client for Python.
pub(crate) fn both_read(team: &Team, files: &[Value]) {
    team.let_read(SECRET, "allAuthenticatedUsers");
    for file in files {
        let name = format!("projects/{PROJECT}/secrets/{SECRET}/versions/latest");
        let asked = json!({ "name": name, "credentials": file, "transport": "google" });
        let theirs = team.google().python_client("read", &asked);
        let kind = &file["type"];
        assert_eq!(
            bytes(&theirs["read"]["base64"]).as_deref(),
            Some(team.token().as_bytes()),
            "{kind}: {theirs}"
        );
        let ours = team.ask(&team.by_file(file, &format!("secret = \"{SECRET}\"")));
        assert_eq!(ours.answer(), answer(team.token()), "{kind}");
    }
}

#[test]
fn googles_own_client_takes_the_same_files() {
    let team = Team::new();
    let [start, between, last] = ["start", "between", "last"].map(account);
    let key = team.google().service_account_key(&start);
    let ada = user(&team, "ada@example.com");
    let_create(&team, &last, "user:ada@example.com");
    let_create(&team, &between, &format!("serviceAccount:{start}"));
    let_create(&team, &last, &format!("serviceAccount:{between}"));
    let files = [
        impersonated(&last, &ada, &[]),
        impersonated(&last, &key, &[&between]),
        workforce(&team),
        ada,
        key,
    ];
    both_read(&team, &files);
}

#[test]
fn a_user_of_gcloud() {
    let team = Team::new();
    let file = user(&team, "ada@example.com");
    // Google does not say with a token whose it is.
    team.is("user:ada@example.com", None, |source| {
        team.by_file(&file, source)
    });
    let token = "POST oauth2.googleapis.com/token".to_owned();
    assert_eq!(team.requests()[..2], [token, get(SECRET)]);
}

#[test]
fn a_user_in_the_file_where_gcloud_leaves_it() {
    let team = Team::new();
    let file = user(&team, "grace@example.com");
    team.is("user:grace@example.com", None, |source| {
        conceal(team.nobody("", source), &file).file(
            ".config/gcloud/application_default_credentials.json",
            &file.to_string(),
        )
    });
}

#[test]
fn a_user_who_was_locked_out() {
    let team = Team::new();
    let file = team
        .google()
        .control(&json!({ "call": "user", "email": "gone@example.com", "revoked": true }));
    let provider = team.by_file(&file, &format!("secret = \"{SECRET}\""));
    let path = crate::team::path(&provider, "credentials.json");
    assert_eq!(
        team.error(&provider),
        format!(
            "Google refused the sign-in in `{path}`\n\
             POST {}/token answered 400 Bad Request, invalid_grant\n\
             Token has been expired or revoked.\n\
             help: it has ended, or an administrator wants it renewed: `gcloud auth application-default login`",
            team.google().url()
        )
    );
}

#[test]
fn a_user_of_a_workforce_pool() {
    let team = Team::new();
    let file = workforce(&team);
    let member = format!("principal://iam.googleapis.com/{STAFF}/subject/alan@example.com");
    team.is(&member, None, |source| team.by_file(&file, source));
    let token = "POST sts.googleapis.com/v1/oauthtoken".to_owned();
    assert_eq!(team.requests()[..2], [token, get(SECRET)]);
}

#[test]
fn a_user_becomes_a_service_account() {
    let team = Team::new();
    let email = account("become");
    let_create(&team, &email, "user:linus@example.com");
    let file = impersonated(&email, &user(&team, "linus@example.com"), &[]);
    let member = format!("serviceAccount:{email}");
    team.is(&member, Some(&member), |source| team.by_file(&file, source));
    assert_eq!(
        team.requests()[..3],
        [
            "POST oauth2.googleapis.com/token".to_owned(),
            format!("POST iamcredentials.googleapis.com{}", generate(&email)),
            get(SECRET),
        ]
    );
}

#[test]
fn a_key_becomes_another_account_through_delegates() {
    let team = Team::new();
    let [start, first, second, last] = ["start", "first", "second", "last"].map(account);
    let key = team.google().service_account_key(&start);
    let_create(&team, &first, &format!("serviceAccount:{start}"));
    let_create(&team, &second, &format!("serviceAccount:{first}"));
    let_create(&team, &last, &format!("serviceAccount:{second}"));
    let file = impersonated(&last, &key, &[&first, &second]);
    let member = format!("serviceAccount:{last}");
    team.is(&member, Some(&member), |source| team.by_file(&file, source));
    // The chain is the only way.
    let file = impersonated(&last, &key, &[&second]);
    let text = team.error(&team.by_file(&file, &format!("secret = \"{SECRET}\"")));
    assert_eq!(
        text,
        format!(
            "Google does not let `serviceAccount:{start}` act as `{last}`\n\
             POST {IAM}{} answered 403 Forbidden, PERMISSION_DENIED (IAM_PERMISSION_DENIED)\n\
             Permission 'iam.serviceAccounts.implicitDelegation' denied on resource (or it may not exist).\n\
             help: a subject that the provider maps differently is named differently; the binding:\n\
             gcloud iam service-accounts add-iam-policy-binding {second} --role=roles/iam.serviceAccountTokenCreator \
             --member=serviceAccount:{start}\n\
             and each delegate needs roles/iam.serviceAccountTokenCreator on the next",
            generate(&last)
        )
    );
}

/// The provider on a machine of Google's.
fn on_machine(team: &Team, source: &str) -> Provider {
    team.nobody("", source)
        .env("GCE_METADATA_HOST", team.google().host())
}

#[test]
fn a_machine() {
    let team = Team::new();
    let email = account("machine");
    team.google().attach(PROJECT, &email);
    let member = format!("serviceAccount:{email}");
    team.is(&member, Some(&member), |source| on_machine(&team, source));
    let of_account = "GET /computeMetadata/v1/instance/service-accounts/default";
    let universe = "GET /computeMetadata/v1/universe/universe-domain";
    // Who it is, it asks only where that goes into an error.
    assert_eq!(
        team.requests()[..7],
        [
            format!("{of_account}/token"),
            universe.to_owned(),
            get(SECRET),
            format!("{of_account}/email"),
            format!("{of_account}/token"),
            universe.to_owned(),
            get(SECRET),
        ]
    );
}

#[test]
fn a_machine_knows_its_project() {
    let team = Team::new();
    team.google().attach(PROJECT, &account("machine"));
    team.let_read(SECRET, &format!("serviceAccount:{}", account("machine")));
    let provider =
        on_machine(&team, &format!("secret = \"{SECRET}\"")).env("GOOGLE_CLOUD_PROJECT", "");
    assert_eq!(team.ask(&provider).answer()["Ok"]["token"], team.token());
}

#[test]
fn a_machine_without_a_service_account() {
    let team = Team::new();
    team.google()
        .control(&json!({ "call": "machine", "project": PROJECT }));
    let text = team.error(&on_machine(&team, &format!("secret = \"{SECRET}\"")));
    assert!(
        text.contains("no Google identity here: this machine has no service account"),
        "{text}"
    );
}

#[test]
fn a_file_goes_before_the_machine() {
    let team = Team::new();
    team.google().attach(PROJECT, &account("machine"));
    team.let_read(SECRET, &format!("serviceAccount:{}", account("machine")));
    let email = account("keyed");
    let key = team.google().service_account_key(&email);
    let provider = with_file(on_machine(&team, &format!("secret = \"{SECRET}\"")), &key);
    // It is refused, and the machine is not asked instead.
    assert_eq!(
        team.error(&provider),
        denied(SECRET, Some(&format!("serviceAccount:{email}")))
    );
    assert_eq!(team.requests(), [get(SECRET)]);
}

#[test]
fn the_project_that_is_charged() {
    let team = Team::new();
    let mut file = user(&team, "ada@example.com");
    file["quota_project_id"] = json!("billing");
    team.google().project("billing", "555555555");
    team.google().bind(
        "projects/billing",
        "roles/serviceusage.serviceUsageConsumer",
        "user:ada@example.com",
    );
    team.is("user:ada@example.com", None, |source| {
        team.by_file(&file, source)
    });
    let charged: Vec<Value> = team
        .google()
        .requests()
        .iter()
        .map(|request| request["headers"]["x-goog-user-project"].clone())
        .collect();
    assert_eq!(charged[..2], [Value::Null, json!("billing")]);
}
