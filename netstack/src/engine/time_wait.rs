//! TIME-WAIT: a record of what the connection was, not the connection. RFC 9293 §3.6.1,
//! RFC 6191, RFC 1337.

use super::event::ListenerId;
use crate::tcp::connection::{Tcb, TimestampState};
use crate::tcp::header::{Outgoing, Route};
use crate::tcp::input::sequence::is_before;
use crate::tcp::segment::{Control, FourTuple, Options, Segment};
use crate::tcp::seq::SeqNum;
use crate::time::Instant;
use crate::wire::ipv4::Ecn;
use crate::wire::tcp::Flags;
use crate::wire::tcp_options::{SegmentOptions, Timestamps};

/// What is left of a connection in TIME-WAIT.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeWaitRecord {
    pub(crate) tuple: FourTuple,
    pub(crate) listener: Option<ListenerId>,
    route: Route,
    pub(crate) snd_nxt: SeqNum,
    rcv_nxt: SeqNum,
    timestamps: Option<TimestampState>,
}

/// What a segment means to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeWaitStep {
    /// The peer's FIN again: our ACK was lost; the wait starts anew.
    Restart,
    /// A SYN that can't be an old one: the record makes room for it.
    Reuse,
    /// Something old: answered with an ACK.
    Acknowledge,
    /// Nothing to do. A RST is among these: RFC 1337.
    Ignore,
}

impl TimeWaitRecord {
    /// What is kept of `tcb`; `None` if there never was a way to its peer.
    pub(crate) fn of<F, B>(tcb: &Tcb<F, B>, rcv_nxt: SeqNum) -> Option<Self> {
        Some(Self {
            tuple: tcb.tuple,
            listener: tcb.listener,
            route: tcb.route?,
            snd_nxt: tcb.send.snd_nxt,
            rcv_nxt,
            timestamps: tcb.options.timestamps,
        })
    }

    /// What `segment` means.
    pub(crate) fn step(&self, segment: &Segment) -> TimeWaitStep {
        match segment.control {
            Control::Rst => TimeWaitStep::Ignore,
            Control::Syn if segment.ack.is_none() => {
                if self.is_newer(segment) {
                    TimeWaitStep::Reuse
                } else {
                    TimeWaitStep::Acknowledge
                }
            }
            Control::Fin if segment.seq_end() == self.rcv_nxt => TimeWaitStep::Restart,
            Control::Syn | Control::Fin => TimeWaitStep::Acknowledge,
            Control::None if segment.payload_len() > 0 => TimeWaitStep::Acknowledge,
            // Two stacks in TIME-WAIT must not answer each other for ever.
            Control::None => TimeWaitStep::Ignore,
        }
    }

    /// Whether a SYN belongs to a new connection: by its timestamp, else by its number.
    /// RFC 6191 §2, RFC 9293 §3.10.7.4.
    fn is_newer(&self, segment: &Segment) -> bool {
        match (self.timestamps, segment.timestamps()) {
            (Some(old), Some(new)) if new.value != old.recent => is_before(old.recent, new.value),
            _ => segment.seq.after(self.rcv_nxt),
        }
    }

    /// The ACK that says where the connection ended.
    pub(crate) fn ack(&self, now: Instant) -> Outgoing {
        let timestamps = self
            .timestamps
            .map(|state| Timestamps { value: state.clock.at(now), echo: state.recent });
        Outgoing {
            route: self.route,
            tuple: self.tuple,
            seq: self.snd_nxt,
            ack: self.rcv_nxt,
            flags: Flags::ACK,
            window: 0,
            options: Options::Other(SegmentOptions { timestamps, ..SegmentOptions::default() }),
            ecn: Ecn::NotEct,
        }
    }
}
