//! Kubernetes: the token of a pod's service account is in a file.
//!
//! Source: Kubernetes' page "Configure Service Accounts for Pods". A token for another audience is projected to a path of its
//! own, which is `identity = { file = "PATH" }`.

use std::path::Path;

use super::system::{Chosen, System, Way};
use crate::{Environment, Error};

/// Where Kubernetes projects the token of a pod's service account.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

pub(super) static SYSTEM: System = System {
    name: "kubernetes",
    vendor: "Kubernetes",
    token: "the service account token of this pod",
    marker: None,
    audience: Chosen::There(
        "a `projected` volume with `serviceAccountToken: { audience: … }` has a token for somebody else: name its file by `identity = { file = \"PATH\" }`",
    ),
    help: "a pod has it unless `automountServiceAccountToken` is `false`; a token elsewhere is `identity = { file = \"PATH\" }`",
    way,
};

fn way(_: Option<&str>, _: &Environment) -> Result<Way, Error> {
    match Path::new(TOKEN).exists() {
        true => Ok(Way::File(TOKEN)),
        false => Err(SYSTEM.absent(&format!("`{TOKEN}` does not exist"))),
    }
}
