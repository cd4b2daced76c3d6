use std::process;
use std::time::{Duration, Instant};

use super::{CpuTime, of_cores, parent_of};

#[test]
fn parent_is_found_behind_any_name() {
    assert_eq!(parent_of("12 (nginx) S 7 12 12 0"), Some(7));
    assert_eq!(parent_of("12 (a) b) (c) S 8 12 12 0"), Some(8));
    assert_eq!(parent_of(""), None);
}

#[test]
fn cores_count_all_but_idle_and_stolen_time() {
    let stat = "cpu  9 9 9 9 9 9 9 9\ncpu0 100 1 10 5000 6 2 7 50 0 0\ncpu1 200 0 0 1 0 0 0\ncpu10 1 0 0 0 0 0 0\n";
    assert_eq!(of_cores(stat, &[0]), Duration::from_millis(1200));
    assert_eq!(of_cores(stat, &[0, 1]), Duration::from_millis(3200));
    assert_eq!(of_cores(stat, &[7]), Duration::ZERO);
}

#[test]
fn work_of_this_process_is_counted() {
    let before = CpuTime::now(process::id(), &[]);
    let begin = Instant::now();
    let mut used = Duration::ZERO;
    // Until it shows: a bound in CPU time would depend on what else runs.
    while used < Duration::from_millis(5) && begin.elapsed() < Duration::from_secs(60) {
        used = CpuTime::now(process::id(), &[]).since(&before).process;
    }
    assert!(used >= Duration::from_millis(5), "{used:?}");
}
