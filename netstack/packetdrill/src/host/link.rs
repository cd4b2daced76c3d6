//! The engine's link: frames become IP packets with the time at which they left.

use std::collections::VecDeque;

use netstack::{Instant, Link, Train};

use super::Sent;
use crate::flags::{OWN_MAC, OptionOrder, PEER_MAC};
use crate::packet::{Flags, Segment, TcpOption};

/// Keeps what the engine sends.
pub(super) struct Sniffer<'a> {
    pub(super) now: Instant,
    pub(super) order: OptionOrder,
    pub(super) sent: &'a mut VecDeque<Sent>,
}

impl Link for Sniffer<'_> {
    fn transmit(&mut self, train: &Train<'_>) -> usize {
        for index in 0..train.segments() {
            let mut frame = vec![0; train.segment_len(index)];
            let len = train.write_segment(index, &mut frame).expect("as long as it said");
            let packet = frame[train.l2_len()..len].to_vec();
            let packet = match self.order {
                OptionOrder::Linux => packet,
                OptionOrder::FreeBsd => as_freebsd(packet),
            };
            self.sent.push_back(Sent { at: self.now, packet });
        }
        train.segments()
    }
}

/// Puts an Ethernet header before an IP packet for the engine.
pub(super) fn to_frame(packet: &[u8]) -> Vec<u8> {
    let is_v6 = packet.first().is_some_and(|first| first >> 4 == 6);
    let ether_type: [u8; 2] = if is_v6 { [0x86, 0xdd] } else { [0x08, 0x00] };
    let mut frame = Vec::with_capacity(14 + packet.len());
    frame.extend_from_slice(&OWN_MAC.0);
    frame.extend_from_slice(&PEER_MAC.0);
    frame.extend_from_slice(&ether_type);
    frame.extend_from_slice(packet);
    frame
}

/// The packet with a SYN's options in FreeBSD's order; any other packet as it is.
fn as_freebsd(packet: Vec<u8>) -> Vec<u8> {
    let Ok(mut segment) = Segment::from_packet(&packet) else { return packet };
    if !segment.flags.contains(Flags::SYN) {
        return packet;
    }
    let mut ordered = Vec::new();
    let mut take = |wanted: fn(&TcpOption) -> bool, padding: usize, behind: usize| {
        if let Some(option) = segment.options.iter().find(|option| wanted(option)) {
            ordered.extend(std::iter::repeat_n(TcpOption::Nop, padding));
            ordered.push(option.clone());
            ordered.extend(std::iter::repeat_n(TcpOption::Nop, behind));
        }
    };
    let has = |wanted: fn(&TcpOption) -> bool| segment.options.iter().any(wanted);
    let both = has(is_sack_permitted) && has(is_timestamps);
    take(|option| matches!(option, TcpOption::Mss(_)), 0, 0);
    take(|option| matches!(option, TcpOption::WindowScale(_)), 1, 0);
    take(is_sack_permitted, 0, if both { 0 } else { 2 });
    take(is_timestamps, if both { 0 } else { 2 }, 0);
    segment.options = ordered;
    segment.to_packet()
}

const fn is_sack_permitted(option: &TcpOption) -> bool {
    matches!(option, TcpOption::SackPermitted)
}

const fn is_timestamps(option: &TcpOption) -> bool {
    matches!(option, TcpOption::Timestamps { .. })
}
