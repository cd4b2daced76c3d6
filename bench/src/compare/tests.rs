use std::time::Duration;

use super::cpu::CpuTime;
use super::subject::Subject;
use super::{CompareError, Measurement, judge};
use crate::report::tests::report;
use crate::scenario::Mode;

fn measurement(subject: Subject) -> Measurement {
    let cpu = CpuTime { process: Duration::ZERO, cores: Duration::ZERO };
    Measurement { subject, mode: Mode::Keepalive, report: report(), cpu }
}

#[test]
fn one_failed_operation_spoils_the_comparison() {
    let mut measurements = [Subject::Weir, Subject::Nginx, Subject::Weir].map(measurement);
    assert!(judge(&measurements).is_ok());
    measurements[1].report.failures.insert("reset".to_owned(), 1);
    measurements[2].report.failures.insert("late".to_owned(), 2);
    let error = judge(&measurements).expect_err("operations failed");
    assert!(matches!(error, CompareError::Failures { count: 3, .. }), "{error}");
    for part in ["3 operations failed", "nginx", "reset"] {
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}
