//! Each line of CONFORMANCE.md names code and tests that are there.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines that the table has at least: fewer, and it was not understood.
const ROWS_MIN: usize = 20;

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("deploy/tidy is two folders below the top").to_owned()
}

/// The text of every Rust source below `folder`.
fn sources(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("an entry of the repository").path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push_str(&fs::read_to_string(&path).expect("UTF-8"));
        }
    }
}

/// The rows of the table under a heading, a list of cells each.
fn rows<'a>(text: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let section = text.split("\n## ").find(|section| section.starts_with(heading));
    let lines = section.expect("the heading is there").lines();
    // The first two lines of a table are its head.
    let table = lines.filter(|line| line.starts_with('|')).skip(2);
    table.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn each_duty_names_code_and_tests_that_are_there() {
    let text = fs::read_to_string(root().join("CONFORMANCE.md")).expect("the file is there");
    let netstack = root().join("netstack");
    let mut all = String::new();
    sources(&netstack, &mut all);
    let rows = rows(&text, "Followed");
    assert!(rows.len() >= ROWS_MIN, "only {} rows", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let [duty, code, tests] = row[..] else {
            wrong.push(format!("{} cells: {row:?}", row.len()));
            continue;
        };
        if quoted(code).next().is_none() || quoted(tests).next().is_none() {
            wrong.push(format!("no code or no test: {duty}"));
        }
        let missing = quoted(code).filter(|path| !netstack.join(path).exists());
        wrong.extend(missing.map(|path| format!("no file {path}: {duty}")));
        let missing = quoted(tests).filter(|name| !all.contains(&format!("fn {name}(")));
        wrong.extend(missing.map(|name| format!("no test {name}: {duty}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_departure_has_a_reason() {
    let text = fs::read_to_string(root().join("CONFORMANCE.md")).expect("the file is there");
    let rows = rows(&text, "Departures");
    assert!(!rows.is_empty(), "the table was not found");
    for row in rows {
        assert!(row.len() == 3 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
}
