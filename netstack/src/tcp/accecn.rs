//! More accurate ECN feedback: the three flags as a counter of marked packets. RFC 9768.
//!
//! Where classic ECN says once a round trip that there was a mark, this says how many there were.
//! The SYN-ACK and the handshake's last ACK say as well which ECN field the other side's packet
//! arrived with, so that a path that changes the field is found out before anything depends on it.

use crate::wire::ipv4::Ecn;
use crate::wire::tcp::Flags;

/// The feedback of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accurate {
    /// r.cep: marked packets that came, and 5; only its lowest three bits are ever told.
    received: u8,
    /// s.cep: marked packets that the peer has told of, the same way.
    told: u8,
    /// Marked packets since an acknowledgment went out.
    unsaid: u8,
    /// The ECN field of the last packet with data.
    last: Ecn,
    /// What our next acknowledgment says instead of the counter: the SYN-ACK's ECN field.
    answer: Option<Ecn>,
    /// What the next segment is looked at for.
    expected: Expected,
}

/// What a segment's three flags mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// If it carries nothing: the ECN field of our SYN-ACK. Else as below.
    Handshake,
    /// The counter, for the first time: 0 means that something on the way clears it.
    First,
    /// The counter.
    Counter,
}

/// What a segment is, as far as its flags' meaning depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carries {
    /// Neither data nor SACK blocks.
    Nothing,
    /// Some.
    Something,
}

/// What the feedback of one segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feedback {
    /// So many packets were marked.
    Marks(u32),
    /// The path changes the ECN field or the flags: nothing ECN-capable is to be sent any more.
    Mangled,
}

/// Whether an acknowledgment is due because of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// It is not.
    None,
    /// In this turn: the ECN field has changed.
    Soon,
    /// Before the next packet is looked at: the counter may go around unseen.
    Now,
}

impl Accurate {
    /// The server's, once the handshake is done.
    pub(crate) const fn passive() -> Self {
        Self::new(Expected::Handshake)
    }

    /// The client's, after a SYN-ACK with this ECN field and these flags, which are known to grant
    /// it; and what they say of our SYN, which was not ECN-capable.
    pub(crate) fn active(codepoint: Ecn, flags: Flags) -> (Self, Feedback) {
        let mut state = Self::new(Expected::First);
        state.answer = Some(codepoint);
        if codepoint == Ecn::Ce {
            state.received = state.received.wrapping_add(1);
        }
        if flags.ace() == ace_of(Ecn::Ce) {
            state.told = state.told.wrapping_add(1);
        }
        let arrived = flags.ace() == ace_of(Ecn::NotEct);
        (state, if arrived { Feedback::Marks(0) } else { Feedback::Mangled })
    }

    const fn new(expected: Expected) -> Self {
        let (received, told) = (COUNTER_START, COUNTER_START);
        Self { received, told, unsaid: 0, last: Ecn::Ect0, answer: None, expected }
    }

    /// The flags of an acknowledgment that carries nothing.
    pub(crate) fn ack_flags(&self) -> Flags {
        match self.answer {
            Some(codepoint) => Flags::with_ace(ace_of(codepoint)),
            None => self.counter_flags(),
        }
    }

    /// The flags of every other segment.
    pub(crate) const fn counter_flags(&self) -> Flags {
        Flags::with_ace(self.received)
    }

    /// An acknowledgment went out.
    pub(crate) const fn ack_sent(&mut self) {
        self.unsaid = 0;
        self.answer = None;
    }

    /// A packet with this ECN field has come, within the window. RFC 9768 §3.2.2.5.
    pub(crate) fn on_packet(&mut self, codepoint: Ecn) -> Urgency {
        let changed = core::mem::replace(&mut self.last, codepoint) != codepoint;
        if codepoint == Ecn::Ce {
            self.received = self.received.wrapping_add(1);
            self.unsaid = self.unsaid.saturating_add(1);
        }
        if self.unsaid >= UNSAID_MAX {
            Urgency::Now
        } else if changed {
            Urgency::Soon
        } else {
            Urgency::None
        }
    }

    /// Takes the feedback of a segment. The first is looked at even where it brings no news.
    pub(crate) fn on_first(&mut self, flags: Flags, carries: Carries) -> Feedback {
        let expected = core::mem::replace(&mut self.expected, Expected::Counter);
        match (expected, carries) {
            (Expected::Counter, _) => Feedback::Marks(0),
            (Expected::Handshake | Expected::First, _) if flags.ace() == 0 => Feedback::Mangled,
            (Expected::First, _) | (Expected::Handshake, Carries::Something) => Feedback::Marks(0),
            (Expected::Handshake, Carries::Nothing) => self.on_handshake_ack(flags.ace()),
        }
    }

    /// What the handshake's last ACK says of our SYN-ACK, which was not ECN-capable. RFC 9768
    /// §3.2.2.1, table 4: values without a meaning are no reason to worry.
    fn on_handshake_ack(&mut self, ace: u8) -> Feedback {
        if ace == ace_of(Ecn::Ce) {
            self.told = self.told.wrapping_add(1);
        }
        let mangled = [Ecn::Ce, Ecn::Ect0, Ecn::Ect1].map(ace_of).contains(&ace);
        if mangled { Feedback::Mangled } else { Feedback::Marks(0) }
    }

    /// Takes the counter of an acknowledgment that brings news of `packets` packets: how many of
    /// them were marked. Where it may have gone around it is taken for the largest number that fits.
    /// RFC 9768 appendix A.2.1.
    pub(crate) fn on_ack(&mut self, flags: Flags, packets: u32) -> u32 {
        let delta = u32::from(flags.ace().wrapping_sub(self.told) & ACE_MASK);
        self.told = flags.ace();
        let mask = u32::from(ACE_MASK);
        if packets <= mask {
            return delta;
        }
        packets - (packets.wrapping_sub(delta) & mask)
    }
}

/// How a SYN-ACK and the handshake's last ACK tell an ECN field. RFC 9768 §3.1.1, tables 2 and 3.
pub(crate) const fn ace_of(codepoint: Ecn) -> u8 {
    match codepoint {
        Ecn::NotEct => 0b010,
        Ecn::Ect1 => 0b011,
        Ecn::Ect0 => 0b100,
        Ecn::Ce => 0b110,
    }
}

/// Where both counters start, so that 0 shows that something clears them. RFC 9768 §3.2.1.
const COUNTER_START: u8 = 5;
/// The three bits that are told.
const ACE_MASK: u8 = 0b111;
/// Marked packets after which an acknowledgment does not wait. RFC 9768 §3.2.2.5.1: at most 6.
const UNSAID_MAX: u8 = 6;
