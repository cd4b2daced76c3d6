//! The comparison runs from end to end; nginx stands for both proxies, so that no other build is
//! needed.

use std::fs;
use std::process::Command;

#[test]
fn comparison_fills_its_table_with_work_that_did_not_fail() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let page = folder.path().join("RESULTS.md");
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir-bench"));
    command.args(["compare", "--only", "nginx", "--rounds", "2", "--duration", "1s"]);
    let output = command.arg("--output").arg(&page).output().expect("weir-bench runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let page = fs::read_to_string(page).expect("the page");
    let rows: Vec<_> = page.lines().filter(|line| line.contains("| nginx |")).collect();
    assert_eq!(rows.len(), 3, "{page}");
    for row in rows {
        assert!(row.ends_with("| 0 |"), "{row}");
        assert!(row.contains(" to "), "both rounds count: {row}");
        assert!(!row.contains("inf") && !row.contains("NaN"), "{row}");
    }
}
