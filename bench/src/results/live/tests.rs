use std::fs::File;

use super::{Live, View};
use crate::results::collector::Collector;
use crate::results::tests::{ending, facts, results, worker};
use crate::seconds::Second;

/// What is shown of a run whose seconds come in this order.
fn shown(view: View, seconds: &[Second]) -> String {
    let mut output = Vec::new();
    let mut collector = Collector::new(facts().scenario, Live::new(view, &mut output), None);
    for second in seconds {
        collector.take(second);
    }
    collector.finish(ending());
    String::from_utf8(output).expect("text")
}

#[test]
fn short_second_at_the_end_is_not_shown() {
    let mut seconds = in_turn();
    for second in seconds.iter_mut().rev().take(2) {
        second.own.span /= 2;
    }
    assert_eq!(shown(View::Lines, &seconds).lines().count(), 11);
}

/// Both workers' seconds, one after the other.
fn in_turn() -> Vec<Second> {
    worker(0).into_iter().zip(worker(1)).flat_map(|(one, other)| [one, other]).collect()
}

#[test]
fn lines_tell_each_second_once_and_are_nothing_but_lines() {
    let said = shown(View::Lines, &in_turn());
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 12, "{said}");
    assert!(
        lines[0]
            .starts_with("   1 s warm-up: 400 operations of 400 due, 0 failures, 20 connections")
    );
    assert!(lines[5].starts_with("   6 s hold: 380 operations of 400 due, 20 failures"), "{said}");
    assert!(!said.contains('\x1b'), "{said}");
    let Some((_, last)) = lines[11].split_once("so far ") else { panic!("{said}") };
    let run = results().summary(crate::results::summary::Scope::Run).response_us;
    let micros = super::Micros;
    assert_eq!(last, format!("p50 {}, p99 {}", micros(run.p50), micros(run.p99)));
}

#[test]
fn terminal_is_drawn_over_and_over_in_the_same_lines() {
    let said = shown(View::Terminal, &in_turn());
    let draws: Vec<_> = said.split("\x1b[?7l").skip(1).collect();
    assert_eq!(draws.len(), 12);
    for (number, draw) in draws.iter().enumerate() {
        assert_eq!(draw.starts_with("\x1b[6F"), number > 0, "{draw:?}");
        assert_eq!(draw.matches("\x1b[K\n").count(), 6, "{draw:?}");
    }
    let last = draws[11];
    for part in [
        "[##############################] 12 of 12 s  hold",
        "400/s of 400 due",
        "p99.9 ",
        "reset 18, status 2 (so far)",
        "idle 18, busy 2",
        "30 % of its cores",
    ] {
        assert!(last.contains(part), "{part} is not in {last:?}");
    }
    assert!(draws[5].contains("[###############               ] 6 of 12 s"), "{:?}", draws[5]);
    assert!(draws[0].contains("warm-up (not measured)"), "{:?}", draws[0]);
    assert!(draws[0].contains("response     none that counts so far"), "{:?}", draws[0]);
}

#[test]
fn quiet_is_quiet() {
    assert_eq!(shown(View::Nothing, &in_turn()), "");
    let file = File::open("/dev/null").expect("it is there");
    assert_eq!(View::for_output(&file, true), View::Nothing);
    assert_eq!(View::for_output(&file, false), View::Lines);
}

#[test]
fn second_that_a_worker_leaves_out_is_shown_two_seconds_later() {
    let seconds: Vec<Second> = in_turn();
    // The second worker was held up over the third second, and told of it in the fourth.
    let held_up: Vec<Second> =
        seconds.iter().enumerate().filter(|(at, _)| *at != 5).map(|(_, it)| it.clone()).collect();
    let said = shown(View::Lines, &held_up);
    let begins: Vec<_> = said.lines().map(|line| &line[..4]).collect();
    let all: Vec<String> = (1..=12).map(|number| format!("{number:4}")).collect();
    assert_eq!(begins, all, "{said}");
    assert!(said.lines().nth(2).is_some_and(|line| line.contains(" 200 operations")), "{said}");
}

#[test]
fn collector_finds_what_all_seconds_at_once_would() {
    let mut collector =
        Collector::new(facts().scenario, Live::new(View::Nothing, Vec::new()), None);
    for second in in_turn() {
        collector.take(&second);
    }
    let found = collector.finish(ending());
    let wanted = results();
    assert_eq!((&found.seconds, &found.limited), (&wanted.seconds, &wanted.limited));
    assert_eq!(found.facts.ended_s, 12.0);
    assert_eq!(found.facts.scenario, wanted.facts.scenario);
    assert_eq!((found.facts.started_unix_s, found.facts.tls), (1_800_000_000.25, wanted.facts.tls));
}
