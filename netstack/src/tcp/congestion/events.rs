//! What congestion control is told of acknowledgments.

use crate::tcp::sack::Delivery;
use crate::tcp::seq::SeqNum;
use crate::time::{Instant, Span};

/// Whether the window is what limits the sender. RFC 9438 §5.8, RFC 7661 §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CwndLimited {
    /// It had less to send than it might have sent.
    No,
    /// It would have sent more.
    Yes,
}

/// An acknowledgement of new data, outside of loss recovery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckEvent {
    /// When it arrived.
    pub(crate) now: Instant,
    /// Bytes that it acknowledged for the first time.
    pub(crate) acked_bytes: u32,
    /// The round trip that it measured.
    pub(crate) rtt: Option<Span>,
    /// The smoothed round trip.
    pub(crate) srtt: Option<Span>,
    /// SND.UNA after it.
    pub(crate) snd_una: SeqNum,
    /// SND.NXT: where the next round ends.
    pub(crate) snd_nxt: SeqNum,
    /// Whether the window was the limit.
    pub(crate) limited: CwndLimited,
    /// What it says of the path.
    pub(crate) repair: Repair,
}

/// Whether an acknowledgement answers the repair after a timeout. What it acknowledges then may have
/// arrived long ago, and tells little of how much has left the network since. RFC 3465 §2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repair {
    /// No: what it acknowledges was in flight.
    No,
    /// Yes.
    AfterTimeout,
}

/// What an acknowledgement says has arrived, in recovery or not, in order or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivered {
    /// When it came.
    pub(crate) now: Instant,
    /// Bytes of which it is news.
    pub(crate) bytes: u32,
    /// The one of them that was sent last.
    pub(crate) delivery: Option<Delivery>,
    /// The round trip that it measured.
    pub(crate) rtt: Option<Span>,
    /// The smoothed round trip.
    pub(crate) srtt: Option<Span>,
    /// The smallest round trip.
    pub(crate) min_rtt: Option<Span>,
    /// Bytes in flight before it.
    pub(crate) flight_before: u32,
    /// Bytes in flight after it, and after what it showed to be lost.
    pub(crate) in_flight: u32,
}
