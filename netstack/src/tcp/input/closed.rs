//! No connection: everything but a RST is answered with RST. RFC 9293 §3.10.7.1.

use crate::tcp::ends::Ends;
use crate::tcp::header::{IpFields, Outgoing, Route};
use crate::tcp::segment::{Control, Options, Segment};
use crate::tcp::seq::SeqNum;
use crate::wire::ipv4::Ecn;
use crate::wire::tcp::Flags;
use crate::wire::tcp_options::SegmentOptions;

/// The RST that answers `segment`; `None` if it is one itself.
pub(crate) fn reset_for(segment: &Segment, route: Route, ip: IpFields) -> Option<Outgoing> {
    match segment.control {
        Control::Rst => return None,
        Control::None | Control::Syn | Control::Fin => {}
    }
    let (seq, ack, flags) = match segment.ack {
        Some(ack) => (ack, SeqNum::ZERO, Flags::RST),
        None => (SeqNum::ZERO, segment.seq_end(), Flags::RST | Flags::ACK),
    };
    let options = Options::Other(SegmentOptions::default());
    let (ends, ecn) = (Ends::of(&segment.tuple), Ecn::NotEct);
    Some(Outgoing { route, ends, seq, ack, flags, window: 0, options, ecn, ip })
}
