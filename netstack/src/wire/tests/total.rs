//! Parsers are total: no bytes make them panic, and what they hand out lies in the frame.

use std::vec::Vec;

use proptest::prelude::*;

use super::{ENDS_V4, ENDS_V6, HEADER, frame, packet, segment};
use crate::wire::WireError;
use crate::wire::checksum::ChecksumPolicy;
use crate::wire::ipv4::{Ipv4, protocol};
use crate::wire::ipv6::Ipv6;
use crate::wire::packet::{Body, Packet};

/// Parses, and looks at everything that says where something lies.
fn parse(bytes: &[u8]) {
    for policy in [ChecksumPolicy::Verify, ChecksumPolicy::VerifyOrPartial] {
        match Packet::parse(bytes, policy) {
            Ok(Packet { body: Body::Tcp(segment), .. }) => {
                assert!(bytes.get(segment.payload.clone()).is_some(), "payload in the frame");
                assert!(segment.seq_len() as usize <= bytes.len() + 1);
            }
            Ok(Packet { body: Body::Icmp(packet), .. }) => {
                assert!(bytes.get(packet.range).is_some(), "message in the frame");
            }
            Ok(Packet { body: Body::Arp(_) | Body::Neighbor(_), .. }) | Err(_) => {}
        }
    }
    // Quoted packets have no checksum in front of them.
    let quoted = (Ipv4::parse_quoted(bytes).is_ok(), Ipv6::parse_quoted(bytes).is_ok());
    assert_ne!(quoted, (true, true), "no packet has two versions");
}

/// A frame of any kind that parses.
fn valid() -> impl Strategy<Value = Vec<u8>> {
    let ends = prop_oneof![Just(ENDS_V4), Just(ENDS_V6)];
    let options = prop::collection::vec(any::<u8>(), 0..=10);
    let payload = prop::collection::vec(any::<u8>(), 0..100);
    (ends, options, payload, any::<u8>()).prop_map(|(ends, options, payload, kind)| {
        let options = [options.as_slice(); 4].concat();
        let protocol = match kind % 4 {
            0 => protocol::ICMP,
            1 => protocol::ICMPV6,
            _ => protocol::TCP,
        };
        let body = match protocol {
            protocol::TCP => segment(&HEADER, &options, &payload, ends),
            _ => payload,
        };
        frame(&packet(ends, protocol, &body))
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        parse(&bytes);
    }

    #[test]
    fn arbitrary_bytes_behind_a_known_ether_type_do_not_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 14..200),
        kind in prop::sample::select(std::vec![[8u8, 0], [8, 6], [0x86, 0xdd], [0x81, 0]]),
        version in any::<bool>(),
    ) {
        bytes[12..14].copy_from_slice(&kind);
        if let Some(first) = bytes.get_mut(14) {
            *first = if version { 0x45 } else { 0x60 };
        }
        parse(&bytes);
        parse(&bytes[14..]);
    }

    #[test]
    fn a_changed_and_cut_frame_does_not_panic(
        mut bytes in valid(),
        changes in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        for (at, octet) in changes {
            let at = at.index(bytes.len());
            bytes[at] = octet;
        }
        parse(&bytes);
        parse(&bytes[..cut.index(bytes.len() + 1)]);
    }
}

#[test]
fn errors_have_names_of_their_own() {
    for (at, error) in WireError::ALL.iter().enumerate() {
        assert_eq!(*error as usize, at);
        let twins = WireError::ALL.iter().filter(|other| other.name() == error.name());
        assert_eq!(twins.count(), 1, "{error}");
    }
}
