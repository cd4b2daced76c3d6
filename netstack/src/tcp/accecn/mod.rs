//! More accurate ECN feedback: the three flags as a counter of marked packets. RFC 9768.
//!
//! Where classic ECN says once a round trip that there was a mark, this says how many there were.
//! The SYN-ACK and the handshake's last ACK say as well which ECN field the other side's packet
//! arrived with, so that a path that changes the field is found out before anything depends on it.

mod bytes;

pub(crate) use bytes::Carrier;
pub use bytes::EcnOption;
use bytes::{ByteFeedback, Told};

use super::ecn::Mark;
use super::seq::SeqNum;
use crate::wire::accecn::{AccEcn, EcnBytes};
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
    /// What the peer's feedback is worth.
    heed: Heed,
    /// Whether all that we send comes marked.
    constancy: Constancy,
    /// What the AccECN option tells.
    bytes: ByteFeedback,
}

/// What the peer's feedback is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heed {
    /// What it says.
    Yes,
    /// Nothing: it is no feedback, or there is no end of it.
    No,
}

/// The test for marks without end, in the first rounds. RFC 9768 §3.2.2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Constancy {
    /// It has not begun.
    ToCome,
    /// So many rounds were marked throughout; the next begins behind that number.
    Rounds(u8, SeqNum),
    /// It is over: something was not marked, or everything was.
    Over,
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
    /// The path changes the ECN field: nothing ECN-capable is to be sent any more. What the handshake's
    /// packet was marked with is heeded all the same.
    Mangled(Mark),
    /// The flags are no feedback, or marks have no end: nothing ECN-capable is to be sent, and none is
    /// heeded.
    Useless,
}

/// What an acknowledgment says besides its flags.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckNews {
    /// SEG.ACK.
    pub(crate) ack: SeqNum,
    /// SND.NXT.
    pub(crate) snd_nxt: SeqNum,
    /// Bytes of which it is news that they arrived.
    pub(crate) bytes: u32,
    /// The payload of a full segment.
    pub(crate) mss: u32,
    /// The AccECN option.
    pub(crate) option: Option<AccEcn>,
}

/// What granted an open of ours accurate feedback.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SynAck {
    /// Its flags.
    pub(crate) flags: Flags,
    /// The ECN field of its packet.
    pub(crate) codepoint: Ecn,
    /// The AccECN option.
    pub(crate) option: Option<AccEcn>,
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
    pub(crate) const fn passive(option: EcnOption) -> Self {
        Self::new(Expected::Handshake, option)
    }

    /// That of an open whose SYN was crossed by one that came with this ECN field.
    pub(crate) const fn crossed(codepoint: Ecn, option: EcnOption) -> Self {
        let mut state = Self::passive(option);
        state.answer = Some(codepoint);
        state
    }

    /// The client's, after a SYN-ACK that is known to grant it; and what that says of our SYN, which was
    /// not ECN-capable. Of a marked one it tells, but does not count it. RFC 9768 §3.2.2.2.
    pub(crate) fn active(syn_ack: &SynAck, option: EcnOption) -> (Self, Feedback) {
        let SynAck { flags, codepoint, option: theirs } = syn_ack;
        let mut state = Self::new(Expected::First, option);
        state.answer = Some(*codepoint);
        state.bytes.try_path();
        if *codepoint == Ecn::Ce {
            state.received = state.received.wrapping_add(1);
        }
        if let Some(theirs) = theirs {
            state.bytes.on_option(theirs);
        }
        // One combination has no meaning yet: the SYN counts as unchanged. RFC 9768 §3.1.3.
        let arrived = [ace_of(Ecn::NotEct), ACE_RESERVED].contains(&flags.ace());
        let mark = if flags.ace() == ace_of(Ecn::Ce) { Mark::Congestion } else { Mark::None };
        (state, if arrived { Feedback::Marks(0) } else { Feedback::Mangled(mark) })
    }

    const fn new(expected: Expected, option: EcnOption) -> Self {
        let (received, told) = (COUNTER_START, COUNTER_START);
        Self {
            received,
            told,
            unsaid: 0,
            last: Ecn::NotEct,
            answer: None,
            expected,
            heed: Heed::Yes,
            constancy: Constancy::ToCome,
            bytes: ByteFeedback::new(option),
        }
    }

    /// The option of a SYN-ACK.
    pub(crate) fn first_option() -> AccEcn {
        ByteFeedback::first_option()
    }

    /// The flags of the SYN-ACK of an open that was crossed.
    pub(crate) fn syn_ack_flags(&self) -> Flags {
        self.answer.map_or(Flags::NONE, |codepoint| Flags::with_ace(ace_of(codepoint)))
    }

    /// Such an open is done: what its SYN-ACK told is told.
    pub(crate) const fn crossing_done(&mut self) {
        self.answer = None;
    }

    /// The SYN-ACK has come again: its answer got lost, which may be because of its option. RFC 9768
    /// §3.2.2.1, §3.2.3.2.2.
    pub(crate) fn on_syn_ack_again(&mut self, codepoint: Ecn) {
        self.answer = Some(codepoint);
        self.bytes.stop_sending();
    }

    /// No option goes out from here on.
    pub(crate) const fn without_option(&mut self) {
        self.bytes.stop_sending();
    }

    /// The flags of an acknowledgment that carries nothing.
    pub(crate) fn ack_flags(&self) -> Flags {
        match self.answer {
            Some(codepoint) => Flags::with_ace(ace_of(codepoint)),
            None => self.counter_flags(),
        }
    }

    /// The flags of a segment before anything was marked.
    pub(crate) const fn first_flags() -> Flags {
        Flags::with_ace(COUNTER_START)
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

    /// A packet with this ECN field and so many bytes of payload has come, within the window. RFC 9768
    /// §3.2.2.5.1.
    pub(crate) fn on_packet(&mut self, codepoint: Ecn, len: u32) -> Urgency {
        let before = core::mem::replace(&mut self.last, codepoint);
        self.bytes.on_payload(codepoint, len);
        if codepoint == Ecn::Ce {
            self.received = self.received.wrapping_add(1);
            self.unsaid = self.unsaid.saturating_add(1);
        }
        let has_data = len > 0;
        let changed = has_data && (codepoint == Ecn::Ce) != (before == Ecn::Ce);
        let enough = if has_data { UNSAID_OF_DATA } else { UNSAID_OF_ACKS };
        if self.unsaid >= UNSAID_MAX {
            Urgency::Now
        } else if changed || (codepoint == Ecn::Ce && self.unsaid >= enough) {
            Urgency::Soon
        } else {
            Urgency::None
        }
    }

    /// The option for a segment with so much room for it.
    pub(crate) fn option(&self, carrier: Carrier, room: usize) -> Option<AccEcn> {
        self.bytes.option(carrier, room)
    }

    /// A segment went out with that option, or without one.
    pub(crate) fn option_sent(&mut self, carrier: Carrier, option: Option<AccEcn>) {
        self.bytes.sent(carrier, option);
    }

    /// SND.UNA has moved.
    pub(crate) fn on_advance(&mut self, snd_una: SeqNum) {
        self.bytes.on_advance(snd_una);
    }

    /// Something came again that was acknowledged.
    pub(crate) const fn on_duplicate(&mut self) {
        self.bytes.on_duplicate();
    }

    /// Bytes that came with each field, and those that the peer told of.
    pub(crate) const fn byte_counts(&self) -> [EcnBytes; 2] {
        self.bytes.counts()
    }

    /// Takes the feedback of a segment that acknowledges `packets` packets. The first is looked at even
    /// where it brings no news.
    pub(crate) fn on_first(&mut self, flags: Flags, carries: Carries, packets: u32) -> Feedback {
        let expected = core::mem::replace(&mut self.expected, Expected::Counter);
        match (expected, carries) {
            (Expected::Counter, _) => Feedback::Marks(0),
            // So many marked ones bring the counter to 0 as well.
            (Expected::First, _) if packets >= MARKS_TO_ZERO => Feedback::Marks(0),
            (Expected::Handshake | Expected::First, _) if flags.ace() == 0 => {
                self.heed = Heed::No;
                Feedback::Useless
            }
            (Expected::First, _) | (Expected::Handshake, Carries::Something) => Feedback::Marks(0),
            (Expected::Handshake, Carries::Nothing) => self.on_handshake_ack(flags.ace()),
        }
    }

    /// What the handshake's last ACK says of our SYN-ACK, which was not ECN-capable. RFC 9768
    /// §3.2.2.1, table 4: values without a meaning are no reason to worry.
    fn on_handshake_ack(&mut self, ace: u8) -> Feedback {
        if ace == ace_of(Ecn::Ce) {
            self.told = self.told.wrapping_add(1);
            return Feedback::Mangled(Mark::Congestion);
        }
        let mangled = [Ecn::Ect0, Ecn::Ect1].map(ace_of).contains(&ace);
        if mangled { Feedback::Mangled(Mark::None) } else { Feedback::Marks(0) }
    }

    /// Takes the counters of an acknowledgment that brings news. RFC 9768 §3.2.2.5.2, appendix A.2.
    pub(crate) fn on_ack(&mut self, flags: Flags, news: &AckNews) -> Feedback {
        let delta = u32::from(flags.ace().wrapping_sub(self.told) & ACE_MASK);
        self.told = flags.ace();
        let packets = news.bytes.div_ceil(news.mss);
        let told = news.option.as_ref().and_then(|option| self.bytes.on_option(option));
        let marks = match told {
            Some(told) => counted(delta, &told, news.mss),
            None => safest(delta, packets),
        };
        let feedback = match told {
            // Bytes came marked, and no packet did: one of the two is not what the peer sent. RFC 9768
            // §3.2.3.2.5.
            Some(Told { ce_bytes, by_flags: 0 })
                if ce_bytes > 0 && delta == 0 && ce_bytes <= ACE_MAX * news.mss =>
            {
                Feedback::Mangled(Mark::None)
            }
            Some(told) => self.constancy_after(marks, packets, Some(told.ce_bytes), news),
            None => {
                self.bytes.told_by_flags(marks);
                self.constancy_after(marks, packets, None, news)
            }
        };
        match (self.heed, feedback) {
            (Heed::No, Feedback::Marks(_)) => Feedback::Marks(0),
            (_, feedback) => feedback,
        }
    }

    /// The same, unless this ends the last of the first rounds that were marked throughout: then marks
    /// mean nothing, and what we send is not ECN-capable any more.
    fn constancy_after(
        &mut self,
        marks: u32,
        packets: u32,
        ce_bytes: Option<u32>,
        news: &AckNews,
    ) -> Feedback {
        let all = marks >= packets && ce_bytes.is_none_or(|bytes| bytes >= news.bytes);
        self.constancy = match self.constancy {
            Constancy::Over => Constancy::Over,
            _ if !all => Constancy::Over,
            Constancy::ToCome => Constancy::Rounds(0, news.snd_nxt),
            Constancy::Rounds(rounds, end) if !news.ack.after(end) => {
                Constancy::Rounds(rounds, end)
            }
            Constancy::Rounds(rounds, _) if rounds + 1 < CONSTANT_ROUNDS => {
                Constancy::Rounds(rounds + 1, news.snd_nxt)
            }
            Constancy::Rounds(..) => {
                self.heed = Heed::No;
                self.constancy = Constancy::Over;
                return Feedback::Useless;
            }
        };
        Feedback::Marks(marks)
    }
}

/// How many packets were marked of `packets`, by the three bits: where those may have gone around, the
/// largest number that fits. RFC 9768 appendix A.2.1.
const fn safest(delta: u32, packets: u32) -> u32 {
    if packets <= ACE_MAX {
        return delta;
    }
    packets - (packets.wrapping_sub(delta) & ACE_MAX)
}

/// The same where the bytes of the marked packets are known: the smallest number that fits, for a packet
/// has no more of them than a full segment. RFC 9768 appendix A.2.2.
fn counted(delta: u32, told: &Told, mss: u32) -> u32 {
    let least = told.ce_bytes.div_ceil(mss).saturating_sub(told.by_flags);
    delta + least.saturating_sub(delta).next_multiple_of(ACE_MAX + 1)
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
/// Marked packets that bring it to 0 from there.
const MARKS_TO_ZERO: u32 = 3;
/// The three bits that are told.
const ACE_MASK: u8 = 0b111;
/// The largest number that they can tell.
const ACE_MAX: u32 = 7;
/// What a SYN-ACK's flags do not mean yet, but to grant accurate feedback. RFC 9768 §3.1.3.
const ACE_RESERVED: u8 = 0b101;
/// Marked packets with data after which an acknowledgment goes out when the burst has been taken. RFC
/// 9768 §3.2.2.5.1.
const UNSAID_OF_DATA: u8 = 2;
/// The same without data.
const UNSAID_OF_ACKS: u8 = 3;
/// Marked packets after which it does not even wait for that: the counter must not go around.
const UNSAID_MAX: u8 = 6;
/// Rounds at the start that are marked throughout on no path that means it.
const CONSTANT_ROUNDS: u8 = 4;
