use super::super::judgement::Judgement;
use super::super::{Results, csv, hdr_log, text};
use super::{facts, limited, results, worker};
use crate::seconds::Limit;

#[test]
fn one_worker_at_its_limit_is_enough() {
    assert!(!results().judgement().is_bottleneck());
    // Over all it used less than half of its cores; a worker was at its limit in 2 of 12 seconds.
    let limited = limited();
    assert!(limited.own().limits().is_empty());
    let judgement = limited.judgement();
    assert_eq!(judgement.limits.iter().collect::<Vec<_>>(), [&Limit::Cpu]);
    assert_eq!((judgement.limited_seconds, judgement.seconds), (2, 12));
}

#[test]
fn one_second_in_twenty_is_forgiven_and_two_are_not() {
    let of = |limited: usize| {
        let results = super::limited();
        let limited: Vec<_> = results.limited.iter().cycle().take(limited).cloned().collect();
        Judgement::of(&results.own(), &limited, 20).is_bottleneck()
    };
    assert_eq!([0, 1, 2].map(of), [false, false, true]);
}

#[test]
fn short_second_at_the_end_is_not_judged_alone() {
    let mut seconds = worker(0);
    let last = seconds.last_mut().expect("there are some");
    last.own.span /= 4;
    last.own.cpu = last.own.span;
    assert_eq!(Results::new(facts(), seconds).limited, []);
}

#[test]
fn every_output_says_that_the_generator_was_the_bottleneck() {
    let sentence =
        "the generator was the bottleneck: its workers used up their cores (2 of 12 seconds)";
    let results = limited();
    let said = text::render(&results);
    assert!(said.contains(sentence), "{said}");
    let mut json = Vec::new();
    results.write_json(&mut json).expect("a vector takes everything");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(json["summary"]["generator"]["bottleneck"], true);
    assert_eq!(json["summary"]["generator"]["limits"], serde_json::json!(["cpu"]));
    assert!(
        json["summary"]["generator"]["rule"].as_str().is_some_and(|rule| rule.contains("95 %"))
    );
    let mut table = Vec::new();
    csv::write(&results, &mut table).expect("a vector takes everything");
    let table = String::from_utf8(table).expect("text");
    assert!(table.lines().skip(1).all(|row| row.contains(",yes,")), "{table}");
    assert_eq!(table.matches(",cpu,yes,").count(), 2, "{table}");
    let mut log = Vec::new();
    hdr_log::write_totals(&results, &mut log).expect("a vector takes everything");
    let log = String::from_utf8(log).expect("text");
    assert!(log.contains(sentence), "{log}");
}
