//! Reasons that mean the same everywhere, and names that nobody has verified.

use super::*;

/// A refusal on account of the project that the request counts for.
fn counted(reason: &str, project: &str) -> Refusal {
    Refusal {
        said: Said::Status {
            code: "PERMISSION_DENIED".to_owned(),
            reason: Some(reason.to_owned()),
            consumer: project.parse().ok(),
            message: "words".to_owned(),
        },
        ..status(403, "", None)
    }
}

#[test]
fn the_project_that_counts_is_not_always_the_secrets() {
    let secret = secret(None);
    let read = read(&secret, State::Unknown);
    let error = classify(&read, &counted("SERVICE_DISABLED", "555555555"));
    assert_eq!(
        error.what(),
        "Secret Manager is not enabled in the project `555555555`"
    );
    let help = error.help_text().unwrap();
    assert!(help.contains("--project=555555555`"), "{help}");
    let error = classify(&read, &counted("USER_PROJECT_DENIED", "billing"));
    assert_eq!(error.kind(), Kind::PermissionDenied);
    assert!(
        error.what().ends_with(" charge the project `billing`"),
        "{error}"
    );
    let help = error.help_text().unwrap();
    assert!(
        help.contains("gcloud projects add-iam-policy-binding billing --role=roles/serviceusage.serviceUsageConsumer --member="),
        "{help}"
    );
}

#[test]
fn no_binding_helps_a_token_that_lacks_its_scope() {
    let secret = secret(None);
    let reason = Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    let refusal = status(403, "PERMISSION_DENIED", reason);
    let error = classify(&read(&secret, State::Unknown), &refusal);
    assert_eq!(error.kind(), Kind::PermissionDenied);
    let help = error.help_text().unwrap();
    assert!(
        help.contains("--scopes=cloud-platform") && !help.contains("add-iam-policy-binding"),
        "{help}"
    );
}

#[test]
fn one_code_with_two_reasons() {
    let secret = secret(None);
    let error = classify(
        &read(&secret, State::Unknown),
        &status(403, "PERMISSION_DENIED", Some("SERVICE_DISABLED")),
    );
    assert_eq!(
        error.what(),
        "Secret Manager is not enabled in the project `acme`"
    );
    assert!(
        error
            .help_text()
            .unwrap()
            .contains("gcloud services enable secretmanager.googleapis.com --project=acme")
    );
}

#[test]
fn reasons_come_before_what_was_asked_for() {
    let account = "ci@acme.iam.gserviceaccount.com".parse().unwrap();
    let secret = secret(None);
    let impersonate = Action::Impersonate {
        account: &account,
        delegates: &[],
        by: Some("user:me@example.com"),
        right: "roles/iam.serviceAccountTokenCreator",
    };
    let federate = Action::Federate {
        audience: "//iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/ci/providers/x",
        requested: None,
        stated: None,
        is_aws: false,
    };
    for (action, reason, part) in [
        (
            &impersonate,
            "SERVICE_DISABLED",
            "enable iamcredentials.googleapis.com --project=acme",
        ),
        (
            &federate,
            "SERVICE_DISABLED",
            "enable sts.googleapis.com --project=7",
        ),
        (
            &impersonate,
            "USER_PROJECT_DENIED",
            "roles/serviceusage.serviceUsageConsumer --member=user:me@example.com",
        ),
        (
            &impersonate,
            "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "--zone=ZONE --scopes=cloud-platform",
        ),
        (
            &read(&secret, State::Unknown),
            "SECURITY_POLICY_VIOLATED",
            "VPC Service Controls",
        ),
        (
            &impersonate,
            "SECURITY_POLICY_VIOLATED",
            "VPC Service Controls",
        ),
    ] {
        let error = classify(action, &status(403, "PERMISSION_DENIED", Some(reason)));
        let help = error.help_text().unwrap();
        assert!(
            help.contains(part) && !help.contains("secretAccessor"),
            "{help}"
        );
    }
    for (action, reason, what) in [
        (
            &impersonate,
            "SERVICE_DISABLED",
            "the IAM Service Account Credentials API is not enabled in the project `acme`",
        ),
        (
            &federate,
            "SERVICE_DISABLED",
            "the Security Token Service is not enabled in the project `7`",
        ),
        (
            &impersonate,
            "USER_PROJECT_DENIED",
            "Google does not let `user:me@example.com` charge the quota project",
        ),
    ] {
        let error = classify(action, &status(403, "PERMISSION_DENIED", Some(reason)));
        assert_eq!(error.what(), what);
        assert_eq!(error.kind(), Kind::Unauthenticated);
    }
}

#[test]
fn a_subject_prints_nothing_but_itself() {
    let secret = secret(None);
    let action = Action::Secret {
        access: Access::Read,
        place: "the secret `cargo`".to_owned(),
        secret: &secret,
        principal: Some("principal://x/subject/a\u{1b}[2Jb\n\u{202e}help: nothing"),
        state: State::Unknown,
    };
    let error = classify(&action, &status(403, "PERMISSION_DENIED", None));
    assert!(
        error.what().contains("subject/a[2Jbhelp: nothing"),
        "{error}"
    );
}

#[test]
fn a_subject_without_an_end_has_one_in_a_message() {
    let secret = secret(None);
    let principal = format!("principal://x/subject/{}", "a".repeat(5000));
    let action = Action::Secret {
        access: Access::Read,
        place: "the secret `cargo`".to_owned(),
        secret: &secret,
        principal: Some(&principal),
        state: State::Unknown,
    };
    let error = classify(&action, &status(403, "PERMISSION_DENIED", None));
    assert!(error.what().len() < 400, "{error}");
    assert!(
        error.help_text().is_some_and(|help| help.len() < 700),
        "{error:?}"
    );
}
