//! From a frame to the connection that it is for.

use core::net::IpAddr;

use super::Engine;
use super::demux::FlowHash;
use super::drops::DropReason;
use super::event::{Record, Unclaimed, UnclaimedKind, Verdict};
use super::flows::Flow;
use super::payload::{Buffer, Frame};
use super::time_wait::TimeWaitStep;
use crate::tcp::ends::Ends;
use crate::tcp::header::Route;
use crate::tcp::input::Incoming;
use crate::tcp::segment::{Control, FourTuple, Segment};
use crate::time::Instant;
use crate::wire::checksum::ChecksumFound;
use crate::wire::ethernet::{Ethernet, MacAddress};
use crate::wire::icmp::{Icmp, IcmpError};
use crate::wire::packet::{Body, Packet};

/// A frame with what it carries, if that is for a flow.
enum Parsed {
    Segment {
        segment: Segment,
        route: Route,
    },
    IcmpError(IcmpError),
    /// It was used, or counted as dropped.
    Done,
}

impl<F: Frame, B: Buffer> Engine<F, B> {
    /// Takes a frame that came in.
    pub fn handle_frame(&mut self, now: Instant, frame: F) -> Verdict<F> {
        self.counters.frames_received += 1;
        let Some(frame) = self.take_plain(now, frame) else { return Verdict::Taken };
        let (parsed, frame) = self.parse(now, frame);
        let Some(frame) = frame else { return Verdict::Taken };
        match parsed {
            Parsed::Done => Verdict::Taken,
            Parsed::Segment { segment, route } => {
                self.count_segment(segment.checksum);
                let record = match self.find_flow(&segment.tuple) {
                    None => Record::None,
                    Some(Flow::TimeWait(slot)) if !self.is_last_fin(slot, &segment) => {
                        Record::TimeWait
                    }
                    Some(flow) => {
                        self.deliver(now, flow, route, Incoming { segment, frame });
                        return Verdict::Taken;
                    }
                };
                let is_syn = segment.control == Control::Syn && segment.ack.is_none();
                let kind = if is_syn { UnclaimedKind::Syn } else { UnclaimedKind::Segment };
                self.unclaimed(frame, kind, &segment.tuple, record)
            }
            Parsed::IcmpError(error) => {
                let record = match self.find_flow(&error.tuple) {
                    None => Record::None,
                    Some(Flow::TimeWait(_)) => Record::TimeWait,
                    Some(flow) => {
                        self.deliver_error(now, flow, &error);
                        return Verdict::Taken;
                    }
                };
                self.unclaimed(frame, UnclaimedKind::IcmpError, &error.tuple, record)
            }
        }
    }

    /// The final word on a frame that no engine claimed: a record of TIME-WAIT answers it, a SYN
    /// goes to its listener, an answer to a SYN cookie makes a connection, other segments are
    /// answered with RST.
    pub fn handle_unclaimed(&mut self, now: Instant, frame: F) {
        let (parsed, frame) = self.parse(now, frame);
        let Some(frame) = frame else { return };
        match parsed {
            Parsed::Done => {}
            Parsed::IcmpError(_) => self.counters.count_drop(DropReason::IcmpIgnored),
            Parsed::Segment { segment, route } => {
                if let Some(flow) = self.find_flow(&segment.tuple) {
                    self.deliver(now, flow, route, Incoming { segment, frame });
                } else if segment.control == Control::Syn && segment.ack.is_none() {
                    self.on_syn(now, &segment, route);
                } else {
                    self.on_stray(now, route, Incoming { segment, frame });
                }
            }
        }
    }

    /// Counts a segment that passed the parser.
    pub(super) fn count_segment(&mut self, checksum: ChecksumFound) {
        self.counters.segments_received += 1;
        self.counters.checksums_partial += u64::from(checksum == ChecksumFound::Partial);
    }

    fn unclaimed(
        &self,
        frame: F,
        kind: UnclaimedKind,
        tuple: &FourTuple,
        record: Record,
    ) -> Verdict<F> {
        let flow: FlowHash = self.hasher.hash(&Ends::of(tuple));
        Verdict::Unclaimed(Unclaimed { frame, kind, flow, record })
    }

    /// Whether a segment is the FIN that ended the connection of a record: it can't be of another.
    fn is_last_fin(&self, slot: u32, segment: &Segment) -> bool {
        self.record(slot).is_some_and(|record| record.step(segment) == TimeWaitStep::Restart)
    }

    /// Parses a frame. The frame comes back unless it was used or dropped.
    fn parse(&mut self, now: Instant, frame: F) -> (Parsed, Option<F>) {
        let packet = match Packet::parse(&frame, self.config.interface.checksum) {
            Ok(packet) => packet,
            Err(error) => {
                self.counters.count_drop(DropReason::Wire(error));
                return (Parsed::Done, None);
            }
        };
        let Packet { ethernet, body } = packet;
        let parsed = match body {
            Body::Arp(arp) => {
                self.on_arp(now, &ethernet, &arp);
                return (Parsed::Done, None);
            }
            Body::Neighbor(neighbor) => {
                self.on_neighbor(now, &ethernet, &neighbor);
                return (Parsed::Done, None);
            }
            Body::Tcp(segment) => {
                self.for_us(ethernet.destination, segment.tuple.local.ip()).map(|()| {
                    let route = self.route_back(&ethernet);
                    Parsed::Segment { segment, route }
                })
            }
            Body::Icmp(icmp) => match icmp.message {
                Icmp::EchoRequest => {
                    self.on_echo(&ethernet, &icmp, frame);
                    return (Parsed::Done, None);
                }
                Icmp::Error(error) => {
                    let ours = self.for_us(ethernet.destination, error.tuple.local.ip());
                    ours.map(|()| Parsed::IcmpError(error))
                }
            },
        };
        match parsed {
            Ok(parsed) => (parsed, Some(frame)),
            Err(reason) => {
                self.counters.count_drop(reason);
                (Parsed::Done, None)
            }
        }
    }

    /// Whether a frame for that station and that end of a connection is for us.
    #[inline]
    pub(super) fn for_us(&self, station: MacAddress, local: IpAddr) -> Result<(), DropReason> {
        let interface = &self.config.interface;
        if station != interface.mac {
            return Err(DropReason::NotOurMac);
        }
        if !interface.has_address(local) {
            return Err(DropReason::NotOurAddress);
        }
        Ok(())
    }

    /// The way back to who sent a frame.
    pub(super) fn route_back(&self, ethernet: &Ethernet) -> Route {
        Route { own_mac: self.config.interface.mac, peer_mac: ethernet.source, vlan: ethernet.vlan }
    }

    /// Gives a segment to what its 4-tuple belongs to.
    pub(super) fn deliver(
        &mut self,
        now: Instant,
        flow: Flow,
        route: Route,
        incoming: Incoming<F>,
    ) {
        match flow {
            Flow::Connection(slot) => {
                let Some((id, _)) = self.connections.get_at(slot) else { return };
                self.with(now, id, |tcb, env| {
                    tcb.on_segment(env, incoming);
                    if tcb.heard_at == now && tcb.route.is_some() {
                        // The router may have changed; an acceptable segment says so.
                        tcb.route = Some(route);
                    }
                });
            }
            Flow::HalfOpen(slot) => self.on_half_open(now, slot, incoming),
            Flow::TimeWait(slot) => self.on_time_wait(now, slot, &incoming.segment, route),
        }
    }

    /// Gives an ICMP error to what its 4-tuple belongs to.
    fn deliver_error(&mut self, now: Instant, flow: Flow, error: &IcmpError) {
        let result = match flow {
            Flow::Connection(slot) => self
                .connections
                .get_at(slot)
                .map(|(id, _)| id)
                .and_then(|id| self.with(now, id, |tcb, env| tcb.on_icmp(env, error))),
            // Soft for a half-open connection: its timer decides. Nothing for a record.
            Flow::HalfOpen(_) | Flow::TimeWait(_) => Some(Err(DropReason::IcmpIgnored)),
        };
        if let Some(Err(reason)) = result {
            self.counters.count_drop(reason);
        }
    }
}
