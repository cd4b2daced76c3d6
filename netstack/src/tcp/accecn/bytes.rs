//! The option's part of accurate feedback: bytes by ECN field, and whether the path carries the option.
//! RFC 9768 §3.2.3.

use crate::tcp::seq::SeqNum;
use crate::wire::accecn::{AccEcn, EcnBytes, Fields, increment};
use crate::wire::ipv4::Ecn;

/// Whether a host sends the AccECN option. What a peer sends is heeded in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EcnOption {
    /// It does not: its peers know the number of marked packets alone.
    Off,
    /// On SYN-ACKs, on the first ACK and the first data of an active open, and on every segment while a
    /// counter has moved that the peer has not been told.
    #[default]
    On,
}

/// The counters of bytes of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteFeedback {
    /// r.e0b, r.ceb, r.e1b: what came with which field, from their first values on.
    received: EcnBytes,
    /// Those that have moved at any time.
    moved: Fields,
    /// Those that have moved since an option said so.
    unsaid: Fields,
    /// s.e0b, s.ceb, s.e1b: what the peer has told, the same way.
    told: EcnBytes,
    /// Whether options go out.
    sending: Sending,
    /// What carries one to try the path, whatever has moved.
    tries: Tries,
    /// Behind the data that tries the path.
    tried: Option<SeqNum>,
    /// How often something came again that an option had acknowledged.
    suspicions: u8,
    /// What is known of the peer's options.
    heard: Heard,
    /// Marked packets that the flags have told since the last option.
    by_flags: u32,
}

/// Whether options go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    /// None do: nobody wants them, or the path seems to drop what carries them.
    Off,
    /// They do.
    On,
    /// They do, and one is known to have arrived.
    Proven,
}

/// Whether the peer's options are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    /// None has come.
    Nothing,
    /// They are.
    Options,
    /// The first one had a counter of 0: something on the way clears them.
    Cleared,
}

/// What is still to try the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tries {
    /// Nothing.
    Nothing,
    /// The first data.
    Data,
    /// The first ACK, and the first data.
    AckAndData,
}

/// What carries an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// An acknowledgment alone.
    Ack,
    /// New data, up to this number.
    Data(SeqNum),
}

/// What the option of one acknowledgment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// Bytes that came marked, which was not known before.
    pub(super) ce_bytes: u32,
    /// Of these the flags have told already: so many packets.
    pub(super) by_flags: u32,
}

impl ByteFeedback {
    /// Before anything was sent.
    pub(super) const fn new(option: EcnOption) -> Self {
        let sending = match option {
            EcnOption::Off => Sending::Off,
            EcnOption::On => Sending::On,
        };
        Self {
            received: COUNTERS_START,
            moved: Fields::NONE,
            unsaid: Fields::NONE,
            told: COUNTERS_START,
            sending,
            tries: Tries::Nothing,
            tried: None,
            suspicions: 0,
            heard: Heard::Nothing,
            by_flags: 0,
        }
    }

    /// The first values, as a SYN-ACK tells them.
    pub(super) fn first_option() -> AccEcn {
        AccEcn::new(&COUNTERS_START, Fields::ALL)
    }

    /// Our first ACK and our first data are to try the path. RFC 9768 §3.2.3.2.1.
    pub(super) const fn try_path(&mut self) {
        self.tries = Tries::AckAndData;
    }

    /// No options from here on.
    pub(super) const fn stop_sending(&mut self) {
        self.sending = Sending::Off;
    }

    /// `len` bytes came in a packet with this field.
    pub(super) const fn on_payload(&mut self, codepoint: Ecn, len: u32) {
        let (counter, field) = match codepoint {
            Ecn::NotEct => return,
            Ecn::Ect0 => (&mut self.received.ect0, Fields::ECT0),
            Ecn::Ect1 => (&mut self.received.ect1, Fields::ECT1),
            Ecn::Ce => (&mut self.received.ce, Fields::CE),
        };
        *counter = counter.wrapping_add(len);
        self.moved.add(field);
        self.unsaid.add(field);
    }

    /// The option for a segment with `room` octets for it: every counter that ever moved, or where
    /// those do not fit what has moved since the last option; else none. RFC 9768 §3.2.3.3.
    pub(super) fn option(&self, carrier: Carrier, room: usize) -> Option<AccEcn> {
        if self.sending == Sending::Off {
            return None;
        }
        let (wanted, needed) = match (self.tries, carrier) {
            _ if !self.unsaid.is_empty() => (self.moved, self.unsaid),
            (Tries::AckAndData, _) | (Tries::Data, Carrier::Data(_)) => (Fields::ALL, Fields::NONE),
            (Tries::Data, Carrier::Ack) | (Tries::Nothing, _) => return None,
        };
        [wanted, needed]
            .map(|fields| AccEcn::new(&self.received, fields))
            .into_iter()
            .find(|option| option.len() <= room)
    }

    /// A segment went out, with that option or without one.
    pub(super) fn sent(&mut self, carrier: Carrier, option: Option<AccEcn>) {
        let Some(option) = option else { return };
        self.unsaid.remove(option.fields());
        self.tries = match (self.tries, carrier) {
            (Tries::AckAndData, Carrier::Ack) => Tries::Data,
            (Tries::AckAndData | Tries::Data, Carrier::Data(_)) => Tries::Nothing,
            (tries, _) => tries,
        };
        if let (Carrier::Data(end), None) = (carrier, self.tried) {
            self.tried = Some(end);
        }
    }

    /// SND.UNA has moved: data with an option that is acknowledged shows that the path carries it.
    pub(super) fn on_advance(&mut self, snd_una: SeqNum) {
        if self.sending == Sending::On && self.tried.is_some_and(|end| end.before_or_eq(snd_una)) {
            self.sending = Sending::Proven;
        }
    }

    /// Something came again that was acknowledged. Where options never were seen to arrive, their
    /// acknowledgments may not. RFC 9768 §3.2.3.2.2.
    pub(super) const fn on_duplicate(&mut self) {
        if matches!(self.sending, Sending::On) && !self.moved.is_empty() {
            self.suspicions += 1;
            if self.suspicions >= SUSPICIONS_MAX {
                self.sending = Sending::Off;
            }
        }
    }

    /// Takes the peer's option; `None` where it says nothing. RFC 9768 §3.2.3.1, §3.2.3.2.4.
    pub(super) fn on_option(&mut self, option: &AccEcn) -> Option<Told> {
        let [ect0, ce, ect1] = option.values();
        match self.heard {
            Heard::Cleared => return None,
            Heard::Nothing if ect0 == Some(0) || ect1 == Some(0) => {
                self.heard = Heard::Cleared;
                return None;
            }
            Heard::Nothing | Heard::Options => self.heard = Heard::Options,
        }
        let told = &mut self.told;
        let take = |counter: &mut u32, value: Option<u32>| {
            let more = value.map_or(0, |value| increment(*counter, value));
            *counter = counter.wrapping_add(more);
            more
        };
        take(&mut told.ect0, ect0);
        take(&mut told.ect1, ect1);
        let ce_bytes = take(&mut told.ce, ce);
        ce?;
        Some(Told { ce_bytes, by_flags: core::mem::take(&mut self.by_flags) })
    }

    /// The flags told of marks, and no option did.
    pub(super) const fn told_by_flags(&mut self, marks: u32) {
        self.by_flags = self.by_flags.saturating_add(marks);
    }

    /// What came, and what the peer says of what we sent, without the first values.
    pub(super) const fn counts(&self) -> [EcnBytes; 2] {
        [since_start(&self.received), since_start(&self.told)]
    }
}

/// The bytes that a counter stands for.
const fn since_start(counters: &EcnBytes) -> EcnBytes {
    EcnBytes {
        ect0: counters.ect0.wrapping_sub(COUNTERS_START.ect0),
        ce: counters.ce,
        ect1: counters.ect1.wrapping_sub(COUNTERS_START.ect1),
    }
}

/// Where the counters start, so that 0 shows that something clears them. RFC 9768 §3.2.1.
const COUNTERS_START: EcnBytes = EcnBytes { ect0: 1, ce: 0, ect1: 1 };
/// After so many repeated segments no option goes out any more.
const SUSPICIONS_MAX: u8 = 2;
