use serde_json::Value;

use super::super::facts::Machine;
use super::super::file::{FileError, Places};
use super::super::summary::Scope;
use super::super::{Facts, Results, csv, text};
use super::{limited, results};
use crate::seconds::Reason;

#[test]
fn file_is_read_back_as_it_was() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("run.json");
    for results in [results(), limited()] {
        results.save(&path).expect("writable");
        assert_eq!(Results::load(&path).expect("its own file"), results);
    }
}

#[test]
fn sums_are_over_what_counts() {
    let results = results();
    let run = results.summary(Scope::Run);
    // 2000 of each of two workers in ten seconds, and ten of each failed.
    assert_eq!((run.length_s, run.due, run.begun), (10.0, 4000, 4000));
    assert_eq!((run.done, run.failed, run.ended()), (3980, 20, 4000));
    assert_eq!(run.done_per_s, 398.0);
    assert_eq!((run.failures.get(Reason::Status), run.failures.get(Reason::Reset)), (2, 18));
    assert_eq!((run.response_us.count, run.service_us.count), (3980, 3980));
    assert!(run.response_us.p50 > run.service_us.p50, "{run:?}");
    let phases = [0, 1].map(|phase| results.summary(Scope::Phase(phase)));
    assert_eq!(phases.map(|phase| (phase.length_s, phase.due)), [(2.0, 800), (10.0, 4000)]);
    let steps = [0, 1].map(|step| results.summary(Scope::Step(step)));
    assert_eq!(steps.map(|step| step.due), [3500, 500]);
}

#[test]
fn early_end_shortens_what_was_measured() {
    let mut results = results();
    results.facts.stopped = true;
    results.facts.ended_s = 7.0;
    assert_eq!(results.summary(Scope::Run).length_s, 5.0);
    results.facts.ended_s = 1.0;
    let run = results.summary(Scope::Run);
    assert_eq!((run.length_s, run.done_per_s), (0.0, 0.0));
}

#[test]
fn json_has_sums_and_what_they_rest_on() {
    let mut json = Vec::new();
    results().write_json(&mut json).expect("a vector takes everything");
    let json: Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(json["format"], "weir-bench results");
    assert_eq!(json["version"], 1);
    assert_eq!(json["summary"]["run"]["done"], 3980);
    assert_eq!(json["summary"]["run"]["failures"]["reset"], 18);
    assert_eq!(json["summary"]["phases"][0]["done"], 800);
    assert_eq!(json["summary"]["steps"][1]["due"], 500);
    assert_eq!(json["summary"]["generator"]["bottleneck"], false);
    assert_eq!(json["facts"]["machine"]["load_before"][2], 0.25);
    assert_eq!(json["seconds"].as_array().map(Vec::len), Some(12));
}

#[test]
fn other_files_are_refused_with_their_reason() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("run.json");
    let load = |text: &str| {
        std::fs::write(&path, text).expect("writable");
        Results::load(&path).expect_err("not results")
    };
    assert!(matches!(load("{"), FileError::Json { .. }));
    assert!(matches!(load("[]"), FileError::Format { .. }));
    assert!(matches!(load(r#"{"format":"another","version":1}"#), FileError::Format { .. }));
    let newer = load(r#"{"format":"weir-bench results","version":2,"facts":[]}"#);
    assert!(matches!(newer, FileError::Version { version: 2, .. }), "{newer}");
    let hollow = load(r#"{"format":"weir-bench results","version":1}"#);
    assert!(matches!(hollow, FileError::Json { .. }), "{hollow}");
    std::fs::remove_file(&path).expect("it is there");
    assert!(matches!(Results::load(&path), Err(FileError::Io { .. })));
}

#[test]
fn table_has_a_row_for_each_second_and_adds_up() {
    let results = results();
    let mut table = Vec::new();
    csv::write(&results, &mut table).expect("a vector takes everything");
    let table = String::from_utf8(table).expect("text");
    let mut lines = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().expect("a head");
    let rows: Vec<_> = lines.collect();
    assert_eq!(rows.len(), 12, "{table}");
    assert!(rows.iter().all(|row| row.len() == head.len()), "{table}");
    let column = |name: &str| head.iter().position(|it| *it == name).expect("a column");
    let sum = |name: &str| -> u64 {
        rows.iter().map(|row| row[column(name)].parse::<u64>().expect("a number")).sum()
    };
    assert_eq!((sum("due"), sum("done"), sum("failed")), (4800, 4780, 20));
    assert_eq!((sum("failed_status"), sum("failed_reset"), sum("failed_timeout")), (2, 18, 0));
    assert_eq!((sum("handshakes_full"), sum("handshakes_resumed")), (48, 48));
    let phases: Vec<_> = rows.iter().map(|row| row[column("phase")]).collect();
    assert_eq!((phases[1], phases[2]), ("warm-up", "hold"));
    assert_eq!(rows[5][column("connections_idle")], "18");
    let all: u64 = results.seconds.iter().map(|it| results.sum_of(it, Places::All).done).sum();
    assert_eq!(all, 4780);
}

#[test]
fn summary_names_everything_that_happened() {
    let said = text::render(&results());
    for part in [
        "https://one.example/ at 192.0.2.1:443",
        "X25519MLKEM768",
        "kernel 6.18.0, load before 0.02 0.10 0.25",
        "warm-up: 400/s for 2.0 s, not measured",
        "3980 done, 398/s",
        "18 reset",
        "2 status",
        "the first: status: 503",
        "30 % of its cores",
        "response",
        "p99.9",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    assert!(!said.contains("WARNING"), "{said}");
}

#[test]
fn facts_are_those_of_this_machine() {
    let machine = Machine::of_this();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("this is Linux");
    assert_eq!(machine.kernel, kernel.trim());
    assert_eq!(machine.load_before.len(), 3, "{machine:?}");
    assert!(machine.cores > 0 && !machine.processor.is_empty(), "{machine:?}");
    let time = Facts::unix_now();
    assert!(time > 1_700_000_000.0, "{time}");
}
