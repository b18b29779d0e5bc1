//! Where AWS's machines get their keys: an instance's metadata (IMDSv2), and the endpoint of a container (ECS, EKS Pod
//! Identity). Both check the tokens that they demand, which moto does not.
//!
//! Source: the pages "Use the Instance Metadata Service" of EC2's guide and "Container credential provider" of the
//! reference of AWS's SDKs.

use std::sync::Arc;
use std::sync::Mutex;

use serde_json::json;

use crate::aws::Keys;
use crate::clock::rfc3339_after;
use crate::http::{Request, Response};
use crate::random;
use crate::server::Server;

/// The metadata of an instance with a role. It knows version 2 only, as new instances do.
#[derive(Debug)]
pub struct InstanceMetadata {
    server: Server,
}

impl InstanceMetadata {
    /// Starts it for an instance in a region, with the keys of its role.
    #[must_use]
    pub fn start(region: &str, role: &str, keys: &Keys) -> Self {
        let (region, role, keys) = (region.to_owned(), role.to_owned(), keys.clone());
        let sessions = Arc::new(Mutex::new(Vec::new()));
        let server = Server::start(move |request| {
            let credentials = format!("/latest/meta-data/iam/security-credentials/{role}");
            match (request.method.as_str(), request.path.as_str()) {
                ("PUT", "/latest/api/token") => {
                    session(request, &mut sessions.lock().expect("no request panics"))
                }
                _ if !is_known(request, &sessions.lock().expect("no request panics")) => {
                    Response::empty(401)
                }
                ("GET", "/latest/meta-data/placement/region") => Response::text(200, &region),
                (
                    "GET",
                    "/latest/meta-data/iam/security-credentials"
                    | "/latest/meta-data/iam/security-credentials/",
                ) => Response::text(200, &role),
                ("GET", path) if path == credentials => Response::json(200, &document(&keys, true)),
                _ => Response::empty(404),
            }
        });
        Self { server }
    }

    /// `AWS_EC2_METADATA_SERVICE_ENDPOINT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }
}

/// The endpoint of a container's role, which wants a token in `Authorization`.
#[derive(Debug)]
pub struct ContainerCredentials {
    server: Server,
}

impl ContainerCredentials {
    /// Starts it with the keys of the role and the token that it demands.
    #[must_use]
    pub fn start(keys: &Keys, token: &str) -> Self {
        let (keys, token) = (keys.clone(), token.to_owned());
        let server = Server::start(move |request| {
            if request.header("authorization") != Some(&token) {
                return Response::json(
                    401,
                    &json!({ "code": "InvalidAuthorization", "message": "the token is missing or wrong" }),
                );
            }
            match (request.method.as_str(), request.path.as_str()) {
                ("GET", "/v1/credentials") => Response::json(200, &document(&keys, false)),
                _ => Response::empty(404),
            }
        });
        Self { server }
    }

    /// `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/v1/credentials", self.server.url())
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }
}

/// A new session, for whoever says how long it is to live.
fn session(request: &Request, sessions: &mut Vec<String>) -> Response {
    let Some(seconds) = request
        .header("x-aws-ec2-metadata-token-ttl-seconds")
        .filter(|seconds| {
            let seconds = seconds.parse::<u32>();
            seconds.is_ok_and(|seconds| (1..=21600).contains(&seconds))
        })
    else {
        return Response::empty(400);
    };
    // What comes through a proxy is not from this machine.
    if request.header("x-forwarded-for").is_some() {
        return Response::empty(403);
    }
    let token = random::text(40);
    sessions.push(token.clone());
    Response::text(200, &token).header("x-aws-ec2-metadata-token-ttl-seconds", seconds)
}

fn is_known(request: &Request, sessions: &[String]) -> bool {
    let token = request.header("x-aws-ec2-metadata-token");
    token.is_some_and(|token| sessions.iter().any(|known| known == token))
}

fn document(keys: &Keys, is_instance: bool) -> serde_json::Value {
    let mut document = json!({
        "AccessKeyId": keys.id,
        "SecretAccessKey": keys.secret,
        "Token": keys.token,
        "Expiration": rfc3339_after(3600),
    });
    if is_instance {
        document["Code"] = json!("Success");
        document["Type"] = json!("AWS-HMAC");
        document["LastUpdated"] = json!(rfc3339_after(-60));
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Ask, ask};

    fn keys() -> Keys {
        Keys {
            id: "ASIAEXAMPLE".into(),
            secret: "s3cret".into(),
            token: Some("t0ken".into()),
        }
    }

    #[test]
    fn metadata_is_for_those_with_a_session() {
        let metadata = InstanceMetadata::start("eu-west-1", "ci", &keys());
        let url = |path: &str| format!("{}/latest/{path}", metadata.url());
        let region = Ask::new("GET", &url("meta-data/placement/region"));
        assert_eq!(ask(&region).unwrap().status, 401);
        let session = Ask::new("PUT", &url("api/token"));
        assert_eq!(ask(&session).unwrap().status, 400);
        let session = session.header("x-aws-ec2-metadata-token-ttl-seconds", "60");
        let token = ask(&session).unwrap().text();
        let with = |token: &str| region.clone().header("x-aws-ec2-metadata-token", token);
        assert_eq!(ask(&with("other")).unwrap().status, 401);
        assert_eq!(ask(&with(&token)).unwrap().text(), "eu-west-1");
        let role = url("meta-data/iam/security-credentials/ci");
        let role = Ask::new("GET", &role).header("x-aws-ec2-metadata-token", &token);
        assert_eq!(ask(&role).unwrap().json()["Token"], "t0ken");
    }

    #[test]
    fn a_container_shows_its_token() {
        let container = ContainerCredentials::start(&keys(), "pod-token");
        let request = Ask::new("GET", &container.url());
        assert_eq!(ask(&request).unwrap().status, 401);
        let request = request.header("authorization", "pod-token");
        assert_eq!(ask(&request).unwrap().json()["SecretAccessKey"], "s3cret");
    }
}
