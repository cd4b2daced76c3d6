//! The comparison runs from end to end, with weir and nginx.

use std::fs;
use std::path::Path;
use std::process::Command;

/// A page without what differs from run to run: figures, machine and commit.
fn form(page: &str) -> Vec<String> {
    let same = |line: &&str| !line.starts_with("Machine: ") && !line.starts_with("Commit ");
    let figure = |c: char| c.is_ascii_digit() || c == '.';
    let words = |line: &str| line.split(figure).filter(|part| !part.is_empty()).collect();
    page.lines().filter(same).map(words).collect()
}

#[test]
fn comparison_fills_its_table_with_work_that_did_not_fail() {
    let bench = Path::new(env!("CARGO_BIN_EXE_weir-bench"));
    let weir = bench.with_file_name("weir");
    assert!(
        weir.exists(),
        "{} is missing: cargo build --profile ci --package weir",
        weir.display()
    );
    let folder = tempfile::tempdir().expect("a temporary directory");
    let page = folder.path().join("RESULTS.md");
    let mut command = Command::new(bench);
    command.args(["compare", "--rounds", "2", "--duration", "1s"]);
    command.arg("--weir").arg(weir).arg("--output").arg(&page);
    let output = command.output().expect("weir-bench runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let page = fs::read_to_string(page).expect("the page");
    for proxy in ["| weir |", "| nginx |"] {
        let rows: Vec<_> = page.lines().filter(|line| line.contains(proxy)).collect();
        assert_eq!(rows.len(), 3, "{page}");
        for row in rows {
            assert!(row.ends_with("| 0 |"), "{row}");
            assert!(row.contains(" to "), "both rounds count: {row}");
            assert!(!row.contains("inf") && !row.contains("NaN"), "{row}");
        }
    }
    let ratios: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("| | ratio |")).collect();
    assert_eq!(ratios.len(), 3, "{page}");
    for ratio in ratios.iter().flat_map(|row| row.split('|').map(str::trim)) {
        assert!(ratio.is_empty() || ratio.parse::<f64>().is_ok_and(|it| it > 0.0), "{ratio}");
    }

    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
    let kept = fs::read_to_string(kept).expect("the page in the repository");
    assert_eq!(form(&kept), form(&page), "bench/RESULTS.md is what bench/compare writes");
}
