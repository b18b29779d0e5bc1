//! What is written about the action, beside what it is.

use std::fs;

use crate::VERSION;
use crate::runner::source;

/// The name and the default of each input, as `action.yml` has them.
fn inputs() -> Vec<(String, String)> {
    let text = fs::read_to_string(source("ci/github/action.yml")).unwrap();
    let (_, inputs) = text.split_once("\ninputs:\n").unwrap();
    let (inputs, _) = inputs.split_once("\noutputs:\n").unwrap();
    let mut found: Vec<(String, String)> = Vec::new();
    for line in inputs.lines() {
        let name = line
            .strip_prefix("  ")
            .filter(|rest| !rest.starts_with(' '));
        if let Some(name) = name {
            found.push((name.trim_end_matches(':').to_owned(), String::new()));
        } else if let Some(default) = line.trim().strip_prefix("default: ") {
            found.last_mut().unwrap().1 = default.trim_matches('"').to_owned();
        }
    }
    found
}

#[test]
fn the_page_has_each_input_and_its_default() {
    let page = fs::read_to_string(source("docs/github-action.md")).unwrap();
    let (_, table) = page.split_once("| input | default | meaning |").unwrap();
    let rows: Vec<_> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<_> = line
                .split('|')
                .map(|cell| cell.trim().trim_matches('`'))
                .collect();
            (cells[1].to_owned(), cells[2].to_owned())
        })
        .collect();
    assert_eq!(rows, inputs());
}

#[test]
fn the_action_brings_the_version_that_it_is_of() {
    let inputs = inputs();
    let version = inputs.iter().find(|(name, _)| name == "version").unwrap();
    assert_eq!(version.1, VERSION);
    for example in ["github-vault", "github-aws", "github-gcp"] {
        let text = fs::read_to_string(source(&format!("examples/{example}/workflow.yml"))).unwrap();
        let uses: Vec<_> = text
            .lines()
            .filter(|line| line.contains("/ci/github@"))
            .collect();
        assert_eq!(uses.len(), 3);
        assert!(
            uses.iter()
                .all(|line| line.ends_with(&format!("@v{VERSION}"))),
            "{uses:?}"
        );
    }
}
