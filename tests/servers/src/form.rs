//! The body of a request that is a form.

use crate::http::{Request, percent_decode};

/// The fields of a form, in their order.
pub(crate) struct Form(pub(crate) Vec<(String, String)>);

impl Form {
    pub(crate) fn of(request: &Request) -> Self {
        let text = String::from_utf8_lossy(&request.body);
        let decoded = |text: &str| percent_decode(&text.replace('+', " "));
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        Self(
            pairs
                .map(|(name, value)| (decoded(name), decoded(value)))
                .collect(),
        )
    }

    /// The value of a field; empty if there is none.
    pub(crate) fn value(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}
