use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret as _, SecretString};

/// The secrets that servers were sent, which they must not get to say.
#[derive(Debug, Default)]
pub(super) struct Concealed(Mutex<Vec<SecretString>>);

impl Concealed {
    pub(super) fn add(&self, secret: &SecretString) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(secret.clone());
    }

    /// What a server said, fit for a message.
    pub(super) fn quote(&self, said: &str) -> String {
        const LIMIT: usize = 500;
        let mut said = said.to_owned();
        for secret in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if !secret.expose_secret().is_empty() {
                said = said.replace(secret.expose_secret(), "[redacted]");
            }
        }
        let words: Vec<_> = said
            .split(|c: char| c.is_whitespace() || c.is_control())
            .filter(|word| !word.is_empty())
            .collect();
        let said = words.join(" ");
        match said.char_indices().nth(LIMIT) {
            Some((end, _)) => format!("{}…", &said[..end]),
            None => said,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_never_gets_to_say_our_secrets() {
        let concealed = Concealed::default();
        concealed.add(&SecretString::from("hvs.abc"));
        concealed.add(&SecretString::from(""));
        assert_eq!(
            concealed.quote("token\n\t hvs.abc \u{1b}[31mis bad"),
            "token [redacted] [31mis bad"
        );
        assert_eq!(concealed.quote(&"é".repeat(900)).chars().count(), 501);
    }
}
