//! The neighbour cache: link addresses of hosts on the link, learned by ARP and neighbour
//! discovery. RFC 826, RFC 1122 §2.3.2, RFC 4861 §7.
//!
//! Bounded, and filled only by questions of ours and by those put to us, so a host on the link
//! can't push out what is in use by announcing thousands of addresses.

use alloc::collections::BTreeMap;
use core::net::IpAddr;

use crate::time::{Instant, Span};
use crate::wire::ethernet::MacAddress;

/// How long an answer is believed. RFC 4861 §10, REACHABLE_TIME.
const REACHABLE: Span = Span::from_secs(30);
/// Time between two questions. RFC 4861 §10, RETRANS_TIMER.
const RETRANSMIT: Span = Span::from_secs(1);
/// Questions before a neighbour counts as gone. RFC 4861 §10, MAX_UNICAST_SOLICIT.
const QUESTIONS_MAX: u8 = 3;
/// How long a neighbour that did not answer is left alone.
const HOLD_DOWN: Span = Span::from_secs(3);

/// What is known about where to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolution {
    /// Send here.
    Known(MacAddress),
    /// It is being asked for: [`Learned::Resolved`] will say when.
    Pending,
    /// It did not answer.
    Unreachable,
    /// The cache is full of questions.
    Full,
}

/// Where a link address was learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// An answer to a question of ours.
    Answer,
    /// Who asks us says where it is.
    Question,
    /// An announcement that nobody asked for: only believed about who is in the cache.
    Announcement,
}

/// What learning changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Learned {
    /// What waited for this address can be sent now.
    Resolved,
    /// It was known, or is of no interest.
    Nothing,
}

/// A question to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// Who has this address?
    pub(crate) address: IpAddr,
    /// Whom to ask; `None` asks everybody on the link.
    pub(crate) to: Option<MacAddress>,
}

/// What is due in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// A question is to be sent.
    Ask(Question),
    /// A neighbour never answered: what waits for it will never be sent.
    Failed(IpAddr),
}

/// Link addresses by IP address.
#[derive(Debug)]
pub(crate) struct NeighborCache {
    /// What is known, in a fixed order, so that equal runs send equal frames.
    entries: BTreeMap<IpAddr, Entry>,
    /// How many there may be.
    max: usize,
}

/// One neighbour.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// What is known of it.
    state: State,
    /// When it was last asked about by us: the longest unused goes first.
    used: Instant,
}

/// What is known of a neighbour. RFC 4861 §7.3.2.
#[derive(Clone, Copy, Debug)]
enum State {
    /// Nothing yet; questions are out.
    Incomplete(Asking),
    /// It answered not long ago, and is believed until then.
    Reachable {
        /// Where it is.
        mac: MacAddress,
        /// Until when.
        until: Instant,
    },
    /// It is asked again while its old address is still used.
    Probe {
        /// Where it was.
        mac: MacAddress,
        /// The questions.
        asking: Asking,
    },
    /// It did not answer, and is not asked until then.
    Failed {
        /// Until when.
        until: Instant,
    },
}

/// Questions about a neighbour.
#[derive(Clone, Copy, Debug)]
struct Asking {
    /// Questions sent.
    sent: u8,
    /// When the next one is due, or the neighbour counts as gone.
    due: Instant,
}

impl NeighborCache {
    /// A cache of at most `max` neighbours.
    pub(crate) const fn new(max: usize) -> Self {
        Self { entries: BTreeMap::new(), max }
    }

    /// Where to send for `address`, a host on the link; starts asking when that is not known.
    pub(crate) fn resolve(&mut self, now: Instant, address: IpAddr) -> Resolution {
        let asking = Asking { sent: 0, due: now };
        if let Some(entry) = self.entries.get_mut(&address) {
            entry.used = now;
            match entry.state {
                State::Incomplete(_) => return Resolution::Pending,
                State::Probe { mac, .. } => return Resolution::Known(mac),
                State::Reachable { mac, until } => {
                    if until <= now {
                        entry.state = State::Probe { mac, asking };
                    }
                    return Resolution::Known(mac);
                }
                State::Failed { until } if now < until => return Resolution::Unreachable,
                State::Failed { .. } => entry.state = State::Incomplete(asking),
            }
            return Resolution::Pending;
        }
        if !self.make_room() {
            return Resolution::Full;
        }
        self.entries.insert(address, Entry { state: State::Incomplete(asking), used: now });
        Resolution::Pending
    }

    /// Takes in that `address` is at `mac`.
    pub(crate) fn learn(
        &mut self,
        now: Instant,
        address: IpAddr,
        mac: MacAddress,
        source: Source,
    ) -> Learned {
        if !mac.is_station() {
            return Learned::Nothing;
        }
        let reachable = State::Reachable { mac, until: now + REACHABLE };
        let Some(entry) = self.entries.get_mut(&address) else {
            if source == Source::Question && self.make_room() {
                self.entries.insert(address, Entry { state: reachable, used: now });
            }
            return Learned::Nothing;
        };
        let waited = matches!(entry.state, State::Incomplete(_) | State::Failed { .. });
        entry.state = reachable;
        if waited { Learned::Resolved } else { Learned::Nothing }
    }

    /// The next thing that is due; call it until it gives `None`.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Due> {
        for (&address, entry) in &mut self.entries {
            let (asking, to) = match &mut entry.state {
                State::Incomplete(asking) => (asking, None),
                // The last question goes to everybody: the address may have moved.
                State::Probe { mac, asking } if asking.sent + 1 < QUESTIONS_MAX => {
                    (asking, Some(*mac))
                }
                State::Probe { asking, .. } => (asking, None),
                State::Reachable { .. } | State::Failed { .. } => continue,
            };
            if now < asking.due {
                continue;
            }
            if asking.sent >= QUESTIONS_MAX {
                entry.state = State::Failed { until: now + HOLD_DOWN };
                return Some(Due::Failed(address));
            }
            asking.sent += 1;
            asking.due = now + RETRANSMIT;
            return Some(Due::Ask(Question { address, to }));
        }
        None
    }

    /// When [`NeighborCache::poll`] has something to do next.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let due = |entry: &Entry| match entry.state {
            State::Incomplete(asking) | State::Probe { asking, .. } => Some(asking.due),
            State::Reachable { .. } | State::Failed { .. } => None,
        };
        self.entries.values().filter_map(due).min()
    }

    /// Neighbours in the cache.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Makes room for one more by dropping the neighbour that was not used for the longest time.
    /// False when every place is taken by a question that is still out.
    fn make_room(&mut self) -> bool {
        if self.entries.len() < self.max {
            return true;
        }
        let idle = self.entries.iter().filter(|(_, entry)| !entry.is_incomplete());
        let oldest = idle.min_by_key(|(_, entry)| entry.used).map(|(&address, _)| address);
        oldest.and_then(|address| self.entries.remove(&address)).is_some()
    }
}

impl Entry {
    /// Whether something waits for it.
    const fn is_incomplete(&self) -> bool {
        matches!(self.state, State::Incomplete(_))
    }
}
