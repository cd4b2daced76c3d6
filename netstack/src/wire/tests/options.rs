//! TCP options: round trips, Linux's order, and what peers get wrong.

use std::vec::Vec;

use proptest::prelude::*;

use crate::tcp::seq::{SeqNum, WindowScale};
use crate::time::Span;
use crate::wire::WireError;
use crate::wire::tcp_options::{
    SackBlock, SackBlocks, SackPermitted, SegmentOptions, SynOptions, Timestamps, UserTimeout,
};

const TIMESTAMPS: Timestamps = Timestamps { value: 0x0102_0304, echo: 0x0506_0708 };

fn emitted(options: &SynOptions) -> Vec<u8> {
    let mut bytes = std::vec![0xaa; 40];
    let len = options.emit(&mut bytes).expect("options fit into 40 bytes");
    assert_eq!(len, options.len());
    bytes.truncate(len);
    bytes
}

fn emitted_other(options: &SegmentOptions) -> Vec<u8> {
    let mut bytes = std::vec![0xaa; 40];
    let len = options.emit(&mut bytes).expect("options fit into 40 bytes");
    assert_eq!(len, options.len());
    bytes.truncate(len);
    bytes
}

#[test]
fn a_syn_has_linux_order() {
    let options = SynOptions {
        mss: Some(1460),
        window_scale: WindowScale::new(7),
        sack_permitted: SackPermitted::Yes,
        timestamps: Some(TIMESTAMPS),
        accecn: None,
    };
    let wire = [2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7];
    assert_eq!(emitted(&options), wire);
}

#[test]
fn a_data_segment_has_linux_order() {
    let mut sack = SackBlocks::EMPTY;
    sack.push(SackBlock { left: SeqNum::from_wire(1), right: SeqNum::from_wire(2) });
    let options =
        SegmentOptions { timestamps: Some(TIMESTAMPS), sack, user_timeout: None, accecn: None };
    let wire = [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2];
    assert_eq!(emitted_other(&options), wire);
}

#[test]
fn no_options_are_no_bytes() {
    assert!(emitted(&SynOptions::default()).is_empty());
    assert!(emitted_other(&SegmentOptions::default()).is_empty());
}

#[test]
fn a_fourth_block_gives_way_to_timestamps() {
    let mut sack = SackBlocks::EMPTY;
    for block in 0..6 {
        let left = SeqNum::from_wire(block * 10);
        sack.push(SackBlock { left, right: left + 5 });
    }
    assert_eq!(sack.len(), 4);
    let without = SegmentOptions { sack, ..SegmentOptions::default() };
    assert_eq!(without.len(), 36);
    let with =
        SegmentOptions { timestamps: Some(TIMESTAMPS), sack, user_timeout: None, accecn: None };
    assert_eq!(with.len(), 40);
    let parsed = SegmentOptions::parse(&emitted_other(&with)).expect("our own options parse");
    assert_eq!(parsed.sack.as_slice(), &sack.as_slice()[..3]);
}

#[test]
fn a_window_scale_above_14_counts_as_14() {
    let parsed = SynOptions::parse(&[3, 3, 200]).expect("well formed");
    assert_eq!(parsed.window_scale, Some(WindowScale::MAX));
}

#[test]
fn lengths_of_zero_one_or_past_the_header_are_refused() {
    let bad: [&[u8]; 9] = [
        &[2, 0, 5, 180],
        &[2, 1, 5, 180],
        &[2, 5, 5, 180],
        &[2],
        &[1, 1, 1, 8],
        &[99, 0],
        &[99, 1],
        &[99, 3],
        &[1, 1, 8, 10, 0, 0, 0],
    ];
    for options in bad {
        assert_eq!(SynOptions::parse(options), Err(WireError::TcpOptionLength), "{options:?}");
        assert_eq!(SegmentOptions::parse(options), Err(WireError::TcpOptionLength), "{options:?}");
    }
}

#[test]
fn known_options_of_another_length_are_refused() {
    let bad: [&[u8]; 6] =
        [&[2, 3, 0], &[3, 2], &[3, 4, 0, 0], &[4, 3, 0], &[8, 4, 0, 0], &[5, 6, 0, 0, 0, 0]];
    for options in bad {
        assert_eq!(SynOptions::parse(options), Err(WireError::TcpOptionLength), "{options:?}");
    }
}

#[test]
fn unknown_options_are_skipped_and_the_end_ends() {
    let parsed = SynOptions::parse(&[99, 4, 1, 2, 2, 4, 1, 0, 0, 3, 3, 9]).expect("well formed");
    assert_eq!(parsed, SynOptions { mss: Some(256), ..SynOptions::default() });
}

#[test]
fn timestamps_in_front_of_blocks_take_the_long_way() {
    let mut wire = std::vec![1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8];
    assert_eq!(SegmentOptions::parse(&wire).map(|o| o.timestamps), Ok(Some(TIMESTAMPS)));
    wire.extend([1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    let parsed = SegmentOptions::parse(&wire).expect("well formed");
    assert_eq!((parsed.timestamps, parsed.sack.len()), (Some(TIMESTAMPS), 1));
}

#[test]
fn options_need_no_alignment() {
    // RFC 9293 §3.1 (MUST-64): timestamps and blocks that begin at odd octets.
    let wire = [1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 0];
    let parsed = SegmentOptions::parse(&wire).expect("well formed");
    assert_eq!((parsed.timestamps, parsed.sack.len()), (Some(TIMESTAMPS), 1));
    let syn = SynOptions::parse(&[1, 2, 4, 5, 180, 3, 3, 7, 4, 2]).expect("well formed");
    assert_eq!((syn.mss, syn.window_scale), (Some(1_460), WindowScale::new(7)));
    assert_eq!(syn.sack_permitted, SackPermitted::Yes);
}

#[test]
fn user_timeouts_survive_the_wire() {
    // RFC 5482 §3.3: seconds, or minutes where there are too many; no time at all is reserved.
    let seconds = |span: Span| span.as_millis() / 1_000;
    for (told, heard) in
        [(1, 1), (100, 100), (32_767, 32_767), (32_768, 32_760), (1_000_000, 999_960)]
    {
        let user_timeout = UserTimeout::of(Span::from_secs(told));
        let options = SegmentOptions { user_timeout, ..SegmentOptions::default() };
        let wire = emitted_other(&options);
        assert_eq!((wire.len(), &wire[..2]), (4, &[28, 4][..]));
        assert_eq!(SegmentOptions::parse(&wire), Ok(options));
        assert_eq!(user_timeout.map(|timeout| seconds(timeout.span())), Some(heard));
    }
    assert_eq!(UserTimeout::of(Span::from_millis(999)), None);
    for reserved in [[28, 4, 0, 0], [28, 4, 0x80, 0]] {
        assert_eq!(SegmentOptions::parse(&reserved), Ok(SegmentOptions::default()));
    }
    // Beside timestamps it takes the place of a block.
    let mut sack = SackBlocks::EMPTY;
    let block = SackBlock { left: SeqNum::from_wire(1), right: SeqNum::from_wire(2) };
    (0..4).for_each(|_| sack.push(block));
    let user_timeout = UserTimeout::of(Span::from_secs(1));
    let options = SegmentOptions { timestamps: Some(TIMESTAMPS), sack, user_timeout, accecn: None };
    let wire = emitted_other(&options);
    assert!(wire.len() <= 40, "{}", wire.len());
    assert_eq!(SegmentOptions::parse(&wire).map(|options| options.sack.len()), Ok(2));
}

#[test]
fn out_of_room_is_none() {
    let options = SynOptions { mss: Some(1), ..SynOptions::default() };
    assert_eq!(options.emit(&mut [0; 3]), None);
}

proptest! {
    #[test]
    fn a_syns_options_survive_the_wire(
        mss in any::<Option<u16>>(),
        scale in prop::option::of(0u8..=14),
        sack in any::<bool>(),
        timestamps in any::<Option<(u32, u32)>>(),
    ) {
        let options = SynOptions {
            mss,
            window_scale: scale.and_then(WindowScale::new),
            sack_permitted: if sack { SackPermitted::Yes } else { SackPermitted::No },
            timestamps: timestamps.map(|(value, echo)| Timestamps { value, echo }),
            accecn: None,
        };
        let wire = emitted(&options);
        prop_assert_eq!(wire.len() % 4, 0);
        prop_assert_eq!(SynOptions::parse(&wire), Ok(options));
    }

    #[test]
    fn a_segments_options_survive_the_wire(
        timestamps in any::<Option<(u32, u32)>>(),
        blocks in prop::collection::vec(any::<(u32, u32)>(), 0..=3),
    ) {
        let mut sack = SackBlocks::EMPTY;
        for (left, right) in blocks {
            sack.push(SackBlock { left: SeqNum::from_wire(left), right: SeqNum::from_wire(right) });
        }
        let timestamps = timestamps.map(|(value, echo)| Timestamps { value, echo });
        let options = SegmentOptions { timestamps, sack, user_timeout: None, accecn: None };
        let wire = emitted_other(&options);
        prop_assert_eq!(wire.len() % 4, 0);
        prop_assert_eq!(SegmentOptions::parse(&wire), Ok(options));
    }

    #[test]
    fn any_options_give_a_value_or_an_error(options in prop::collection::vec(any::<u8>(), 0..=40)) {
        let syn = SynOptions::parse(&options);
        let other = SegmentOptions::parse(&options);
        prop_assert_eq!(syn.is_ok(), other.is_ok());
        if let Ok(other) = other {
            prop_assert!(other.sack.len() <= 4);
        }
    }
}
