//! What the double enforces, and the shapes of its answers.

use serde_json::{Value, json};

use super::*;
use crate::client::{Answer, Ask, ask};
use crate::clock::unix_now;
use crate::http::percent_encode;

const EMAIL: &str = "ci@acme.iam.gserviceaccount.com";
const MEMBER: &str = "serviceAccount:ci@acme.iam.gserviceaccount.com";
const SECRET: &str = "projects/acme/secrets/cargo";
const POOL: &str = "projects/1/locations/global/workloadIdentityPools/ci";
const PROVIDER: &str = "projects/1/locations/global/workloadIdentityPools/ci/providers/gitlab";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

fn get(google: &GoogleServer, path: &str, token: &str) -> Answer {
    let url = format!("{}/v1/{path}", google.url());
    ask(&Ask::new("GET", &url).header("authorization", &format!("Bearer {token}"))).unwrap()
}

fn access(google: &GoogleServer, version: &str, token: &str) -> Answer {
    get(
        google,
        &format!("{SECRET}/versions/{version}:access"),
        token,
    )
}

fn form(url: &str, fields: &[(&str, &str)]) -> Answer {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", percent_encode(value)))
        .collect();
    ask(&Ask::new("POST", url).body(pairs.join("&"))).unwrap()
}

fn exchange(google: &GoogleServer, provider: &str, subject_token: &str) -> Answer {
    form(
        &format!("{}/v1/token", google.url()),
        &[
            ("grant_type", EXCHANGE),
            ("audience", &format!("//iam.googleapis.com/{provider}")),
            ("scope", CLOUD_PLATFORM),
            (
                "requested_token_type",
                "urn:ietf:params:oauth:token-type:access_token",
            ),
            ("subject_token", subject_token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ],
    )
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The status, and the reason in the error's `ErrorInfo`.
fn reason(answer: &Answer) -> (u16, String) {
    let error = &answer.json()["error"];
    assert_eq!(error["code"], answer.status, "{}", answer.text());
    (answer.status, text(&error["details"][0]["reason"]))
}

fn with_secret() -> GoogleServer {
    let google = GoogleServer::start();
    assert_eq!(google.put("acme", "cargo", b"s3cret"), 1);
    google.allow(MEMBER, SECRET);
    google
}

#[test]
fn a_payload_comes_with_its_checksum_and_its_projects_number() {
    let google = with_secret();
    let token = google.token_for(MEMBER);
    let number = google.project_number("acme");
    let expected = json!({
        "name": format!("projects/{number}/secrets/cargo/versions/1"),
        "payload": { "data": "czNjcmV0", "dataCrc32c": crc32c::crc32c(b"s3cret").to_string() },
    });
    assert_eq!(access(&google, "latest", &token).json(), expected);
    let by_number = format!("projects/{number}/secrets/cargo/versions/1%3Aaccess");
    assert_eq!(get(&google, &by_number, &token).json(), expected);

    google.spoil_checksums(1);
    assert_ne!(access(&google, "1", &token).json(), expected);
    assert_eq!(access(&google, "1", &token).json(), expected);
}

#[test]
fn nobody_reads_without_a_token_that_is_good() {
    let google = with_secret();
    let url = format!("{}/v1/{SECRET}/versions/1:access", google.url());
    let answer = ask(&Ask::new("GET", &url)).unwrap();
    assert_eq!(reason(&answer), (401, "CREDENTIALS_MISSING".into()));
    assert_eq!(answer.json()["error"]["status"], "UNAUTHENTICATED");
    assert!(answer.header("www-authenticate").is_some());
    let answer = access(&google, "1", "ya29.made-up");
    assert_eq!(
        reason(&answer),
        (401, "ACCESS_TOKEN_TYPE_UNSUPPORTED".into())
    );
    let token = google.token_with_scopes(MEMBER, &["https://www.googleapis.com/auth/iam"]);
    let answer = access(&google, "1", &token);
    assert_eq!(
        reason(&answer),
        (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT".into())
    );
    let token = google.token_for(MEMBER);
    google.expire_tokens();
    assert_eq!(
        reason(&access(&google, "1", &token)),
        (401, "ACCESS_TOKEN_EXPIRED".into())
    );
}

#[test]
fn nobody_reads_what_was_not_granted_to_them() {
    let google = with_secret();
    let stranger = google.token_for("user:eve@example.com");
    let answer = access(&google, "1", &stranger);
    assert_eq!(reason(&answer), (403, "IAM_PERMISSION_DENIED".into()));
    let error = &answer.json()["error"];
    assert_eq!(
        error["message"],
        "Permission 'secretmanager.versions.access' denied for resource \
         'projects/acme/secrets/cargo/versions/1' (or it may not exist)."
    );
    assert_eq!(
        error["details"][0]["metadata"]["permission"],
        "secretmanager.versions.access"
    );
    // A project that is not there looks the same.
    let token = google.token_for(MEMBER);
    let path = "projects/nowhere/secrets/cargo/versions/1";
    assert_eq!(get(&google, &format!("{path}:access"), &token).status, 403);
    // To read is not to look at states, and the other way round.
    let path = format!("{SECRET}/versions/1");
    assert_eq!(get(&google, &path, &token).status, 403);
    google.allow_viewing("user:eve@example.com", "projects/acme");
    assert_eq!(get(&google, &path, &stranger).json()["state"], "ENABLED");
    assert_eq!(access(&google, "1", &stranger).status, 403);
}

#[test]
fn versions_have_states() {
    let google = with_secret();
    let token = google.token_for(MEMBER);
    let number = google.project_number("acme");
    assert_eq!(google.put("acme", "cargo", b"newer"), 2);
    google.set_alias(SECRET, "stable", 1);
    google.set_state(SECRET, 2, VersionState::Disabled);
    let answer = access(&google, "latest", &token);
    let message = format!(
        "Secret Version [projects/{number}/secrets/cargo/versions/2] is in DISABLED state."
    );
    let expected =
        json!({ "error": { "code": 400, "message": message, "status": "FAILED_PRECONDITION" } });
    assert_eq!((answer.status, answer.json()), (400, expected));
    google.set_state(SECRET, 2, VersionState::Destroyed);
    assert!(access(&google, "2", &token).text().contains("DESTROYED"));
    assert_eq!(access(&google, "stable", &token).status, 200);
    let answer = access(&google, "3", &token);
    let message = format!("Secret Version [projects/{number}/secrets/cargo/versions/3] not found.");
    let expected = json!({ "error": { "code": 404, "message": message, "status": "NOT_FOUND" } });
    assert_eq!((answer.status, answer.json()), (404, expected));

    google.allow(MEMBER, "projects/acme/secrets/empty");
    google.put_empty("acme", "empty");
    let answer = get(
        &google,
        "projects/acme/secrets/empty/versions/latest:access",
        &token,
    );
    assert!(answer.text().contains("not found or has no versions"));
}

#[test]
fn a_location_has_secrets_of_its_own() {
    let google = with_secret();
    google.put_regional("acme", "europe-west3", "cargo", b"regional");
    let name = "projects/acme/locations/europe-west3/secrets/cargo";
    let path = format!("{name}/versions/latest:access");
    let token = google.token_for(MEMBER);
    assert_eq!(get(&google, &path, &token).status, 403);
    google.allow(MEMBER, name);
    let answer = get(&google, &path, &token).json();
    assert_eq!(answer["payload"]["data"], "cmVnaW9uYWw=");
}

#[test]
fn a_project_may_have_the_service_off_and_the_quota_project_must_be_one() {
    let google = with_secret();
    let token = google.token_for(MEMBER);
    let url = format!("{}/v1/{SECRET}/versions/1:access", google.url());
    let with = |project: &str| {
        let request = Ask::new("GET", &url).header("authorization", &format!("Bearer {token}"));
        ask(&request.header("x-goog-user-project", project)).unwrap()
    };
    assert_eq!(with("acme").status, 200);
    assert_eq!(
        reason(&with("nowhere")),
        (403, "USER_PROJECT_DENIED".into())
    );
    google.disable_service("acme");
    assert_eq!(reason(&with("acme")), (403, "SERVICE_DISABLED".into()));
}

#[test]
fn a_jobs_token_is_believed_only_if_all_of_it_is_right() {
    let (google, issuer, other) = (with_secret(), Issuer::start(), Issuer::start());
    let condition = Some(("ref", "refs/heads/main"));
    google.trust(PROVIDER, &issuer, &[], condition);
    let audience = format!("https://iam.googleapis.com/{PROVIDER}");
    let given = exchange(&google, PROVIDER, &issuer.token(&audience));
    assert_eq!(given.status, 200, "{}", given.text());
    assert_eq!(given.json()["token_type"], "Bearer");
    let token = text(&given.json()["access_token"]);
    assert_eq!(access(&google, "1", &token).status, 403);
    google.allow(
        &format!("principalSet://iam.googleapis.com/{POOL}/attribute.repository/acme/app"),
        SECRET,
    );
    assert_eq!(access(&google, "1", &token).status, 200);

    let url = format!("{}/v1/introspect", google.url());
    assert_eq!(form(&url, &[("token", &token)]).status, 401);
    let request = Ask::new("POST", &url).header("authorization", "Basic eDp5");
    let known = ask(&request.body(format!("token={token}"))).unwrap().json();
    let subject = "subject/repo:acme/app:ref:refs/heads/main";
    let name = format!("principal://iam.googleapis.com/{POOL}/{subject}");
    assert_eq!(known["username"], name);

    let claims = |extra| issuer.claims(&audience, &extra);
    for (token, status, error, words) in [
        ("a.b".into(), 400, "invalid_grant", "parse"),
        (issuer.token("other"), 400, "invalid_grant", "audience"),
        (other.token(&audience), 400, "invalid_grant", "issuer"),
        (
            other.sign(&claims(json!({}))),
            400,
            "invalid_grant",
            "signature",
        ),
        (
            issuer.sign(&claims(json!({ "exp": unix_now() - 1 }))),
            400,
            "invalid_grant",
            "stale",
        ),
        (
            issuer.sign(&claims(json!({ "ref": "refs/heads/fork" }))),
            401,
            "unauthorized_client",
            "attribute condition",
        ),
    ] {
        let answer = exchange(&google, PROVIDER, &token);
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.json()["error"], error);
        assert!(
            text(&answer.json()["error_description"]).contains(words),
            "{}",
            answer.text()
        );
    }
    let good = issuer.token(&audience);
    let nowhere = exchange(&google, &format!("{PROVIDER}-2"), &good);
    assert_eq!(nowhere.json()["error"], "invalid_target");
    assert_eq!(
        exchange(&google, "x", &good).json()["error"],
        "invalid_request"
    );
    let url = format!("{}/v1/token", google.url());
    let incomplete = form(&url, &[("grant_type", EXCHANGE)]);
    assert_eq!(incomplete.json()["error"], "invalid_request");

    google.trust(PROVIDER, &issuer, &["vault"], None);
    assert_eq!(
        exchange(&google, PROVIDER, &issuer.token("vault")).status,
        200
    );
    assert_eq!(exchange(&google, PROVIDER, &good).status, 400);
}

#[test]
fn a_key_signs_for_the_endpoint_or_for_itself() {
    let google = with_secret();
    let file = google.service_account_key(EMAIL);
    assert_eq!(
        (&file["type"], &file["project_id"]),
        (&json!("service_account"), &json!("acme"))
    );
    let (key_id, uri) = (text(&file["private_key_id"]), text(&file["token_uri"]));
    let now = unix_now();
    let signed = |key_id: &str, extra: Value| {
        let mut claims = json!({ "iss": EMAIL, "sub": EMAIL, "iat": now, "exp": now + 3600 });
        claims
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        key::sign(key_id, &claims.to_string())
    };
    let grant =
        |assertion: &str| form(&uri, &[("grant_type", BEARER), ("assertion", assertion)]).json();
    let scoped = json!({ "aud": uri, "scope": CLOUD_PLATFORM });
    let token = text(&grant(&signed(&key_id, scoped.clone()))["access_token"]);
    assert_eq!(access(&google, "1", &token).status, 200);
    for (assertion, error) in [
        (signed("unknown", scoped), "invalid_grant"),
        (
            signed(
                &key_id,
                json!({ "aud": "https://example.com", "scope": CLOUD_PLATFORM }),
            ),
            "invalid_grant",
        ),
        (signed(&key_id, json!({ "aud": uri })), "invalid_scope"),
        (
            signed(
                &key_id,
                json!({ "aud": uri, "scope": "a", "exp": now + 7200 }),
            ),
            "invalid_grant",
        ),
        (
            signed(&key_id, json!({ "aud": uri, "scope": "a", "iss": "x" })),
            "invalid_grant",
        ),
    ] {
        assert_eq!(grant(&assertion)["error"], error);
    }
    assert_eq!(
        form(&uri, &[("grant_type", "x")]).json()["error"],
        "unsupported_grant_type"
    );

    let own = |extra| access(&google, "1", &signed(&key_id, extra));
    assert_eq!(own(json!({ "scope": CLOUD_PLATFORM })).status, 200);
    assert_eq!(
        own(json!({ "aud": "https://secretmanager.googleapis.com/" })).status,
        200
    );
    assert_eq!(
        own(json!({ "aud": "https://pubsub.googleapis.com/" })).status,
        401
    );
    let late = own(json!({ "scope": CLOUD_PLATFORM, "iat": now - 7200, "exp": now - 3600 }));
    assert_eq!(reason(&late), (401, "ACCESS_TOKEN_EXPIRED".into()));
}

#[test]
fn a_user_has_a_refresh_token() {
    let google = with_secret();
    google.allow("user:me@example.com", SECRET);
    let file = google.authorized_user("me@example.com");
    let refresh = |token: &str| {
        let fields = ["client_id", "client_secret"].map(|name| (name, text(&file[name])));
        let [id, secret] = &fields;
        let grant = [
            ("grant_type", "refresh_token"),
            (id.0, &id.1),
            (secret.0, &secret.1),
            ("refresh_token", token),
        ];
        form(&text(&file["token_uri"]), &grant).json()
    };
    let token = text(&refresh(&text(&file["refresh_token"]))["access_token"]);
    assert_eq!(access(&google, "1", &token).status, 200);
    assert_eq!(refresh("1//other")["error"], "invalid_grant");
}

#[test]
fn to_act_as_an_account_each_of_the_chain_must_be_allowed() {
    let google = with_secret();
    let (caller, middle) = ("user:me@example.com", "middle@acme.iam.gserviceaccount.com");
    let token = google.token_for(caller);
    let post = |verb: &str, body: &Value| {
        let url = format!(
            "{}/v1/projects/-/serviceAccounts/{EMAIL}:{verb}",
            google.url()
        );
        let request = Ask::new("POST", &url).header("authorization", &format!("Bearer {token}"));
        ask(&request.body(body.to_string())).unwrap()
    };
    let direct = json!({ "scope": [CLOUD_PLATFORM], "lifetime": "300s" });
    let mut chained = direct.clone();
    chained["delegates"] = json!([format!("projects/-/serviceAccounts/{middle}")]);
    let generate = |body: &Value| post("generateAccessToken", body);
    assert_eq!(
        reason(&generate(&direct)),
        (403, "IAM_PERMISSION_DENIED".into())
    );
    google.let_impersonate(caller, middle);
    assert_eq!(generate(&chained).status, 403);
    google.let_impersonate(&format!("serviceAccount:{middle}"), EMAIL);
    assert_eq!(generate(&direct).status, 403);
    let given = generate(&chained).json();
    assert_eq!(
        text(&given["expireTime"]).len(),
        "2030-01-01T00:00:00Z".len()
    );
    assert_eq!(
        access(&google, "1", &text(&given["accessToken"])).status,
        200
    );
    chained["lifetime"] = json!("3601s");
    assert_eq!(generate(&chained).status, 400);

    google.let_impersonate(caller, EMAIL);
    let signed = post("signJwt", &json!({ "payload": r#"{"aud":"vault/ci"}"# })).json();
    let (account, claims) = google.signed_by(&text(&signed["signedJwt"])).unwrap();
    assert_eq!(
        (account.as_str(), &claims["aud"]),
        (EMAIL, &json!("vault/ci"))
    );
    assert_eq!(post("signJwt", &json!({ "payload": "no" })).status, 400);
}

#[test]
fn metadata_wants_its_header_and_an_account() {
    let google = with_secret();
    let ask_for = |path: &str| {
        let url = format!("{}/computeMetadata/v1/{path}", google.url());
        ask(&Ask::new("GET", &url).header("Metadata-Flavor", "Google")).unwrap()
    };
    let account = "instance/service-accounts/default";
    assert_eq!(ask_for(&format!("{account}/token")).status, 404);
    google.attach(EMAIL);
    let url = format!("{}/computeMetadata/v1/{account}/email", google.url());
    assert_eq!(ask(&Ask::new("GET", &url)).unwrap().status, 403);
    let email = ask_for(&format!("{account}/email"));
    assert_eq!(
        (email.text().as_str(), email.header("metadata-flavor")),
        (EMAIL, Some("Google"))
    );
    assert_eq!(ask_for("universe/universe-domain").text(), "googleapis.com");
    assert_eq!(ask_for("project/project-id").text(), "acme");
    let token = ask_for(&format!("{account}/token")).json();
    assert_eq!(
        access(&google, "1", &text(&token["access_token"])).status,
        200
    );
    let identity = ask_for(&format!(
        "{account}/identity?audience=vault%2Fci&format=full"
    ));
    let (_, claims) = google.signed_by(&identity.text()).unwrap();
    assert_eq!(claims["aud"], "vault/ci");
    assert_eq!(claims["google"]["compute_engine"]["project_id"], "acme");
}

#[test]
fn canned_answers_come_once_and_in_order() {
    let google = with_secret();
    let token = google.token_for(MEMBER);
    google.answer_next(":access", ApiError::new(503, "UNAVAILABLE", "try later"));
    google.answer_next("/v1/token", oauth_error(400, "invalid_grant", "no"));
    google.answer_next(":access", Response::json(200, &payload_body("n", b"x")));
    assert_eq!(
        access(&google, "1", &token).json()["error"]["status"],
        "UNAVAILABLE"
    );
    assert_eq!(
        access(&google, "1", &token).json()["payload"]["data"],
        "eA=="
    );
    assert_eq!(
        access(&google, "1", &token).json()["payload"]["data"],
        "czNjcmV0"
    );
    assert_eq!(google.requests().len(), 3);
    let sts = google.second_origin(None);
    let answer = form(&format!("{}/v1/token", sts.url()), &[]);
    assert_eq!(answer.json()["error_description"], "no");
    assert_eq!((sts.connections(), google.requests().len()), (1, 3));
}
