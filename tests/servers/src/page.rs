//! Pages of the guide that name tests.

use std::path::Path;

/// Panics unless each test that a page names, as `MODULE::TEST` or `DIRECTORY/MODULE::TEST` between backticks, is there, and
/// they are more than this. Without a directory it is in `directory` below `tests`.
pub fn assert_tests_are_there(root: &Path, page: &str, directory: &str, more_than: usize) {
    let text = std::fs::read_to_string(root.join(page)).expect("the page is there");
    // What is between backticks is every second piece.
    let named = text.split('`').skip(1).step_by(2);
    let named: Vec<_> = named.filter_map(|name| name.split_once("::")).collect();
    assert!(named.len() > more_than, "{page}: {named:?}");
    for (module, test) in named {
        let (directory, module) = module.split_once('/').unwrap_or((directory, module));
        let file = root.join(format!("tests/{directory}/{module}.rs"));
        let source = std::fs::read_to_string(&file).unwrap_or_default();
        let lines: Vec<&str> = source.lines().map(str::trim).collect();
        let head = format!("fn {test}() {{");
        assert!(
            lines.windows(2).any(|pair| pair == ["#[test]", &head]),
            "{page}: {} has no test `{test}`",
            file.display()
        );
    }
}
