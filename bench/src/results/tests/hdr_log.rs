//! Logs are read by hdrh, which is the Python port of the standard tools.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::Value;

use super::super::Results;
use super::super::file::Places;
use super::super::hdr_log::Time;
use super::super::verbs::write_hdr_logs;
use super::results;
use crate::seconds::{Cell, Latencies};

/// Reads each log of a folder and tells every interval's tag, start, end, and values with their counts.
const READER: &str = "
import json, sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
for path in sys.argv[1:]:
    reader = HistogramLogReader(path, HdrHistogram(1000, 3600000000000, 3))
    rows = []
    while (it := reader.get_next_interval_histogram()) is not None:
        recorded = it.get_recorded_iterator()
        values = [(at.value_iterated_to, at.count_at_value_iterated_to) for at in recorded]
        row = {'tag': it.get_tag(), 'count': it.get_total_count(), 'values': values}
        row['begin_ms'], row['end_ms'] = it.get_start_time_stamp(), it.get_end_time_stamp()
        rows.append(row)
    print(json.dumps({'start_s': reader.get_start_time_sec(), 'rows': rows}))
";

fn read(paths: &[&Path]) -> Vec<Value> {
    let python = std::env::var("WEIR_TEST_PYTHON").unwrap_or_else(|_| {
        panic!(
            "WEIR_TEST_PYTHON names no Python with hdrhistogram: run ./deploy/test, which makes one"
        )
    });
    let output = Command::new(python).args(["-c", READER]).args(paths).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("JSON")).collect()
}

/// The same values in the same buckets, as often.
fn check(row: &Value, latencies: &Latencies) {
    let histogram: Histogram<u64> = Latencies::histogram();
    let found: Vec<(u64, u64)> = serde_json::from_value(row["values"].clone()).expect("pairs");
    let found = found.into_iter().filter(|(_, count)| *count > 0);
    let found: Vec<_> =
        found.map(|(value, count)| (histogram.lowest_equivalent(value), count)).collect();
    let nanoseconds = |value: Duration| u64::try_from(value.as_nanos()).expect("short");
    let ours: Vec<_> = latencies.iter().map(|(value, count)| (nanoseconds(value), count)).collect();
    assert_eq!(found, ours);
    assert_eq!(row["count"], latencies.count());
}

fn sum(results: &Results) -> Cell {
    results.seconds.iter().fold(Cell::default(), |mut sum, second| {
        sum.merge(&results.sum_of(second, Places::Measured));
        sum
    })
}

#[test]
fn foreign_reader_finds_every_second_as_it_was() {
    let results = results();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let prefix = folder.path().join("run");
    write_hdr_logs(&results, &prefix).expect("writable");
    let path = |name: &str| prefix.with_extension(format!("{name}.hlog"));
    let (response, service) = (path("response"), path("service"));
    let logs = read(&[response.as_path(), service.as_path()]);
    for (time, log) in Time::ALL.into_iter().zip(logs) {
        assert_eq!(log["start_s"], 1_800_000_000.25);
        let rows = log["rows"].as_array().expect("a list");
        assert_eq!(rows.len(), 12);
        for (number, (row, second)) in rows.iter().zip(&results.seconds).enumerate() {
            check(row, time.of(&results.sum_of(second, Places::Measured)));
            let milliseconds = |name: &str| row[name].as_f64().expect("a number");
            assert_eq!(milliseconds("begin_ms"), 1_800_000_000_250.0 + 1000.0 * number as f64);
            assert_eq!(milliseconds("end_ms") - milliseconds("begin_ms"), 1000.0, "{row}");
        }
        // The warm-up does not count; its seconds are there all the same.
        assert_eq!((&rows[1]["count"], rows[2]["count"] == 0), (&Value::from(0), false));
    }
}

#[test]
fn foreign_reader_finds_both_times_of_the_whole_run() {
    let results = results();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let prefix = folder.path().join("run");
    write_hdr_logs(&results, &prefix).expect("writable");
    let total = prefix.with_extension("total.hlog");
    let log = read(&[total.as_path()]).remove(0);
    let rows = log["rows"].as_array().expect("a list");
    let tags: Vec<_> = rows.iter().map(|row| row["tag"].as_str()).collect();
    assert_eq!(tags, [Some("response"), Some("service")]);
    let sum = sum(&results);
    check(&rows[0], &sum.response);
    check(&rows[1], &sum.service);
    let text = fs::read_to_string(&total).expect("readable");
    assert!(text.starts_with("#[Histogram log format version 1.3]\n"), "{text}");
}
