use std::slice::from_ref;
use std::time::Duration;

use super::bootstrap::{Unit, normal, normal_quantile, ratio_interval, widened};
use super::figure::{Figure, Quantile};
use super::{Difference, How, Verdict};
use crate::results::Results;
use crate::results::tests::{Dice, closed, facts, limited, results};
use crate::seconds::{Operation, Outcome, OwnSample, Place, Reason, Recorder, Second};
use crate::tick::Tick;

const HOW: How = How { margin: 0.01, seed: 1 };
const P50: Figure = Figure::Quantile(Quantile::P50);

/// What a made-up server is like.
#[derive(Clone, Copy, Debug)]
struct Server {
    /// Mean of exponentially distributed latencies, in microseconds.
    mean_us: f64,
    per_second: u32,
    failures_per_second: u32,
    /// By how much a whole second is better or worse than the mean one.
    unrest: f64,
}

const SERVER: Server =
    Server { mean_us: 1000.0, per_second: 100, failures_per_second: 0, unrest: 0.1 };

fn seconds(server: Server, dice: &mut Dice, count: u32) -> Vec<Second> {
    let place = Place { phase: 1, step: 0 };
    let mut recorder = Recorder::new(Tick::START);
    let mut seconds = Vec::new();
    for number in 0..count {
        let begin = Tick::START + Duration::from_secs(u64::from(number));
        let mood = 1.0 + server.unrest * (2.0 * dice.unit() - 1.0);
        for turn in 0..server.per_second {
            let micros = server.mean_us * mood * dice.exponential();
            let ended = begin + Duration::from_secs_f64(micros / 1e6);
            let failed = turn < server.failures_per_second;
            let outcome = if failed { Outcome::Failed(Reason::Reset) } else { Outcome::Done };
            recorder.due(place, begin, begin);
            recorder.begun(place);
            recorder.operation(&Operation { place, intended: begin, sent: begin, ended, outcome });
        }
        let end = begin + Duration::from_secs(1);
        seconds.push(recorder.close(end, OwnSample::default()));
    }
    seconds
}

/// A run of so many seconds that count.
fn run(server: Server, dice: &mut Dice, count: u32) -> Results {
    let mut facts = facts();
    facts.scenario.workers = 1;
    facts.scenario.phases[0].end_s = 0.0;
    (facts.scenario.phases[1].begin_s, facts.scenario.phases[1].end_s) = (0.0, f64::from(count));
    facts.ended_s = f64::from(count);
    Results::new(facts, seconds(server, dice, count))
}

fn difference(a: Server, b: Server) -> Difference {
    let mut dice = Dice(11);
    Difference::of(&[run(a, &mut dice, 30)], &[run(b, &mut dice, 30)], &HOW)
}

#[test]
fn normal_distribution_is_as_in_the_tables() {
    for (z, share) in [(0.0, 0.5), (1.0, 0.841_344_7), (1.959_964, 0.975), (-2.326_348, 0.01)] {
        assert!((normal(z) - share).abs() < 1e-6, "{z}: {}", normal(z));
        assert!((normal_quantile(share) - z).abs() < 1e-4, "{share}: {}", normal_quantile(share));
    }
    // Student's t with 9 degrees of freedom is 2.262 there, with a spread of sqrt(10 / 9).
    let tail = 1.0 - normal(2.262_157 * (10.0_f64 / 9.0).sqrt());
    let told = widened(0.025, 10, 1);
    assert!((told - tail).abs() < 2e-4, "{told} and {tail}");
}

#[test]
fn slower_is_worse_and_faster_is_better() {
    let slow = Server { mean_us: 1300.0, ..SERVER };
    let worse = difference(SERVER, slow);
    assert_eq!(worse.verdict, Verdict::Worse, "{worse}");
    let row = worse.rows.iter().find(|row| row.figure == P50).expect("a row");
    let interval = row.interval.expect("an interval");
    assert!(interval.low > 1.1 && interval.low < 1.3 && interval.high > 1.3, "{worse}");
    let better = difference(slow, SERVER);
    assert_eq!(better.verdict, Verdict::Better, "{better}");
    let alike = difference(SERVER, SERVER);
    assert_eq!(alike.verdict, Verdict::None, "{alike}");
}

#[test]
fn fewer_operations_and_first_failures_are_worse() {
    let fewer = Server { per_second: 80, ..SERVER };
    assert_eq!(difference(SERVER, fewer).verdict, Verdict::Worse);
    let failing = Server { failures_per_second: 2, ..SERVER };
    let worse = difference(SERVER, failing);
    let failures = worse.rows.iter().find(|row| row.figure == Figure::Failures).expect("a row");
    assert_eq!((failures.verdict, worse.verdict), (Verdict::Worse, Verdict::Worse), "{worse}");
    assert_eq!((failures.a, failures.b), (0.0, 0.02));
}

#[test]
fn what_only_waited_is_not_lost() {
    let mut results = run(SERVER, &mut Dice(2), 12);
    let cell = |results: &mut Results, number: usize, begun| {
        let place = Place { phase: 1, step: 0 };
        results.seconds[number].cells.get_mut(&place).expect("something happened").begun = begun;
    };
    // A stall in the fourth second, made up for in the fifth. Then the end comes before 150 of them.
    cell(&mut results, 3, 0);
    cell(&mut results, 4, 200);
    cell(&mut results, 9, 0);
    cell(&mut results, 10, 50);
    cell(&mut results, 11, 100);
    let lost: Vec<u64> = super::figure::units(&results).iter().map(|unit| unit.lost).collect();
    assert_eq!(lost, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 50, 100]);
}

#[test]
fn change_below_the_margin_decides_nothing() {
    let mut dice = Dice(3);
    let calm = Server { unrest: 0.0, ..SERVER };
    let slower = Server { mean_us: 1150.0, ..calm };
    let (a, b) = ([run(calm, &mut dice, 60)], [run(slower, &mut dice, 60)]);
    let verdict = |margin| Difference::of(&a, &b, &How { margin, ..HOW }).verdict;
    assert_eq!([verdict(0.01), verdict(0.5)], [Verdict::Worse, Verdict::None]);
}

#[test]
fn runs_that_allow_no_verdict_get_none() {
    let a = [results()];
    let cases = [
        (limited(), "B: the generator was the bottleneck"),
        (closed(), "one is of an open loop"),
        (run(SERVER, &mut Dice(1), 5), "fewer than 10 full seconds"),
    ];
    for (b, why) in cases {
        let difference = Difference::of(&a, &[b], &HOW);
        assert_eq!(difference.verdict, Verdict::None);
        let said = difference.to_string();
        assert!(said.contains(&format!("no verdict: {why}")), "{why} is not in\n{said}");
        assert!(difference.rows.iter().all(|row| row.interval.is_none()), "{said}");
    }
}

#[test]
fn five_runs_of_each_side_are_drawn_themselves() {
    let mut dice = Dice(5);
    let runs = |mean_us, dice: &mut Dice| -> Vec<Results> {
        (0..5).map(|_| run(Server { mean_us, ..SERVER }, dice, 4)).collect()
    };
    let (a, b) = (runs(1000.0, &mut dice), runs(2000.0, &mut dice));
    let difference = Difference::of(&a, &b, &HOW);
    let said = difference.to_string();
    assert!(said.contains("from 5 runs of A and 5 of B"), "{said}");
    assert_eq!(difference.verdict, Verdict::Worse, "{said}");
    // Four of each are 16 seconds.
    let said = Difference::of(&a[..4], &b[..4], &HOW).to_string();
    assert!(said.contains("from 16 seconds of A and 16 of B"), "{said}");
}

#[test]
fn same_seed_says_the_same() {
    let mut dice = Dice(9);
    let (a, b) = (run(SERVER, &mut dice, 20), run(SERVER, &mut dice, 20));
    let of = |seed| Difference::of(from_ref(&a), from_ref(&b), &How { seed, ..HOW }).to_string();
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

/// In how many of `cases` the interval of two sides of `count` seconds holds the true ratio.
fn coverage(figure: Figure, alpha: f64, (cases, count): (u64, u32)) -> f64 {
    let truth = 1.2;
    let mut held = 0;
    for case in 0..cases {
        let mut dice = Dice(1000 + case);
        let units = |scale: f64, dice: &mut Dice| -> Vec<Unit> {
            if figure == Figure::Rate {
                let unit = |dice: &mut Dice| {
                    let length_s = (0.9 + 0.2 * dice.unit()) / scale;
                    Unit { length_s, done: 100, ..Unit::default() }
                };
                return (0..count).map(|_| unit(dice)).collect();
            }
            let server = Server { mean_us: 1000.0 * scale, ..SERVER };
            super::figure::units(&run(server, dice, count))
        };
        let (a, b) = (units(1.0, &mut dice), units(truth, &mut dice));
        let interval = ratio_interval(&a, &b, figure, (alpha, case, 0)).expect("two figures");
        held += u32::from(interval.low <= truth && truth <= interval.high);
    }
    f64::from(held) / cases as f64
}

#[test]
fn intervals_hold_the_truth_about_as_often_as_they_say() {
    // 1000 cases of 95 % are 95 ± 1.4 % with twice the standard error, 150 are ± 3.6 %.
    let rates = [0.05, 0.2].map(|alpha| coverage(Figure::Rate, alpha, (1000, 20)));
    assert!((0.93..0.975).contains(&rates[0]), "{rates:?}");
    assert!((0.77..0.84).contains(&rates[1]), "{rates:?}");
    let medians = coverage(P50, 0.05, (150, 20));
    assert!((0.91..0.99).contains(&medians), "{medians}");
}
