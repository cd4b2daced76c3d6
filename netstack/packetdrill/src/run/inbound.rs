//! What arrives.

use super::numbers::{Echo, bytes_at};
use super::{Player, Step};
use crate::packet::{Ecn, Flags, IcmpError, Segment};
use crate::script::{EcnSpec, IcmpKind, IcmpSpec, OptionsSpec, PacketSpec, SyntaxError};

impl Player {
    /// A segment arrives now.
    pub(super) fn arrive(&mut self, spec: &PacketSpec, line: usize) -> Step {
        let wrong = |what: &str| Err(SyntaxError::new(line, what));
        let Some(window) = spec.window else { return wrong("what arrives has a 'win'") };
        let OptionsSpec::Are(options) = &spec.options else {
            return wrong("what arrives has options of its own: '<...>' is for what leaves");
        };
        let ecn = match spec.ecn {
            EcnSpec::Unsaid => Ecn::NotEct,
            EcnSpec::Is(ecn) => ecn,
            EcnSpec::AnyEct => return wrong("what arrives is ect0 or ect1"),
        };
        if spec.flags.contains(Flags::SYN) && !spec.flags.contains(Flags::ACK) {
            self.numbers.expect_syn();
        }
        let echoes = if spec.flags.contains(Flags::ACK) { Echo::Yes } else { Echo::No };
        let options = options.iter().map(|option| self.numbers.option_out(option, echoes));
        let seq = spec.range.start;
        // The byte behind the SYN, number 1, is the stream's first.
        let first = if spec.flags.contains(Flags::SYN) { seq } else { seq.wrapping_sub(1) };
        let segment = Segment {
            source: self.remote,
            destination: self.local,
            seq: self.numbers.remote_out(seq),
            ack: spec.ack.map_or(0, |ack| self.numbers.local_out(ack)),
            flags: spec.flags,
            window,
            urgent: spec.urgent.unwrap_or(0),
            options: options.collect(),
            payload: bytes_at(first, spec.range.payload_len.into()),
            ecn,
        };
        self.host.inject(&segment.to_packet());
        Ok(())
    }

    /// An ICMP error about a segment of ours arrives now.
    pub(super) fn arrive_icmp(&mut self, spec: &IcmpSpec) {
        let is_v4 = self.local.is_ipv4();
        let kind = match (spec.kind, is_v4) {
            (IcmpKind::PacketTooBig, true) => (3, 4),
            (IcmpKind::PacketTooBig, false) => (2, 0),
            (IcmpKind::HostUnreachable, true) => (3, 1),
            (IcmpKind::HostUnreachable, false) => (1, 3),
            (IcmpKind::NetUnreachable, true) => (3, 0),
            (IcmpKind::NetUnreachable, false) => (1, 0),
            (IcmpKind::PortUnreachable, true) => (3, 3),
            (IcmpKind::PortUnreachable, false) => (1, 4),
            (IcmpKind::ProtocolUnreachable, true) => (3, 2),
            (IcmpKind::ProtocolUnreachable, false) => (4, 1),
            (IcmpKind::TimeExceeded, true) => (11, 0),
            (IcmpKind::TimeExceeded, false) => (3, 0),
        };
        let quoted = Segment {
            source: self.local,
            destination: self.remote,
            seq: self.numbers.local_out(spec.quoted.start),
            ack: 0,
            flags: Flags::ACK,
            window: 0,
            urgent: 0,
            options: Vec::new(),
            payload: vec![0; spec.quoted.payload_len.into()],
            ecn: Ecn::NotEct,
        };
        let error = IcmpError { source: self.remote.ip(), kind, mtu: spec.mtu, quoted };
        self.host.inject(&error.to_packet());
    }
}
