//! Secrets that say by a tag which registries they are for, as moto keeps and replicates tags, and checks the right to them.

use serde_json::{Value, json};
use test_servers::provider::error_text;

use crate::team::{Team, URL, in_region, strict};

const OTHER: &str = "sparse+https://other.example.com/index/";
const TAG: &str = "index-url-tag = \"index-url\"";

impl Team {
    fn tag(&self, urls: &str) {
        let tags =
            json!([{ "Key": "owner", "Value": "platform" }, { "Key": "index-url", "Value": urls }]);
        let with = json!({ "SecretId": self.secret("cargo"), "Tags": tags });
        self.call("tag_resource", with);
    }
}

#[test]
fn a_tag_is_asked_for_where_the_config_says_so() {
    let team = Team::new();
    team.put_token();
    let with =
        |settings: &str| team.provider(&format!("{}\n{settings}", in_region()), &team.source());
    // Nothing is said by a tag that is not there.
    assert_eq!(with(TAG).get(URL, "read"), team.answer());
    team.tag(OTHER);
    assert_eq!(with("").get(URL, "read"), team.answer());
    let text = error_text(&with(TAG).get(URL, "read"));
    assert_eq!(
        text,
        format!(
            "the secret `{}` of `store` is not for the registry `{URL}`\n\
             the tag `index-url` says that it is for `{OTHER}`\n\
             help: name another secret for this registry in the config; if this one is for it too, add its URL there",
            team.secret("cargo")
        )
    );
    team.tag(&format!("{OTHER} {URL}"));
    assert_eq!(with(TAG).get(URL, "read"), team.answer());
}

#[test]
fn the_right_that_it_takes_is_shown() {
    let allow = |actions: Value| json!({ "Effect": "Allow", "Action": actions, "Resource": "*" });
    let team = Team::strict(&[allow(json!("secretsmanager:GetSecretValue"))]);
    team.put_token();
    team.tag(OTHER);
    let provider = team.provider(&format!("{}\n{TAG}", in_region()), &team.source());
    let text = error_text(&provider.get(URL, "read"));
    let expected = format!(
        " read the tags of the secret `{}`\nDescribeSecret answered AccessDeniedException",
        team.secret("cargo")
    );
    assert!(text.contains(&expected), "{text}");
    // With what it says, the tag is read.
    let shown: Value = serde_json::from_str(text.lines().last().unwrap()).expect(&text);
    let actions = json!(["secretsmanager:GetSecretValue", shown["Action"]]);
    let policy = json!({ "Version": "2012-10-17", "Statement": [allow(actions)] });
    strict().call(
        "iam",
        "put_user_policy",
        json!({ "UserName": team.name(), "PolicyName": "read", "PolicyDocument": policy.to_string() }),
    );
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("is not for the registry"), "{text}");
    team.tag(URL);
    assert_eq!(provider.get(URL, "read"), team.answer());
}

#[test]
fn a_login_changes_no_secret_of_another_registry() {
    let team = Team::new();
    let text = json!({ "token": team.token(), "index-url": URL }).to_string();
    team.put("cargo", &text);
    team.tag(OTHER);
    let source = format!("{}, write = true", team.source());
    let provider = team
        .provider(&format!("{}\n{TAG}", in_region()), &source)
        .secret("the-new-s3cret");
    let login = json!({
        "v": 1, "registry": { "index-url": URL, "name": "corp" }, "kind": "login", "token": "the-new-s3cret",
    });
    let run = || provider.run(format!("{login}\n").as_bytes());
    let now = || {
        let with = json!({ "SecretId": team.secret("cargo") });
        team.call("get_secret_value", with)["SecretString"].clone()
    };
    assert!(error_text(&run().answer()).contains("is not for the registry"));
    assert_eq!(now(), text);
    team.tag(URL);
    assert_eq!(run().answer(), json!({ "Ok": { "kind": "login" } }));
    let now: Value = serde_json::from_str(now().as_str().unwrap()).unwrap();
    assert_eq!(now, json!({ "token": "the-new-s3cret", "index-url": URL }));
}
