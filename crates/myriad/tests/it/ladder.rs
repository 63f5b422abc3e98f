//! docs/ladder.md names only tests that exist.

use std::path::Path;

/// Each `file` in back quotes must exist, and each `name` after it must be a function in it.
pub async fn the_ladder_names_only_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let ladder = std::fs::read_to_string(root.join("docs/ladder.md")).unwrap();
    let mut named = 0;
    for row in ladder.lines().filter(|line| line.starts_with("| R")) {
        let mut source = String::new();
        for quoted in row.split('`').skip(1).step_by(2) {
            if quoted.contains('/') {
                source = std::fs::read_to_string(root.join(quoted)).unwrap_or_else(|error| panic!("{quoted}: {error}"));
            } else if quoted.contains('_') && !source.is_empty() {
                assert!(source.contains(&format!("fn {quoted}(")), "{quoted} is not where the ladder says: {row}");
                named += 1;
            }
        }
    }
    assert!(named > 20, "the ladder was not read: {named}");
}
