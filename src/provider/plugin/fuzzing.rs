//! A line of a plugin's.

use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::{Answer, Command, Hello, given, refused};
use crate::fuzzing::TOKEN;
use crate::protocol::Cache;

/// A token is the one of the answer, for as long as that says; no failure tells what was answered instead of a refusal; and a
/// plugin's own words move no cursor, and end.
pub(crate) fn laws(line: &[u8]) {
    let _ = serde_json::from_slice::<Hello>(line);
    let command = Command {
        program: "a-plugin".to_owned(),
        arguments: Vec::new(),
    };
    let said: Option<Value> = serde_json::from_slice(line).ok();
    match serde_json::from_slice(line) {
        Ok(Answer::Ok(success)) => match given(&command, success) {
            Ok(given) => {
                if let Some(said) = said.filter(|said| said["Ok"].is_object()) {
                    assert_eq!(said["Ok"]["token"], *given.token.expose_secret());
                    assert_eq!(said["Ok"]["kind"], "get");
                    let is_kept =
                        matches!(said["Ok"]["cache"].as_str(), Some("session" | "expires"));
                    assert_eq!(given.terms.cache != Cache::Never, is_kept);
                }
            }
            Err(error) => assert!(!format!("{error:?}").contains(TOKEN)),
        },
        Ok(Answer::Err(refusal)) => {
            let error = refused(&command, &refusal);
            assert!(error.what().contains("a-plugin"));
            for cause in error.causes() {
                assert!(
                    !cause.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')),
                    "{cause:?}"
                );
                assert!(cause.chars().count() <= 2000);
            }
        }
        Err(_) => {}
    }
}
