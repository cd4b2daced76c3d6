//! Explicit congestion notification: what was agreed on, what is to be echoed, what was heeded.
//! RFC 3168.

use alloc::boxed::Box;

use super::accecn::{
    Accurate, AckNews, Carrier, Carries, EcnOption, Feedback, SynAck, Urgency, ace_of,
};
use super::seq::SeqNum;
use crate::wire::accecn::{AccEcn, EcnBytes};
use crate::wire::ipv4::Ecn;
use crate::wire::tcp::Flags;

/// Whether a connection lets routers mark packets instead of dropping them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EcnMode {
    /// Never: a peer that asks for it is not answered.
    Off,
    /// Where the peer asks for it.
    #[default]
    Passive,
    /// Where the peer asks for it, and our own SYNs ask.
    On,
}

/// Which feedback a connection with ECN uses, where the peer can do it too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EcnFeedback {
    /// Whether there was a mark in a round trip. RFC 3168.
    #[default]
    Classic,
    /// How many packets were marked. RFC 9768. With peers that can't: as above.
    Accurate,
}

/// How a SYN or SYN-ACK decides on ECN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EcnPolicy {
    pub(crate) mode: EcnMode,
    pub(crate) feedback: EcnFeedback,
    pub(crate) option: EcnOption,
}

/// What a SYN asked for and we grant. RFC 3168 §6.1.1, RFC 9768 §3.1.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EcnOffer {
    pub(crate) mode: OfferMode,
    /// Whether the peer may think otherwise: then nothing ECN-capable is sent.
    pub(crate) doubt: Doubt,
}

/// The feedback that was granted: whatever comes later, that stays. RFC 9768 §3.1.5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OfferMode {
    /// None.
    #[default]
    None,
    /// That of RFC 3168.
    Classic,
    /// The accurate one, of which this is the first: the ECN field of the SYN that came last.
    Accurate(Ecn),
}

/// Whether a SYN or SYN-ACK without ECN went one way or the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// None did.
    #[default]
    No,
    /// One did.
    Yes,
}

/// What a SYN that came again makes of what the first one asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OfferedAgain {
    /// This is granted.
    Still(EcnOffer),
    /// They ask for different feedback: nobody can tell which the peer uses.
    Contradiction,
}

/// How far the congestion window shrinks when the peer echoes a mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EcnBackoff {
    /// As far as for a loss. RFC 3168 §6.1.2.
    #[default]
    AsLoss,
    /// Less far: to 0.85 with CUBIC, to 0.8 with NewReno, because a queue that marks is short. RFC
    /// 8511 (ABE).
    Alternative,
}

/// What the two SYNs agreed on. RFC 3168 §6.1.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum EcnUse {
    /// Nothing.
    #[default]
    None,
    /// The peer thinks that it was agreed on, and we have also sent a SYN that said no: marks are
    /// echoed, what we send is not ECN-capable.
    EchoOnly,
    /// Both ways.
    Both,
}

/// The ECN of one connection.
#[derive(Debug)]
pub(crate) struct EcnState {
    usage: EcnUse,
    feedback: FeedbackState,
    reduced: Reduced,
    /// SND.NXT at the last reduction of the window: one more waits until that is acknowledged.
    heeded: Option<SeqNum>,
}

/// What is fed back, and how.
#[derive(Debug)]
enum FeedbackState {
    Classic(Echo),
    Accurate(Box<Accurate>),
}

/// Whether acknowledgments say that a mark has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Echo {
    Off,
    /// Until the peer says that it has reduced its window.
    UntilCwr,
}

/// Whether the peer knows that we have reduced our window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reduced {
    Told,
    /// The next new data says so.
    ToTell,
}

/// A segment as ECN sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EcnPacket {
    pub(crate) flags: Flags,
    pub(crate) codepoint: Ecn,
    /// Bytes of payload.
    pub(crate) len: u32,
}

/// What the IP header of a segment said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// No congestion.
    None,
    /// A router met some.
    Congestion,
}

impl EcnOffer {
    /// What is granted to a SYN with these flags and this ECN field. With accurate feedback every
    /// combination that is not an older one's stands for that: RFC 9768 §3.1.3.
    pub(crate) fn of_syn(policy: EcnPolicy, flags: Flags, codepoint: Ecn) -> Self {
        let EcnPolicy { mode, feedback, .. } = policy;
        let classic_asked = flags.contains(Flags::ECE | Flags::CWR);
        let mode = match (mode, feedback, flags.ace()) {
            (EcnMode::Off, _, _) | (_, EcnFeedback::Accurate, 0) => OfferMode::None,
            (_, EcnFeedback::Accurate, ACE_CLASSIC_SYN) => OfferMode::Classic,
            (_, EcnFeedback::Accurate, _) => OfferMode::Accurate(codepoint),
            (_, EcnFeedback::Classic, _) if classic_asked => OfferMode::Classic,
            (_, EcnFeedback::Classic, _) => OfferMode::None,
        };
        Self { mode, doubt: Doubt::No }
    }

    /// What a SYN must have asked for whose cookie is answered by a segment with these flags: who uses
    /// accurate feedback never says 0 or 1 there, and nobody else says more. RFC 9768 §5.1.
    pub(crate) fn of_cookie(policy: EcnPolicy, flags: Flags) -> Self {
        let EcnPolicy { mode, feedback, .. } = policy;
        let accurate = mode != EcnMode::Off && feedback == EcnFeedback::Accurate && flags.ace() > 1;
        let mode = if accurate { OfferMode::Accurate(Ecn::NotEct) } else { OfferMode::None };
        Self { mode, doubt: Doubt::No }
    }

    /// What the SYN that came again makes of what the first one asked for: it may have fallen back, but
    /// the feedback stays what it is. RFC 9768 §3.1.5.
    pub(crate) fn of_syn_again(
        self,
        policy: EcnPolicy,
        flags: Flags,
        codepoint: Ecn,
    ) -> OfferedAgain {
        let again = Self::of_syn(policy, flags, codepoint).mode;
        let still = |mode, doubt| OfferedAgain::Still(Self { mode, doubt });
        match (self.mode, again) {
            (OfferMode::None, _) => still(OfferMode::None, self.doubt),
            (OfferMode::Accurate(_), OfferMode::Accurate(_)) => still(again, self.doubt),
            (OfferMode::Accurate(_), OfferMode::None) => {
                still(OfferMode::Accurate(codepoint), Doubt::Yes)
            }
            (OfferMode::Classic, OfferMode::Classic) => OfferedAgain::Still(self),
            (OfferMode::Classic, OfferMode::None) => still(OfferMode::Classic, Doubt::Yes),
            (OfferMode::Classic, OfferMode::Accurate(_))
            | (OfferMode::Accurate(_), OfferMode::Classic) => OfferedAgain::Contradiction,
        }
    }

    /// The flags of a SYN-ACK that was sent `retransmits` times before. Accurate feedback is granted
    /// twice, in case the flags are what gets lost. RFC 9768 §3.2.3.2.2.
    pub(crate) const fn syn_ack_flags(self, retransmits: u8) -> Flags {
        match (self.mode, self.doubt) {
            (OfferMode::None, _) | (OfferMode::Classic, Doubt::Yes) => Flags::NONE,
            (OfferMode::Classic, Doubt::No) => Flags::ECE,
            (OfferMode::Accurate(_), _) if retransmits >= GRANTED_TIMES => Flags::NONE,
            (OfferMode::Accurate(codepoint), _) => Flags::with_ace(ace_of(codepoint)),
        }
    }

    /// The flags of every other segment of a handshake that is not done.
    pub(crate) const fn ack_flags(self) -> Flags {
        match self.mode {
            OfferMode::None | OfferMode::Classic => Flags::NONE,
            OfferMode::Accurate(_) => Accurate::first_flags(),
        }
    }

    /// The option of a SYN-ACK that is sent for the first time.
    pub(crate) fn option(self, policy: EcnPolicy) -> Option<AccEcn> {
        match (self.mode, policy.option) {
            (OfferMode::Accurate(_), EcnOption::On) => Some(Accurate::first_option()),
            (OfferMode::Accurate(_), EcnOption::Off)
            | (OfferMode::None | OfferMode::Classic, _) => None,
        }
    }
}

/// The flags by which a SYN of ours asks. One that is sent again doesn't, or accurate feedback once more:
/// something on the way may drop what does. RFC 3168 §6.1.1.1, RFC 9768 §3.1.4.1.
pub(crate) fn syn_flags(policy: EcnPolicy, unanswered: u8) -> Flags {
    match (policy.mode, policy.feedback) {
        (EcnMode::On, feedback) if unanswered >= asked_times(feedback) => Flags::NONE,
        (EcnMode::On, EcnFeedback::Classic) => Flags::ECE | Flags::CWR,
        (EcnMode::On, EcnFeedback::Accurate) => Flags::AE | Flags::ECE | Flags::CWR,
        (EcnMode::Off | EcnMode::Passive, _) => Flags::NONE,
    }
}

/// How many SYNs ask.
const fn asked_times(feedback: EcnFeedback) -> u8 {
    match feedback {
        EcnFeedback::Classic => 1,
        EcnFeedback::Accurate => 2,
    }
}

/// How many SYN-ACKs grant accurate feedback.
const GRANTED_TIMES: u8 = 2;
/// CWR and ECE without AE: a SYN that asks for ECN as RFC 3168 has it.
const ACE_CLASSIC_SYN: u8 = 0b011;
/// ECE alone: a SYN-ACK that grants ECN as RFC 3168 has it.
const ACE_CLASSIC_SYN_ACK: u8 = 0b001;

impl EcnState {
    /// No ECN.
    pub(crate) const NONE: Self = Self {
        usage: EcnUse::None,
        feedback: FeedbackState::Classic(Echo::Off),
        reduced: Reduced::Told,
        heeded: None,
    };

    /// The server's state after a handshake whose SYN-ACK was sent again `retransmits` times.
    pub(crate) fn passive(offer: EcnOffer, policy: EcnPolicy, retransmits: u8) -> Self {
        let EcnOffer { mode, doubt } = offer;
        let usage = if doubt == Doubt::Yes { EcnUse::EchoOnly } else { EcnUse::Both };
        match mode {
            OfferMode::None => Self::NONE,
            OfferMode::Classic => Self { usage, ..Self::NONE },
            OfferMode::Accurate(_) => {
                let mut accurate = Accurate::passive(policy.option);
                if retransmits > 0 {
                    accurate.without_option();
                }
                // A SYN-ACK without ECN may be the one that arrived.
                let usage = if retransmits >= GRANTED_TIMES { EcnUse::EchoOnly } else { usage };
                Self::accurate(usage, accurate)
            }
        }
    }

    /// The state of an open that was crossed by a SYN with these flags and this ECN field: that of a
    /// server. `unanswered` SYNs of ours came before the last. RFC 9768 §3.1.2.
    pub(crate) fn crossed(policy: EcnPolicy, unanswered: u8, flags: Flags, codepoint: Ecn) -> Self {
        // A SYN of ours that did not ask may have arrived.
        let asked = syn_flags(policy, unanswered) != Flags::NONE;
        let usage = if asked { EcnUse::Both } else { EcnUse::EchoOnly };
        match EcnOffer::of_syn(policy, flags, codepoint).mode {
            OfferMode::None => Self::NONE,
            OfferMode::Classic => Self { usage, ..Self::NONE },
            OfferMode::Accurate(codepoint) => {
                Self::accurate(usage, Accurate::crossed(codepoint, policy.option))
            }
        }
    }

    fn accurate(usage: EcnUse, accurate: Accurate) -> Self {
        Self { usage, feedback: FeedbackState::Accurate(Box::new(accurate)), ..Self::NONE }
    }

    /// The client's state after this SYN-ACK, which answers SYNs of which `unanswered` came before the
    /// last; and whether it tells of a mark. RFC 3168 §6.1.1, RFC 9768 §3.1.2, table 2.
    pub(crate) fn active(policy: EcnPolicy, unanswered: u8, syn_ack: &SynAck) -> (Self, Mark) {
        let EcnPolicy { mode, feedback, option } = policy;
        let flags = syn_ack.flags;
        // With classic feedback the peer must not have seen a SYN that does not ask.
        let all_asked = unanswered < asked_times(feedback);
        let usage = if all_asked { EcnUse::Both } else { EcnUse::EchoOnly };
        let classic = Self { usage, ..Self::NONE };
        let state = match (mode, feedback, flags.ace()) {
            (EcnMode::Off | EcnMode::Passive, _, _) | (_, _, 0b000 | 0b111) => Self::NONE,
            (EcnMode::On, EcnFeedback::Accurate, ACE_CLASSIC_SYN_ACK) => classic,
            (EcnMode::On, EcnFeedback::Accurate, _) => {
                let (accurate, feedback) = Accurate::active(syn_ack, option);
                let mut state = Self::accurate(EcnUse::Both, accurate);
                let mark = state.distrust_if(feedback);
                return (state, mark);
            }
            (EcnMode::On, EcnFeedback::Classic, _) => {
                let granted = flags.contains(Flags::ECE) && !flags.contains(Flags::CWR);
                if granted { classic } else { Self::NONE }
            }
        };
        (state, Mark::None)
    }

    /// A path that changes the ECN field or the flags gets nothing ECN-capable; the peer still gets its
    /// feedback. RFC 9768 §3.2.2.3, §3.2.2.4.
    fn distrust_if(&mut self, feedback: Feedback) -> Mark {
        match feedback {
            Feedback::Marks(_) => Mark::None,
            Feedback::Mangled(mark) => {
                self.usage = EcnUse::EchoOnly;
                mark
            }
            Feedback::Useless => {
                self.usage = EcnUse::EchoOnly;
                Mark::None
            }
        }
    }

    /// The flags of the SYN-ACK of an open that was crossed.
    pub(crate) fn syn_ack_flags(&self) -> Flags {
        match (&self.feedback, self.usage) {
            (FeedbackState::Accurate(accurate), _) => accurate.syn_ack_flags(),
            (FeedbackState::Classic(_), EcnUse::None) => Flags::NONE,
            (FeedbackState::Classic(_), EcnUse::EchoOnly | EcnUse::Both) => Flags::ECE,
        }
    }

    /// Our SYN-ACK is acknowledged.
    pub(crate) fn crossing_done(&mut self) {
        self.each_accurate(Accurate::crossing_done);
    }

    /// The peer's SYN-ACK has come again, with these flags and this ECN field.
    pub(crate) fn on_syn_ack_again(&mut self, flags: Flags, codepoint: Ecn) {
        // What does not grant accurate feedback is answered like every other segment.
        if !matches!(flags.ace(), 0b000 | ACE_CLASSIC_SYN_ACK | 0b111) {
            self.each_accurate(|accurate| accurate.on_syn_ack_again(codepoint));
        }
    }

    /// The AccECN option of a segment with so much room for one.
    pub(crate) fn option(&self, carrier: Carrier, room: usize) -> Option<AccEcn> {
        match &self.feedback {
            FeedbackState::Classic(_) => None,
            FeedbackState::Accurate(accurate) => accurate.option(carrier, room),
        }
    }

    /// A segment went out, with that option or without one.
    pub(crate) fn option_sent(&mut self, carrier: Carrier, option: Option<AccEcn>) {
        self.each_accurate(|accurate| accurate.option_sent(carrier, option));
    }

    /// Something came again that was acknowledged.
    pub(crate) fn on_duplicate(&mut self) {
        self.each_accurate(Accurate::on_duplicate);
    }

    /// Bytes that came with each ECN field, and those that the peer told of.
    pub(crate) fn byte_counts(&self) -> Option<[EcnBytes; 2]> {
        match &self.feedback {
            FeedbackState::Classic(_) => None,
            FeedbackState::Accurate(accurate) => Some(accurate.byte_counts()),
        }
    }

    fn each_accurate(&mut self, act: impl FnOnce(&mut Accurate)) {
        match &mut self.feedback {
            FeedbackState::Classic(_) => {}
            FeedbackState::Accurate(accurate) => act(accurate),
        }
    }

    /// What was agreed on.
    pub(crate) const fn usage(&self) -> EcnUse {
        self.usage
    }

    /// The codepoint of segments with new data.
    pub(crate) const fn codepoint(&self) -> Ecn {
        match self.usage {
            EcnUse::None | EcnUse::EchoOnly => Ecn::NotEct,
            EcnUse::Both => Ecn::Ect0,
        }
    }

    /// The flags of an acknowledgment that carries nothing.
    pub(crate) fn ack_flags(&self) -> Flags {
        match &self.feedback {
            FeedbackState::Classic(Echo::Off) => Flags::NONE,
            FeedbackState::Classic(Echo::UntilCwr) => Flags::ECE,
            FeedbackState::Accurate(accurate) => accurate.ack_flags(),
        }
    }

    /// The flags of segments that carry something, but for [`EcnState::data_flags`].
    pub(crate) fn carrying_flags(&self) -> Flags {
        match &self.feedback {
            FeedbackState::Classic(_) => self.ack_flags(),
            FeedbackState::Accurate(accurate) => accurate.counter_flags(),
        }
    }

    /// The flags of a RST.
    pub(crate) fn reset_flags(&self) -> Flags {
        match &self.feedback {
            FeedbackState::Classic(_) => Flags::NONE,
            FeedbackState::Accurate(accurate) => accurate.counter_flags(),
        }
    }

    /// An acknowledgment went out.
    pub(crate) fn ack_sent(&mut self) {
        self.each_accurate(Accurate::ack_sent);
    }

    /// The flags of the next segment with new data.
    pub(crate) const fn data_flags(&self) -> Flags {
        match self.reduced {
            Reduced::Told => Flags::NONE,
            Reduced::ToTell => Flags::CWR,
        }
    }

    /// New data went out with [`EcnState::data_flags`].
    pub(crate) const fn data_sent(&mut self) {
        self.reduced = Reduced::Told;
    }

    /// A segment has come, within the window: whether it was marked, and how soon the peer must
    /// know. Classic feedback looks at data alone. What says that the window was reduced may have
    /// been marked itself. RFC 3168 §6.1.3, RFC 9768 §3.2.2.5.
    pub(crate) fn on_packet(&mut self, packet: EcnPacket) -> (Mark, Urgency) {
        let EcnPacket { flags, codepoint, len } = packet;
        match self.usage {
            EcnUse::None => return (Mark::None, Urgency::None),
            EcnUse::EchoOnly | EcnUse::Both => {}
        }
        let mark = if codepoint == Ecn::Ce { Mark::Congestion } else { Mark::None };
        let urgency = match &mut self.feedback {
            FeedbackState::Classic(_) if len == 0 => {
                return (Mark::None, Urgency::None);
            }
            FeedbackState::Classic(echo) => {
                let before = *echo;
                if flags.contains(Flags::CWR) {
                    *echo = Echo::Off;
                }
                if mark == Mark::Congestion {
                    *echo = Echo::UntilCwr;
                }
                if *echo == before { Urgency::None } else { Urgency::Soon }
            }
            FeedbackState::Accurate(accurate) => accurate.on_packet(codepoint, len),
        };
        (mark, urgency)
    }

    /// Whether a segment with these flags and this codepoint means nothing here.
    #[inline]
    pub(crate) fn is_silent(&self, flags: Flags, codepoint: Ecn) -> bool {
        match (self.usage, &self.feedback) {
            (EcnUse::None, FeedbackState::Classic(_)) => true,
            (EcnUse::EchoOnly | EcnUse::Both, FeedbackState::Classic(_)) => {
                codepoint != Ecn::Ce && flags.ace() == 0
            }
            (_, FeedbackState::Accurate(_)) => false,
        }
    }

    /// The first segment after the handshake shows whether the path leaves our fields alone; whether it
    /// tells that our SYN-ACK was marked.
    pub(crate) fn on_first(&mut self, flags: Flags, carries: Carries, packets: u32) -> Mark {
        let FeedbackState::Accurate(accurate) = &mut self.feedback else { return Mark::None };
        let feedback = accurate.on_first(flags, carries, packets);
        self.distrust_if(feedback)
    }

    /// How many marks an acknowledgment with these flags tells of: classic feedback knows one.
    pub(crate) fn on_feedback(&mut self, flags: Flags, news: &AckNews) -> u32 {
        match &mut self.feedback {
            FeedbackState::Classic(_) => {
                let echoes = self.usage == EcnUse::Both && flags.contains(Flags::ECE);
                u32::from(echoes)
            }
            FeedbackState::Accurate(_) if news.bytes == 0 => 0,
            FeedbackState::Accurate(accurate) => {
                let feedback = accurate.on_ack(flags, news);
                self.distrust_if(feedback);
                match feedback {
                    Feedback::Marks(marks) => marks,
                    Feedback::Mangled(_) | Feedback::Useless => 0,
                }
            }
        }
    }

    /// Whether a segment with these flags echoes a mark. Those of accurate feedback count instead, and
    /// say it only together with what came before.
    pub(crate) fn is_echo(&self, flags: Flags) -> bool {
        let classic = matches!(self.feedback, FeedbackState::Classic(_));
        classic && self.usage == EcnUse::Both && flags.contains(Flags::ECE)
    }

    /// Whether the window was not yet reduced in this round trip. What tells the peer so lies
    /// behind the number that was noted: an acknowledgment up to there may still echo.
    pub(crate) fn may_reduce(&self, snd_una: SeqNum) -> bool {
        self.heeded.is_none_or(|end| snd_una.after(end))
    }

    /// The window was reduced, for whatever reason.
    pub(crate) const fn on_reduced(&mut self, snd_nxt: SeqNum) {
        match self.usage {
            EcnUse::None | EcnUse::EchoOnly => {}
            EcnUse::Both => {
                self.heeded = Some(snd_nxt);
                if matches!(self.feedback, FeedbackState::Classic(_)) {
                    self.reduced = Reduced::ToTell;
                }
            }
        }
    }

    /// The reduction was for nothing, and has been taken back.
    pub(crate) const fn on_undo(&mut self) {
        self.reduced = Reduced::Told;
        self.heeded = None;
    }

    /// SND.UNA has moved: what was noted is forgotten once it is behind.
    pub(crate) fn on_advance(&mut self, snd_una: SeqNum) {
        self.each_accurate(|accurate| accurate.on_advance(snd_una));
        if self.heeded.is_some() && self.may_reduce(snd_una) {
            self.heeded = None;
        }
    }
}
