//! What the owner of a connection does to it, and sees of it.

use super::congestion::CongestionAlgorithm;
use super::connection::{Env, Notes, Owner, Tcb};
use super::delivery_rate::Rate;
use super::send::OurFin;
use super::state::{Signal, State};
use crate::engine::config::TcpConfig;
use crate::engine::event::{CloseReason, SendErrorKind};
use crate::engine::info::{ConnectionInfo, EcnByteCounts, SendView};
use crate::engine::payload::{Buffer, Frame};
use crate::time::Instant;
use crate::wire::accecn::EcnBytes;

impl<F: Frame, B: Buffer> Tcb<F, B> {
    /// Queues a buffer.
    ///
    /// # Errors
    /// The buffer and why it was not queued.
    pub(crate) fn queue(
        &mut self,
        env: &mut Env<'_, F>,
        buffer: B,
    ) -> Result<(), (B, SendErrorKind)> {
        if self.end.is_some() {
            return Err((buffer, SendErrorKind::NotConnected));
        }
        if self.send.fin != OurFin::None {
            return Err((buffer, SendErrorKind::ShutDown));
        }
        if buffer.is_empty() {
            return Err((buffer, SendErrorKind::Empty));
        }
        // Room is advice that follows the congestion window: it may have shrunk under what the owner
        // had under way. Refused is only what no window explains.
        if self.queue.len() >= env.config.send_queue_bytes_max + UNDER_WAY_BYTES {
            self.notes.add(Notes::BLOCKED);
            return Err((buffer, SendErrorKind::Full));
        }
        if self.is_out_of_data(env.now) {
            self.congestion.on_app_limited(self.outbound.scoreboard.in_flight_bytes());
        }
        let len = buffer.len();
        self.queue.push(buffer).map_err(|buffer| (buffer, SendErrorKind::Full))?;
        env.held.send_buffers.charge(len);
        if self.queue.len() >= self.queue_limit(env.config) {
            self.notes.add(Notes::BLOCKED);
        }
        Ok(())
    }

    /// What may be in the send queue at most: some windows, within bounds.
    fn queue_limit(&self, config: &TcpConfig) -> usize {
        let windows = (self.congestion.cwnd_bytes() as usize)
            .saturating_mul(self.congestion.windows_queued());
        let max = config.send_queue_bytes_max;
        windows.clamp(config.send_queue_bytes_min.min(max), max)
    }

    /// What may be queued, and how fast it goes.
    pub(crate) fn send_view(&self, config: &TcpConfig) -> SendView {
        SendView {
            cwnd_bytes: self.congestion.cwnd_bytes() as usize,
            flight_bytes: self.outbound.scoreboard.in_flight_bytes() as usize,
            queued_bytes: self.queue.len(),
            room_bytes: self.queue_limit(config).saturating_sub(self.queue.len()),
            mss_bytes: usize::from(self.mss),
        }
    }

    /// Tells the owner about room, if it may have seen that there is none. To be called after
    /// every step: the limit follows the congestion window, so room goes and comes without a
    /// byte being queued.
    pub(crate) fn note_room(&mut self, config: &TcpConfig) {
        let limit = self.queue_limit(config);
        let low_water = limit - limit / 4;
        if self.queue.len() >= limit {
            self.notes.add(Notes::BLOCKED);
        } else if self.queue.len() <= low_water && self.notes.take(Notes::BLOCKED) {
            self.notes.add(Notes::WRITABLE);
        }
    }

    /// Ends our direction behind what is queued: the CLOSE call. RFC 9293 §3.10.4.
    pub(crate) fn shutdown(&mut self, env: &Env<'_, F>) {
        if self.send.fin == OurFin::None && self.end.is_none() {
            self.send.fin = OurFin::Queued;
            self.notes.take(Notes::BLOCKED);
            self.signal(env, Signal::Close);
        }
    }

    /// The owner lets go. What it has not read is lost, and the peer hears of that: RFC 9293 §3.6.1,
    /// RFC 2525 §2.17.
    pub(crate) fn let_go(&mut self, env: &mut Env<'_, F>) {
        self.owner = Owner::LetGo;
        let is_read = self.recv.is_drained();
        self.recv.clear(env.held);
        if matches!(self.state, State::SynSent(_)) {
            self.finish(env, Signal::Abort, CloseReason::Aborted);
            return;
        }
        if !is_read {
            self.break_off(env, CloseReason::Aborted);
            return;
        }
        self.shutdown(env);
        self.renew_deadline(env);
    }

    /// Drops what is queued for sending.
    pub(crate) fn release_queue(&mut self, env: &mut Env<'_, F>) {
        let released = self.queue.clear();
        let pool = &mut env.held.send_buffers;
        pool.count = pool.count.saturating_sub(released.buffers);
        pool.bytes = pool.bytes.saturating_sub(released.bytes);
    }

    /// Bytes that were acknowledged, ever.
    fn bytes_acked(&self) -> u64 {
        let unacked = u64::from(self.send.unacked_bytes(self.queue.end()));
        self.stats.bytes_sent.saturating_sub(unacked)
    }

    /// What `ss -ti` would say.
    pub(crate) fn info(&self, now: Instant, config: &TcpConfig) -> ConnectionInfo {
        let counts = self.ecn.byte_counts();
        let public = |EcnBytes { ect0, ce, ect1 }| EcnByteCounts { ect0, ect1, ce };
        ConnectionInfo {
            local: self.tuple().local,
            remote: self.tuple().remote,
            state: self.state.name(),
            age: self.opened_at.age(now),
            snd_una: self.send.snd_una.to_wire(),
            snd_nxt: self.send.snd_nxt.to_wire(),
            rcv_nxt: self.recv.rcv_nxt().to_wire(),
            mss_bytes: self.mss,
            path_mtu_bytes: self.path_mtu,
            congestion: match self.congestion.algorithm() {
                CongestionAlgorithm::Cubic => "cubic",
                CongestionAlgorithm::NewReno => "reno",
                CongestionAlgorithm::Bbr => "bbr",
            },
            congestion_phase: self.congestion.phase_name(),
            pacing_rate: self.congestion.pacing_rate(self.rtt.srtt()).map(Rate::bytes_per_sec),
            cwnd_bytes: self.congestion.cwnd_bytes() as usize,
            ssthresh_bytes: self.congestion.ssthresh_bytes() as usize,
            srtt: self.rtt.srtt(),
            rttvar: self.rtt.rttvar(),
            rto: self.rto(config),
            flight_bytes: self.outbound.scoreboard.in_flight_bytes() as usize,
            send_queue_bytes: self.queue.len(),
            receive_queue_bytes: self.recv.queued_bytes(),
            out_of_order_bytes: self.recv.out_of_order_bytes(),
            send_window_bytes: self.send.snd_wnd.octets(),
            receive_window_bytes: self.recv.window().octets(),
            bytes_sent: self.stats.bytes_sent,
            bytes_acked: self.bytes_acked(),
            bytes_received: self.recv.bytes_received,
            bytes_retransmitted: self.stats.bytes_retransmitted,
            retransmits: self.stats.retransmits,
            backoff: self.rtt.backoff(),
            user_timeout: self.user_timeout(config),
            ecn_received: counts.map(|[received, _]| public(received)),
            ecn_told: counts.map(|[_, told]| public(told)),
            timer: self.timers.next().map(|(timer, at)| (timer.name(), at)),
        }
    }
}

/// What an owner that heeds [`crate::SendView::room_bytes`] may have under way when room is lost: a
/// few records.
const UNDER_WAY_BYTES: usize = 64 << 10;
