//! What `google-auth` makes of the fake's refusals: it finds in them what it finds in Google's.

use super::Came::GivenUp;
use super::{compare, steps};

#[test]
fn every_refusal_says_what_google_says() {
    compare(
        &steps("refusals", ""),
        &[
            (
                "a subject token for another audience",
                GivenUp(
                    "invalid_grant: The audience in ID Token [other] does not match the expected audience.",
                ),
            ),
            (
                "a subject token of another issuer",
                GivenUp(
                    "invalid_grant: The issuer in ID Token https://other.example.com does not match the expected ones: https://gitlab.example.com",
                ),
            ),
            (
                "a subject token by a key that is not published",
                GivenUp("invalid_grant: Error connecting to the given credential's issuer."),
            ),
            (
                "a subject token with another signature",
                GivenUp("invalid_grant: Unable to verify the ID Token signature."),
            ),
            (
                "a subject token that ran out",
                GivenUp("is stale to sign-in."),
            ),
            (
                "a subject token that is none",
                GivenUp("invalid_grant: Unable to parse the ID Token."),
            ),
            (
                "a subject token that the condition refuses",
                GivenUp(
                    "unauthorized_client: The given credential is rejected by the attribute condition.",
                ),
            ),
            (
                "a subject that is too long",
                GivenUp(
                    "invalid_request: The size of mapped attribute google.subject exceeds the 127 bytes limit.",
                ),
            ),
            (
                "a provider that there is not",
                GivenUp(
                    "invalid_target: The target service indicated by the \"audience\" parameters is invalid.",
                ),
            ),
            (
                "an audience that is no provider",
                GivenUp("invalid_request: Invalid value for \"audience\"."),
            ),
            ("a page that wants a header", GivenUp("a header is missing")),
            (
                "keys of AWS with a wrong secret",
                GivenUp(
                    "invalid_grant: Received invalid AWS response of type SignatureDoesNotMatch",
                ),
            ),
            (
                "keys of AWS that nobody has",
                GivenUp(
                    "invalid_grant: Received invalid AWS response of type InvalidClientTokenId",
                ),
            ),
            (
                "keys of another account of AWS",
                GivenUp("invalid_grant: The AWS account of the given credential does not match"),
            ),
            (
                "a service account that is not mine",
                GivenUp(
                    "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
                ),
            ),
            (
                "a chain that is broken",
                GivenUp(
                    "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
                ),
            ),
            (
                "a service account that there is not",
                GivenUp(
                    "Not found; Gaia id not found for email nowhere@acme.iam.gserviceaccount.com",
                ),
            ),
            (
                "a key of nobody's",
                GivenUp("invalid_grant: Invalid grant: account not found"),
            ),
            (
                "a key of another's",
                GivenUp("invalid_grant: Invalid JWT Signature."),
            ),
            (
                "a key that was deleted",
                GivenUp("invalid_grant: Invalid JWT Signature."),
            ),
            (
                "a user who was locked out",
                GivenUp("invalid_grant: Token has been expired or revoked."),
            ),
            (
                "a user of another client",
                GivenUp("invalid_client: Unauthorized"),
            ),
            (
                "a machine without a service account",
                GivenUp("Status: 404"),
            ),
        ],
    );
}
