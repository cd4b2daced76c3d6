//! The receive half: RCV.*, the queue of what arrived in order, the window.

use alloc::boxed::Box;

use super::ack::{AckState, Report, Reported};
use super::assembler::{Arrival, Assembler, AssemblerLimits, Piece, Rejection};
use super::seq::{SeqNum, WindowScale, WindowSize};
use super::waiting::{Waiting, copy_out, cut};
use crate::engine::config::Limits;
use crate::engine::drops::DropReason;
use crate::engine::info::{Counters, Held};
use crate::engine::payload::{Frame, Payload};
use crate::wire::tcp_options::{SackBlock, SackBlocks};

/// The receive half of a connection.
#[derive(Debug)]
pub(crate) struct Recv<F> {
    /// RCV.NXT.
    rcv_nxt: SeqNum,
    /// The right edge of the window as the peer knows it: RCV.NXT + RCV.WND. It never moves left.
    edge: SeqNum,
    /// The shift of the windows that we advertise.
    scale: WindowScale,
    /// The whole window, in bytes.
    window_max: u32,
    /// Bytes in order that the owner has not delivered onwards: they narrow the window.
    unconsumed: u32,
    /// The peer's FIN.
    fin: PeerFin,
    /// When to acknowledge.
    pub(crate) ack: AckState,
    /// Payload bytes taken in order, ever.
    pub(crate) bytes_received: u64,
    /// What waits, from the first payload on until the connection has been quiet for a while.
    waiting: Option<Box<Waiting<F>>>,
}

/// How far the peer's FIN has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerFin {
    /// It has not been seen.
    None,
    /// It was seen ahead of a gap, at this sequence number.
    At(SeqNum),
    /// Everything before it and itself has been taken.
    Taken,
}

/// Payload of a segment, with its place in the stream.
#[derive(Debug)]
pub(crate) struct Arrived<F> {
    /// The sequence number of its first byte.
    pub(crate) seq: SeqNum,
    /// The bytes: never none.
    pub(crate) payload: Payload<F>,
}

/// What became of a segment's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// RCV.NXT moved by so many bytes.
    InOrder(u32),
    /// So many bytes wait for what comes before them.
    OutOfOrder(u32),
    /// Nothing of it was new, or there was no place for it.
    Dropped(DropReason),
}

/// Whether nothing waited for the owner before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WasDrained {
    No,
    Yes,
}

/// What a receive half is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecvParts {
    /// The peer's ISN.
    pub(crate) irs: SeqNum,
    /// The shift of our windows.
    pub(crate) scale: WindowScale,
    /// The whole window, in bytes.
    pub(crate) window_max: u32,
    /// The window that the SYN or SYN-ACK advertised.
    pub(crate) advertised: WindowSize,
}

impl<F: Frame> Recv<F> {
    /// The receive half after the peer's SYN.
    pub(crate) fn new(parts: RecvParts) -> Self {
        let RecvParts { irs, scale, window_max, advertised } = parts;
        let rcv_nxt = irs + 1;
        Self {
            rcv_nxt,
            edge: rcv_nxt + advertised,
            scale,
            window_max,
            unconsumed: 0,
            fin: PeerFin::None,
            ack: AckState::new(),
            bytes_received: 0,
            waiting: None,
        }
    }

    /// What waits, to be changed.
    #[inline]
    fn waiting(&mut self) -> &mut Waiting<F> {
        self.waiting.get_or_insert_with(|| Box::new(Waiting::new()))
    }

    /// The peer's SYN has come, with `irs`: what the half was made with was a guess.
    pub(crate) fn restart(&mut self, irs: SeqNum) {
        let window = self.window();
        self.rcv_nxt = irs + 1;
        self.edge = self.rcv_nxt + window;
    }

    /// The peer does not scale windows, so neither do we. RFC 7323 §2.2.
    pub(crate) fn without_scale(&mut self) {
        self.scale = WindowScale::ZERO;
        self.window_max = self.window_max.min(u32::from(u16::MAX));
    }

    /// RCV.NXT.
    pub(crate) const fn rcv_nxt(&self) -> SeqNum {
        self.rcv_nxt
    }

    /// The right edge of the window, as the peer knows it.
    pub(super) const fn edge(&self) -> SeqNum {
        self.edge
    }

    /// RCV.WND, as the peer knows it.
    pub(crate) fn window(&self) -> WindowSize {
        WindowSize::new(self.rcv_nxt.distance_to(self.edge))
    }

    /// Whether a segment lies in the window. RFC 9293 §3.10.7.4, first.
    pub(crate) fn is_acceptable(&self, seq: SeqNum, len: u32) -> bool {
        let window = self.window();
        match (len, window.is_zero()) {
            (0, true) => seq == self.rcv_nxt,
            (0, false) => seq.in_window(self.rcv_nxt, window),
            (_, true) => false,
            (_, false) => {
                // It starts in the window, or it starts before and reaches into it.
                seq.in_window(self.rcv_nxt, window)
                    || (seq.before(self.rcv_nxt) && (seq + len).after(self.rcv_nxt))
            }
        }
    }

    /// Whether `len` octets of text at `seq` are just what comes next: all of them, and nothing waits
    /// for them.
    #[inline]
    pub(crate) fn takes_at_once(&self, seq: SeqNum, len: u32, limits: &Limits) -> bool {
        let no_gap = |waiting: &Waiting<F>| {
            waiting.frames < limits.frames_per_connection_max && waiting.ahead().is_none()
        };
        seq == self.rcv_nxt
            && len > 0
            && (seq + len).before_or_eq(self.edge)
            && self.fin == PeerFin::None
            && self.waiting.as_deref().is_none_or(no_gap)
    }

    /// Takes `len` octets that [`Recv::takes_at_once`].
    #[inline]
    pub(crate) fn append_at_once(
        &mut self,
        payload: Payload<F>,
        len: u32,
        held: &mut Held,
    ) -> WasDrained {
        let was_drained = if self.is_drained() { WasDrained::Yes } else { WasDrained::No };
        self.append(payload, len, held);
        was_drained
    }

    /// Takes payload: in order, ahead of a gap, or not at all.
    pub(crate) fn on_payload(
        &mut self,
        arrived: Arrived<F>,
        limits: &Limits,
        held: &mut Held,
        counters: &mut Counters,
    ) -> Received {
        let mut arrived = match self.trim(arrived) {
            Ok(arrived) => arrived,
            Err(reason) => return Received::Dropped(reason),
        };
        if self.waiting().frames >= limits.frames_per_connection_max {
            counters.copied_out_bytes += arrived.payload.len() as u64;
            arrived.payload = copy_out(arrived.payload);
        }
        if arrived.seq == self.rcv_nxt {
            let before = self.rcv_nxt;
            let len = u32::try_from(arrived.payload.len()).unwrap_or(u32::MAX);
            self.append(arrived.payload, len, held);
            self.drain_assembler(held);
            return Received::InOrder(before.distance_to(self.rcv_nxt));
        }
        self.keep_ahead(arrived, limits, held)
    }

    /// Cuts off what was received before and what lies past the window or the FIN.
    fn trim(&self, arrived: Arrived<F>) -> Result<Arrived<F>, DropReason> {
        let Arrived { seq, payload } = arrived;
        // A segment's length fits.
        let end = seq + u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let (limit, reason) = match self.fin {
            PeerFin::At(fin) if fin.before(self.edge) => (fin, DropReason::PastFin),
            PeerFin::At(_) | PeerFin::None | PeerFin::Taken => {
                (self.edge, DropReason::OutsideWindow)
            }
        };
        if end.before_or_eq(self.rcv_nxt) {
            return Err(DropReason::Duplicate);
        }
        let start = seq.latest(self.rcv_nxt);
        if start.after_or_eq(limit) {
            return Err(reason);
        }
        let skip = seq.distance_to(start) as usize;
        let keep = start.distance_to(end.earliest(limit)) as usize;
        Ok(Arrived { seq: start, payload: cut(payload, skip, keep) })
    }

    /// Keeps payload that lies ahead of a gap.
    fn keep_ahead(&mut self, arrived: Arrived<F>, limits: &Limits, held: &mut Held) -> Received {
        let Arrived { seq, payload } = arrived;
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        // A frame costs as much whatever its length.
        let frame_bytes = limits.frame_bytes as usize;
        let (cost_bytes, frames) = match &payload {
            Payload::Frame { frame, .. } => (frame.len().max(frame_bytes), 1),
            // Charged like a frame: the pieces themselves are to be few.
            Payload::Copied(bytes) => (bytes.capacity().max(frame_bytes), 0),
        };
        let before = self.held_ahead();
        let arrival = Arrival { seq, len, cost_bytes, value: payload };
        let fresh = || {
            Box::new(Assembler::new(AssemblerLimits {
                ranges_max: usize::from(limits.out_of_order_ranges_max),
                cost_bytes_max: limits.out_of_order_bytes_max as usize,
            }))
        };
        let waiting = self.waiting();
        if let Err(rejected) = waiting.assembler.get_or_insert_with(fresh).insert(arrival) {
            return Received::Dropped(match rejected.reason {
                Rejection::Duplicate => DropReason::Duplicate,
                Rejection::RangesFull | Rejection::BytesFull => DropReason::OutOfOrderFull,
            });
        }
        waiting.frames += frames;
        self.account_assembler(before, held);
        Received::OutOfOrder(len)
    }

    /// Takes what waited for the gap that has just been filled.
    fn drain_assembler(&mut self, held: &mut Held) {
        if !self.has_gap() {
            return;
        }
        let before = self.held_ahead();
        while let Some(Piece { value, skip, len }) = self.pop_ahead() {
            if matches!(value, Payload::Frame { .. }) {
                let waiting = self.waiting();
                waiting.frames = waiting.frames.saturating_sub(1);
            }
            self.append(cut(value, skip as usize, len as usize), len, held);
        }
        self.account_assembler(before, held);
        if !self.has_gap() {
            self.recount_frames();
        }
    }

    /// The next piece that waited for what has come.
    fn pop_ahead(&mut self) -> Option<Piece<Payload<F>>> {
        self.waiting.as_mut()?.assembler.as_mut()?.pop(self.rcv_nxt)
    }

    /// Pieces that wait ahead of a gap, and the bytes of their buffers.
    fn held_ahead(&self) -> (usize, usize) {
        let held = |ahead: &Assembler<_>| (ahead.pieces(), ahead.cost_bytes());
        self.assembler().map_or((0, 0), held)
    }

    /// What arrived ahead of a gap, once something did.
    fn assembler(&self) -> Option<&Assembler<Payload<F>>> {
        self.waiting.as_deref()?.assembler.as_deref()
    }

    /// Charges what the assembler took or gave since it held `before` (pieces, bytes).
    fn account_assembler(&self, before: (usize, usize), held: &mut Held) {
        let (pieces, bytes) = self.held_ahead();
        let pool = &mut held.out_of_order;
        pool.count = (pool.count + pieces).saturating_sub(before.0);
        pool.bytes = (pool.bytes + bytes).saturating_sub(before.1);
    }

    /// Counts the frames of the queue afresh: nothing waits ahead of a gap.
    fn recount_frames(&mut self) {
        let Some(waiting) = &mut self.waiting else { return };
        let is_frame = |payload: &&Payload<F>| matches!(payload, Payload::Frame { .. });
        let frames = waiting.queue.iter().filter(is_frame).count();
        waiting.frames = u16::try_from(frames).unwrap_or(u16::MAX);
    }

    /// Queues payload of `len` octets whose place is RCV.NXT.
    #[inline]
    fn append(&mut self, payload: Payload<F>, len: u32, held: &mut Held) {
        self.rcv_nxt += len;
        self.unconsumed = self.unconsumed.saturating_add(len);
        self.bytes_received += u64::from(len);
        let waiting = self.waiting();
        waiting.queued_bytes += len as usize;
        match (&payload, waiting.queue.back_mut()) {
            (Payload::Copied(bytes), Some(Payload::Copied(tail)))
                if tail.len() + bytes.len() <= COPY_BYTES =>
            {
                held.copied_out.bytes += bytes.len();
                tail.extend_from_slice(bytes);
                return;
            }
            (Payload::Frame { frame, .. }, _) => {
                waiting.frames += 1;
                held.receive_frames.charge(frame.len());
            }
            (Payload::Copied(bytes), _) => held.copied_out.charge(bytes.len()),
        }
        waiting.queue.push_back(payload);
    }

    /// The next payload in order.
    pub(crate) fn take(&mut self, held: &mut Held) -> Option<Payload<F>> {
        let waiting = self.waiting.as_mut()?;
        let payload = waiting.queue.pop_front(QUEUE_KEPT)?;
        waiting.queued_bytes -= payload.len();
        match &payload {
            Payload::Frame { frame, .. } => {
                waiting.frames = waiting.frames.saturating_sub(1);
                held.receive_frames.release(frame.len());
            }
            Payload::Copied(bytes) => held.copied_out.release(bytes.len()),
        }
        Some(payload)
    }

    /// Drops everything that was received and not taken.
    pub(crate) fn clear(&mut self, held: &mut Held) {
        while self.take(held).is_some() {}
        self.clear_ahead(held);
    }

    /// Drops what waits ahead of a gap: nothing will fill it any more.
    pub(crate) fn clear_ahead(&mut self, held: &mut Held) {
        let before = self.held_ahead();
        if let Some(waiting) = &mut self.waiting {
            waiting.assembler = None;
        }
        self.account_assembler(before, held);
        self.recount_frames();
    }

    /// The peer's FIN lies at `seq`. Once everything before it is here it is taken, and takes a
    /// sequence number: then this gives `PeerFin::Taken`.
    pub(crate) fn on_fin(&mut self, seq: SeqNum) -> PeerFin {
        if self.fin == PeerFin::None {
            self.fin = PeerFin::At(seq);
        }
        self.take_fin()
    }

    /// Takes a FIN that was seen before, if what was missing has come.
    pub(crate) fn take_fin(&mut self) -> PeerFin {
        if self.fin == PeerFin::At(self.rcv_nxt) {
            self.rcv_nxt += 1;
            // The FIN may lie at the window's very end.
            self.edge = self.edge.latest(self.rcv_nxt);
            self.fin = PeerFin::Taken;
            return PeerFin::Taken;
        }
        match self.fin {
            PeerFin::At(seq) => PeerFin::At(seq),
            PeerFin::None | PeerFin::Taken => PeerFin::None,
        }
    }

    /// Whether the peer's FIN and all before it has been taken.
    pub(crate) fn is_finished(&self) -> bool {
        self.fin == PeerFin::Taken
    }

    /// Whether there is memory for a queue, and nothing in it.
    #[inline]
    pub(crate) fn holds_spare(&self) -> bool {
        self.waiting.as_deref().is_some_and(|waiting| {
            waiting.queue.is_empty() && waiting.ahead().is_none() && waiting.report == Report::NONE
        })
    }

    /// Gives that memory back.
    pub(crate) fn rest(&mut self) {
        if self.holds_spare() {
            self.waiting = None;
        }
    }

    /// Whether nothing waits for the owner.
    #[inline]
    pub(crate) fn is_drained(&self) -> bool {
        self.waiting.as_deref().is_none_or(|waiting| waiting.queue.is_empty())
    }

    /// Bytes that wait for the owner.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.waiting.as_deref().map_or(0, |waiting| waiting.queued_bytes)
    }

    /// Bytes of the buffers that wait ahead of a gap.
    pub(crate) fn out_of_order_bytes(&self) -> usize {
        self.held_ahead().1
    }

    /// Whether something waits ahead of a gap.
    #[inline]
    pub(crate) fn has_gap(&self) -> bool {
        self.waiting.as_deref().is_some_and(|waiting| waiting.ahead().is_some())
    }

    /// The SACK blocks to report, at most `room`: what arrived a second time comes first.
    /// RFC 2883 §4.
    pub(crate) fn sack_blocks(&self, room: usize) -> SackBlocks {
        let Some(duplicate) = self.duplicate().filter(|_| room > 0) else {
            return self.blocks_ahead(room);
        };
        let mut blocks = SackBlocks::EMPTY;
        blocks.push(duplicate);
        // What holds a duplicate ahead of a gap comes second, or its sender would not take the first
        // block for one. RFC 2883 §4, (4).
        let holder = self.assembler().filter(|_| room > 1);
        let holder = holder.and_then(|ahead| ahead.holder(duplicate.left));
        holder.into_iter().for_each(|block| blocks.push(block));
        for &block in self.blocks_ahead(room).as_slice() {
            if blocks.len() < room && Some(block) != holder {
                blocks.push(block);
            }
        }
        blocks
    }

    /// The ranges ahead of a gap, the newest first.
    fn blocks_ahead(&self, room: usize) -> SackBlocks {
        self.assembler().map_or(SackBlocks::EMPTY, |ahead| ahead.sack_blocks(room))
    }

    /// Where the range ahead of a gap starts that was touched last.
    pub(crate) fn newest_range(&self) -> Option<SeqNum> {
        self.blocks_ahead(1).as_slice().first().map(|block| block.left)
    }

    /// The first part of `block` that was received before, in order or ahead of a gap.
    pub(crate) fn duplicate_of(&self, block: SackBlock) -> Option<SackBlock> {
        let right = block.right.earliest(self.rcv_nxt);
        // Half of the circle away it lies on both sides.
        if block.left.before(right) && block.left.before(self.rcv_nxt) {
            return Some(SackBlock { left: block.left, right });
        }
        self.assembler()?.overlap(block)
    }

    /// Something arrived ahead of a gap, in the range that starts at `left`: how many ranges were
    /// touched since the last acknowledgment.
    pub(crate) fn on_touched(&mut self, left: SeqNum) -> u8 {
        self.waiting().report.on_touched(left)
    }

    /// `block` arrived a second time: it is reported in this turn. RFC 2883 §4.
    pub(crate) fn on_duplicate(&mut self, block: SackBlock) -> Reported {
        self.ack.at_once();
        self.waiting().report.on_duplicate(block)
    }

    /// What arrived a second time since the last acknowledgment.
    #[inline]
    pub(crate) fn duplicate(&self) -> Option<SackBlock> {
        self.waiting.as_deref()?.report.duplicate()
    }

    /// An acknowledgment went out.
    #[inline]
    pub(crate) fn ack_sent(&mut self) {
        self.ack.sent();
        if let Some(waiting) = &mut self.waiting {
            waiting.report = Report::NONE;
        }
    }

    /// The owner delivered `bytes` onwards. An ACK is owed at once when the window was all but
    /// closed, or has grown by half: the peer may be waiting.
    pub(crate) fn consumed(&mut self, bytes: usize, mss: u16) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.unconsumed = self.unconsumed.saturating_sub(bytes);
        let credit = self.credit();
        if self.fin == PeerFin::Taken || credit < self.credit_min(mss) {
            return;
        }
        if self.window().octets() < 2 * u32::from(mss) || credit >= self.window_max / 2 {
            self.ack.at_once();
        }
    }

    /// How far the right edge could move.
    fn credit(&self) -> u32 {
        let free = self.window_max.saturating_sub(self.unconsumed);
        self.edge.distance_to(self.rcv_nxt + free)
    }

    /// The smallest step of the right edge: receiver SWS avoidance. RFC 9293 §3.8.6.2.2.
    fn credit_min(&self, mss: u16) -> u32 {
        u32::from(mss).min(self.window_max / 2).max(1)
    }

    /// The window field of a segment that goes out now: from here on the peer counts on it.
    pub(crate) fn advertise(&mut self, mss: u16) -> u16 {
        let credit = self.credit();
        if credit >= self.credit_min(mss) {
            self.edge += credit;
        }
        // Rounded up: rounded down, the edge would move left whenever RCV.NXT is not a multiple
        // of the window's unit (RFC 7323 §2.4). But each time the edge moves a little, whether the
        // owner reads or not: beyond a sixteenth of the window it is rounded down. What was
        // promised before is still taken.
        let unit = 1u32 << self.scale.shift();
        let window = self.window().octets();
        let up = WindowSize::new(window + (unit - 1)).to_wire(self.scale);
        let extra = unit.max(self.window_max / 16);
        let limit = self.rcv_nxt + (self.window_max + extra) - self.unconsumed;
        let fits = (self.rcv_nxt + WindowSize::from_wire(up, self.scale)).before_or_eq(limit);
        let field = if fits { up } else { WindowSize::new(window).to_wire(self.scale) };
        self.edge = self.edge.latest(self.rcv_nxt + WindowSize::from_wire(field, self.scale));
        field
    }
}

/// The longest run of bytes that were copied out of several frames.
const COPY_BYTES: usize = 16 << 10;
/// Places that an empty queue keeps.
const QUEUE_KEPT: usize = 8;
