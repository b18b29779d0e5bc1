//! That the template, the component, the script and the page about them say the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use snapbox::{Assert, Data};

use crate::pipeline::yaml;
use crate::release::{TAG, source};

const TEMPLATE: &str = "ci/gitlab/template.yml";
const COMPONENT: &str = "ci/gitlab/templates/cargo-credential-bridge.yml";

fn read(path: &str) -> String {
    std::fs::read_to_string(source(path)).unwrap()
}

fn script() -> String {
    read("ci/gitlab/before-script.sh")
}

/// `SNAPSHOTS=overwrite` puts a changed script into both.
#[test]
fn both_carry_the_script() {
    let lines = script();
    let indented: String = lines
        .lines()
        .map(|line| match line {
            "" => "\n".to_owned(),
            _ => format!("      {line}\n"),
        })
        .collect();
    for path in [TEMPLATE, COMPONENT] {
        let text = read(path);
        let start = "  before_script:\n    - |\n";
        let (head, _) = text.split_once(start).unwrap();
        Assert::new()
            .action_env(snapbox::assert::DEFAULT_ACTION_ENV)
            .normalize_paths(false)
            .eq(
                format!("{head}{start}{indented}"),
                Data::read_from(&source(path), None),
            );
    }
    let template = yaml(&source(TEMPLATE));
    let component = yaml(&source(COMPONENT));
    for job in [
        &template[".cargo-credential-bridge"],
        &component[1]["$[[ inputs.name ]]"],
    ] {
        assert_eq!(job["before_script"], serde_json::json!([script()]));
    }
}

/// The rows of the table after a heading: the first cell's code, and the last cell's, if there is any.
fn table(page: &str, heading: &str) -> BTreeMap<String, String> {
    let (_, rest) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = rest.split("\n## ").next().unwrap();
    let code = |cell: &str| cell.split('`').nth(1).unwrap_or_default().to_owned();
    section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split(" | ").collect();
            (code(cells[0]), code(cells[cells.len() - 1]))
        })
        .collect()
}

#[test]
fn the_page_has_each_variable() {
    let script = script();
    let table = table(&read("docs/gitlab-template.md"), "Variables");
    let named: BTreeSet<String> = script
        .split(|character: char| {
            !(character.is_ascii_uppercase() || character.is_ascii_digit() || character == '_')
        })
        .filter(|word| word.starts_with("CARGO_CREDENTIAL_BRIDGE_"))
        .map(str::to_owned)
        .collect();
    assert_eq!(table.keys().cloned().collect::<BTreeSet<_>>(), named);
    for (name, default) in table {
        let said = match default.as_str() {
            "" => continue,
            said => format!(": \"${{{name}:={said}}}\"\n"),
        };
        assert!(script.contains(&said), "{said}");
    }
    assert_eq!(
        script.matches(": \"${").count(),
        3,
        "each default is in the table"
    );
    assert!(script.contains(&format!("VERSION:={TAG}}}")));
}

#[test]
fn the_page_has_each_input() {
    let component = yaml(&source(COMPONENT));
    let inputs = component[0]["spec"]["inputs"].as_object().unwrap();
    let expected: BTreeMap<_, _> = inputs
        .iter()
        .map(|(name, input)| {
            let default = input.get("default").and_then(Value::as_str);
            (name.clone(), default.unwrap_or_default().to_owned())
        })
        .collect();
    assert_eq!(
        table(&read("docs/gitlab-template.md"), "Inputs of the component"),
        expected
    );
    assert_eq!(inputs["version"]["default"], TAG);
    // Each leads to what the script reads.
    let script = script();
    let variables = component[1]["$[[ inputs.name ]]"]["variables"]
        .as_object()
        .unwrap();
    assert_eq!(variables.len() + 1, inputs.len());
    for name in variables.keys() {
        assert!(script.contains(name.as_str()), "{name}");
    }
}
