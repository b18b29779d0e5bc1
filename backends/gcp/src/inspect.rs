//! What Google says of this job and of a secret, for whoever looks for what is wrong.

use cargo_credential_bridge_backend::{Fact, Inspection};

use crate::client::Target;
use crate::read::{Described, number};

impl Target<'_> {
    pub(crate) async fn inspect(&self) -> Inspection {
        let principal = match &self.login.principal {
            Some(principal) => Some(principal.clone()),
            None if self.login.is_machine => self.machine().await,
            None => None,
        };
        let quota = self.quota_project.map(AsRef::as_ref);
        let identity = [
            Fact::of("identity", principal),
            Fact::of("quota project", quota),
        ];
        Inspection {
            identity: identity.into_iter().flatten().collect(),
            secret: self.described_version().await,
            refusal: None,
        }
    }

    async fn described_version(&self) -> Vec<Fact> {
        let body = self.description().await;
        let Ok(described) = serde_json::from_slice::<Described<'_>>(&body) else {
            return Vec::new();
        };
        let version = number(&described.name).map(|number| number.to_string());
        let created = self.session.transport.quote(&described.created);
        let facts = [
            Fact::of("version", version),
            Fact::of("created", Some(created)),
        ];
        facts.into_iter().flatten().collect()
    }
}
