//! Each line of CONFORMANCE.md and of netstack/conformance names code and tests that are there.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines that the table has at least: fewer, and it was not understood.
const ROWS_MIN: usize = 3;

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

/// What a row of netstack/conformance says in place of code where there is none.
const WITHOUT_CODE: [&str; 2] = ["departs", "optional"];
/// Letters of a reason at least.
const REASON_MIN: usize = 20;

/// Rows that all pages together have at least: fewer, and some were not understood.
const DUTIES_MIN: usize = 650;

/// The pages with a row for each duty of an RFC.
fn pages() -> Vec<PathBuf> {
    let folder = root().join("netstack/conformance");
    let entries = fs::read_dir(folder).expect("the folder is there");
    entries.map(|entry| entry.expect("an entry of the repository").path()).collect()
}

/// The rows of every table of a page, heads left out.
fn duties(text: &str) -> Vec<Vec<&str>> {
    let tables = text.split("\n\n").filter(|block| block.starts_with("| "));
    let lines = tables.flat_map(|table| table.lines().skip(2));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What is wrong with a row of a page. `all`: the text of every source of netstack.
fn faults(row: &[&str], all: &str) -> Vec<String> {
    let netstack = root().join("netstack");
    let scripts = netstack.join("packetdrill/scripts");
    let &[label, duty, code, tests] = row else {
        return vec![format!("{} cells: {row:?}", row.len())];
    };
    let mut wrong = Vec::new();
    if label.is_empty() || duty.is_empty() {
        wrong.push(format!("no label or no duty: {row:?}"));
    }
    let is_script = |name: &&str| name.ends_with(".pkt");
    let missing = quoted(tests).filter(is_script).filter(|name| !scripts.join(name).exists());
    wrong.extend(missing.map(|name| format!("no script {name}: {label}")));
    if WITHOUT_CODE.contains(&code) {
        if tests.len() < REASON_MIN {
            wrong.push(format!("no reason: {label}"));
        }
        return wrong;
    }
    if quoted(code).next().is_none() || quoted(tests).next().is_none() {
        wrong.push(format!("no code or no test: {label}"));
    }
    let missing = quoted(code).filter(|path| !netstack.join(path).exists());
    wrong.extend(missing.map(|path| format!("no file {path}: {label}")));
    let functions = quoted(tests).filter(|name| !is_script(name));
    let missing = functions.filter(|name| !all.contains(&format!("fn {name}(")));
    wrong.extend(missing.map(|name| format!("no test {name}: {label}")));
    wrong
}

#[test]
fn each_row_of_an_rfc_names_code_and_tests_or_a_reason() {
    let mut all = String::new();
    sources(&root().join("netstack"), &mut all);
    let index = fs::read_to_string(root().join("CONFORMANCE.md")).expect("the file is there");
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        let rows = duties(&text);
        count += rows.len();
        let name = page.file_name().and_then(|name| name.to_str()).expect("a name");
        if rows.is_empty() || !index.contains(&format!("netstack/conformance/{name}")) {
            wrong.push(format!("{name}: no row, or not in CONFORMANCE.md"));
        }
        let faults = rows.iter().flat_map(|row| faults(row, &all));
        wrong.extend(faults.map(|fault| format!("{name}: {fault}")));
    }
    assert!(count >= DUTIES_MIN, "only {count} rows");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_row_without_code_test_or_reason_is_found() {
    let all = "fn a_test() {}";
    let code = "`src/tcp/recv.rs`";
    assert_eq!(faults(&["MUST-1", "duty", code, "`a_test`"], all), [""; 0]);
    let reason = "because nobody has ever wanted that";
    assert_eq!(faults(&["MUST-1", "duty", "departs", reason], all), [""; 0]);
    for row in [
        &["MUST-1", "duty", code][..],
        &["", "duty", code, "`a_test`"],
        &["MUST-1", "duty", "`src/tcp/nothing.rs`", "`a_test`"],
        &["MUST-1", "duty", code, "`another_test`"],
        &["MUST-1", "duty", code, "`flow/nothing.pkt`"],
        &["MUST-1", "duty", code, "it is so"],
        &["MUST-1", "duty", "departs", "so"],
    ] {
        assert_eq!(faults(row, all).len(), 1, "{row:?}");
    }
}

#[test]
fn every_label_of_rfc_9293_has_a_row() {
    let page = root().join("netstack/conformance/rfc9293.md");
    let text = fs::read_to_string(page).expect("the page is there");
    let mut found: Vec<String> = Vec::new();
    for row in duties(&text) {
        found.extend(row[0].split(',').map(|label| label.trim().to_owned()));
    }
    for (kind, last) in [("MUST", 69), ("SHLD", 31), ("MAY", 18), ("REC", 1)] {
        for number in 1..=last {
            let label = format!("{kind}-{number}");
            let times = found.iter().filter(|other| **other == label).count();
            assert_eq!(times, 1, "rows of {label}");
        }
    }
    assert_eq!(found.len(), 69 + 31 + 18 + 1, "and nothing else has one");
}
