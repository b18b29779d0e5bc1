//! External accounts as `gcloud iam workload-identity-pools create-cred-config` writes them: the token of somebody else, in
//! a file, at a URL, from a program.

use serde_json::{Value, json};
use test_servers::clock::unix_now;
use test_servers::google_fake::WORKLOAD_IDENTITY_USER;
use test_servers::{Issuer, Provider, Response, Server};

use crate::adc::{both_read, generate};
use crate::team::{NUMBER, SECRET, Team, account, path, with_file};

pub(crate) const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// A provider of the project's one pool.
pub(crate) fn provider_of(name: &str) -> String {
    format!("{}/providers/{name}", pool())
}

pub(crate) fn pool() -> String {
    format!("projects/{NUMBER}/locations/global/workloadIdentityPools/ci")
}

/// A subject of the pool, as a policy names it.
pub(crate) fn subject(name: &str) -> String {
    format!("principal://iam.googleapis.com/{}/subject/{name}", pool())
}

/// The subject of the issuer's jobs.
pub(crate) fn job(issuer: &Issuer) -> String {
    let claims = issuer.claims("", &Value::Null);
    subject(claims["sub"].as_str().unwrap())
}

/// An issuer that the pool's provider `ci` trusts.
pub(crate) fn trusted(team: &Team) -> Issuer {
    let issuer = Issuer::start();
    let mapping = json!({ "google.subject": "assertion.sub", "attribute.repository": "assertion.repository" });
    team.google()
        .trust(&provider_of("ci"), &issuer, &mapping, &[]);
    issuer
}

/// A token of the issuer for the provider `ci`.
pub(crate) fn token(issuer: &Issuer) -> String {
    issuer.token(&format!("https://iam.googleapis.com/{}", provider_of("ci")))
}

/// The file for a source of tokens of the provider `ci`.
fn file(source: &Value) -> Value {
    json!({
        "type": "external_account",
        "audience": format!("//iam.googleapis.com/{}", provider_of("ci")),
        "subject_token_type": JWT,
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": source,
        "universe_domain": "googleapis.com",
    })
}

/// What the file adds to become a service account.
fn through(mut file: Value, email: &str) -> Value {
    let host = "https://iamcredentials.googleapis.com";
    file["service_account_impersonation_url"] = json!(format!("{host}{}", generate(email)));
    file
}

/// The provider with a token of the issuer in its file `token`, and credentials that lead there.
fn by_token_file(
    team: &Team,
    token: &str,
    content: &str,
    format: &Value,
    source: &str,
) -> Provider {
    let provider = team.nobody("", source).file("token", content).secret(token);
    let place = json!({ "file": path(&provider, "token"), "format": format });
    with_file(provider, &file(&place))
}

#[test]
fn a_token_in_a_file() {
    let team = Team::new();
    let issuer = trusted(&team);
    let token = token(&issuer);
    let member = job(&issuer);
    team.is(&member, Some(&member), |source| {
        by_token_file(
            &team,
            &token,
            &format!("{token}\n"),
            &json!({ "type": "text" }),
            source,
        )
    });
    let asked = team.requests();
    assert_eq!(asked[0], "POST sts.googleapis.com/v1/token");
    assert_eq!(asked.len(), 6);
}

#[test]
fn a_token_in_a_file_of_json() {
    let team = Team::new();
    let issuer = trusted(&team);
    let token = token(&issuer);
    let member = job(&issuer);
    let content = json!({ "id_token": token, "other": 1 }).to_string();
    let format = json!({ "type": "json", "subject_token_field_name": "id_token" });
    team.is(&member, Some(&member), |source| {
        by_token_file(&team, &token, &content, &format, source)
    });
}

#[test]
fn by_an_attribute() {
    let team = Team::new();
    let issuer = trusted(&team);
    let token = token(&issuer);
    let repository = format!(
        "principalSet://iam.googleapis.com/{}/attribute.repository/acme/app",
        pool()
    );
    // The error names the subject, who is the one that is certain.
    team.is(&repository, Some(&job(&issuer)), |source| {
        by_token_file(&team, &token, &token, &Value::Null, source)
    });
}

/// The provider whose token is at a page that wants a header.
fn by_url(team: &Team, url: &str, header: &str, format: &Value, source: &str) -> Provider {
    let place = json!({ "url": url, "headers": { "X-Job": header }, "format": format });
    with_file(team.nobody("", source), &file(&place)).secret(header)
}

fn page(team: &Team, body: &Value) -> String {
    let page = team.google().control(&json!({
        "call": "page", "path": "token", "body": body, "headers": { "X-Job": "j0b-s3cret" },
    }));
    page.as_str().unwrap().to_owned()
}

#[test]
fn a_token_at_a_url() {
    let team = Team::new();
    let issuer = trusted(&team);
    let token = token(&issuer);
    let member = job(&issuer);
    let page = page(&team, &json!(token));
    team.is(&member, Some(&member), |source| {
        by_url(&team, &page, "j0b-s3cret", &Value::Null, source).secret(&token)
    });
    assert_eq!(
        team.requests()[..2],
        ["GET /page/token", "POST sts.googleapis.com/v1/token"]
    );
}

#[test]
fn a_token_at_a_url_in_json() {
    let team = Team::new();
    let issuer = trusted(&team);
    let token = token(&issuer);
    let member = job(&issuer);
    let page = page(&team, &json!({ "value": token }));
    let format = json!({ "type": "json", "subject_token_field_name": "value" });
    team.is(&member, Some(&member), |source| {
        by_url(&team, &page, "j0b-s3cret", &format, source).secret(&token)
    });
}

#[test]
fn a_url_that_gives_no_token() {
    let team = Team::new();
    let source = format!("secret = \"{SECRET}\"");
    let page = page(&team, &json!("t0ken"));
    let provider = by_url(&team, &page, "wr0ng-s3cret", &Value::Null, &source);
    let file = path(&provider, "credentials.json");
    // It is nobody of Google's who says so.
    assert_eq!(
        team.error(&provider),
        format!(
            "the place that the Google credentials `{file}` lead to gave no token\n\
             GET {page} answered 401 Unauthorized\n\
             a header is missing\n\
             help: `credential_source` in that file says where the token is"
        )
    );
    let portal = Server::start(|_| Response::text(200, "<html><title>Log in</title></html>"));
    let format = json!({ "type": "json", "subject_token_field_name": "value" });
    let provider = by_url(&team, &portal.url(), "j0b-s3cret", &format, &source);
    let text = team.error(&provider);
    assert!(text.contains("it is not JSON"), "{text}");
    assert_eq!(team.requests(), ["GET /page/token"]);
}

/// A program that prints the token, counts how often it is run, and leaves what it prints in its file if it has one.
fn program(provider: Provider, token: &str, expires: i64) -> Provider {
    let printed = json!({
        "version": 1, "success": true, "token_type": JWT, "id_token": token, "expiration_time": expires,
    });
    let script = format!(
        "[ \"$GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE\" = '//iam.googleapis.com/{}' ] || exit 9\n\
         echo run >> \"$HOME/runs\"\n\
         [ -z \"$GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE\" ] || printf '%s' '{printed}' > \"$GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE\"\n\
         printf '%s' '{printed}'\n",
        provider_of("ci")
    );
    let provider = provider
        .file("source.sh", &script)
        .env("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")
        .secret(token);
    let place = json!({ "executable": {
        "command": format!("/bin/sh {}", path(&provider, "source.sh")), "timeout_millis": 30000,
    } });
    with_file(provider, &file(&place))
}

fn runs(provider: &Provider) -> usize {
    let runs = std::fs::read_to_string(provider.home().join("runs"));
    runs.unwrap_or_default().lines().count()
}

#[test]
fn a_token_of_a_program() {
    let team = Team::new();
    let issuer = trusted(&team);
    let token = token(&issuer);
    let member = job(&issuer);
    team.is(&member, Some(&member), |source| {
        program(team.nobody("", source), &token, unix_now() + 300)
    });
}

#[test]
fn a_program_is_not_run_unless_that_is_allowed() {
    let team = Team::new();
    let issuer = trusted(&team);
    let source = format!("secret = \"{SECRET}\"");
    for value in ["", "0", "true"] {
        let provider = program(team.nobody("", &source), &token(&issuer), unix_now() + 300)
            .env("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", value);
        let text = team.error(&provider);
        assert!(
            text.ends_with(
                "help: if you trust that file, set GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1"
            ),
            "{text}"
        );
        assert_eq!(runs(&provider), 0);
    }
    assert_eq!(team.requests(), Vec::<String>::new());
}

#[test]
fn what_a_program_left_in_its_file_is_used_until_it_expires() {
    let team = Team::new();
    let issuer = trusted(&team);
    let token = token(&issuer);
    team.let_read(SECRET, &job(&issuer));
    let provider = program(
        team.nobody("", &format!("secret = \"{SECRET}\"")),
        &token,
        unix_now() + 300,
    );
    let output = path(&provider, "output.json");
    let place = json!({ "executable": {
        "command": format!("/bin/sh {}", path(&provider, "source.sh")), "output_file": output,
    } });
    let provider = with_file(provider, &file(&place)).keeps("output.json");
    let reads = || {
        assert_eq!(team.ask(&provider).answer()["Ok"]["token"], team.token());
        runs(&provider)
    };
    assert_eq!((reads(), reads()), (1, 1));
    // What has expired, or is no token, is replaced.
    let mut left: Value = serde_json::from_slice(&std::fs::read(&output).unwrap()).unwrap();
    left["expiration_time"] = json!(unix_now() - 1);
    std::fs::write(&output, left.to_string()).unwrap();
    assert_eq!((reads(), reads()), (2, 2));
    std::fs::write(&output, "").unwrap();
    assert_eq!((reads(), reads()), (3, 3));
    std::fs::write(
        &output,
        json!({ "version": 1, "success": false, "code": "1", "message": "m" }).to_string(),
    )
    .unwrap();
    assert_eq!((reads(), reads()), (4, 4));
}

#[test]
fn through_a_service_account() {
    let team = Team::new();
    let issuer = trusted(&team);
    let token = token(&issuer);
    let email = account("federated");
    let by_token = |source: &str| {
        let provider = team.nobody("", source).file("token", &token).secret(&token);
        let place = json!({ "file": path(&provider, "token") });
        with_file(provider, &through(file(&place), &email))
    };
    // At first nobody may act as it.
    team.google()
        .control(&json!({ "call": "account", "email": email }));
    let job = job(&issuer);
    assert_eq!(
        team.error(&by_token(&format!("secret = \"{SECRET}\""))),
        format!(
            "Google does not let `{job}` act as `{email}`\n\
             POST https://iamcredentials.googleapis.com{} answered 403 Forbidden, PERMISSION_DENIED (IAM_PERMISSION_DENIED)\n\
             Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).\n\
             help: a subject that the provider maps differently is named differently; the binding:\n\
             gcloud iam service-accounts add-iam-policy-binding {email} --role=roles/iam.workloadIdentityUser --member={job}",
            generate(&email)
        )
    );
    team.google().bind(
        &format!("serviceAccounts/{email}"),
        WORKLOAD_IDENTITY_USER,
        &job,
    );
    let member = format!("serviceAccount:{email}");
    team.is(&member, Some(&member), by_token);
}

#[test]
fn googles_own_client_takes_the_same_files() {
    let team = Team::new();
    let issuer = trusted(&team);
    let token = token(&issuer);
    let email = account("federated");
    team.google().bind(
        &format!("serviceAccounts/{email}"),
        WORKLOAD_IDENTITY_USER,
        &job(&issuer),
    );
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("token");
    std::fs::write(&path, &token).unwrap();
    let page = page(&team, &json!({ "value": token }));
    let format = json!({ "type": "json", "subject_token_field_name": "value" });
    let headers = json!({ "X-Job": "j0b-s3cret" });
    let in_file = file(&json!({ "file": path }));
    let files = [
        through(in_file.clone(), &email),
        in_file,
        file(&json!({ "url": page, "headers": headers, "format": format })),
    ];
    both_read(&team, &files);
}
