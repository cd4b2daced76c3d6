//! The send half: SND.*, the peer's window, our FIN. RFC 9293 §3.3.1.

use super::send_buffer::SeqRange;
use super::seq::{SeqNum, WindowScale, WindowSize};

/// The send half of a connection.
///
/// SND.NXT never goes back: what is sent again comes from the scoreboard, so SND.NXT is the
/// highest number ever sent (`snd_max`) as well.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Send {
    /// ISS.
    pub(crate) iss: SeqNum,
    /// SND.UNA.
    pub(crate) snd_una: SeqNum,
    /// SND.NXT.
    pub(crate) snd_nxt: SeqNum,
    /// SND.WND.
    pub(crate) snd_wnd: WindowSize,
    /// SND.WL1.
    snd_wl1: SeqNum,
    /// SND.WL2.
    snd_wl2: SeqNum,
    /// The largest window that the peer ever gave: MAX.SND.WND of RFC 5961 §5.2.
    pub(crate) max_wnd: WindowSize,
    /// The shift of the windows that the peer sends.
    pub(crate) scale: WindowScale,
    /// Our FIN.
    pub(crate) fin: OurFin,
}

/// How far our FIN has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OurFin {
    /// The owner may still send.
    None,
    /// It follows what is queued.
    Queued,
    /// It was sent, at this sequence number.
    Sent(SeqNum),
    /// The peer has it.
    Acked,
}

/// What a segment says about the peer's window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindowUpdate {
    /// SEG.SEQ.
    pub(crate) seq: SeqNum,
    /// SEG.ACK.
    pub(crate) ack: SeqNum,
    /// SEG.WND, scaled.
    pub(crate) window: WindowSize,
}

impl Send {
    /// The send half of a connection whose SYN is about to go out.
    pub(crate) const fn new(iss: SeqNum) -> Self {
        Self {
            iss,
            snd_una: iss,
            snd_nxt: iss,
            snd_wnd: WindowSize::ZERO,
            snd_wl1: iss,
            snd_wl2: iss,
            max_wnd: WindowSize::ZERO,
            scale: WindowScale::ZERO,
            fin: OurFin::None,
        }
    }

    /// Takes the window of a segment, whatever came before: the handshake's.
    #[inline]
    pub(crate) fn set_window(&mut self, update: WindowUpdate) {
        self.snd_wnd = update.window;
        self.max_wnd = self.max_wnd.max(update.window);
        self.snd_wl1 = update.seq;
        self.snd_wl2 = update.ack;
    }

    /// Takes the window of a segment unless a newer one was taken. RFC 9293 §3.10.7.4, fifth.
    ///
    /// Not of an ACK left of SND.UNA: its window counts from there, and would end too far right.
    /// Of an ACK of more always: text that is sent again has an old number and new news.
    #[inline]
    pub(crate) fn update_window(&mut self, update: WindowUpdate) {
        let newer = self.snd_wl1.before(update.seq)
            || (self.snd_wl1 == update.seq && self.snd_wl2.before_or_eq(update.ack))
            || self.snd_wl2.before(update.ack);
        if newer && update.ack.after_or_eq(self.snd_una) {
            self.set_window(update);
        }
    }

    /// What is on its way or held by the peer out of order.
    pub(crate) const fn unacked(&self) -> SeqRange {
        SeqRange { start: self.snd_una, end: self.snd_nxt }
    }

    /// Bytes that were sent and are not acknowledged, the SYN and the FIN behind `queue_end` left out.
    pub(crate) fn unacked_bytes(&self, queue_end: SeqNum) -> u32 {
        self.snd_una.latest(self.iss + 1).distance_to(self.snd_nxt.earliest(queue_end))
    }

    /// How much the peer's window leaves beyond SND.NXT.
    pub(crate) fn usable_window(&self) -> u32 {
        self.snd_nxt.distance_to(self.snd_una + self.snd_wnd)
    }

    /// Where our FIN is or will be, given the end of what is queued.
    pub(crate) fn fin_is_due(&self, queue_end: SeqNum) -> bool {
        self.fin == OurFin::Queued && self.snd_nxt == queue_end
    }
}
