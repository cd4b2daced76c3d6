//! NewReno's congestion avoidance with appropriate byte counting. RFC 5681 §3.1, RFC 3465 §2.1.

use super::{AckEvent, CwndLimited, Window};

/// The state of NewReno.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reno {
    /// Bytes acknowledged since the window grew last: a window's worth brings one segment.
    acked_bytes: u32,
}

impl Reno {
    /// NewReno at the start of a connection.
    pub(super) const fn new() -> Self {
        Self { acked_bytes: 0 }
    }

    /// The window after an acknowledgement in congestion avoidance.
    pub(super) fn on_ack(&mut self, window: Window, ack: &AckEvent) -> u32 {
        if ack.limited == CwndLimited::No {
            return window.cwnd;
        }
        self.acked_bytes = self.acked_bytes.saturating_add(ack.acked_bytes);
        if self.acked_bytes < window.cwnd {
            return window.cwnd;
        }
        // One segment per ACK at most, even if it acknowledges several windows.
        self.acked_bytes = (self.acked_bytes - window.cwnd).min(window.cwnd);
        window.cwnd.saturating_add(window.mss)
    }

    /// The threshold after a loss: half of what was in flight.
    pub(super) const fn on_loss(&mut self, flight_bytes: u32) -> u32 {
        self.acked_bytes = 0;
        flight_bytes / 2
    }
}
