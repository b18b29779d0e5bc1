//! Whom a token is for, where we can't choose it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use test_servers::provider::error_text;
use test_servers::{AwsServer, Issuer, Provider, Response, Server};

use super::systems::SYSTEMS;
use super::{SECOND, URL, get, provider, shown, vault};

/// A token for this audience.
fn token(audience: &Value) -> String {
    let payload = URL_SAFE_NO_PAD.encode(json!({ "aud": audience }).to_string());
    format!("eyJhbGciOiJSUzI1NiJ9.{payload}.s1gned-s3cret")
}

/// A job with this token, by each identity that carries one.
fn jobs(vault: &Server, audience: &str, token: &str) -> Vec<(&'static str, Provider, String)> {
    [
        ("CARGO_ID_TOKEN", r#""gitlab""#, "the identity token of this GitLab job"),
        (
            "BITBUCKET_STEP_OIDC_TOKEN",
            r#""bitbucket""#,
            "the identity token of this Bitbucket step",
        ),
        (
            "MY_ID_TOKEN",
            r#"{ env = "MY_ID_TOKEN" }"#,
            "the identity token in the environment variable `MY_ID_TOKEN`",
        ),
    ]
    .map(|(variable, identity, place)| {
        let auth = format!(
            "{{ method = \"jwt\", role = \"ci\", audience = \"{audience}\", identity = {identity} }}"
        );
        let provider = provider(vault, &auth).env(variable, token).secret(token);
        (variable, provider, place.to_owned())
    })
    .into()
}

#[test]
fn a_token_for_somebody_else_is_not_shown() {
    for (stated, listed) in [(json!("org"), "`org`"), (json!(["a", "b"]), "`a` and `b`")] {
        let vault = vault();
        for (variable, provider, place) in
            jobs(&vault, "https://vault.example.com", &token(&stated))
        {
            let text = error_text(&provider.env("SECOND", SECOND).get(URL, "read"));
            let (what, help) = text.split_once('\n').expect("there is a help");
            assert_eq!(
                what,
                format!("{place} is for {listed}, and not for `https://vault.example.com`")
            );
            let wanted = match variable {
                "CARGO_ID_TOKEN" => "`aud` below `id_tokens`",
                "BITBUCKET_STEP_OIDC_TOKEN" => "`oidc: { audiences: [ … ] }`",
                _ => "leave `audience` out",
            };
            assert!(
                help.starts_with("help: ") && help.contains(wanted),
                "{help}"
            );
        }
        assert_eq!(vault.connections(), 0);
    }
}

#[test]
fn one_of_several_is_enough_and_what_says_nothing_is_left_to_the_store() {
    for stated in [json!("v"), json!(["w", "v"]), json!([]), json!(7)] {
        let token = token(&stated);
        for at in 0..3 {
            let vault = vault();
            let (_, provider, _) = jobs(&vault, "v", &token).remove(at);
            get(&provider);
            assert_eq!(shown(&vault), token);
        }
    }
}

/// Azure mints for one audience only, whatever is asked.
#[test]
fn azure_is_for_entra_alone() {
    let azure = SYSTEMS
        .iter()
        .find(|system| system.name == "azure-pipelines")
        .expect("it is in the table");
    let minted = token(&json!("api://AzureADTokenExchange"));
    let service = || {
        let answer = Response::json(200, &json!({ "oidcToken": minted }));
        Server::start(move |_| answer.clone())
    };
    let auth = |audience: &str| format!("{{ method = \"jwt\", role = \"ci\"{audience} }}");

    for audience in ["", ", audience = \"api://AzureADTokenExchange\""] {
        let (vault, service) = (vault(), service());
        let provider = azure.job(provider(&vault, &auth(audience)), &service.url());
        get(&provider.secret(&minted));
        assert_eq!(shown(&vault), minted);
    }

    let (vault, service) = (vault(), service());
    let provider = provider(&vault, &auth(", audience = \"https://vault.example.com\""));
    let provider = azure.job(provider, &service.url()).secret(&minted);
    assert_eq!(
        error_text(&provider.env("SECOND", SECOND).get(URL, "read"))
            .lines()
            .collect::<Vec<_>>(),
        [
            "the identity token of this Azure Pipelines job is for `api://AzureADTokenExchange`, and not for `https://vault.example.com`",
            "help: Azure mints for no one else: let the store expect `api://AzureADTokenExchange`, and name that or nothing as `audience`",
        ]
    );
    assert_eq!(vault.connections(), 0);
}

/// What AWS takes by default is no wish of the config's: its provider may list another audience.
#[test]
fn the_usual_audience_of_a_store_is_none_that_was_named() {
    let issuer = Issuer::start();
    let token = issuer.token("https://gitlab.example.com");
    let server = AwsServer::start();
    let ask = |audience: &str| {
        let provider = Provider::new(crate::BINARY)
            .config(&format!(
                "[backends.aws]\ntype = \"aws\"\nregion = \"eu-west-1\"\nendpoint = \"{0}\"\n\
                 auth = {{ method = \"web-identity\", role-arn = \"arn:aws:iam::123456789012:role/ci\", identity = \"gitlab\"{audience} }}\n\
                 [registries.\"{URL}\"]\nsources = [ {{ backend = \"aws\", secret = \"ci\" }} ]\n",
                server.url()
            ))
            .env("AWS_ENDPOINT_URL_STS", server.url())
            .env("CARGO_ID_TOKEN", &token)
            .secret(&token);
        error_text(&provider.get(URL, "read"))
    };
    // It gets as far as AWS, which knows no such role.
    let text = ask("");
    assert!(
        text.starts_with("AWS refused the web identity login"),
        "{text}"
    );
    let text = ask(", audience = \"sts.amazonaws.com\"");
    assert!(
        text.starts_with("the identity token of this GitLab job is for `https://gitlab.example.com`, and not for `sts.amazonaws.com`\n"),
        "{text}"
    );
}
