//! What refusals become, by their codes.

mod federation;
mod reasons;
mod rights;

use super::*;

fn status(status: u16, code: &str, reason: Option<&str>) -> Refusal {
    Refusal {
        asked: "GET https://secretmanager.googleapis.com/v1/x".to_owned(),
        status: StatusCode::from_u16(status).unwrap(),
        said: Said::Status {
            code: code.to_owned(),
            reason: reason.map(str::to_owned),
            consumer: None,
            message: "words".to_owned(),
        },
    }
}

fn oauth(code: &str) -> Refusal {
    Refusal {
        said: Said::OAuth {
            code: code.to_owned(),
            message: "words".to_owned(),
        },
        ..status(400, "", None)
    }
}

fn secret(location: Option<&str>) -> SecretVersion {
    SecretVersion {
        project: "acme".parse().unwrap(),
        location: location.map(|location| location.parse().unwrap()),
        secret: "cargo".parse().unwrap(),
        version: "3".parse().unwrap(),
    }
}

fn read(secret: &SecretVersion, state: State) -> Action<'_> {
    Action::Secret {
        access: Access::Read,
        place: "the secret `cargo`, version `3`".to_owned(),
        secret,
        principal: Some("principal://iam.googleapis.com/p/subject/repo:acme/app:it's"),
        state,
    }
}

#[test]
fn a_missing_right_comes_with_its_command() {
    let secret = secret(Some("europe-west3"));
    let error = classify(
        &read(&secret, State::Unknown),
        &status(403, "PERMISSION_DENIED", Some("IAM_PERMISSION_DENIED")),
    );
    assert_eq!(error.kind(), Kind::PermissionDenied);
    let command = "gcloud secrets add-iam-policy-binding cargo --project=acme --location=europe-west3 \
                   --role=roles/secretmanager.secretAccessor \
                   --member=\"principal://iam.googleapis.com/p/subject/repo:acme/app:it's\"";
    let help = error.help_text().unwrap();
    assert!(help.ends_with(command), "{help}");
}

#[test]
fn a_subject_token_is_somebody_elses_to_refuse() {
    let refusal = Refusal {
        said: Said::Foreign("who are you?".to_owned()),
        ..status(401, "", None)
    };
    let origin = "`job.json`";
    let error = classify(&Action::Subject { origin }, &refusal);
    assert_eq!(
        error.what(),
        "the place that the Google credentials `job.json` lead to gave no token"
    );
    let error = classify(&Action::Refresh { origin }, &refusal);
    assert!(
        error.what().contains("does not answer as Google does"),
        "{error}"
    );
}

#[test]
fn why_a_token_is_not_accepted() {
    let secret = secret(None);
    for (reason, help) in [
        (
            "ACCOUNT_STATE_INVALID",
            "`gcloud iam service-accounts list`",
        ),
        ("ACCESS_TOKEN_TYPE_UNSUPPORTED", "key deleted"),
        ("ACCESS_TOKEN_EXPIRED", "clock right"),
    ] {
        let refusal = status(401, "UNAUTHENTICATED", Some(reason));
        let error = classify(&read(&secret, State::Unknown), &refusal);
        assert_eq!(error.kind(), Kind::Unauthenticated);
        let text = error.help_text().unwrap();
        assert!(text.contains(help), "{text}");
    }
}

#[test]
fn three_ways_of_not_being_there() {
    let secret = secret(None);
    for (code, state, kind, what, help) in [
        (
            "NOT_FOUND",
            State::Unknown,
            Kind::NotFound,
            "does not have",
            "versions list cargo --project=acme",
        ),
        (
            "FAILED_PRECONDITION",
            State::Disabled("3".parse().ok()),
            Kind::NotFound,
            "is disabled",
            "versions enable 3 --secret=cargo",
        ),
        (
            "FAILED_PRECONDITION",
            State::Destroyed,
            Kind::NotFound,
            "is destroyed",
            "new version",
        ),
        (
            "FAILED_PRECONDITION",
            State::Unknown,
            Kind::NotFound,
            "is not enabled",
            "permission secretmanager.versions.get (roles/secretmanager.viewer)",
        ),
    ] {
        let error = classify(&read(&secret, state), &status(400, code, None));
        assert_eq!(error.kind(), kind);
        assert!(error.what().contains(what), "{error}");
        assert!(
            error.help_text().unwrap().contains(help),
            "{:?}",
            error.help_text()
        );
    }
    let other = classify(
        &read(&secret, State::Enabled),
        &status(400, "FAILED_PRECONDITION", None),
    );
    assert_eq!(other.kind(), Kind::Invalid);
}

#[test]
fn codes_become_kinds() {
    let secret = secret(None);
    let federate = Action::Federate {
        audience: "//iam.googleapis.com/x",
        requested: None,
        stated: None,
        is_aws: false,
    };
    for (action, refusal, expected) in [
        (
            &read(&secret, State::Unknown),
            status(401, "UNAUTHENTICATED", None),
            Kind::Unauthenticated,
        ),
        (
            &read(&secret, State::Unknown),
            status(429, "RESOURCE_EXHAUSTED", None),
            Kind::Unavailable,
        ),
        (
            &read(&secret, State::Unknown),
            status(503, "UNAVAILABLE", None),
            Kind::Unavailable,
        ),
        (
            &read(&secret, State::Unknown),
            status(400, "INVALID_ARGUMENT", None),
            Kind::Invalid,
        ),
        (
            &read(&secret, State::Unknown),
            status(400, "SOMETHING_NEW", None),
            Kind::Invalid,
        ),
        (
            &federate,
            oauth("unauthorized_client"),
            Kind::Unauthenticated,
        ),
        (&federate, oauth("invalid_target"), Kind::Unauthenticated),
        (&federate, oauth("invalid_request"), Kind::Invalid),
        (
            &federate,
            oauth("temporarily_unavailable"),
            Kind::Unavailable,
        ),
        (
            &federate,
            status(403, "PERMISSION_DENIED", None),
            Kind::Unauthenticated,
        ),
    ] {
        assert_eq!(kind(action, &refusal), expected, "{}", refusal.described());
    }
}

#[test]
fn a_code_that_is_new_comes_with_a_status_that_is_not() {
    let secret = secret(None);
    for (status_code, expected) in [
        (429, Kind::Unavailable),
        (503, Kind::Unavailable),
        (400, Kind::Invalid),
    ] {
        let refusal = status(status_code, "BRAND_NEW", None);
        assert_eq!(kind(&read(&secret, State::Unknown), &refusal), expected);
    }
}

#[test]
fn a_version_is_enabled_by_its_number() {
    let latest = SecretVersion {
        version: "latest".parse().unwrap(),
        ..secret(None)
    };
    let action = read(&latest, State::Disabled("12".parse().ok()));
    let error = classify(&action, &status(400, "FAILED_PRECONDITION", None));
    let help = error.help_text().unwrap();
    assert!(
        help.contains("versions enable 12 --secret=cargo")
            && help.ends_with("; `latest` is the version 12"),
        "{help}"
    );
}
