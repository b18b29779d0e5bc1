//! Texts with named places, `{{name}}`.

/// Puts the values into their places. Every place must have one: the tests that render all templates see to that.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after
            .split_once("}}")
            .expect("a template closes what it opens");
        let value = values.iter().find(|(known, _)| *known == name);
        let (_, value) = value.expect("a template has no other places than it is given values for");
        text.push_str(before);
        text.push_str(value);
        rest = after;
    }
    text.push_str(rest);
    text
}

/// The text with this many spaces before each line that is not empty, and without the last line's break.
pub(super) fn indented(text: &str, by: usize) -> String {
    let lines = text.lines().map(|line| match line {
        "" => String::new(),
        _ => format!("{:by$}{line}", ""),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `key = value` for each, with the equals signs below each other as `terraform fmt` has them.
pub(super) fn aligned(pairs: &[(&str, String)], by: usize) -> String {
    let width = pairs.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    let lines = pairs
        .iter()
        .map(|(key, value)| format!("{:by$}{key:width$} = {value}", ""));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_not_taken_for_a_template() {
        let values = [("a", "{{b}}"), ("b", "2")];
        assert_eq!(fill("{{a}}-{{b}} ${c}", &values), "{{b}}-2 ${c}");
        assert_eq!(indented("a\n\nb\n", 2), "  a\n\n  b");
        assert_eq!(
            aligned(&[("a", "1".to_owned()), ("bcd", "2".to_owned())], 2),
            "  a   = 1\n  bcd = 2"
        );
    }
}
