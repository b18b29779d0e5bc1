//! A right that is missing at moto, and is there when what `doctor` says first is done.

use serde_json::{Value, json};
use test_servers::doctor::{assert_well, edit, first_problem, with_cargo};
use test_servers::{Registry, Tokens};

use crate::team::{Team, URL, in_region, strict};

#[test]
fn a_user_who_may_not_read() {
    let team = Team::strict(&[]);
    team.put_token();
    let registry = Registry::start_with(Tokens {
        read: team.token().to_owned(),
        publish: team.token().to_owned(),
    });
    let provider = team.provider(&in_region(), &team.source());
    edit(
        &provider,
        ".cargo/credential-bridge.toml",
        URL,
        &registry.index_url(),
    );
    let provider = with_cargo(provider, &registry.index_url());
    let problem = first_problem(&provider);
    let what = format!("read the secret `{}`", team.secret("cargo"));
    let first = problem.lines().next().unwrap();
    assert!(
        first.starts_with("AWS does not let `arn:aws:iam::") && first.ends_with(&what),
        "{problem}"
    );
    // moto knows policies for all resources only.
    let mut statement: Value = serde_json::from_str(problem.lines().last().unwrap()).unwrap();
    statement["Resource"] = json!("*");
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
    strict().call(
        "iam",
        "put_user_policy",
        json!({ "UserName": team.name(), "PolicyName": "read", "PolicyDocument": policy.to_string() }),
    );
    let run = provider.tool(&["doctor"]);
    assert_well(&run);
    let identity = format!(
        "            - identity: arn:aws:iam::123456789012:user/{}\n",
        team.name()
    );
    assert!(run.stdout.contains(&identity), "{}", run.stdout);
}
