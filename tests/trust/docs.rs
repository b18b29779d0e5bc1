//! What the pages say of these tests, and these of the others.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use test_servers::page::assert_tests_are_there;

/// Tests that start the program without the driver that searches what it writes for secrets.
const BY_THEMSELVES: &[&str] = &[
    // A Cargo that dies in front of it, which reads no answer or does not print it.
    "tests/faults/signals.rs",
    // `init`, which knows no secret.
    "tests/initiated/mod.rs",
    // The hello alone, and an answer that is compared as a whole.
    "tests/provider/conformance.rs",
    // The program in the environment of a Cargo, which `doctor` is compared with.
    "tests/provider/doctor/as_cargo_does.rs",
    // Hundreds at once, which search what each has said.
    "tests/servers/src/bin/fleet/commands.rs",
];

#[test]
fn every_test_that_is_named_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_tests_are_there(root, "docs/trust.md", "trust", 40);
    assert_tests_are_there(root, "docs/security.md", "trust", 5);
}

/// Each attack has its row, and so has each test here.
#[test]
fn every_test_is_named() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = ["docs/trust.md", "docs/security.md"]
        .map(|page| fs::read_to_string(root.join(page)).unwrap())
        .concat();
    for file in sources(&root.join("tests/trust")) {
        let module = file.file_stem().unwrap().to_str().unwrap();
        let source = fs::read_to_string(&file).unwrap();
        for test in source.split("#[test]\nfn ").skip(1) {
            let name = test.split('(').next().unwrap();
            let named = format!("`{module}::{name}`");
            assert!(module == "docs" || pages.contains(&named), "{named}");
        }
    }
}

#[test]
fn the_program_is_started_by_the_driver_that_searches() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let starts = [
        concat!("Command::new(", "BINARY)"),
        concat!(".command()", ".spawn()"),
    ];
    let found: BTreeSet<String> = sources(&root.join("tests"))
        .into_iter()
        .filter(|file| {
            let source = fs::read_to_string(file).unwrap();
            starts.iter().any(|start| source.contains(start))
        })
        .map(|file| file.strip_prefix(root).unwrap().display().to_string())
        .collect();
    let listed: BTreeSet<String> = BY_THEMSELVES.iter().map(ToString::to_string).collect();
    assert_eq!(found, listed);
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(sources(&path)),
            false if path.extension().is_some_and(|kind| kind == "rs") => found.push(path),
            false => {}
        }
    }
    found
}
