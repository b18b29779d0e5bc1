//! What statuses become, by what was asked.

use super::*;

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        dialect: Dialect::Vault,
        status: StatusCode::from_u16(status).unwrap(),
        request: "GET https://vault.example.com/v1/x".to_owned(),
        origin: "https://vault.example.com".to_owned(),
        body: body.as_bytes().to_vec(),
    }
}

fn login(role: Option<&str>) -> Action<'_> {
    Action::Login {
        method: "jwt",
        mount: "gitlab",
        role,
        claims: None,
    }
}

fn secret(access: Access) -> Action<'static> {
    Action::Secret {
        access,
        place: "the path `ci/cargo`".to_owned(),
        path: r#"secret/data/a "quoted" \ one"#,
        mount: "secret",
        identity: "the token of VAULT_TOKEN",
    }
}

const NO_ERRORS: &str = r#"{"errors":[]}"#;
const ERROR: &str = r#"{"errors":["no handler for route"]}"#;

#[test]
fn a_status_means_what_was_asked_for() {
    use Kind::{Invalid, NotFound, PermissionDenied, Unauthenticated, Unavailable};

    for (status, body, of_login, of_unwrap, of_secret) in [
        (400, ERROR, Unauthenticated, Unauthenticated, Invalid),
        (
            401,
            ERROR,
            Unauthenticated,
            Unauthenticated,
            Unauthenticated,
        ),
        (
            403,
            ERROR,
            Unauthenticated,
            Unauthenticated,
            PermissionDenied,
        ),
        (404, ERROR, Invalid, Invalid, Invalid),
        (404, NO_ERRORS, Invalid, Invalid, NotFound),
        // Of somebody else, who can't know.
        (404, "no such page", Invalid, Invalid, Invalid),
        (405, ERROR, Invalid, Invalid, Invalid),
        (408, ERROR, Unavailable, Unavailable, Unavailable),
        (412, ERROR, Unavailable, Unavailable, Unavailable),
        (429, ERROR, Unavailable, Unavailable, Unavailable),
        (472, ERROR, Unavailable, Unavailable, Unavailable),
        (473, ERROR, Unavailable, Unavailable, Unavailable),
        (500, ERROR, Unavailable, Unavailable, Unavailable),
        (503, ERROR, Unavailable, Unavailable, Unavailable),
    ] {
        let answer = answer(status, body);
        assert_eq!(kind(&login(None), &answer), of_login, "{status}");
        assert_eq!(kind(&Action::Unwrap, &answer), of_unwrap, "{status}");
        assert_eq!(kind(&secret(Access::Read), &answer), of_secret, "{status}");
    }
}

#[test]
fn what_failed_is_said_in_the_terms_of_the_user() {
    use Kind::{Invalid, NotFound, PermissionDenied, Unauthenticated, Unavailable};

    for (action, kind, expected) in [
        (secret(Access::Read), Unavailable, "Vault can't answer now"),
        (
            login(Some("ci")),
            Unauthenticated,
            "Vault refused the jwt login as role `ci`",
        ),
        (login(None), Invalid, "Vault refused the jwt login"),
        (
            Action::Unwrap,
            Unauthenticated,
            "Vault did not unwrap the AppRole secret id",
        ),
        (
            secret(Access::Read),
            NotFound,
            "Vault has no secret at the path `ci/cargo`",
        ),
        (
            secret(Access::Read),
            PermissionDenied,
            "Vault does not let the token of VAULT_TOKEN read the path `ci/cargo`",
        ),
        (
            secret(Access::Delete),
            PermissionDenied,
            "Vault does not let the token of VAULT_TOKEN delete the path `ci/cargo`",
        ),
        (
            secret(Access::Read),
            Unauthenticated,
            "Vault does not accept the token of VAULT_TOKEN",
        ),
        (
            secret(Access::Write),
            Invalid,
            "Vault could not write the path `ci/cargo`",
        ),
    ] {
        assert_eq!(what(&action, kind, Dialect::Vault), expected);
    }
}

#[test]
fn what_helps_follows_from_the_status() {
    for (status, action, expected) in [
        (
            503,
            secret(Access::Read),
            "whether it is sealed, a standby, or overloaded",
        ),
        (429, secret(Access::Read), "a rate limit quota"),
        (412, login(None), "lags behind its cluster"),
        (
            500,
            secret(Access::Read),
            "`vault status` tells how the server is",
        ),
        (404, login(None), "is an auth method mounted at `gitlab`?"),
        (400, Action::Unwrap, "a wrapping token works once"),
        (404, secret(Access::Read), "is `secret` the mount?"),
    ] {
        let answer = answer(status, ERROR);
        let said = help(&action, kind(&action, &answer), &answer, Dialect::Vault);
        assert!(
            said.as_ref().is_some_and(|said| said.contains(expected)),
            "{status}: {said:?}"
        );
    }
    for status in [400, 401] {
        let (action, answer) = (secret(Access::Read), answer(status, ERROR));
        let kind = kind(&action, &answer);
        assert_eq!(
            help(&action, kind, &answer, Dialect::Vault),
            None,
            "{status}"
        );
    }
}

#[test]
fn a_refused_login_comes_with_the_command_that_shows_the_role() {
    let refused = |method, role, claims: Option<&str>| {
        let action = Action::Login {
            method,
            mount: "m",
            role,
            claims: claims.map(str::to_owned),
        };
        help(
            &action,
            Kind::Unauthenticated,
            &answer(400, ERROR),
            Dialect::OpenBao,
        )
        .unwrap()
    };
    let jwt = refused("jwt", Some("ci"), Some(r#"sub "x""#));
    assert!(
        jwt.starts_with("the job's token states sub \"x\"; compare with the bound audiences and claims that `bao read auth/m/role/ci` shows"),
        "{jwt}"
    );
    let cert = refused("cert", Some("ci"), None);
    assert!(
        cert.starts_with("`bao read auth/m/certs/ci` shows"),
        "{cert}"
    );
    assert!(
        cert.contains("`bao list auth/m/certs` names the roles"),
        "{cert}"
    );
    assert_eq!(
        refused("kubernetes", None, None),
        "the role shows what the login must match"
    );
}

#[test]
fn a_missing_right_comes_with_the_policy_that_has_it() {
    for (access, capabilities) in [
        (Access::Read, r#"["read"]"#),
        (Access::Write, r#"["create", "read", "update"]"#),
        (Access::Delete, r#"["delete", "read"]"#),
    ] {
        let said = help(
            &secret(access),
            Kind::PermissionDenied,
            &answer(403, ERROR),
            Dialect::Vault,
        );
        let policy = format!(
            "path \"secret/data/a \\\"quoted\\\" \\\\ one\" {{\n  capabilities = {capabilities}\n}}"
        );
        assert!(
            said.as_ref().is_some_and(|said| said.ends_with(&policy)),
            "{said:?}"
        );
    }
}
