//! What a tag of a secret says of the registries that it is for: asked only where the config says so, as it takes one more
//! request, and a right of its own.
//!
//! Source: the page "DescribeSecret" of the API reference.

use cargo_credential_bridge_backend::{Binding, Error};

use crate::policy::Access;
use crate::read::Target;
use crate::refusal::Refusal;

impl Target<'_> {
    /// What the tag says, where one is asked for and is there.
    ///
    /// # Errors
    ///
    /// That nobody says what it is: a secret that may be for another registry is for none.
    pub(crate) async fn binding(&self) -> Result<Option<Binding>, Error> {
        let Some(tag) = self.index_url_tag else {
            return Ok(None);
        };
        let request = self.client().describe_secret();
        let said = match request.secret_id(self.secret.as_str()).send().await {
            Ok(said) => said,
            Err(refused) => {
                let refusal = Refusal::of("DescribeSecret", &refused, self.sdk)?;
                let target = Self {
                    access: Access::Describe,
                    ..*self
                };
                return Err(target.refused(&refusal).await.0);
            }
        };
        let found = said.tags().iter().find(|found| found.key() == Some(tag));
        Ok(found.map(|found| Binding {
            said_in: format!("the tag `{tag}`"),
            urls: found.value().unwrap_or_default().to_owned(),
        }))
    }
}
