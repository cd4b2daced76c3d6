//! The short parser against the long one.

use std::vec::Vec;

use proptest::prelude::*;

use super::{ENDS_V4, ENDS_V6, HEADER, frame, packet, segment};
use crate::wire::checksum::{ChecksumFound, ChecksumPolicy};
use crate::wire::ipv4::protocol;
use crate::wire::packet::{Body, Packet};
use crate::wire::plain::Plain;
use crate::wire::tcp::{Endpoints, Flags, TcpHeader};

/// Timestamps as everybody pads them.
const TIMESTAMPS: [u8; 12] = [1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9];

/// Whatever the short parser takes the long one takes for the same.
fn compare(bytes: &[u8]) -> Option<Plain> {
    for policy in [ChecksumPolicy::Verify, ChecksumPolicy::VerifyOrPartial] {
        let Some(plain) = Plain::parse(bytes, policy) else { continue };
        let long = Packet::parse(bytes, policy).expect("the short parser took it");
        assert_eq!(long.ethernet, plain.ethernet());
        assert_eq!(long.body, Body::Tcp(plain.into_segment()));
    }
    Plain::parse(bytes, ChecksumPolicy::Verify)
}

fn tcp(header: TcpHeader, options: &[u8], payload: &[u8], ends: Endpoints) -> Vec<u8> {
    frame(&packet(ends, protocol::TCP, &segment(&header, options, payload, ends)))
}

#[test]
fn what_nearly_every_segment_is_like_is_taken() {
    for ends in [ENDS_V4, ENDS_V6] {
        for options in [&TIMESTAMPS[..], &[]] {
            for flags in [Flags::ACK, Flags::ACK | Flags::PSH, Flags::ACK | Flags::ECE] {
                let mut bytes = tcp(TcpHeader { flags, ..HEADER }, options, b"text", ends);
                let plain = compare(&bytes).expect("it is taken");
                assert_eq!(bytes.get(plain.payload), Some(&b"text"[..]));
                // Padding of a short frame.
                bytes.extend([0; 7]);
                assert!(compare(&bytes).is_some());
            }
        }
    }
}

#[test]
fn what_opens_ends_or_does_not_acknowledge_is_not_taken() {
    for flags in [Flags::SYN, Flags::FIN, Flags::RST] {
        assert!(compare(&tcp(TcpHeader { flags, ..HEADER }, &[], b"", ENDS_V4)).is_none());
        let flags = flags | Flags::ACK;
        assert!(compare(&tcp(TcpHeader { flags, ..HEADER }, &[], b"", ENDS_V4)).is_none());
    }
    let flags = Flags::PSH;
    assert!(compare(&tcp(TcpHeader { flags, ..HEADER }, &[], b"", ENDS_V4)).is_none());
}

#[test]
fn a_partial_sum_is_taken_only_by_policy() {
    let mut bytes = tcp(HEADER, &[], b"text", ENDS_V4);
    let sum = ENDS_V4.pseudo_header(protocol::TCP, 24).partial();
    bytes[50..52].copy_from_slice(&sum.to_be_bytes());
    assert!(compare(&bytes).is_none());
    let plain = Plain::parse(&bytes, ChecksumPolicy::VerifyOrPartial).expect("by policy");
    assert_eq!(plain.checksum, ChecksumFound::Partial);
}

proptest! {
    #[test]
    fn any_frame_is_the_same_to_both_parsers(
        ends in prop_oneof![Just(ENDS_V4), Just(ENDS_V6)],
        flags in any::<[u8; 2]>(),
        options in prop_oneof![
            2 => Just(Vec::new()),
            2 => Just(TIMESTAMPS.to_vec()),
            1 => prop::collection::vec(any::<u8>(), 12),
            1 => prop::collection::vec(any::<u8>(), 8),
        ],
        payload in prop::collection::vec(any::<u8>(), 0..90),
        changes in prop::collection::vec((0..70usize, any::<u8>()), 0..3),
        cut in 0..10usize,
    ) {
        let header = TcpHeader { flags: Flags::from_wire(flags), ..HEADER };
        let mut bytes = tcp(header, &options, &payload, ends);
        compare(&bytes);
        for (at, octet) in changes {
            if let Some(place) = bytes.get_mut(at) {
                *place = octet;
            }
        }
        compare(&bytes);
        compare(&bytes[..bytes.len() - cut]);
    }

    #[test]
    fn changes_under_a_partial_sum_are_the_same_to_both_parsers(
        changes in prop::collection::vec((0..60usize, any::<u8>()), 1..3),
        with_timestamps in any::<bool>(),
    ) {
        // Nothing but the pseudo-header is summed, so most changes get past the checksum.
        let options = if with_timestamps { &TIMESTAMPS[..] } else { &[] };
        let mut bytes = tcp(HEADER, options, b"text", ENDS_V6);
        let len = 24 + options.len();
        let sum = ENDS_V6.pseudo_header(protocol::TCP, len).partial();
        bytes[70..72].copy_from_slice(&sum.to_be_bytes());
        for (at, octet) in changes {
            let at = if at < 14 { at } else { at + 40 };
            if let Some(place) = bytes.get_mut(at) {
                *place = octet;
            }
        }
        compare(&bytes);
    }
}
