//! The body of a request for a token: a form, or JSON, which Google's services take as well.

use serde_json::Value;

use crate::form::Form;
use crate::http::Request;

/// What a request for a token says; names as forms have them, `grant_type`.
pub(super) fn of(request: &Request) -> Form {
    let Some(Value::Object(fields)) = request.json() else {
        return Form::of(request);
    };
    let fields = fields.into_iter().filter_map(|(name, value)| {
        let Value::String(value) = value else {
            return None;
        };
        Some((snake_case(&name), value))
    });
    Form(fields.collect())
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
        of(&Request {
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
