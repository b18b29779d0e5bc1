//! Refusals of Secret Manager that are not about the secret: services, projects that are charged, scopes, tokens.

use serde_json::{Value, json};
use test_servers::Provider;

use crate::team::{HOST, NUMBER, PROJECT, SECRET, Team, account, denied};

const CONSUMER: &str = "roles/serviceusage.serviceUsageConsumer";

fn source() -> String {
    format!("secret = \"{SECRET}\"")
}

fn reader() -> String {
    format!("serviceAccount:{}", account("reader"))
}

/// What Google's own client is told of the same request, in words and reason.
fn python(team: &Team) -> (String, String) {
    let name = format!("projects/{PROJECT}/secrets/{SECRET}/versions/latest");
    let answer = team.python("grpc", &reader(), &name);
    let text = |name: &str| answer["refused"][name].as_str().unwrap().to_owned();
    (text("message"), text("reason"))
}

/// The line of the request and its answer.
fn answered(what: &str) -> String {
    format!(
        "GET {HOST}/v1/projects/{PROJECT}/secrets/{SECRET}/versions/latest:access answered {what}"
    )
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

fn switch(team: &Team, project: &str, enabled: bool) {
    team.google()
        .control(&json!({ "call": "service", "project": project, "enabled": enabled }));
}

#[test]
fn a_service_that_is_off() {
    let team = Team::new();
    let key = team.reader();
    switch(&team, PROJECT, false);
    let (words, reason) = python(&team);
    assert_eq!(reason, "SERVICE_DISABLED");
    let text = team.error(&team.by_file(&key, &source()));
    assert_eq!(
        lines(&text),
        [
            &format!("Secret Manager is not enabled in the project `{NUMBER}`"),
            &answered("403 Forbidden, PERMISSION_DENIED (SERVICE_DISABLED)"),
            &words,
            &format!(
                "help: `gcloud services enable secretmanager.googleapis.com --project={NUMBER}`, and a few minutes"
            ),
        ]
    );
    switch(&team, PROJECT, true);
    let answer = team.ask(&team.by_file(&key, &source())).answer();
    assert_eq!(answer["Ok"]["token"], team.token());
}

/// The three places that name the project which is charged, each by itself.
fn charging(team: &Team, key: &Value, project: &str) -> [Provider; 3] {
    let mut file = key.clone();
    file["quota_project_id"] = json!(project);
    let by_setting = team.nobody(&format!("quota-project = \"{project}\""), &source());
    [
        crate::team::with_file(by_setting, key),
        team.by_file(key, &source())
            .env("GOOGLE_CLOUD_QUOTA_PROJECT", project),
        team.by_file(&file, &source()),
    ]
}

#[test]
fn a_project_that_may_not_be_charged() {
    let team = Team::new();
    let key = team.reader();
    team.google().project("billing", "555555555");
    for provider in charging(&team, &key, "billing") {
        let text = team.error(&provider);
        assert_eq!(
            lines(&text),
            [
                &format!(
                    "Google does not let `{}` charge the project `billing`",
                    reader()
                ),
                &answered("403 Forbidden, PERMISSION_DENIED (USER_PROJECT_DENIED)"),
                "Caller does not have required permission to use project billing. Grant the caller the \
                 roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use \
                 permission, by visiting https://console.developers.google.com/iam-admin/iam/project?project=billing and \
                 then retry. Propagation of the new permission may take a few minutes.",
                "help: `quota-project`, GOOGLE_CLOUD_QUOTA_PROJECT or the credentials name it; the binding:",
                &format!(
                    "gcloud projects add-iam-policy-binding billing --role={CONSUMER} --member={}",
                    reader()
                ),
            ]
        );
    }
    team.google().bind("projects/billing", CONSUMER, &reader());
    for provider in charging(&team, &key, "billing") {
        let answer = team.ask(&provider).answer();
        assert_eq!(answer["Ok"]["token"], team.token());
    }
}

#[test]
fn a_service_that_is_off_where_it_is_charged() {
    let team = Team::new();
    let key = team.reader();
    team.google().project("billing", "555555555");
    team.google().bind("projects/billing", CONSUMER, &reader());
    switch(&team, "billing", false);
    for provider in charging(&team, &key, "billing") {
        let text = team.error(&provider);
        let lines = lines(&text);
        assert_eq!(
            lines[0],
            "Secret Manager is not enabled in the project `555555555`"
        );
        assert_eq!(
            lines[3],
            "help: `gcloud services enable secretmanager.googleapis.com --project=555555555`, and a few minutes"
        );
    }
}

#[test]
fn a_machine_with_few_scopes() {
    let team = Team::new();
    let email = account("machine");
    let member = format!("serviceAccount:{email}");
    team.let_read(SECRET, &member);
    let with = |scope: &str| {
        team.google().control(&json!({
            "call": "machine", "project": PROJECT, "account": email,
            "scopes": [format!("https://www.googleapis.com/auth/{scope}")],
        }));
        team.nobody("", &source())
            .env("GCE_METADATA_HOST", team.google().host())
    };
    let text = team.error(&with("devstorage.read_only"));
    assert_eq!(
        lines(&text),
        [
            denied(SECRET, Some(&member)).lines().next().unwrap(),
            &answered("403 Forbidden, PERMISSION_DENIED (ACCESS_TOKEN_SCOPE_INSUFFICIENT)"),
            "Request had insufficient authentication scopes.",
            "help: the access token lacks the scope `https://www.googleapis.com/auth/cloud-platform`, whatever its owner may \
             do: a machine of Google's has it after `gcloud compute instances set-service-account INSTANCE \
             --zone=ZONE --scopes=cloud-platform` while it is stopped, a node of GKE by the scopes of its pool",
        ]
    );
    let answer = team.ask(&with("cloud-platform")).answer();
    assert_eq!(answer["Ok"]["token"], team.token());
}

#[test]
fn a_token_that_ran_out_on_the_way() {
    let team = Team::new();
    let file = team.google().user("ada@example.com");
    team.let_read(SECRET, "user:ada@example.com");
    team.google()
        .control(&json!({ "call": "lifetime", "seconds": -1 }));
    let text = team.error(&team.by_file(&file, &source()));
    let lines = lines(&text);
    assert_eq!(
        lines[..2],
        [
            "Google does not accept the access token of the identity of this machine",
            &answered("401 Unauthorized, UNAUTHENTICATED (ACCESS_TOKEN_EXPIRED)"),
        ]
    );
    assert_eq!(
        lines[3],
        "help: has it expired, is this machine's clock right, is a service account's key deleted, or is it a token of another \
         universe?"
    );
}

#[test]
fn another_universe() {
    let team = Team::new();
    team.google()
        .control(&json!({ "call": "universe", "domain": "cloud.example.com" }));
    // The key file says where its Google is.
    let key = team.reader();
    let provider = team.by_file(&key, &source());
    assert_eq!(team.ask(&provider).answer()["Ok"]["token"], team.token());
    let requests = team.google().requests();
    assert_eq!(
        requests[0]["headers"]["host"],
        "secretmanager.cloud.example.com"
    );
}
