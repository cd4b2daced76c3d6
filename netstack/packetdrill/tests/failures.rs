//! What a script that does not hold is told: file, line, what was expected and what came.

use netstack_packetdrill::{Wrap, run_script};

const LISTEN: &str = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n\
    +0 bind(3, ..., ...) = 0\n\
    +0 listen(3, 1) = 0\n\
    +0 < S 0:0(0) win 32792 <mss 1000>\n";

/// The failure of a script that begins with [`LISTEN`], as it is shown.
#[track_caller]
fn failure(rest: &str) -> String {
    let script = format!("{LISTEN}{rest}");
    let failure = run_script("a.pkt", &script).expect_err("the script does not hold");
    assert_eq!(failure.wrap, Wrap::No);
    failure.to_string()
}

#[test]
fn a_segment_that_differs_is_shown_beside_the_one_expected() {
    assert_eq!(
        failure("+0 > S. 0:0(0) ack 2 <mss 1400>\n"),
        "a.pkt:5: its acknowledgment is 1, not 2; its options differ\n\
         \x20 expected: > S. 0:0(0) ack 2 <mss 1400>\n\
         \x20 left:     > S. 0:0(0) ack 1 win 65535 <mss 1460>  at 0.000000"
    );
}

#[test]
fn a_segment_that_does_not_come_is_told_with_its_time() {
    let shown = failure("+0 > S. 0:0(0) ack 1 <...>\n+.1 > S. 0:0(0) ack 1 <...>\n");
    assert_eq!(
        shown,
        "a.pkt:6: expected at 0.100000: > S. 0:0(0) ack 1 <...>\n  nothing left up to 0.104000"
    );
}

#[test]
fn a_segment_that_comes_too_early_is_told_with_its_time() {
    let shown = failure("+.1 > S. 0:0(0) ack 1 <...>\n");
    assert!(shown.starts_with("a.pkt:5: it left at 0.000000, not at 0.100000\n"), "{shown}");
}

#[test]
fn a_segment_that_nobody_expects_is_shown() {
    let shown = failure("+0 %{ assert tcpi_state == TCP_LISTEN }%\n");
    let expected = "a.pkt:5: this left, at 0.000000, and the script does not expect it: \
                    > S. 0:0(0) ack 1 win 65535 <mss 1460>";
    assert_eq!(shown, expected);
}

#[test]
fn a_call_that_gives_something_else_is_told() {
    let shake = "+0 > S. 0:0(0) ack 1 <...>\n+.1 < . 1:1(0) ack 1 win 100\n\
                 +0 accept(3, ..., ...) = 4\n";
    let shown = |rest: &str| failure(&format!("{shake}{rest}"));
    assert_eq!(
        shown("+0 write(4, ..., 5) = -1 EPIPE (Broken pipe)\n"),
        "a.pkt:8: write() gave 5, not -1 EPIPE"
    );
    assert_eq!(
        shown("+0 read(4, ..., 5) = 5\n"),
        "a.pkt:8: the call waits; give the time when it is done: 0.1...0.2"
    );
    assert_eq!(
        shown("+0...0.2 read(4, ..., 5) = 5\n"),
        "a.pkt:8: the call still waits; it should have been done at 0.300000"
    );
    assert_eq!(
        shown("+0...0.2 read(4, ..., 5) = 5\n+.1 < P. 1:6(5) ack 1 win 100\n"),
        "a.pkt:8: the call was done at 0.200000, not at 0.300000"
    );
    assert_eq!(shown("+0 close(5) = 0\n"), "a.pkt:8: no call has given descriptor 5");
}

#[test]
fn an_assertion_that_fails_shows_the_value() {
    let shown = failure("+0 > S. 0:0(0) ack 1 <...>\n+0 %{ assert tcpi_state == TCP_CLOSE }%\n");
    assert_eq!(shown, "a.pkt:6: tcpi_state is 10, not == 7");
}

#[test]
fn a_script_that_is_not_understood_is_told_where() {
    assert!(failure("+0 < X 0:0(0)\n").starts_with("a.pkt:5: expected TCP flags"));
    let wrong = run_script("b.pkt", "--so_flags=\"rto_min=soon\"\n").expect_err("no time");
    let told = "b.pkt:1: --so_flags: 'soon' is no time: digits and us, ms or s";
    assert_eq!(wrong.to_string(), told);
}
