//! What AWS says of this job and of a secret, for whoever looks for what is wrong.

use aws_sdk_secretsmanager::primitives::DateTimeFormat;
use cargo_credential_bridge_backend::{Fact, Inspection};

use crate::config::Version;
use crate::read::Target;

impl Target<'_> {
    pub(crate) async fn inspect(&self) -> Inspection {
        let caller = match &self.login.principal {
            Some(principal) => Some(principal.clone()),
            None => self.caller().await,
        };
        let region = Some(self.region.as_str());
        let identity = [Fact::of("identity", caller), Fact::of("region", region)];
        Inspection {
            identity: identity.into_iter().flatten().collect(),
            secret: self.version().await.unwrap_or_default(),
            refusal: None,
        }
    }

    /// The version that is read. AWS dates the last change of the secret, which made its current version.
    async fn version(&self) -> Option<Vec<Fact>> {
        let said = self.description().await?;
        let wanted = match &self.reference.version {
            Version::Current => "AWSCURRENT",
            Version::Stage(stage) => stage,
            Version::Id(id) => {
                return Some(Fact::of("version", Some(id.as_str())).into_iter().collect());
            }
        };
        let versions = said.version_ids_to_stages();
        let found = versions.into_iter().flatten().find_map(|(id, stages)| {
            let is_it = stages.iter().any(|stage| stage == wanted);
            is_it.then(|| self.sdk.transport.quote(id))
        });
        let changed = said
            .last_changed_date()
            .filter(|_| wanted == "AWSCURRENT")
            .and_then(|date| date.fmt(DateTimeFormat::DateTime).ok());
        let facts = [Fact::of("version", found), Fact::of("changed", changed)];
        Some(facts.into_iter().flatten().collect())
    }
}
