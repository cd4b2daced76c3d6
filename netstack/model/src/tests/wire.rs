//! The reader of frames.

use crate::wire::{Carried, read};
use crate::{Flags, Form};

/// A SYN over IPv4, as tcpdump printed it of a Linux host.
const SYN: [u8; 74] = [
    0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x08, 0x00, // Ethernet
    0x45, 0, 0, 60, 0x1c, 0x46, 0x40, 0, 64, 6, 0x9a, 0x71, 192, 0, 2, 1, 192, 0, 2,
    2, // IPv4
    0xc3, 0x50, 0x01, 0xbb, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, 0xa0, 0x02, 0xfa, 0xf0, 0, 0, 0,
    0, // TCP
    2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 7, // options
];

fn with_checksum(mut frame: Vec<u8>) -> Vec<u8> {
    frame[24..26].fill(0);
    let header = checksum(&frame[14..34]);
    frame[24..26].copy_from_slice(&header.to_be_bytes());
    frame[50..52].fill(0);
    let len = u16::try_from(frame.len() - 34).expect("short").to_be_bytes();
    let pseudo = [&frame[26..34], &[0, 6], &len, &frame[34..]].concat();
    let tcp = checksum(&pseudo);
    frame[50..52].copy_from_slice(&tcp.to_be_bytes());
    frame
}

fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let sum = words.sum::<u32>();
    let folded = (sum & 0xffff) + (sum >> 16);
    !u16::try_from((folded & 0xffff) + (folded >> 16)).expect("folded")
}

#[test]
fn a_syn_is_read_with_its_options() {
    let Carried::Segment(from, to, syn) = read(&with_checksum(SYN.to_vec())) else {
        panic!("a segment");
    };
    assert_eq!((from.port(), to.port(), syn.seq), (50_000, 443, 0x1234_5678));
    assert!(syn.has(Flags::SYN) && !syn.has(Flags::ACK) && syn.form == Form::Right);
    let options = syn.options;
    assert_eq!((options.mss, options.scale, options.sack_permitted), (Some(1460), Some(7), true));
    assert_eq!(options.stamps.map(|stamps| (stamps.value, stamps.echo)), Some((7, 0)));
}

#[test]
fn damage_is_seen() {
    let right = with_checksum(SYN.to_vec());
    for at in 14..right.len() {
        let mut damaged = right.clone();
        damaged[at] ^= 1;
        assert!(!matches!(read(&damaged), Carried::Segment(..)), "octet {at}");
    }
}

#[test]
fn options_that_contradict_their_lengths_are_odd() {
    for (at, octet) in [(55, 3), (55, 0), (61, 2), (72, 4)] {
        let mut frame = SYN.to_vec();
        frame[at] = octet;
        let Carried::Segment(_, _, syn) = read(&with_checksum(frame)) else { panic!("a segment") };
        assert_eq!(syn.form, Form::Odd, "octet {at} is {octet}");
    }
}
