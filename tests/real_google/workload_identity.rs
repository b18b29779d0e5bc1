//! The identity token of a CI job, straight to STS.

use serde_json::{Value, json};
use test_servers::clock::unix_now;
use test_servers::google_fake::{TOKEN_CREATOR, WORKLOAD_IDENTITY_USER};
use test_servers::{Issuer, Provider};

use crate::adc::generate;
use crate::external::{job, pool, provider_of, token, trusted};
use crate::team::{SECRET, Team, account};

const SUBJECT: &str = "repo:acme/app:ref:refs/heads/main";

/// The `auth` of a backend by the provider `ci`, and more keys in it.
pub(crate) fn settings(more: &str) -> String {
    format!(
        "auth = {{ method = \"workload-identity\", provider = \"{}\"{more} }}",
        provider_of("ci")
    )
}

/// The provider in a job on GitHub.
fn on_github(team: &Team, issuer: &Issuer, more: &str, source: &str) -> Provider {
    team.nobody(&settings(more), source).in_github(issuer)
}

fn source() -> String {
    format!("secret = \"{SECRET}\"")
}

/// The audience that Google wants in a job's token.
fn audience() -> String {
    format!("https://iam.googleapis.com/{}", provider_of("ci"))
}

#[test]
fn a_github_job() {
    let team = Team::new();
    let issuer = trusted(&team);
    let member = job(&issuer);
    assert!(member.ends_with(&format!("/subject/{SUBJECT}")), "{member}");
    team.is(&member, Some(&member), |source| {
        on_github(&team, &issuer, ", identity = \"github-actions\"", source)
    });
    let mut asked = issuer.requests();
    asked.retain(|asked| asked.path == "/github/token");
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[0].parameter("audience"), Some(audience()));
    let exchanges = team.google().requests();
    assert_eq!(exchanges[0]["headers"]["host"], "sts.googleapis.com");
}

#[test]
fn a_repository_by_its_attribute() {
    let team = Team::new();
    let issuer = trusted(&team);
    let member = format!(
        "principalSet://iam.googleapis.com/{}/attribute.repository/acme/app",
        pool()
    );
    team.is(&member, Some(&job(&issuer)), |source| {
        on_github(&team, &issuer, "", source)
    });
}

#[test]
fn jobs_that_are_given_their_token() {
    let team = Team::new();
    let issuer = trusted(&team);
    team.let_read(SECRET, &job(&issuer));
    let token = token(&issuer);
    for (identity, variable) in [
        (", identity = \"gitlab\"", "CARGO_ID_TOKEN"),
        (", identity = { env = \"GCP_ID_TOKEN\" }", "GCP_ID_TOKEN"),
    ] {
        let provider = team
            .nobody(&settings(identity), &source())
            .env(variable, &token)
            .secret(&token);
        assert_eq!(team.ask(&provider).answer()["Ok"]["token"], team.token());
    }
    let provider = team
        .nobody(
            &settings(", identity = { file = \"~/id-token\" }"),
            &source(),
        )
        .file("id-token", &format!("{token}\n"))
        .secret(&token);
    assert_eq!(team.ask(&provider).answer()["Ok"]["token"], team.token());
}

#[test]
fn through_a_service_account() {
    let team = Team::new();
    let issuer = trusted(&team);
    let email = account("ci");
    team.google().bind(
        &format!("serviceAccounts/{email}"),
        WORKLOAD_IDENTITY_USER,
        &job(&issuer),
    );
    let member = format!("serviceAccount:{email}");
    let more = format!(", service-account = \"{email}\"");
    team.is(&member, Some(&member), |source| {
        on_github(&team, &issuer, &more, source)
    });
    assert_eq!(
        team.requests()[..2],
        [
            "POST sts.googleapis.com/v1/token".to_owned(),
            format!("POST iamcredentials.googleapis.com{}", generate(&email)),
        ]
    );
}

#[test]
fn through_a_service_account_and_a_delegate() {
    let team = Team::new();
    let issuer = trusted(&team);
    let [between, last] = ["between", "last"].map(account);
    team.google()
        .control(&json!({ "call": "account", "email": between }));
    team.google().bind(
        &format!("serviceAccounts/{last}"),
        TOKEN_CREATOR,
        &format!("serviceAccount:{between}"),
    );
    let more = format!(", service-account = \"{last}\", delegates = [ \"{between}\" ]");
    let asked = |source: &str| on_github(&team, &issuer, &more, source);
    // What is said to be missing is what is missing.
    let job = job(&issuer);
    let command = format!(
        "gcloud iam service-accounts add-iam-policy-binding {between} --role={TOKEN_CREATOR} --member={job}"
    );
    let refused = || {
        assert_eq!(
            team.error(&asked(&source())),
            format!(
                "Google does not let `{job}` act as `{last}`\n\
                 POST https://iamcredentials.googleapis.com{} answered 403 Forbidden, PERMISSION_DENIED (IAM_PERMISSION_DENIED)\n\
                 Permission 'iam.serviceAccounts.implicitDelegation' denied on resource (or it may not exist).\n\
                 help: a subject that the provider maps differently is named differently; the binding:\n\
                 {command}\n\
                 and each delegate needs roles/iam.serviceAccountTokenCreator on the next",
                generate(&last)
            )
        );
    };
    refused();
    // The role that is enough to act as an account at once is not enough to delegate.
    let first = format!("serviceAccounts/{between}");
    team.google().bind(&first, WORKLOAD_IDENTITY_USER, &job);
    refused();
    team.google().bind(&first, TOKEN_CREATOR, &job);
    let member = format!("serviceAccount:{last}");
    team.is(&member, Some(&member), asked);
}

/// Shows a token of these claims to a provider, which refuses it: one exchange, and this text.
fn refused(team: &Team, issuer: &Issuer, claims: &Value, code: &str, words: &str, help: &str) {
    let token = issuer.sign(claims);
    let provider = team
        .nobody(&settings(", identity = { env = \"ID\" }"), &source())
        .env("ID", &token)
        .secret(&token);
    team.google().clear_requests();
    let stated = format!(
        "the job's token states iss {}, aud {}, sub {}",
        claims["iss"], claims["aud"], claims["sub"]
    );
    assert_eq!(
        team.error(&provider),
        format!(
            "Google refused the job's token at `//iam.googleapis.com/{}`\n\
             POST https://sts.googleapis.com/v1/token answered 400 Bad Request, {code}\n\
             {words}\n\
             help: {stated}; {help}; `gcloud iam workload-identity-pools providers describe {}` shows them",
            provider_of("ci"),
            provider_of("ci"),
        )
    );
    assert_eq!(team.requests(), ["POST sts.googleapis.com/v1/token"]);
}

/// What to look at where the token is not accepted as it is.
fn not_accepted() -> String {
    format!(
        "its issuer must be the provider's, its audience one of the allowed (its `aud` must be `{}`, or what the provider lists), \
         and it must not have expired",
        audience()
    )
}

#[test]
fn another_branch_than_the_condition_wants() {
    let team = Team::new();
    let issuer = Issuer::start();
    team.google().trust(
        &provider_of("ci"),
        &issuer,
        &json!({ "google.subject": "assertion.sub" }),
        &[("assertion.ref", "refs/heads/release")],
    );
    refused(
        &team,
        &issuer,
        &issuer.claims(&audience(), &Value::Null),
        "unauthorized_client",
        "The given credential is rejected by the attribute condition.",
        "the provider's attribute condition must hold for them, and what it maps must be there",
    );
    team.let_read(SECRET, &job(&issuer));
    let released =
        issuer.sign(&issuer.claims(&audience(), &json!({ "ref": "refs/heads/release" })));
    let provider = team
        .nobody(&settings(", identity = { env = \"ID\" }"), &source())
        .env("ID", &released)
        .secret(&released);
    assert_eq!(team.ask(&provider).answer()["Ok"]["token"], team.token());
}

#[test]
fn another_audience() {
    let team = Team::new();
    let issuer = trusted(&team);
    refused(
        &team,
        &issuer,
        &issuer.claims("https://vault.example.com", &Value::Null),
        "invalid_grant",
        "The audience in ID Token [https://vault.example.com] does not match the expected audience.",
        &not_accepted(),
    );
}

#[test]
fn an_audience_of_the_providers_own() {
    let team = Team::new();
    let issuer = trusted(&team);
    let keys = test_servers::client::ask(&test_servers::client::Ask::new(
        "GET",
        &format!("{}/jwks", issuer.url()),
    ));
    team.google().control(&json!({
        "call": "provider", "name": provider_of("ci"), "issuer": issuer.url(), "jwks": keys.unwrap().json(),
        "audiences": ["https://corp.example.com"],
    }));
    team.let_read(SECRET, &job(&issuer));
    // The default is no longer one.
    let text = team.error(&on_github(&team, &issuer, "", &source()));
    assert!(
        text.contains("does not match the expected audience")
            && text.contains(&format!("we asked for a token for `{}`", audience())),
        "{text}"
    );
    let more = ", audience = \"https://corp.example.com\"";
    let provider = on_github(&team, &issuer, more, &source());
    assert_eq!(team.ask(&provider).answer()["Ok"]["token"], team.token());
}

#[test]
fn another_issuer() {
    let team = Team::new();
    let issuer = trusted(&team);
    refused(
        &team,
        &issuer,
        &issuer.claims(&audience(), &json!({ "iss": "https://issuer.example.com" })),
        "invalid_grant",
        &format!(
            "The issuer in ID Token https://issuer.example.com does not match the expected ones: {}",
            issuer.url()
        ),
        &not_accepted(),
    );
}

#[test]
fn an_expired_token() {
    let team = Team::new();
    let issuer = trusted(&team);
    let issued = unix_now() - 900;
    refused(
        &team,
        &issuer,
        &issuer.claims(&audience(), &json!({ "iat": issued, "exp": issued + 300 })),
        "invalid_grant",
        &format!("ID Token issued at {issued} is stale to sign-in."),
        &not_accepted(),
    );
}

#[test]
fn a_token_by_another_key() {
    let team = Team::new();
    let issuer = trusted(&team);
    let token = Issuer::start().sign(&issuer.claims(&audience(), &Value::Null));
    let provider = team
        .nobody(&settings(", identity = { env = \"ID\" }"), &source())
        .env("ID", &token)
        .secret(&token);
    let text = team.error(&provider);
    assert!(
        text.contains("answered 400 Bad Request, invalid_grant"),
        "{text}"
    );
}

#[test]
fn a_provider_that_there_is_not() {
    let team = Team::new();
    let issuer = trusted(&team);
    let mistyped = provider_of("mistyped");
    let settings = settings("").replace("providers/ci", "providers/mistyped");
    let provider = team.nobody(&settings, &source()).in_github(&issuer);
    assert_eq!(
        team.error(&provider),
        format!(
            "Google refused the job's token at `//iam.googleapis.com/{mistyped}`\n\
             POST https://sts.googleapis.com/v1/token answered 400 Bad Request, invalid_target\n\
             The target service indicated by the \"audience\" parameters is invalid. This might either be because the pool \
             or provider is disabled or deleted or because it doesn't exist.\n\
             help: is `{mistyped}` the provider, with the number of its project, and is it enabled? \
             `gcloud iam workload-identity-pools providers list --workload-identity-pool=ci --location=global \
             --project=123456789 --show-deleted` tells"
        )
    );
}

#[test]
fn a_job_without_a_token() {
    let team = Team::new();
    let settings = settings(", identity = \"github-actions\"");
    let provider = team
        .nobody(&settings, &source())
        .env("GITHUB_ACTIONS", "true");
    let text = team.error(&provider);
    assert!(text.contains("no GitHub identity here"), "{text}");
    assert!(text.contains("permissions: { id-token: write }"), "{text}");
    assert_eq!(team.requests(), Vec::<String>::new());
}
