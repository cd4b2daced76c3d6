use super::{Action, Anchor, OptionsSpec, Time, parse};
use crate::packet::{Flags, TcpOption};

fn time(text: &str) -> Time {
    let script = parse(&format!("{text} close(3) = 0")).expect("a right script");
    script.events[0].time
}

fn error(text: &str) -> (usize, String) {
    let error = parse(text).expect_err("a wrong script");
    (error.line, error.what)
}

#[test]
fn times_count_from_the_start_or_from_the_event_before() {
    let at = |from, start| Time { from, start, latest: None, end: None };
    assert_eq!(time("0.200"), at(Anchor::Start, 200_000));
    assert_eq!(time("+.1"), at(Anchor::Previous, 100_000));
    assert_eq!(time("+0"), at(Anchor::Previous, 0));
    assert_eq!(time("2"), at(Anchor::Start, 2_000_000));
    assert_eq!(time("*").from, Anchor::Any);
    assert_eq!(time("+.01~+.02").latest, Some(20_000));
    assert_eq!(time("0.1...0.3").end, Some(300_000));
}

#[test]
fn a_segment_has_all_its_parts() {
    let text = "// a comment\n+0 < [ce] SEW 0:0(0) win 1000 <mss 1460,sackOK,TS val 7 ecr 0,nop,wscale 7>\n\
                +0 > P. 1:11(10) ack 1 <...>";
    let script = parse(text).expect("a right script");
    assert_eq!((script.events[0].line, script.events[1].line), (2, 3));
    let Action::In(syn) = &script.events[0].action else { panic!("it arrives") };
    assert_eq!((syn.flags, syn.window), (Flags(0xc2), Some(1000)));
    let OptionsSpec::Are(options) = &syn.options else { panic!("there are options") };
    assert_eq!(options[0], TcpOption::Mss(1460));
    assert_eq!(options[2], TcpOption::Timestamps { value: 7, echo: 0 });
    let Action::Out(data) = &script.events[1].action else { panic!("it leaves") };
    assert_eq!((data.flags, data.ack, data.range.payload_len), (Flags(0x18), Some(1), 10));
    assert_eq!(data.options, OptionsSpec::Any);
}

#[test]
fn an_option_may_be_any_bytes() {
    let script = parse("+0 < S 0:0(0) win 9 <raw \"fd04abcd\">").expect("a right script");
    let Action::In(syn) = &script.events[0].action else { panic!("it arrives") };
    let raw = TcpOption::Raw(vec![0xfd, 4, 0xab, 0xcd]);
    assert_eq!(syn.options, OptionsSpec::Are(vec![raw]));
}

#[test]
fn mistakes_are_told_with_their_line() {
    let cases = [
        ("+0 close(3) = 0\n+0 > X. 1:1(0)", 2, "expected TCP flags, found 'X'"),
        ("+0 > . 1:3(1) ack 1", 1, "1:3 is not 1 long (flags . don't count)"),
        ("+0 < . 1:1(0)", 1, "'ack' goes with the flag '.', and only with it"),
        (
            "\n\nnow close(3) = 0",
            3,
            "expected a time: 0.1, +.2, +0~+.04, 0.1...0.3 or *, found 'now'",
        ),
        ("+0 close(3)", 1, "expected '=', found the end of the script"),
        (
            "+0 < S 0:0(0) win 1 <mss 9,nop>",
            1,
            "the options are 5 bytes: not a multiple of 4, at most 40",
        ),
        ("+0 < S 0:0(0) win 1 <max 9>", 1, "unknown TCP option 'max'"),
        ("+0 %{ print(1) }%", 1, "'print(1)' is not 'assert field == number'"),
        (
            "+0 close(3) = 0\n--mtu=1500",
            2,
            "expected a time: 0.1, +.2, +0~+.04, 0.1...0.3 or *, found '--mtu'; options come before all events",
        ),
        ("/* no end", 1, "a comment without an end"),
        ("+.2~+.1 close(3) = 0", 1, "the second time lies before the first"),
    ];
    for (text, line, what) in cases {
        assert_eq!(error(text), (line, what.to_owned()), "{text}");
    }
}
