//! `docs/cargo.md` names tests of this binary and of others: each of them must be there.

use std::path::Path;

#[test]
fn every_test_that_is_named_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/cargo.md")).unwrap();
    // What is between backticks is every second piece.
    let named = text.split('`').skip(1).step_by(2);
    let named: Vec<_> = named.filter_map(|name| name.split_once("::")).collect();
    assert!(named.len() > 50, "{named:?}");
    for (module, test) in named {
        let (directory, module) = module.split_once('/').unwrap_or(("cargo", module));
        let file = root.join(format!("tests/{directory}/{module}.rs"));
        let source = std::fs::read_to_string(&file).unwrap_or_default();
        let head = format!("#[test]\nfn {test}() {{");
        assert!(
            source.contains(&head),
            "{}: no test `{test}`",
            file.display()
        );
    }
}
