//! What an annotation of a secret says of the registries that it is for: asked only where the config says so, as it takes one
//! more request, and a right of its own. A label has no room for a URL.
//!
//! Source: the API page of `projects.secrets`, method `get`, and the page "Creating annotations".

use std::collections::BTreeMap;

use cargo_credential_bridge_backend::{Binding, Error};
use serde::Deserialize;

use crate::client::Target;
use crate::error::Access;
use crate::session::Ask;

/// A secret, without its versions.
#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Target<'_> {
    /// What the annotation says, where one is asked for and is there.
    ///
    /// # Errors
    ///
    /// That nobody says what it is: a secret that may be for another registry is for none.
    pub(crate) async fn binding(&self) -> Result<Option<Binding>, Error> {
        let Some(name) = self.index_url_annotation else {
            return Ok(None);
        };
        let url = self.secret_url("");
        let answer = self.session.ask(self.authorized(Ask::get(&url))).await?;
        if !answer.is_ok() {
            let target = Self {
                access: Access::Describe,
                endpoint: self.endpoint.clone(),
                ..*self
            };
            let refusal = answer.refusal(&self.session.transport);
            return Err(target.refused(&refusal).await.0);
        }
        let mut described: Described = answer.read()?;
        let found = described.annotations.remove(name);
        Ok(found.map(|urls| Binding {
            said_in: format!("the annotation `{name}`"),
            urls,
        }))
    }
}
