//! What a host says for its addresses besides TCP: ARP, neighbour discovery, echo.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Engine;
use super::drops::DropReason;
use super::neighbor::{Due, Learned, Question, Source};
use super::payload::{Buffer, Frame};
use super::reply::{PacketBuffer, Reply};
use crate::tcp::header::HOPS;
use crate::time::Instant;
use crate::wire::arp::{Arp, ArpOperation};
use crate::wire::checksum;
use crate::wire::ethernet::{EtherType, Ethernet, MacAddress, VlanTag};
use crate::wire::icmp;
use crate::wire::icmpv6::{self, ND_HOP_LIMIT, Neighbor, Override, Solicited};
use crate::wire::ipv4::{Ecn, protocol};
use crate::wire::ipv6::{self, Ipv6};
use crate::wire::packet::{IcmpPacket, NeighborPacket};
use crate::wire::tcp::Endpoints;
use crate::wire::{put, u16_at};

/// Both ends of a neighbour message of ours.
#[derive(Clone, Copy)]
struct NeighborEnds {
    source: Ipv6Addr,
    destination: Ipv6Addr,
    peer_mac: MacAddress,
    vlan: Option<VlanTag>,
}

impl<F: Frame, B: Buffer> Engine<F, B> {
    /// Answers a request for an address of ours, learns from an answer.
    pub(super) fn on_arp(&mut self, now: Instant, ethernet: &Ethernet, arp: &Arp) {
        let ours = self.config.interface.has_address(IpAddr::V4(arp.target_ip));
        if !self.owns_addresses() || !ours {
            self.counters.count_drop(DropReason::NeighborIgnored);
            return;
        }
        let source = match arp.operation {
            ArpOperation::Request => Source::Question,
            ArpOperation::Reply => Source::Answer,
        };
        if !arp.sender_ip.is_unspecified() {
            self.learn(now, IpAddr::V4(arp.sender_ip), arp.sender_mac, source);
        }
        if arp.operation == ArpOperation::Request {
            let own_mac = self.config.interface.mac;
            let answer = Arp {
                operation: ArpOperation::Reply,
                sender_mac: own_mac,
                sender_ip: arp.target_ip,
                target_mac: arp.sender_mac,
                target_ip: arp.sender_ip,
            };
            self.counters.neighbor_and_echo_answers += 1;
            self.send_arp(answer, arp.sender_mac, ethernet.vlan);
        }
    }

    /// Answers a solicitation for an address of ours, learns from an advertisement.
    pub(super) fn on_neighbor(
        &mut self,
        now: Instant,
        ethernet: &Ethernet,
        packet: &NeighborPacket,
    ) {
        if !self.owns_addresses() {
            self.counters.count_drop(DropReason::NeighborIgnored);
            return;
        }
        match packet.message {
            Neighbor::Solicitation { target, source_mac } => {
                if !self.config.interface.has_address(IpAddr::V6(target)) {
                    self.counters.count_drop(DropReason::NeighborIgnored);
                    return;
                }
                let (destination, solicited) = if packet.source.is_unspecified() {
                    (ALL_NODES, Solicited::No)
                } else {
                    if let Some(mac) = source_mac {
                        self.learn(now, IpAddr::V6(packet.source), mac, Source::Question);
                    }
                    (packet.source, Solicited::Yes)
                };
                let answer = Neighbor::Advertisement {
                    target,
                    target_mac: Some(self.config.interface.mac),
                    solicited,
                    overrides: Override::Yes,
                };
                let peer_mac = source_mac.unwrap_or(ethernet.source);
                let vlan = ethernet.vlan;
                self.counters.neighbor_and_echo_answers += 1;
                let ends = NeighborEnds { source: target, destination, peer_mac, vlan };
                self.send_neighbor(answer, ends);
            }
            Neighbor::Advertisement { target, target_mac, solicited, .. } => {
                let source = match solicited {
                    Solicited::Yes => Source::Answer,
                    Solicited::No => Source::Announcement,
                };
                let mac = target_mac.unwrap_or(ethernet.source);
                self.learn(now, IpAddr::V6(target), mac, source);
            }
        }
    }

    /// Answers an echo request: the frame becomes its answer.
    pub(super) fn on_echo(&mut self, ethernet: &Ethernet, packet: &IcmpPacket, mut frame: F) {
        let ours = self.config.interface.has_address(packet.destination);
        if !self.owns_addresses() || !ours || ethernet.destination != self.config.interface.mac {
            self.counters.count_drop(DropReason::NotOurAddress);
            return;
        }
        match self.turn_around(ethernet, packet, &mut frame) {
            Some(len) => {
                self.counters.neighbor_and_echo_answers += 1;
                let l2_len = ethernet.len();
                self.replies.push(Reply::Frame { frame, len, l2_len }, &mut self.counters);
            }
            None => self.counters.count_drop(DropReason::NeighborIgnored),
        }
    }

    /// Rewrites an echo request as its answer and gives the frame's length.
    fn turn_around(
        &self,
        ethernet: &Ethernet,
        packet: &IcmpPacket,
        frame: &mut [u8],
    ) -> Option<usize> {
        let (l2_len, end) = (ethernet.len(), packet.range.end);
        let reply = Ethernet {
            destination: ethernet.source,
            source: self.config.interface.mac,
            ..*ethernet
        };
        reply.emit(frame)?;
        let message = frame.get_mut(packet.range.clone())?;
        match packet.destination {
            IpAddr::V4(_) => icmp::turn_into_reply(message)?,
            IpAddr::V6(_) => icmpv6::turn_into_reply(message)?,
        }
        let header = frame.get_mut(l2_len..packet.range.start)?;
        match (packet.destination, packet.source) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                // The request's hops are used up; those of the answer are its own.
                let (old, sum) = (u16_at(header, IPV4_TTL_AT)?, u16_at(header, IPV4_CHECKSUM_AT)?);
                let new = u16::from_be_bytes([HOPS, old.to_be_bytes()[1]]);
                put(header, IPV4_TTL_AT, &new.to_be_bytes())?;
                let sum = checksum::updated(sum, old, new);
                put(header, IPV4_CHECKSUM_AT, &sum.to_be_bytes())?;
                // Addresses change places, which the header's checksum doesn't see.
                put(header, 12, &source.octets())?;
                put(header, 16, &destination.octets())?;
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                put(header, IPV6_HOP_LIMIT_AT, &[HOPS])?;
                put(header, 8, &source.octets())?;
                put(header, 24, &destination.octets())?;
            }
            _ => return None,
        }
        Some(end)
    }

    /// Sends the questions that are due, and gives up what waits for neighbours that are gone.
    pub(super) fn ask_neighbors(&mut self, now: Instant) {
        while let Some(due) = self.neighbors.poll(now) {
            match due {
                Due::Ask(Question { address: IpAddr::V4(address), to }) => self.ask_v4(address, to),
                Due::Ask(Question { address: IpAddr::V6(address), to }) => self.ask_v6(address, to),
                Due::Failed(address) => self.unreachable(now, address),
            }
        }
    }

    fn ask_v4(&mut self, target_ip: Ipv4Addr, to: Option<MacAddress>) {
        let own = self.config.interface.addresses.iter().find_map(|&(own, _)| match own {
            IpAddr::V4(own) => Some(own),
            IpAddr::V6(_) => None,
        });
        let Some(sender_ip) = own else { return };
        let question = Arp {
            operation: ArpOperation::Request,
            sender_mac: self.config.interface.mac,
            sender_ip,
            target_mac: MacAddress::ZERO,
            target_ip,
        };
        self.send_arp(question, to.unwrap_or(MacAddress::BROADCAST), None);
    }

    fn ask_v6(&mut self, target: Ipv6Addr, to: Option<MacAddress>) {
        let own = self.config.interface.addresses.iter().find_map(|&(own, _)| match own {
            IpAddr::V4(_) => None,
            IpAddr::V6(own) => Some(own),
        });
        let Some(source) = own else { return };
        let question =
            Neighbor::Solicitation { target, source_mac: Some(self.config.interface.mac) };
        let (destination, peer_mac) = match to {
            Some(mac) => (target, mac),
            None => {
                let group = icmpv6::solicited_node(target);
                (group, icmpv6::multicast_mac(group))
            }
        };
        self.send_neighbor(question, NeighborEnds { source, destination, peer_mac, vlan: None });
    }

    /// Takes in a link address, and wakes the connections that waited for it.
    fn learn(&mut self, now: Instant, address: IpAddr, mac: MacAddress, source: Source) {
        match self.neighbors.learn(now, address, mac, source) {
            Learned::Nothing => {}
            Learned::Resolved => self.resolved(now, address, mac),
        }
    }

    fn send_arp(&mut self, arp: Arp, destination: MacAddress, vlan: Option<VlanTag>) {
        let source = self.config.interface.mac;
        let ethernet = Ethernet { destination, source, vlan, ether_type: EtherType::Arp };
        let mut bytes: PacketBuffer = [0; _];
        let len = ethernet
            .emit(&mut bytes)
            .and_then(|l2_len| Some((l2_len, l2_len + arp.emit(bytes.get_mut(l2_len..)?)?)));
        self.send_packet(bytes, len);
    }

    fn send_neighbor(&mut self, message: Neighbor, ends: NeighborEnds) {
        let NeighborEnds { source, destination, peer_mac, vlan } = ends;
        let ethernet = Ethernet {
            destination: peer_mac,
            source: self.config.interface.mac,
            vlan,
            ether_type: EtherType::Ipv6,
        };
        let mut bytes: PacketBuffer = [0; _];
        let len = emit_neighbor(&ethernet, message, (source, destination), &mut bytes);
        self.send_packet(bytes, len);
    }

    /// Queues a short packet: its link header's length and its own.
    fn send_packet(&mut self, bytes: PacketBuffer, len: Option<(usize, usize)>) {
        if let Some((l2_len, len)) = len {
            self.replies.push(Reply::Packet { bytes, len, l2_len }, &mut self.counters);
        }
    }
}

/// Writes a neighbour message with its headers; gives the link header's length and the whole's.
fn emit_neighbor(
    ethernet: &Ethernet,
    message: Neighbor,
    (source, destination): (Ipv6Addr, Ipv6Addr),
    out: &mut [u8],
) -> Option<(usize, usize)> {
    let l2_len = ethernet.emit(out)?;
    let ends = Endpoints { source: source.into(), destination: destination.into() };
    let message_at = l2_len + ipv6::HEADER_LEN;
    let payload_len = message.emit(ends, out.get_mut(message_at..)?)?;
    let header = Ipv6 {
        source,
        destination,
        protocol: protocol::ICMPV6,
        hop_limit: ND_HOP_LIMIT,
        dscp: 0,
        ecn: Ecn::NotEct,
        flow_label: 0,
        payload_len,
    };
    header.emit(out.get_mut(l2_len..)?)?;
    Some((l2_len, message_at + payload_len))
}

/// Every host on the link. RFC 4291 §2.7.1.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Where an IPv4 header has its TTL, and the protocol beside it.
const IPV4_TTL_AT: usize = 8;
/// Where an IPv4 header has its checksum.
const IPV4_CHECKSUM_AT: usize = 10;
/// Where an IPv6 header has its hop limit.
const IPV6_HOP_LIMIT_AT: usize = 7;
