//! What is said of each thing that may be asked for, and what helps.

use super::*;

fn asked(secret: &SecretVersion, access: Access) -> Action<'_> {
    Action::Secret {
        access,
        place: "the secret `cargo`".to_owned(),
        secret,
        principal: Some("user:me@example.com"),
        state: State::Unknown,
    }
}

#[test]
fn each_access_has_its_word_and_its_bindings() {
    let secret = secret(None);
    let denied = status(403, "PERMISSION_DENIED", None);
    for (access, verb, help) in [
        (Access::Read, "read", "The binding, for this secret alone:"),
        (
            Access::Describe,
            "read the annotations of",
            "`index-url-annotation` on the backend takes this binding",
        ),
        (Access::Add, "write", "The bindings, for this secret alone:"),
        (Access::Disable, "disable", "for this secret alone:"),
    ] {
        let error = classify(&asked(&secret, access), &denied);
        assert_eq!(
            error.what(),
            format!("Google does not let `user:me@example.com` {verb} the secret `cargo`")
        );
        let said = error.help_text().unwrap();
        assert!(said.contains(help), "{said}");
        assert_eq!(
            said.contains("index-url-annotation"),
            access == Access::Describe,
            "{said}"
        );
    }
}

#[test]
fn a_version_is_added_to_a_secret_that_is_there() {
    for (location, command) in [
        (
            None,
            "gcloud secrets create cargo --project=acme --replication-policy=automatic`",
        ),
        (
            Some("europe-west3"),
            "gcloud secrets create cargo --project=acme --location=europe-west3`",
        ),
    ] {
        let secret = secret(location);
        let help = |access| {
            let error = classify(&asked(&secret, access), &status(404, "NOT_FOUND", None));
            error.help_text().unwrap_or_default().to_owned()
        };
        assert!(help(Access::Add).contains(command), "{}", help(Access::Add));
        assert!(
            !help(Access::Read).contains("create"),
            "{}",
            help(Access::Read)
        );
    }
}

#[test]
fn a_quota_is_told_from_a_service_that_is_down() {
    let secret = secret(None);
    for (code, what, help) in [
        (
            "RESOURCE_EXHAUSTED",
            "Google's quota for this project is used up for now",
            "raises the limit",
        ),
        ("UNAVAILABLE", "Google can't answer now", "status page"),
    ] {
        let error = classify(&asked(&secret, Access::Read), &status(429, code, None));
        assert_eq!(error.kind(), Kind::Unavailable);
        assert_eq!(error.what(), what);
        assert!(error.help_text().unwrap().contains(help), "{error:?}");
    }
}

#[test]
fn a_token_that_is_not_accepted_is_somebodys() {
    let secret = secret(None);
    let error = classify(
        &asked(&secret, Access::Read),
        &status(401, "UNAUTHENTICATED", None),
    );
    assert_eq!(
        error.what(),
        "Google does not accept the access token of `user:me@example.com`"
    );
}

#[test]
fn a_machine_that_is_refused_has_no_identity() {
    let refusal = status(404, "SOMETHING_NEW", None);
    assert_eq!(
        classify(&Action::Machine, &refusal).kind(),
        Kind::Unauthenticated
    );
    let secret = secret(None);
    let error = classify(&asked(&secret, Access::Read), &refusal);
    assert_eq!(error.kind(), Kind::Invalid);
}

#[test]
fn the_first_delegate_is_the_one_that_is_asked() {
    let account = "ci@acme.iam.gserviceaccount.com".parse().unwrap();
    let delegates = ["first@acme.iam.gserviceaccount.com".parse().unwrap()];
    for (delegates, target) in [(&[][..], "ci@"), (&delegates, "first@")] {
        let action = Action::Impersonate {
            account: &account,
            delegates,
            by: Some("user:me@example.com"),
            right: "roles/iam.workloadIdentityUser",
        };
        let error = classify(&action, &status(403, "PERMISSION_DENIED", None));
        let help = error.help_text().unwrap();
        let binding = format!(
            "gcloud iam service-accounts add-iam-policy-binding {target}acme.iam.gserviceaccount.com \
             --role=roles/iam.workloadIdentityUser --member=user:me@example.com"
        );
        assert!(help.contains(&binding), "{help}");
        assert_eq!(
            help.contains("each delegate needs"),
            !delegates.is_empty(),
            "{help}"
        );
    }
}
