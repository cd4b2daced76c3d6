//! Client to backend.

use std::collections::VecDeque;
use std::ops::Range;

use netstack::ConnectionId;
use weir_io::{ArmError, Full, Socket};

use crate::worker::Context;
use crate::worker::types::Outgoing;

/// Sends of one connection that the ring has at once: one connection must not have all its slots.
const SENDS_MAX: usize = 64;

/// Length up to which copied payload is put together.
const COPY_BYTES: usize = 16 << 10;

/// Opened plaintext on its way to the backend. Its length is bounded by the receive window, which
/// only moves on by what the backend has taken.
#[derive(Default)]
pub(super) struct Upward {
    /// For want of a connected backend, or of room in the ring.
    waiting: VecDeque<Piece>,
    /// What the ring sends from, in the order of its completions.
    sending: VecDeque<InFlight>,
    /// Frames that the two above hold.
    frames: usize,
    /// Wire bytes of a record that is not whole yet.
    gathering_bytes: usize,
    sent_bytes: u64,
    end: End,
}

/// Plaintext in the memory where it was received.
struct Piece {
    data: Outgoing,
    range: Range<usize>,
    /// What the receive window gets back for it.
    wire_bytes: usize,
}

impl Piece {
    /// Frames that it holds: one or none.
    fn frames(&self) -> usize {
        usize::from(matches!(self.data, Outgoing::Frame(_)))
    }
}

struct InFlight {
    plain_bytes: usize,
    wire_bytes: usize,
    frames: usize,
}

/// How far the end of the direction has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    /// More may come.
    #[default]
    Open,
    /// The client finished; the backend doesn't know yet.
    Finished,
    /// The backend takes no more, but the client still sends: that is thrown away, since a reset would
    /// cost the client the answer.
    Abandoned,
    /// The client finished, and the backend was told or takes no more.
    Passed,
}

impl Upward {
    /// Takes what one payload of `wire_bytes` gave: the rest of a record that spanned payloads,
    /// and what was opened inside the payload itself. Either, both or neither.
    pub(super) fn queue(
        &mut self,
        wire_bytes: usize,
        gathered: Option<(Outgoing, Range<usize>)>,
        in_place: Option<(Outgoing, Range<usize>)>,
        frames_max: usize,
    ) {
        self.gathering_bytes += wire_bytes;
        for (data, range) in gathered.into_iter().chain(in_place) {
            let wire_bytes = std::mem::take(&mut self.gathering_bytes);
            let piece = Piece { data, range, wire_bytes };
            if piece.frames() == 0 {
                self.waiting.push_back(piece);
            } else if self.frames < frames_max {
                self.frames += 1;
                self.waiting.push_back(piece);
            } else {
                self.copy_out(&piece);
            }
        }
    }

    /// Beyond its share of frames a connection's payload is copied, and the frame is free at once.
    fn copy_out(&mut self, piece: &Piece) {
        let bytes = piece.data.get(piece.range.clone()).unwrap_or_default();
        if let Some(last) = self.waiting.back_mut()
            && let Outgoing::Copied(copied) = &mut last.data
            && copied.len() < COPY_BYTES
            && last.range.end == copied.len()
        {
            copied.extend_from_slice(bytes);
            last.range.end = copied.len();
            last.wire_bytes += piece.wire_bytes;
            return;
        }
        let (data, range) = (Outgoing::Copied(bytes.to_vec()), 0..bytes.len());
        self.waiting.push_back(Piece { data, range, wire_bytes: piece.wire_bytes });
    }

    /// The client sends no more.
    pub(super) fn finish(&mut self) {
        match self.end {
            End::Open => self.end = End::Finished,
            End::Abandoned => self.end = End::Passed,
            End::Finished | End::Passed => {}
        }
    }

    /// The client sends no more, or nobody takes it.
    pub(super) fn has_ended(&self) -> bool {
        self.end != End::Open
    }

    /// There is something that only a backend can take.
    pub(super) fn wants_backend(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The backend has everything, its end included.
    pub(super) fn is_done(&self) -> bool {
        self.end == End::Passed && self.sending.is_empty()
    }

    /// Gives the ring what waits, up to its share, and the end behind all of it. The ring sends in
    /// order.
    pub(super) fn pump(&mut self, context: &mut Context, id: ConnectionId, socket: &Socket) {
        while self.sending.len() < SENDS_MAX
            && let Some(piece) = self.waiting.pop_front()
        {
            let frames = piece.frames();
            let Piece { data, range, wire_bytes } = piece;
            let plain_bytes = range.len();
            match context.ring.send(socket, data, range.clone(), id.to_bits()) {
                Ok(()) => self.sending.push_back(InFlight { plain_bytes, wire_bytes, frames }),
                Err(Full(data)) => {
                    self.waiting.push_front(Piece { data, range, wire_bytes });
                    context.wait_for_room(id);
                    return;
                }
            }
        }
        if self.end == End::Finished && self.waiting.is_empty() {
            match context.ring.shutdown_write(socket, id.to_bits()) {
                Ok(()) | Err(ArmError::Armed) => self.end = End::Passed,
                Err(ArmError::Full) => context.wait_for_room(id),
            }
        }
    }

    /// The ring is done with the oldest piece: its bytes leave the receive window. Returns how
    /// many bytes of plaintext it was.
    pub(super) fn on_sent(&mut self, context: &mut Context, id: ConnectionId) -> usize {
        let Some(InFlight { plain_bytes, wire_bytes, frames }) = self.sending.pop_front() else {
            return 0;
        };
        self.frames -= frames;
        context.engine.consumed(context.now, id, wire_bytes);
        self.sent_bytes += plain_bytes as u64;
        plain_bytes
    }

    /// Bytes that the backend has taken.
    pub(super) fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    /// The backend takes no more: what waits is thrown away, and what comes will be.
    pub(super) fn abandon(&mut self, context: &mut Context, id: ConnectionId) {
        let mut waiting = 0;
        for piece in self.waiting.drain(..) {
            waiting += piece.wire_bytes;
            self.frames -= piece.frames();
        }
        context.engine.consumed(context.now, id, waiting + self.gathering_bytes);
        self.gathering_bytes = 0;
        self.end = match self.end {
            End::Open | End::Abandoned => End::Abandoned,
            End::Finished | End::Passed => End::Passed,
        };
    }
}
