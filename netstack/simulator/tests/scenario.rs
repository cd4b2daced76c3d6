//! A scenario repeats itself, shrinks and can be written down.

use netstack::{CongestionAlgorithm, Span};
use netstack_simulator::{Capture, Family, Peer, Scenario, for_seeds};

/// A little of everything.
fn bad() -> Scenario {
    Scenario {
        streams: 4,
        bytes: 30_000,
        answer_bytes: 10_000,
        loss: 20,
        duplication: 10,
        reordering: 100,
        corruption: 1,
        delay: [Span::from_millis(20), Span::from_millis(80)],
        bytes_per_ms: Some(12_500),
        ..Scenario::default()
    }
}

#[test]
fn equal_seeds_give_equal_reports_and_others_do_not() {
    let runs = [3, 3, 4].map(|seed| bad().run(seed, None));
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0].digest, runs[2].digest);
}

#[test]
fn a_capture_has_every_frame_and_changes_nothing() {
    let capture = Capture::default();
    let report = bad().run(5, Some(&capture));
    assert_eq!(report, bad().run(5, None));
    let file = capture.bytes();
    let (mut at, mut sent) = (0, 0);
    while let Some(head) = file.get(at..at + 8) {
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four"));
        let len = word(at + 4) as usize;
        assert_eq!(word(at + len - 4) as usize, len, "a block has its length at both ends");
        // Packets with the flag 'outbound'.
        sent += u64::from(head[0] == 6 && word(at + len - 12) == 2);
        at += len;
    }
    assert_eq!((at, sent), (file.len(), report.frames));
}

#[test]
fn what_fails_shrinks_to_what_is_needed() {
    let small = bad().shrink(|scenario| scenario.streams >= 3 && scenario.loss > 0);
    assert_eq!((small.streams, small.loss), (3, 20));
    assert_eq!((small.corruption, small.reordering, small.answer_bytes), (0, 0, 0));
    assert!(small.bytes < 100, "{small:?}");
}

/// One of each impairment alone, and all of them together.
fn impaired() -> [Scenario; 6] {
    let plain = Scenario {
        streams: 3,
        delay: [Span::from_millis(1), Span::from_millis(40)],
        bytes_per_ms: Some(12_500),
        ..bad()
    };
    let plain = Scenario { loss: 0, duplication: 0, reordering: 0, corruption: 0, ..plain };
    [
        Scenario { loss: 50, ..plain },
        Scenario { duplication: 100, ..plain },
        Scenario { reordering: 100, ..plain },
        Scenario { corruption: 20, ..plain },
        Scenario { jitter: Span::from_millis(20), ..plain },
        Scenario { loss: 20, duplication: 10, reordering: 100, corruption: 1, ..plain },
    ]
}

/// Runs each of them 300 times, which finds any failure there is in them: `run` panics.
fn run_all(change: impl Fn(Scenario) -> Scenario) {
    for scenario in impaired().map(change) {
        for_seeds(0..300, |random| {
            scenario.run(random.next_u64(), None);
        });
    }
}

#[test]
fn two_engines_survive_every_impairment() {
    run_all(|scenario| Scenario { family: Family::V6, ..scenario });
}

#[test]
fn newreno_survives_every_impairment() {
    run_all(|scenario| Scenario { congestion: CongestionAlgorithm::NewReno, ..scenario });
}

#[test]
fn smoltcp_in_either_role_survives_every_impairment() {
    run_all(|scenario| Scenario { peer: Peer::Smoltcp, ..scenario });
}
