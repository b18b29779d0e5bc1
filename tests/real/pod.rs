//! The Kubernetes auth method: the service account of a pod.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use test_servers::provider::error_text;
use test_servers::{Request, Response, Server, random};

use crate::tenant::{Tenant, URL};
use crate::vault::vault;

/// As much of a Kubernetes API server as Vault asks: is this token of a service account good?
fn kubernetes(good: &str) -> Server {
    let good = good.to_owned();
    Server::start(move |request: &Request| {
        assert_eq!(request.path, "/apis/authentication.k8s.io/v1/tokenreviews");
        let review = request.json().unwrap_or_default();
        let status = if review["spec"]["token"] == good.as_str() {
            let user = json!({
                "username": "system:serviceaccount:builds:cargo",
                "uid": "5f8c2d3e-0000-4000-8000-000000000001",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:builds"],
            });
            json!({ "authenticated": true, "user": user })
        } else {
            json!({ "authenticated": false, "error": "the token is not good" })
        };
        let kind = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status });
        Response::json(201, &kind)
    })
}

/// The token of a pod's service account, as the API server signs it; only that server looks at the signature.
fn service_account_token() -> String {
    let claims = json!({
        "iss": "https://kubernetes.default.svc.cluster.local",
        "sub": "system:serviceaccount:builds:cargo",
        "kubernetes.io": { "namespace": "builds", "serviceaccount": {
            "name": "cargo", "uid": "5f8c2d3e-0000-4000-8000-000000000001",
        } },
    });
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signature = URL_SAFE_NO_PAD.encode(random::text(96));
    format!(
        "{}.{}.{signature}",
        part(json!({ "alg": "RS256", "kid": "k" })),
        part(claims)
    )
}

#[test]
fn a_pod() {
    let tenant = Tenant::new();
    let (token, other) = (service_account_token(), service_account_token());
    let cluster = kubernetes(&token);
    let mount = tenant.enable("kubernetes");
    vault().root(
        "POST",
        &format!("auth/{mount}/config"),
        &json!({ "kubernetes_host": cluster.url(), "token_reviewer_jwt": other, "disable_local_ca_jwt": true }),
    );
    vault().root(
        "POST",
        &format!("auth/{mount}/role/ci"),
        &json!({
            "bound_service_account_names": ["cargo"], "bound_service_account_namespaces": ["builds"],
            "token_policies": [tenant.name()], "audience": "",
        }),
    );
    let auth = format!(
        "auth = {{ method = \"kubernetes\", mount = \"{mount}\", role = \"ci\", identity = {{ file = \"pod-token\" }} }}"
    );
    let with = |token: &str| {
        tenant
            .provider(&auth)
            .file(".cargo/pod-token", token)
            .secret(token)
    };
    assert_eq!(with(&token).get(URL, "read"), tenant.answer());
    tenant.assert_one_of_each(&mount);

    let text = error_text(&with(&other).get(URL, "read"));
    assert!(
        text.starts_with("Vault refused the kubernetes login as role `ci`\n"),
        "{text}"
    );
    assert!(
        text.contains("answered 403 Forbidden\npermission denied\n"),
        "{text}"
    );
    assert!(
        text.contains("sub \"system:serviceaccount:builds:cargo\""),
        "{text}"
    );

    let text = error_text(&tenant.provider(&auth).get(URL, "read"));
    assert!(text.contains("pod-token` does not exist"), "{text}");
}
