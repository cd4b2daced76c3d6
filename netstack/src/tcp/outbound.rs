//! What a connection knows of what it sends, while something is under way or lately was.

use super::cold::Rest;
use super::pacing::Pacer;
use super::sack::Scoreboard;
use super::seq::SeqNum;
use crate::time::Instant;

/// What is under way to the peer.
#[derive(Debug)]
pub(crate) struct Outbound {
    /// What became of each byte between SND.UNA and SND.NXT.
    pub(crate) scoreboard: Scoreboard,
    /// Bytes in flight right after the last transmission: by these it is judged whether the
    /// congestion window was the limit, because a burst of ACKs is taken before anything is sent.
    pub(crate) flight_sent: u32,
    /// Since when the peer owes an acknowledgment or a window.
    pub(crate) stuck_since: Option<Instant>,
    /// When the next of it may follow, where it is paced.
    pub(crate) pacer: Pacer,
}

impl Rest for Outbound {
    const REST: Self = Self {
        // Where it starts is set by what is sent first.
        scoreboard: Scoreboard::new(SeqNum::ZERO),
        flight_sent: 0,
        stuck_since: None,
        pacer: Pacer::new(),
    };
    const AT_REST: &'static Self = &Self::REST;

    /// A release time is never further away than what makes a connection count as idle.
    fn is_at_rest(&self) -> bool {
        self.scoreboard.is_empty() && self.stuck_since.is_none()
    }
}
