//! Secrets that say by an annotation which registries they are for.

use serde_json::json;

use crate::team::{HOST, PROJECT, SECRET, Team, URL, account, answer, with_file};

const OTHER: &str = "sparse+https://other.example.com/index/";
const ANNOTATION: &str = "index-url-annotation = \"index-url\"";

impl Team {
    fn annotate(&self, urls: &str) {
        let annotations = json!({ "owner": "platform", "index-url": urls });
        self.google().control(&json!({
            "call": "secret", "project": PROJECT, "secret": SECRET, "annotations": annotations,
        }));
    }
}

#[test]
fn an_annotation_is_asked_for_where_the_config_says_so() {
    let team = Team::new();
    let key = team.reader();
    let source = format!("secret = \"{SECRET}\"");
    let with = |settings: &str| with_file(team.nobody(settings, &source), &key);
    team.annotate(OTHER);
    assert_eq!(team.ask(&with("")).answer(), answer(team.token()));

    // The right to the secret's value is none to know more of it.
    let text = team.error(&with(ANNOTATION));
    let member = format!("serviceAccount:{}", account("reader"));
    let resource = format!("projects/{PROJECT}/secrets/{SECRET}");
    assert_eq!(
        text,
        format!(
            "Google does not let `{member}` read the annotations of the secret `{SECRET}`\n\
             GET {HOST}/v1/{resource} answered 403 Forbidden, PERMISSION_DENIED (IAM_PERMISSION_DENIED)\n\
             Permission 'secretmanager.secrets.get' denied for resource '{resource}' (or it may not exist).\n\
             help: `index-url-annotation` on the backend takes this binding, besides that to read:\n\
             gcloud secrets add-iam-policy-binding {SECRET} --project={PROJECT} --role=roles/secretmanager.viewer \
             --member={member}"
        )
    );
    team.google()
        .bind(&resource, "roles/secretmanager.viewer", &member);
    let text = team.error(&with(ANNOTATION));
    assert_eq!(
        text,
        format!(
            "the secret `{SECRET}` of `store` is not for the registry `{URL}`\n\
             the annotation `index-url` says that it is for `{OTHER}`\n\
             help: name another secret for this registry in the config; if this one is for it too, add its URL there"
        )
    );
    team.annotate(&format!("{OTHER} {URL}"));
    assert_eq!(team.ask(&with(ANNOTATION)).answer(), answer(team.token()));
    // Nothing is said by an annotation that is not there.
    let other = "index-url-annotation = \"registry\"";
    assert_eq!(team.ask(&with(other)).answer(), answer(team.token()));
}

#[test]
fn an_annotation_of_a_regional_secret_is_where_the_secret_is() {
    let team = Team::new();
    let key = team.reader();
    let member = format!("serviceAccount:{}", account("reader"));
    let google = team.google();
    google.bind(
        &format!("projects/{PROJECT}"),
        "roles/secretmanager.viewer",
        &member,
    );
    google.put(
        PROJECT,
        Some("europe-west3"),
        SECRET,
        team.token().as_bytes(),
    );
    google.control(&json!({
        "call": "secret", "project": PROJECT, "secret": SECRET, "location": "europe-west3",
        "annotations": { "index-url": OTHER },
    }));
    let source = format!("secret = \"{SECRET}\", location = \"europe-west3\"");
    let text = team.error(&with_file(team.nobody(ANNOTATION, &source), &key));
    assert!(
        text.contains("the annotation `index-url` says that it is for"),
        "{text}"
    );
}
