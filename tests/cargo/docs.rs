//! `docs/cargo.md` and `docs/tools.md` name tests of this binary and of others: each of them must be there.

use std::path::Path;

#[test]
fn every_test_that_is_named_is_there() {
    assert_there("docs/cargo.md", 50);
    assert_there("docs/tools.md", 10);
}

/// Looks for each test that a page names, which are more than this.
fn assert_there(page: &str, more_than: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join(page)).unwrap();
    // What is between backticks is every second piece.
    let named = text.split('`').skip(1).step_by(2);
    let named: Vec<_> = named.filter_map(|name| name.split_once("::")).collect();
    assert!(named.len() > more_than, "{page}: {named:?}");
    for (module, test) in named {
        let (directory, module) = module.split_once('/').unwrap_or(("cargo", module));
        let file = root.join(format!("tests/{directory}/{module}.rs"));
        let source = std::fs::read_to_string(&file).unwrap_or_default();
        let head = format!("#[test]\nfn {test}() {{");
        assert!(
            source.contains(&head),
            "{page}: {} has no test `{test}`",
            file.display()
        );
    }
}
