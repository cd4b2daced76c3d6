//! Explicit congestion notification: what was agreed on, what is to be echoed, what was heeded.
//! RFC 3168.

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
    echo: Echo,
    reduced: Reduced,
    /// SND.NXT at the last reduction of the window: one more waits until that is acknowledged.
    heeded: Option<SeqNum>,
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

/// What the IP header of a data segment said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// No congestion.
    None,
    /// A router met some.
    Congestion,
}

impl EcnUse {
    /// What a SYN's flags ask for: ECE and CWR together.
    pub(crate) fn of_syn(mode: EcnMode, flags: Flags) -> Self {
        match mode {
            EcnMode::Off => Self::None,
            EcnMode::Passive | EcnMode::On if flags.contains(Flags::ECE | Flags::CWR) => Self::Both,
            EcnMode::Passive | EcnMode::On => Self::None,
        }
    }

    /// What the SYN that came again makes of what the first one asked for: it may have fallen back.
    pub(crate) fn of_syn_again(self, flags: Flags) -> Self {
        if flags.contains(Flags::ECE | Flags::CWR) { self } else { Self::None }
    }

    /// What a SYN-ACK's flags grant to SYNs of which `unanswered` came before the last: ECE alone.
    /// Only the first of them asked.
    pub(crate) fn of_syn_ack(mode: EcnMode, unanswered: u8, flags: Flags) -> Self {
        let granted = flags.contains(Flags::ECE) && !flags.contains(Flags::CWR);
        match mode {
            EcnMode::Off | EcnMode::Passive => Self::None,
            EcnMode::On if !granted => Self::None,
            EcnMode::On if unanswered == 0 => Self::Both,
            EcnMode::On => Self::EchoOnly,
        }
    }

    /// The flags of a SYN-ACK.
    pub(crate) const fn syn_ack_flags(self) -> Flags {
        match self {
            Self::None | Self::EchoOnly => Flags::NONE,
            Self::Both => Flags::ECE,
        }
    }
}

/// The flags by which a SYN of ours asks. One that is sent again doesn't: something on the way may
/// drop what does. RFC 3168 §6.1.1.1.
pub(crate) fn syn_flags(mode: EcnMode, unanswered: u8) -> Flags {
    match mode {
        EcnMode::On if unanswered == 0 => Flags::ECE | Flags::CWR,
        EcnMode::On | EcnMode::Off | EcnMode::Passive => Flags::NONE,
    }
}

impl EcnState {
    /// The state after a handshake that agreed on `usage`.
    pub(crate) const fn new(usage: EcnUse) -> Self {
        Self { usage, echo: Echo::Off, reduced: Reduced::Told, heeded: None }
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

    /// The flags of everything that acknowledges.
    pub(crate) const fn echo_flags(&self) -> Flags {
        match self.echo {
            Echo::Off => Flags::NONE,
            Echo::UntilCwr => Flags::ECE,
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

    /// A data segment has come, within the window. RFC 3168 §6.1.3: what says that the window was
    /// reduced may have been marked itself.
    pub(crate) fn on_data(&mut self, flags: Flags, codepoint: Ecn) -> Mark {
        match self.usage {
            EcnUse::None => return Mark::None,
            EcnUse::EchoOnly | EcnUse::Both => {}
        }
        if flags.contains(Flags::CWR) {
            self.echo = Echo::Off;
        }
        match codepoint {
            Ecn::NotEct | Ecn::Ect0 | Ecn::Ect1 => Mark::None,
            Ecn::Ce => {
                self.echo = Echo::UntilCwr;
                Mark::Congestion
            }
        }
    }

    /// Whether an acknowledgment with these flags echoes a mark.
    pub(crate) fn is_echo(&self, flags: Flags) -> bool {
        match self.usage {
            EcnUse::None | EcnUse::EchoOnly => false,
            EcnUse::Both => flags.contains(Flags::ECE),
        }
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
                self.reduced = Reduced::ToTell;
                self.heeded = Some(snd_nxt);
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
