//! Refusals of STS.

use super::*;

#[test]
fn a_refused_trade_says_what_to_compare() {
    let action = Action::Federate {
        audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/providers/x",
        requested: Some(Requested::Minted("https://wanted.example.com")),
        stated: Some("iss \"https://gitlab.com\", aud \"other\", sub \"me\""),
        is_aws: false,
    };
    for (code, parts) in [
        ("unauthorized_client", ["attribute condition", "sub \"me\""]),
        (
            "invalid_grant",
            [
                "its issuer must be the provider's, its audience one of the allowed (we asked for a token for \
                 `https://wanted.example.com`)",
                "aud \"other\"",
            ],
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
fn providers_are_listed_and_described_where_they_are() {
    for (provider, code, command) in [
        (
            "projects/7/locations/global/workloadIdentityPools/ci/providers/x",
            "invalid_target",
            "workload-identity-pools providers list --workload-identity-pool=ci --location=global --project=7 --show-deleted",
        ),
        (
            "locations/global/workforcePools/staff/providers/x",
            "invalid_target",
            "workforce-pools providers list --workforce-pool=staff --location=global --show-deleted",
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

#[test]
fn an_audience_is_asked_for_or_written_down() {
    for (requested, part) in [
        (
            Requested::Minted("https://x"),
            "(we asked for a token for `https://x`)",
        ),
        (
            Requested::Carried("https://x"),
            "(its `aud` must be `https://x`, or what the provider lists)",
        ),
    ] {
        let action = Action::Federate {
            audience: "//iam.googleapis.com/x",
            requested: Some(requested),
            stated: None,
            is_aws: false,
        };
        let error = classify(&action, &oauth("invalid_grant"));
        let help = error.help_text().unwrap();
        assert!(help.contains(part), "{help}");
    }
}

#[test]
fn a_long_audience_leaves_room_for_the_subject() {
    let stated = format!("iss \"https://x\", aud \"{}\", sub \"me\"", "a".repeat(400));
    let action = Action::Federate {
        audience: "//iam.googleapis.com/x",
        requested: None,
        stated: Some(&stated),
        is_aws: false,
    };
    let error = classify(&action, &oauth("invalid_grant"));
    let help = error.help_text().unwrap();
    assert!(help.contains("sub \"me\""), "{help}");
}
