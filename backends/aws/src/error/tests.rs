//! What codes become, by what was asked.

use super::*;

fn read<'a>(secret: &'a SecretId, region: &'a Region, state: State) -> Action<'a> {
    Action::Secret {
        access: Access::Read,
        place: format!("the secret `{secret}`"),
        secret,
        region,
        principal: None,
        state,
    }
}

fn refusal(operation: &'static str, code: &str, message: &str) -> Refusal {
    Refusal {
        operation,
        code: code.to_owned(),
        message: message.to_owned(),
        request_id: None,
    }
}

fn refused(code: &str, message: &str, state: State) -> Error {
    let (secret, region) = ("prod/cargo".parse().unwrap(), "eu-west-1".parse().unwrap());
    classify(
        &read(&secret, &region, state),
        &refusal("GetSecretValue", code, message),
    )
}

#[test]
fn a_missing_right_is_named_in_full() {
    let error = refused(
        "AccessDeniedException",
        "User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: secretsmanager:GetSecretValue on resource: prod/cargo because no identity-based policy allows it",
        State::Unknown,
    );
    assert_eq!(error.kind(), Kind::PermissionDenied);
    assert_eq!(
        error.what(),
        "AWS does not let `arn:aws:sts::123456789012:assumed-role/ci/run` read the secret `prod/cargo`"
    );
    let statement = r#"{"Action":"secretsmanager:GetSecretValue","Effect":"Allow","Resource":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/cargo-??????"}"#;
    assert!(
        error.help_text().unwrap().ends_with(statement),
        "{:?}",
        error.help_text()
    );
}

#[test]
fn the_key_is_told_from_the_secret() {
    for (code, message, resource) in [
        (
            "AccessDeniedException",
            "Access to KMS is not allowed",
            "THE-ARN-OF-THE-KEY",
        ),
        ("DecryptionFailure", "can't decrypt", "THE-ARN-OF-THE-KEY"),
        (
            "AccessDeniedException",
            "User: arn:aws:iam::1:user/x is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:1:key/k because",
            "arn:aws:kms:eu-west-1:1:key/k",
        ),
    ] {
        let error = refused(code, message, State::Unknown);
        assert_eq!(error.kind(), Kind::PermissionDenied);
        assert!(error.what().contains("use the KMS key of"), "{error}");
        let statement =
            format!(r#"{{"Action":"kms:Decrypt","Effect":"Allow","Resource":"{resource}"}}"#);
        assert!(
            error.help_text().unwrap().ends_with(&statement),
            "{:?}",
            error.help_text()
        );
    }
}

#[test]
fn three_ways_of_not_being_there() {
    let missing = "ResourceNotFoundException";
    let stages = vec!["AWSPENDING".to_owned()];
    for (code, state, what, help) in [
        (
            missing,
            State::Unknown,
            "AWS does not have the secret `prod/cargo`",
            "in the region `eu-west-1`",
        ),
        (
            missing,
            State::There { stages },
            "the secret `prod/cargo` in AWS has no such version",
            "`AWSPENDING`",
        ),
        (
            "InvalidRequestException",
            State::Unknown,
            "the secret `prod/cargo` in AWS is scheduled for deletion",
            "restore-secret",
        ),
        (
            "InvalidRequestException",
            State::Deleted {
                on: Some("2026-11-20T10:00:00Z".to_owned()),
            },
            "the secret `prod/cargo` in AWS is scheduled for deletion (2026-11-20T10:00:00Z)",
            "restore-secret",
        ),
    ] {
        let error = refused(code, "", state);
        assert_eq!(error.kind(), Kind::NotFound, "{code}");
        assert_eq!(error.what(), what);
        assert!(
            error.help_text().unwrap().contains(help),
            "{:?}",
            error.help_text()
        );
    }
}

#[test]
fn codes_become_kinds() {
    for (code, kind) in [
        ("ThrottlingException", Kind::Unavailable),
        ("InternalServiceError", Kind::Unavailable),
        ("ExpiredTokenException", Kind::Unauthenticated),
        ("InvalidClientTokenId", Kind::Unauthenticated),
        ("InvalidParameterException", Kind::Invalid),
        ("SomethingNew", Kind::Invalid),
    ] {
        assert_eq!(refused(code, "", State::Unknown).kind(), kind, "{code}");
    }
}

#[test]
fn a_code_means_what_was_asked_for() {
    let (secret, region) = ("prod/cargo".parse().unwrap(), "eu-west-1".parse().unwrap());
    let there = State::There { stages: Vec::new() };
    for (code, of_secret, of_login) in [
        (
            "AccessDenied",
            Kind::PermissionDenied,
            Kind::Unauthenticated,
        ),
        (
            "AccessDeniedException",
            Kind::PermissionDenied,
            Kind::Unauthenticated,
        ),
        (
            "DecryptionFailure",
            Kind::PermissionDenied,
            Kind::PermissionDenied,
        ),
        // It is there: so it is not that it is to be deleted.
        ("InvalidRequestException", Kind::Invalid, Kind::NotFound),
        ("ExpiredToken", Kind::Unauthenticated, Kind::Unauthenticated),
    ] {
        let read = read(&secret, &region, there.clone());
        assert_eq!(kind(&read, code), of_secret, "{code}");
        assert_eq!(kind(&Action::Ambient, code), of_login, "{code}");
    }
}

#[test]
fn a_refusal_without_reasons_is_not_about_a_key() {
    for (message, is_about_key) in [
        ("no", false),
        ("Access to KMS is not allowed", true),
        // What is refused has a name: the key is only mentioned.
        (
            "User: arn:aws:iam::1:user/x is not authorized to perform: secretsmanager:GetSecretValue on resource: KMS-token",
            false,
        ),
    ] {
        let error = refused("AccessDeniedException", message, State::Unknown);
        assert_eq!(error.what().contains("KMS key"), is_about_key, "{error}");
    }
}

#[test]
fn what_helps_follows_from_the_code() {
    for (code, help) in [
        (
            "ThrottlingException",
            "`regions` on the backend names regions with a replica",
        ),
        ("ExpiredTokenException", "the session has ended"),
        ("InvalidClientTokenId", "no such access key"),
        ("SignatureDoesNotMatch", "does not belong to the access key"),
        (
            "MissingAuthenticationToken",
            "`aws sts get-caller-identity` shows",
        ),
    ] {
        let error = refused(code, "", State::Unknown);
        let said = error.help_text().unwrap_or_default();
        assert!(said.contains(help), "{code}: {said}");
    }
    assert_eq!(
        refused("SomethingNew", "", State::Unknown).help_text(),
        None
    );
}

#[test]
fn a_role_that_is_refused_comes_with_its_trust_policy() {
    let role = "arn:aws:iam::123456789012:role/ci".parse().unwrap();
    // The claims are {"iss":"https://gitlab.example.com","aud":"sts","sub":"s"}.
    let token =
        "e30.eyJpc3MiOiJodHRwczovL2dpdGxhYi5leGFtcGxlLmNvbSIsImF1ZCI6InN0cyIsInN1YiI6InMifQ.c2ln";
    let token = WorkloadToken::recognize(token.into()).unwrap();
    let refusal = refusal("AssumeRole", "AccessDenied", "");
    let error = classify(
        &Action::WebIdentity {
            role: &role,
            token: &token,
        },
        &refusal,
    );
    assert_eq!(error.kind(), Kind::Unauthenticated);
    let help = error.help_text().unwrap();
    assert!(
        help.contains(r#"states iss "https://gitlab.example.com", aud "sts", sub "s""#)
            && help.contains("gitlab.example.com:sub"),
        "{help}"
    );
    let assume = Action::AssumeRole {
        role: &role,
        external_id: Some("x-1"),
        by: Some("arn:aws:iam::1:user/x"),
    };
    let error = classify(&assume, &refusal);
    assert_eq!(
        error.what(),
        "AWS does not let `arn:aws:iam::1:user/x` assume the role `arn:aws:iam::123456789012:role/ci`"
    );
    let help = error.help_text().unwrap();
    assert!(
        help.contains(r#""Action":"sts:AssumeRole""#) && help.contains("x-1"),
        "{help}"
    );
}

#[test]
fn what_helps_with_a_secret_that_can_not_be_changed() {
    let (secret, region) = ("prod/cargo".parse().unwrap(), "eu-west-1".parse().unwrap());
    let help = |access, code, state| {
        let action = Action::Secret {
            access,
            place: "the secret `prod/cargo`".to_owned(),
            secret: &secret,
            region: &region,
            principal: None,
            state,
        };
        let error = classify(&action, &refusal("PutSecretValue", code, ""));
        error.help_text().unwrap_or_default().to_owned()
    };
    let missing = "ResourceNotFoundException";
    for (access, code, state, expected) in [
        (
            Access::Write,
            missing,
            State::Unknown,
            "create-secret --region eu-west-1 --name prod/cargo",
        ),
        (
            Access::Delete,
            missing,
            State::Unknown,
            "it was looked for in the region `eu-west-1`",
        ),
        (
            Access::Write,
            "InvalidRequestException",
            State::Unknown,
            "restore-secret",
        ),
        (
            Access::Write,
            "InvalidParameterException",
            State::Unknown,
            "a replica can't be changed",
        ),
        (
            Access::Describe,
            "AccessDenied",
            State::Unknown,
            "`index-url-tag` on the backend",
        ),
        (
            Access::Read,
            "AccessDenied",
            State::Unknown,
            "`kms:Decrypt` on the key",
        ),
        (
            Access::Write,
            "AccessDenied",
            State::Unknown,
            "`kms:Decrypt` and `kms:GenerateDataKey` on the key",
        ),
    ] {
        let said = help(access, code, state);
        assert!(said.contains(expected), "{code}: {said}");
    }
    for (access, code) in [
        (Access::Write, "SomethingNew"),
        (Access::Read, "InvalidParameterException"),
    ] {
        assert_eq!(help(access, code, State::Unknown), "", "{code}");
    }
    let said = help(Access::Read, "AccessDenied", State::Unknown);
    assert!(!said.contains("index-url-tag"), "{said}");
}
