//! Explicit congestion notification: what was agreed on, what is to be echoed, what was heeded.
//! RFC 3168.

use super::accecn::{Accurate, Carries, Feedback, Urgency, ace_of};
use super::seq::SeqNum;
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
}

/// What a SYN asked for and we grant. RFC 3168 §6.1.1, RFC 9768 §3.1.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum EcnOffer {
    /// Nothing.
    #[default]
    None,
    /// ECN with the feedback of RFC 3168.
    Classic,
    /// ECN with accurate feedback, of which this is the first: the SYN's own ECN field.
    Accurate(Ecn),
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
#[derive(Clone, Copy, Debug)]
pub(crate) struct EcnState {
    usage: EcnUse,
    feedback: FeedbackState,
    reduced: Reduced,
    /// SND.NXT at the last reduction of the window: one more waits until that is acknowledged.
    heeded: Option<SeqNum>,
}

/// What is fed back, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FeedbackState {
    Classic(Echo),
    Accurate(Accurate),
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
    pub(crate) data: Data,
}

/// Whether a segment has payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    None,
    Some,
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
        let EcnPolicy { mode, feedback } = policy;
        match (mode, feedback, flags.ace()) {
            (EcnMode::Off, _, _) | (_, EcnFeedback::Accurate, 0) => Self::None,
            (_, EcnFeedback::Accurate, ACE_CLASSIC_SYN) => Self::Classic,
            (_, EcnFeedback::Accurate, _) => Self::Accurate(codepoint),
            (_, EcnFeedback::Classic, _) if flags.contains(Flags::ECE | Flags::CWR) => {
                Self::Classic
            }
            (_, EcnFeedback::Classic, _) => Self::None,
        }
    }

    /// What the SYN that came again makes of what the first one asked for: it may have fallen back.
    pub(crate) fn of_syn_again(self, policy: EcnPolicy, flags: Flags, codepoint: Ecn) -> Self {
        match (self, Self::of_syn(policy, flags, codepoint)) {
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::Classic | Self::Accurate(_), again) => again,
        }
    }

    /// The flags of a SYN-ACK.
    pub(crate) const fn syn_ack_flags(self) -> Flags {
        match self {
            Self::None => Flags::NONE,
            Self::Classic => Flags::ECE,
            Self::Accurate(codepoint) => Flags::with_ace(ace_of(codepoint)),
        }
    }
}

/// The flags by which a SYN of ours asks. One that is sent again doesn't: something on the way may
/// drop what does. RFC 3168 §6.1.1.1, RFC 9768 §3.1.4.1.
pub(crate) fn syn_flags(policy: EcnPolicy, unanswered: u8) -> Flags {
    match (policy.mode, policy.feedback) {
        (EcnMode::On, _) if unanswered > 0 => Flags::NONE,
        (EcnMode::On, EcnFeedback::Classic) => Flags::ECE | Flags::CWR,
        (EcnMode::On, EcnFeedback::Accurate) => Flags::AE | Flags::ECE | Flags::CWR,
        (EcnMode::Off | EcnMode::Passive, _) => Flags::NONE,
    }
}

/// CWR and ECE without AE: a SYN that asks for ECN as RFC 3168 has it.
const ACE_CLASSIC_SYN: u8 = 0b011;

impl EcnState {
    /// No ECN.
    pub(crate) const NONE: Self = Self {
        usage: EcnUse::None,
        feedback: FeedbackState::Classic(Echo::Off),
        reduced: Reduced::Told,
        heeded: None,
    };

    /// The server's state after a handshake.
    pub(crate) const fn passive(offer: EcnOffer) -> Self {
        match offer {
            EcnOffer::None => Self::NONE,
            EcnOffer::Classic => Self { usage: EcnUse::Both, ..Self::NONE },
            EcnOffer::Accurate(_) => Self {
                usage: EcnUse::Both,
                feedback: FeedbackState::Accurate(Accurate::passive()),
                ..Self::NONE
            },
        }
    }

    /// The client's state after a SYN-ACK with these flags and this ECN field, which answers SYNs of
    /// which `unanswered` came before the last: only the first of them asked. RFC 3168 §6.1.1, RFC
    /// 9768 §3.1.2, table 2.
    pub(crate) fn active(policy: EcnPolicy, unanswered: u8, flags: Flags, codepoint: Ecn) -> Self {
        let EcnPolicy { mode, feedback } = policy;
        let usage = if unanswered == 0 { EcnUse::Both } else { EcnUse::EchoOnly };
        let classic = Self { usage, ..Self::NONE };
        match (mode, feedback, flags.ace()) {
            (EcnMode::Off | EcnMode::Passive, _, _) | (_, _, 0b000 | 0b111) => Self::NONE,
            (EcnMode::On, EcnFeedback::Accurate, 0b001 | 0b101) => classic,
            (EcnMode::On, EcnFeedback::Accurate, _) => {
                let (accurate, feedback) = Accurate::active(codepoint, flags);
                let mut state =
                    Self { usage, feedback: FeedbackState::Accurate(accurate), ..Self::NONE };
                state.distrust_if(feedback);
                state
            }
            (EcnMode::On, EcnFeedback::Classic, _) => {
                let granted = flags.contains(Flags::ECE) && !flags.contains(Flags::CWR);
                if granted { classic } else { Self::NONE }
            }
        }
    }

    /// A path that changes the ECN field gets nothing ECN-capable; the peer still gets its feedback.
    /// RFC 9768 §3.2.2.3.
    fn distrust_if(&mut self, feedback: Feedback) {
        if feedback == Feedback::Mangled {
            self.usage = EcnUse::EchoOnly;
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

    /// An acknowledgment went out.
    pub(crate) const fn ack_sent(&mut self) {
        match &mut self.feedback {
            FeedbackState::Classic(_) => {}
            FeedbackState::Accurate(accurate) => accurate.ack_sent(),
        }
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
        let EcnPacket { flags, codepoint, data } = packet;
        match self.usage {
            EcnUse::None => return (Mark::None, Urgency::None),
            EcnUse::EchoOnly | EcnUse::Both => {}
        }
        let mark = if codepoint == Ecn::Ce { Mark::Congestion } else { Mark::None };
        let urgency = match &mut self.feedback {
            FeedbackState::Classic(_) if data == Data::None => {
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
            FeedbackState::Accurate(_) if data == Data::None && mark == Mark::None => Urgency::None,
            FeedbackState::Accurate(accurate) => accurate.on_packet(codepoint),
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

    /// The first segment after the handshake shows whether the path leaves our fields alone.
    pub(crate) fn on_first(&mut self, flags: Flags, carries: Carries) {
        if let FeedbackState::Accurate(accurate) = &mut self.feedback {
            let feedback = accurate.on_first(flags, carries);
            self.distrust_if(feedback);
        }
    }

    /// How many marks an acknowledgment tells of that brings news of `packets` packets: classic
    /// feedback knows one.
    pub(crate) fn on_feedback(&mut self, flags: Flags, packets: u32) -> u32 {
        match &mut self.feedback {
            FeedbackState::Classic(_) => {
                let echoes = self.usage == EcnUse::Both && flags.contains(Flags::ECE);
                u32::from(echoes)
            }
            FeedbackState::Accurate(_) if packets == 0 => 0,
            FeedbackState::Accurate(accurate) => accurate.on_ack(flags, packets),
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
        if self.heeded.is_some() && self.may_reduce(snd_una) {
            self.heeded = None;
        }
    }
}
