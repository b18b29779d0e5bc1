//! The body of a request for a token: a form, or JSON, which Google's services take as well.

use serde_json::Value;

use crate::http::{Request, percent_decode};

/// What a request for a token says; names as forms have them, `grant_type`.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn of(request: &Request) -> Self {
        if let Some(Value::Object(fields)) = request.json() {
            let fields = fields.into_iter().filter_map(|(name, value)| {
                let Value::String(value) = value else {
                    return None;
                };
                Some((snake_case(&name), value))
            });
            return Self(fields.collect());
        }
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
    pub(super) fn value(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 2);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(body: &str) -> Form {
        Form::of(&Request {
            method: "POST".into(),
            path: "/v1/token".into(),
            query: String::new(),
            headers: Vec::new(),
            body: body.into(),
            connection: 1,
        })
    }

    #[test]
    fn a_form_and_json_say_the_same() {
        for body in [
            "grant_type=a%3Ab&scope=c+d",
            r#"{"grantType":"a:b","scope":"c d"}"#,
        ] {
            let form = form(body);
            assert_eq!(
                (form.value("grant_type"), form.value("scope")),
                ("a:b", "c d")
            );
            assert_eq!(form.value("audience"), "");
        }
    }
}
