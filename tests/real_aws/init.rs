//! What `init` makes, taken as it is: its script run against moto, and then a real Cargo at once.

use std::fs;
use std::process::Output;

use serde_json::{Value, json};
use test_servers::{AwsServer, CargoHome, Moto, Trust, random};

use crate::initiated::{Initiated, assert_done};
use crate::team::{REGION, moto};

const ACCOUNT: &str = "123456789012";

/// A registry and a job, of which AWS knows nothing yet.
struct Team {
    job: Initiated,
    /// Marks all that is its own in moto.
    name: String,
}

impl Team {
    /// With the files that `init` makes for it.
    fn new(cargo: CargoHome) -> Self {
        let team = Self {
            job: Initiated::new(cargo),
            name: random::alphanumeric(12),
        };
        let role = team.role();
        let mut flags = vec!["--store", "aws", "--account", ACCOUNT, "--region", REGION];
        flags.extend(["--secret", &team.name, "--role", &role]);
        flags.extend(["--ci", "github", "--repository", "acme/app"]);
        team.job.init(&flags);
        team
    }

    fn role(&self) -> String {
        format!("cargo-{}", self.name)
    }

    /// One of the documents.
    fn document(&self, what: &str) -> Value {
        let file = self.job.made(&format!("{}.{what}.json", self.role()));
        serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
    }

    /// The secret as AWS has it.
    fn secret(&self) -> String {
        json!({ "token": self.job.registry.tokens().read }).to_string()
    }

    /// Runs the script as somebody who may.
    fn set_up(&self) -> Output {
        let python = Moto::python();
        let programs = self.job.program("aws", &python, "tests/real_aws/aws.py");
        let variables = [
            ("AWS_ENDPOINT_URL", &*moto().url()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ];
        self.job
            .run("aws-setup.sh", &programs, &variables, &self.secret())
    }

    /// Fetches a crate in a job on GitHub.
    fn fetch(self, aws: &str) {
        let fetched = self
            .job
            .fetch(|cargo, issuer| cargo.in_github(issuer).env("AWS_ENDPOINT_URL", aws));
        assert!(fetched.success(), "{}", fetched.stderr);
    }
}

#[test]
fn a_github_job() {
    CargoHome::each(|cargo| {
        let team = Team::new(cargo);
        assert_done(&team.set_up());

        // AWS has what the documents say.
        let named = json!({ "RoleName": team.role() });
        let role = moto().call("iam", "get_role", named);
        assert_eq!(
            role["Role"]["AssumeRolePolicyDocument"],
            team.document("trust")
        );
        let named = json!({ "RoleName": team.role(), "PolicyName": "read-cargo-token" });
        let policy = moto().call("iam", "get_role_policy", named);
        assert_eq!(policy["PolicyDocument"], team.document("policy"));
        let issuer = team.job.issuer.url().replace("http://", "");
        let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}");
        let named = json!({ "OpenIDConnectProviderArn": arn });
        let provider = moto().call("iam", "get_open_id_connect_provider", named);
        assert_eq!(provider["ClientIDList"], json!(["sts.amazonaws.com"]));

        let again = team.set_up();
        assert_eq!(again.status.code(), Some(1), "{again:?}");

        team.fetch(&moto().url());
    });
}

/// Moto lets everybody in; the double holds to the trust policy.
#[test]
fn who_is_trusted() {
    let team = Team::new(CargoHome::new());
    let statement = &team.document("trust")["Statement"][0];
    let issuer = team.job.issuer.url().replace("http://", "");
    let conditions = &statement["Condition"]["StringEquals"];
    assert_eq!(conditions.as_object().unwrap().len(), 2, "{statement}");
    let condition = |name: &str| conditions[format!("{issuer}:{name}")].as_str().unwrap();
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/{}", team.role());
    let aws = AwsServer::start();
    aws.put(&team.name, &team.secret());
    let trust = Trust::new(&team.job.issuer, condition("aud")).subject(condition("sub"));
    aws.role(&arn, trust);
    team.fetch(&aws.url());
}
