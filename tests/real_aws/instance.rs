//! AWS's own machines: instances, and containers of ECS and EKS. No test asks AWS's real addresses for these.

use test_servers::aws::Keys;
use test_servers::provider::error_text;
use test_servers::{
    AwsServer, ContainerCredentials, Fault, FaultServer, InstanceMetadata, Provider, Response,
    Server, refused_port,
};

use crate::BINARY;
use crate::team::{URL, answer, conceal, config, in_region};

const SOURCE: &str = "secret = \"cargo\"";

fn aws() -> (AwsServer, Keys) {
    let aws = AwsServer::start();
    aws.put("cargo", "machine-t0ken");
    let keys = aws.session("arn:aws:sts::123456789012:assumed-role/machine/i-0123456789abcdef0");
    (aws, keys)
}

fn provider(aws: &AwsServer, keys: &Keys, settings: &str) -> Provider {
    let provider = Provider::new(BINARY)
        .config(&config(settings, SOURCE))
        .env("AWS_ENDPOINT_URL", aws.url());
    conceal(provider, keys)
}

/// The provider where instance metadata is at an address.
fn on_instance(provider: Provider, address: &str) -> Provider {
    provider
        .env("AWS_EC2_METADATA_DISABLED", "false")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", address)
}

#[test]
fn an_instance_gives_region_and_keys_for_a_session_of_metadata() {
    let (aws, keys) = aws();
    let metadata = InstanceMetadata::start("eu-west-1", "machine", &keys);
    let provider = on_instance(provider(&aws, &keys, ""), &metadata.url());
    assert_eq!(provider.get(URL, "read"), answer("machine-t0ken"));
    assert_eq!(aws.operations(), ["GetSecretValue"]);
    let requests = metadata.requests();
    assert!(requests.iter().any(|request| request.method == "PUT"));
    for request in requests.iter().filter(|request| request.method == "GET") {
        assert!(request.header("x-aws-ec2-metadata-token").is_some());
    }
    assert!(
        requests
            .iter()
            .any(|request| request.path == "/latest/meta-data/placement/region"),
        "{requests:?}"
    );
}

#[test]
fn an_instance_without_a_role() {
    let (aws, keys) = aws();
    let metadata = Server::start(|request| match request.method.as_str() {
        "PUT" => {
            Response::text(200, "session").header("x-aws-ec2-metadata-token-ttl-seconds", "60")
        }
        _ => Response::empty(404),
    });
    let provider = on_instance(provider(&aws, &keys, &in_region()), &metadata.url());
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("no AWS identity here"), "{text}");
    assert_eq!(aws.connections(), 0);
}

/// The identity is then "not available here", so that the next source is asked.
#[test]
fn metadata_that_is_not_there_is_no_identity_and_is_not_waited_for() {
    let (aws, keys) = aws();
    let port = refused_port();
    let hole = FaultServer::start(Fault::BlackHole);
    let silent = Server::start(|_| Response::hang());
    for address in [port.url(), hole.url(), silent.url()] {
        for settings in ["", "region = \"eu-west-1\""] {
            let text = config(
                settings,
                &format!("{SOURCE} }}, {{ backend = \"second\", var = \"SECOND\""),
            );
            let provider = on_instance(
                provider(&aws, &keys, "")
                    .config(&format!("{text}\n[backends.second]\ntype = \"env\"\n"))
                    .env("SECOND", "second-t0ken"),
                &address,
            );
            assert_eq!(
                provider.get(URL, "read")["Ok"]["token"],
                "second-t0ken",
                "{address} {settings}"
            );
        }
    }
    assert_eq!(aws.connections(), 0);
    // The wait is one for region and keys together.
    assert!(hole.connections() <= 4, "{}", hole.connections());
}

#[test]
fn a_container_of_ecs_shows_its_token() {
    let (aws, keys) = aws();
    let container = ContainerCredentials::start(&keys, "c0ntainer-token");
    let provider = provider(&aws, &keys, &in_region())
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.url())
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "c0ntainer-token")
        .secret("c0ntainer-token");
    assert_eq!(provider.get(URL, "read"), answer("machine-t0ken"));
    assert_eq!(container.requests().len(), 1);
}

#[test]
fn a_pod_of_eks_shows_the_token_in_its_file() {
    let (aws, keys) = aws();
    let container = ContainerCredentials::start(&keys, "p0d-identity-token");
    let provider = provider(&aws, &keys, &in_region())
        .file("pod/token", "p0d-identity-token")
        .secret("p0d-identity-token");
    let file = provider.home().join("pod/token");
    let provider = provider
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.url())
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file);
    assert_eq!(provider.get(URL, "read"), answer("machine-t0ken"));
}

#[test]
fn a_container_whose_token_is_refused() {
    let (aws, keys) = aws();
    let container = ContainerCredentials::start(&keys, "c0ntainer-token");
    let provider = provider(&aws, &keys, &in_region())
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.url())
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "0ther-token")
        .secret("0ther-token");
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("AWS identity of this machine"), "{text}");
    assert_eq!(aws.connections(), 0);
}

#[test]
fn a_container_whose_endpoint_is_away() {
    let (aws, keys) = aws();
    let port = refused_port();
    let provider = provider(&aws, &keys, &in_region())
        .env(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            format!("{}/v1/credentials", port.url()),
        )
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "c0ntainer-token")
        .secret("c0ntainer-token");
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains(&port.url()), "{text}");
    assert_eq!(aws.connections(), 0);
}
