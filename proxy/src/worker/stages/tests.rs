use std::time::Duration;

use quanta::Clock;

use super::{Stage, Stages};
use crate::worker::Turn;

fn nanos(stages: &Stages, stage: Stage) -> u128 {
    stages.durations().nth(stage as usize).expect("each stage has its time").as_nanos()
}

#[test]
fn each_stage_gets_what_it_took() {
    let (clock, mock) = Clock::mock();
    let mut stages = Stages::new(clock);
    for _ in 0..3 {
        mock.increment(100);
        stages.lap(Stage::Receive);
        mock.increment(7);
        stages.lap(Stage::Transmit);
        stages.end(Turn::Worked);
    }
    assert_eq!((nanos(&stages, Stage::Receive), nanos(&stages, Stage::Transmit)), (300, 21));
    assert_eq!(stages.durations().sum::<Duration>().as_nanos(), 321);
    assert_eq!(stages.turns(), 3);
}

#[test]
fn a_turn_that_found_nothing_was_polling() {
    let (clock, mock) = Clock::mock();
    let mut stages = Stages::new(clock);
    mock.increment(40);
    stages.lap(Stage::Receive);
    mock.increment(2);
    stages.lap(Stage::Kernel);
    stages.end(Turn::Idle);
    assert_eq!((nanos(&stages, Stage::Polling), nanos(&stages, Stage::Receive)), (42, 0));
}

#[test]
fn sleep_is_no_stage() {
    let (clock, mock) = Clock::mock();
    let mut stages = Stages::new(clock);
    mock.increment(1_000_000);
    stages.pause();
    mock.increment(5);
    stages.lap(Stage::Timers);
    stages.end(Turn::Worked);
    assert_eq!(stages.durations().sum::<Duration>().as_nanos(), 5);
}

#[test]
fn a_counter_that_goes_back_costs_nothing() {
    let (clock, mock) = Clock::mock();
    let mut stages = Stages::new(clock);
    mock.increment(50);
    stages.lap(Stage::Receive);
    mock.decrement(20);
    stages.lap(Stage::Receive);
    mock.increment(1);
    stages.lap(Stage::Receive);
    stages.end(Turn::Worked);
    assert_eq!(nanos(&stages, Stage::Receive), 51);
}
