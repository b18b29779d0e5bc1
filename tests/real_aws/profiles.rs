//! Keys where AWS's other tools keep them: the environment and the profiles of `~/.aws`.

use test_servers::aws::Keys;
use test_servers::provider::error_text;
use test_servers::{AwsServer, Provider};

use crate::BINARY;
use crate::team::{URL, answer, conceal, config, in_region, with_keys};

const ROLE: &str = "arn:aws:iam::123456789012:role/ci";
const USER: &str = "arn:aws:iam::123456789012:user/ci";

struct Laptop {
    aws: AwsServer,
    keys: Keys,
}

impl Laptop {
    fn new() -> Self {
        let aws = AwsServer::start();
        aws.put("cargo", "laptop-t0ken");
        let keys = aws.user(USER);
        Self { aws, keys }
    }

    /// The provider with these settings, and `~/.aws/config` with this text.
    fn provider(&self, settings: &str, aws_config: &str) -> Provider {
        let provider = Provider::new(BINARY)
            .config(&config(settings, "secret = \"cargo\""))
            .file(".aws/config", aws_config)
            .env("PATH", "/usr/bin:/bin")
            .env("AWS_ENDPOINT_URL", self.aws.url());
        conceal(provider, &self.keys)
    }

    /// The lines of a profile that hold the key.
    fn static_key(&self) -> String {
        format!(
            "aws_access_key_id = {}\naws_secret_access_key = {}\n",
            self.keys.id, self.keys.secret
        )
    }
}

#[test]
fn a_session_in_the_environment() {
    let laptop = Laptop::new();
    let keys = laptop
        .aws
        .session("arn:aws:sts::123456789012:assumed-role/ci/x");
    let provider = with_keys(laptop.provider(&in_region(), ""), &keys);
    assert_eq!(provider.get(URL, "read"), answer("laptop-t0ken"));
    let requests = laptop.aws.requests();
    assert_eq!(
        requests[0].header("x-amz-security-token"),
        keys.token.as_deref()
    );

    // Without its token the key is none.
    let keys = Keys {
        token: None,
        ..keys
    };
    let provider = with_keys(laptop.provider(&in_region(), ""), &keys);
    let text = error_text(&provider.get(URL, "read"));
    assert!(
        text.contains("answered UnrecognizedClientException"),
        "{text}"
    );
    assert!(text.contains("AWS_SESSION_TOKEN"), "{text}");
}

#[test]
fn a_session_that_has_ended() {
    let laptop = Laptop::new();
    let keys = laptop
        .aws
        .session("arn:aws:sts::123456789012:assumed-role/ci/x");
    laptop.aws.expire(&keys);
    let provider = with_keys(laptop.provider(&in_region(), ""), &keys);
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("answered ExpiredTokenException"), "{text}");
    assert!(text.contains("help: the session has ended"), "{text}");
    assert_eq!(laptop.aws.operations(), ["GetSecretValue"]);
}

#[test]
fn the_default_profile_with_its_region() {
    let laptop = Laptop::new();
    let text = format!("[default]\nregion = eu-west-1\n{}", laptop.static_key());
    let provider = laptop.provider("", &text);
    assert_eq!(provider.get(URL, "read"), answer("laptop-t0ken"));
    let requests = laptop.aws.requests();
    let scope = requests[0].header("authorization").unwrap();
    assert!(scope.contains("/eu-west-1/secretsmanager/"), "{scope}");
}

#[test]
fn a_profile_by_the_backend_or_by_the_environment() {
    let laptop = Laptop::new();
    let text = format!("[profile ci]\nregion = eu-west-1\n{}", laptop.static_key());
    let provider = laptop.provider("profile = \"ci\"", &text);
    assert_eq!(provider.get(URL, "read"), answer("laptop-t0ken"));
    let provider = laptop.provider("", &text).env("AWS_PROFILE", "ci");
    assert_eq!(provider.get(URL, "read"), answer("laptop-t0ken"));
    // Keys in the environment are somebody else.
    let other = laptop.aws.user("arn:aws:iam::123456789012:user/other");
    let provider = with_keys(laptop.provider("profile = \"ci\"", &text), &other);
    assert_eq!(provider.get(URL, "read"), answer("laptop-t0ken"));
    let requests = laptop.aws.requests();
    let last = requests.last().unwrap().header("authorization").unwrap();
    assert!(last.contains(&laptop.keys.id), "{last}");
}

#[test]
fn a_chain_of_source_profiles() {
    let laptop = Laptop::new();
    let hub = "arn:aws:iam::111111111111:role/hub";
    laptop.aws.plain_role(ROLE);
    laptop.aws.plain_role(hub);
    let text = format!(
        "[profile ci]\nregion = eu-west-1\nrole_arn = {ROLE}\nsource_profile = hub\n\
         [profile hub]\nrole_arn = {hub}\nsource_profile = base\n[profile base]\n{}",
        laptop.static_key()
    );
    let provider = laptop.provider("profile = \"ci\"", &text);
    assert_eq!(provider.get(URL, "read"), answer("laptop-t0ken"));
    assert_eq!(
        laptop.aws.operations(),
        ["AssumeRole", "AssumeRole", "GetSecretValue"]
    );
}

#[test]
fn a_role_of_a_profile_that_is_refused() {
    let laptop = Laptop::new();
    let text = format!(
        "[profile ci]\nregion = eu-west-1\nrole_arn = {ROLE}\nsource_profile = base\n[profile base]\n{}",
        laptop.static_key()
    );
    let text = error_text(&laptop.provider("profile = \"ci\"", &text).get(URL, "read"));
    assert!(text.contains("AssumeRole answered AccessDenied"), "{text}");
    assert!(text.contains(USER) && text.contains(ROLE), "{text}");
    assert_eq!(laptop.aws.operations(), ["AssumeRole"]);
}

#[test]
fn a_process_that_prints_keys() {
    let laptop = Laptop::new();
    let keys = laptop
        .aws
        .session("arn:aws:sts::123456789012:assumed-role/sso/me");
    let printed = serde_json::json!({
        "Version": 1, "AccessKeyId": keys.id, "SecretAccessKey": keys.secret, "SessionToken": keys.token,
    });
    let provider = laptop
        .provider(&in_region(), "")
        .file("keys.json", &printed.to_string());
    let path = provider.home().join("keys.json");
    let provider = provider.file(
        ".aws/config",
        &format!("[default]\ncredential_process = cat {}\n", path.display()),
    );
    let provider = conceal(provider, &keys);
    assert_eq!(provider.get(URL, "read"), answer("laptop-t0ken"));
}

#[test]
fn a_process_that_gives_no_keys() {
    let laptop = Laptop::new();
    for command in ["false", "echo no-json-but-s3cret"] {
        let text = format!("[default]\ncredential_process = {command}\n");
        let provider = laptop
            .provider(&in_region(), &text)
            .secret("no-json-but-s3cret");
        let text = error_text(&provider.get(URL, "read"));
        assert!(
            text.starts_with("the AWS identity of this machine gives no keys\n"),
            "{command}: {text}"
        );
    }
    assert_eq!(laptop.aws.connections(), 0);
}

#[test]
fn a_process_that_never_ends_is_ended_by_the_deadline() {
    let laptop = Laptop::new();
    let provider = laptop.provider(&in_region(), "");
    let pipe = provider.home().join("pipe");
    // Nobody ever writes to it.
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let provider = provider.within("500ms").file(
        ".aws/config",
        &format!("[default]\ncredential_process = cat {}\n", pipe.display()),
    );
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("within 500ms"), "{text}");
    assert!(
        text.contains("does a `credential_process` of the profile hang"),
        "{text}"
    );
    // Lets what is left of the process end; both directions, so as not to wait for one.
    let options = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&pipe);
    drop(options.unwrap());
}

#[test]
fn a_profile_that_there_is_not() {
    let laptop = Laptop::new();
    for provider in [
        laptop.provider(
            "region = \"eu-west-1\"\nprofile = \"mistyped\"",
            "[profile ci]\n",
        ),
        laptop
            .provider(&in_region(), "[profile ci]\n")
            .env("AWS_PROFILE", "mistyped"),
    ] {
        let text = error_text(&provider.get(URL, "read"));
        assert!(text.contains("mistyped"), "{text}");
        assert!(text.contains("profile"), "{text}");
    }
    assert_eq!(laptop.aws.connections(), 0);
}

#[test]
fn source_profiles_that_go_round() {
    let laptop = Laptop::new();
    let text = format!(
        "[profile ci]\nregion = eu-west-1\nrole_arn = {ROLE}\nsource_profile = hub\n\
         [profile hub]\nrole_arn = {ROLE}\nsource_profile = ci\n"
    );
    let text = error_text(&laptop.provider("profile = \"ci\"", &text).get(URL, "read"));
    assert!(text.contains("ci") && text.contains("hub"), "{text}");
    assert!(text.to_lowercase().contains("loop"), "{text}");
    assert_eq!(laptop.aws.connections(), 0);
}

#[test]
fn a_file_that_makes_no_sense() {
    let laptop = Laptop::new();
    let text = format!("[profile ci\n{}", laptop.static_key());
    let text = error_text(
        &laptop
            .provider("profile = \"ci\"\nregion = \"eu-west-1\"", &text)
            .get(URL, "read"),
    );
    assert!(text.contains("profile"), "{text}");
    assert_eq!(laptop.aws.connections(), 0);
}
