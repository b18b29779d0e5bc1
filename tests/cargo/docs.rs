//! `docs/cargo.md` and `docs/tools.md` name tests of this binary and of others: each of them must be there.

use std::path::Path;

use test_servers::page::assert_tests_are_there;

#[test]
fn every_test_that_is_named_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_tests_are_there(root, "docs/cargo.md", "cargo", 50);
    assert_tests_are_there(root, "docs/tools.md", "cargo", 10);
}
