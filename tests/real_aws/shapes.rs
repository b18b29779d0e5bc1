//! The cross-check: what boto3 reads is what we hand out, byte for byte, however odd the secret.

use serde_json::{Value, json};
use test_servers::moto::{binary, bytes};
use test_servers::provider::error_text;
use test_servers::random;

use crate::team::{Team, URL, answer, in_region};

/// A secret, and what is asked for in it.
struct Shape {
    name: &'static str,
    value: Held,
    field: Option<&'static str>,
    is: Is,
}

enum Held {
    Text(String),
    Bytes(Vec<u8>),
}

/// What a registry can be sent of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Token,
    /// A header can't hold it, or it is nothing.
    Refused,
}

fn shapes() -> Vec<Shape> {
    let text = |name, text: &str, field, is| Shape {
        name,
        value: Held::Text(text.to_owned()),
        field,
        is,
    };
    let long = random::alphanumeric(60 * 1024);
    let in_long = format!(
        "{{\"filler\":\"{}\",\"token\":\"after-60-KiB\"}}",
        &long[..60_000]
    );
    let token = Some("token");
    vec![
        text("plain", "plain-t0ken", None, Is::Token),
        text("line-end", "plain-t0ken\r\n", None, Is::Token),
        text(
            "inner-line-end",
            "first-line\nsecond-line",
            None,
            Is::Refused,
        ),
        text("spaces", "  a token\twith blanks  ", None, Is::Token),
        text("quotes", r#""a 'quoted' \"token\"""#, None, Is::Token),
        text(
            "quotes/in-json",
            r#"{"token":"a \"quoted\" \\ t0ken \/ \u0041"}"#,
            token,
            Is::Token,
        ),
        text(
            "line-ends/in-json",
            "{\r\n\t\"token\" :\n\"pretty-t0ken\"\n}\n",
            token,
            Is::Token,
        ),
        text(
            "line-end/escaped",
            r#"{"token":"first\nsecond"}"#,
            token,
            Is::Refused,
        ),
        text(
            "unicode",
            "{\"ключ\":\"значение\",\"🔑\":1,\"token\":\"t0ken-beside-unicode\"}",
            token,
            Is::Token,
        ),
        text(
            "unicode/value",
            "{\"token\":\"t0ken-ключ-🔑\"}",
            token,
            Is::Refused,
        ),
        text(
            "unicode/field",
            "{\"ключ\":\"under-unicode\"}",
            Some("ключ"),
            Is::Token,
        ),
        text(
            "number",
            r#"{"token":12345678901234567890}"#,
            token,
            Is::Token,
        ),
        text("number/float", r#"{"token":1.50}"#, token, Is::Token),
        text("bool", r#"{"token":true}"#, token, Is::Token),
        text(
            "nested",
            r#"{"token":{"token":"inner-t0ken"}}"#,
            token,
            Is::Refused,
        ),
        text("empty-object", "{}", token, Is::Refused),
        text("empty-object/whole", "{}", None, Is::Token),
        text("long", &long, None, Is::Token),
        text("long/in-json", &in_long, token, Is::Token),
        text("odd/name_+=.@-x/y--z", "odd-name-t0ken", None, Is::Token),
        text("ends-like-a1B2c3", "suffix-t0ken", None, Is::Token),
        Shape {
            name: "binary",
            value: Held::Bytes(b"binary-t0ken".to_vec()),
            field: None,
            is: Is::Token,
        },
        Shape {
            name: "binary/json",
            value: Held::Bytes(br#"{"token":"binary-field-t0ken"}"#.to_vec()),
            field: token,
            is: Is::Token,
        },
        Shape {
            name: "binary/all",
            value: Held::Bytes((0..=255).collect()),
            field: None,
            is: Is::Refused,
        },
        Shape {
            name: "binary/nul",
            value: Held::Bytes(b"before\0after".to_vec()),
            field: None,
            is: Is::Refused,
        },
    ]
}

/// What is to be sent, by what boto3 reads: the rules of the config, said once more and in another way.
fn wanted(read: &Value, field: Option<&str>) -> Option<String> {
    let value = match read["SecretString"].as_str() {
        Some(text) => text.to_owned(),
        None => String::from_utf8(bytes(&read["SecretBinary"])?).ok()?,
    };
    let value = match field {
        None => value,
        Some(field) => {
            // As it is written: a number keeps its digits.
            let object: std::collections::BTreeMap<String, Box<serde_json::value::RawValue>> =
                serde_json::from_str(&value).ok()?;
            let raw = object.get(field)?.get();
            match serde_json::from_str(raw).ok()? {
                Value::String(text) => text,
                Value::Number(_) | Value::Bool(_) => raw.to_owned(),
                _ => return None,
            }
        }
    };
    Some(value.trim_end_matches(['\r', '\n']).to_owned())
}

#[test]
fn what_boto3_reads_is_what_we_hand_out() {
    let team = Team::new();
    let shapes = shapes();
    assert!(shapes.len() >= 20);
    for Shape {
        name,
        value,
        field,
        is,
    } in shapes
    {
        let mut with = json!({ "Name": team.secret(name) });
        match value {
            Held::Text(text) => with["SecretString"] = json!(text),
            Held::Bytes(bytes) => with["SecretBinary"] = binary(&bytes),
        }
        team.call("create_secret", with);
        let read = team.call("get_secret_value", json!({ "SecretId": team.secret(name) }));
        let wanted = wanted(&read, field);
        let field = field.map_or_else(String::new, |field| format!(", field = \"{field}\""));
        let source = format!("secret = \"{}\"{field}", team.secret(name));
        let mut provider = team.provider(&in_region(), &source);
        if let Some(wanted) = wanted.as_ref().filter(|wanted| wanted.len() >= 8) {
            provider = provider.secret(wanted);
        }
        let given = provider.get(URL, "read");
        match is {
            Is::Token => {
                let wanted = wanted.expect(name);
                assert_eq!(given, answer(&wanted), "{name}");
            }
            Is::Refused => {
                let text = error_text(&given);
                assert!(!text.is_empty(), "{name}");
            }
        }
    }
}
