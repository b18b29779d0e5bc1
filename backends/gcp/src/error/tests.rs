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
    Action::Read {
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
            "versions list",
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
fn a_refused_trade_says_what_to_compare() {
    let action = Action::Federate {
        audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/providers/x",
        requested: Some("https://wanted.example.com"),
        stated: Some("iss \"https://gitlab.com\", aud \"other\", sub \"me\""),
        is_aws: false,
    };
    for (code, parts) in [
        ("unauthorized_client", ["attribute condition", "sub \"me\""]),
        (
            "invalid_grant",
            ["`https://wanted.example.com`", "aud \"other\""],
        ),
        ("invalid_target", ["number of its project", "providers/x"]),
    ] {
        let error = classify(&action, &oauth(code));
        for part in parts {
            assert!(
                error.help_text().unwrap().contains(part),
                "{:?}",
                error.help_text()
            );
        }
    }
}

#[test]
fn a_refused_trade_by_keys_of_aws_is_about_the_keys() {
    let action = Action::Federate {
        audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/providers/x",
        requested: None,
        stated: None,
        is_aws: true,
    };
    let error = classify(&action, &oauth("invalid_grant"));
    let help = error.help_text().unwrap();
    assert!(
        help.contains("`aws sts get-caller-identity`") && !help.contains("issuer"),
        "{help}"
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
fn a_subject_prints_nothing_but_itself() {
    let secret = secret(None);
    let action = Action::Read {
        place: "the secret `cargo`".to_owned(),
        secret: &secret,
        principal: Some("principal://x/subject/a\u{1b}[2Jb\nhelp: nothing"),
        state: State::Unknown,
    };
    let error = classify(&action, &status(403, "PERMISSION_DENIED", None));
    assert!(
        error.what().contains("subject/a[2Jbhelp: nothing"),
        "{error}"
    );
}

#[test]
fn providers_are_listed_and_described_where_they_are() {
    for (provider, code, command) in [
        (
            "projects/7/locations/global/workloadIdentityPools/ci/providers/x",
            "invalid_target",
            "workload-identity-pools providers list --workload-identity-pool=ci --location=global --project=7 --show-deleted",
        ),
        (
            "locations/global/workforcePools/staff/providers/x",
            "invalid_grant",
            "workforce-pools providers describe x --workforce-pool=staff --location=global",
        ),
    ] {
        let audience = format!("//iam.googleapis.com/{provider}");
        let action = Action::Federate {
            audience: &audience,
            requested: None,
            stated: None,
            is_aws: false,
        };
        let error = classify(&action, &oauth(code));
        assert!(
            error.help_text().unwrap().contains(command),
            "{:?}",
            error.help_text()
        );
    }
}
