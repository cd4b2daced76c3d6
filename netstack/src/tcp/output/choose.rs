//! Which stretch of the stream goes out next. RFC 9293 §3.8.6.2.1, §3.10.2.

use super::{Pass, Plan};
use crate::engine::config::{Nagle, Pacing};
use crate::engine::payload::{Buffer, Frame};
use crate::tcp::connection::{Env, Tcb};
use crate::tcp::pacing::Pace;
use crate::tcp::send::OurFin;
use crate::tcp::send_buffer::SeqRange;
use crate::time::Instant;
use crate::wire::tcp_options::SackPermitted;

impl<F: Frame, B: Buffer> Tcb<F, B> {
    /// What to send next: lost ranges first, then what was never sent.
    pub(super) fn plan(&self, env: &Env<'_, F>, pace: Option<Pace>) -> Option<Plan> {
        let mss = u32::from(self.mss);
        let mut pipe = self.outbound.scoreboard.in_flight_bytes();
        if self.options.sack == SackPermitted::No {
            pipe = pipe.saturating_sub(u32::from(self.recovery.left_the_network()) * mss);
        }
        let room = self.congestion.cwnd_bytes().saturating_sub(pipe);
        let train_max = pace.map_or_else(|| self.train_max(env), Pace::quantum);
        if let Some(end) = self.recovery.fresh_end() {
            let room = self.send.snd_nxt.distance_to(end);
            return if room > 0 { self.plan_first(env, room, train_max) } else { None };
        }
        if let Some(lost) = self.outbound.scoreboard.next_lost() {
            let len = lost.len().min(whole_segments(room.min(train_max), mss));
            let alone = pipe == 0 || self.recovery.owes_repeat();
            let len = if len == 0 && alone { lost.len().min(mss) } else { len };
            let range = SeqRange { start: lost.start, end: lost.start + len };
            return (len > 0).then_some(Plan { range, pass: Pass::Again });
        }
        self.plan_first(env, room, train_max)
    }

    /// How much of what was never sent goes out now. RFC 9293 §3.8.6.2.1.
    fn plan_first(&self, env: &Env<'_, F>, room: u32, train_max: u32) -> Option<Plan> {
        let mss = u32::from(self.mss);
        let start = self.send.snd_nxt;
        let unsent = start.distance_to(self.queue.end());
        let usable = self.send.usable_window();
        if unsent == 0 {
            let fin = self.send.fin == OurFin::Queued && usable > 0;
            let range = SeqRange { start, end: start + 1 };
            return fin.then_some(Plan { range, pass: Pass::First });
        }
        let mut len = unsent.min(usable).min(room).min(train_max);
        let held_back = env.config.nagle == Nagle::On && !self.outbound.scoreboard.is_empty();
        if len < unsent || (held_back && self.send.fin == OurFin::None) {
            let whole = whole_segments(len, mss);
            // Half of the largest window is worth a short segment when nothing is in flight.
            let worth =
                self.outbound.scoreboard.is_empty() && len >= self.send.max_wnd.octets() / 2;
            len = if whole == 0 && worth && room >= len { len } else { whole };
        }
        if len == 0 {
            return None;
        }
        let with_fin = self.send.fin == OurFin::Queued && len == unsent && usable > len;
        let range = SeqRange { start, end: start + len + u32::from(with_fin) };
        Some(Plan { range, pass: Pass::First })
    }

    /// The new data that tells whether a timeout was spurious: two segments. RFC 5682 §2.1, 2b.
    pub(in crate::tcp) fn fresh_for_test(&self, env: &Env<'_, F>) -> Option<SeqRange> {
        let two = 2 * u32::from(self.mss);
        self.plan_first(env, two, two).map(|plan| plan.range)
    }

    /// The longest train.
    fn train_max(&self, env: &Env<'_, F>) -> u32 {
        u32::try_from(env.config.train_bytes_max).unwrap_or(u32::MAX).max(u32::from(self.mss))
    }

    /// How fast it is to go out; `None` is as fast as the window allows.
    pub(super) fn pace(&self, env: &Env<'_, F>) -> Option<Pace> {
        let wanted = match env.config.pacing {
            Pacing::AsNeeded => {
                self.congestion.needs_pacing() || self.congestion.is_non_validated()
            }
            Pacing::Always => true,
        };
        if !wanted {
            return None;
        }
        let rate = self.congestion.pacing_rate(self.rtt.srtt())?;
        Some(Pace::new(rate, u32::from(self.mss), self.train_max(env)))
    }

    /// Whether all that was queued is sent, and more might have been.
    pub(in crate::tcp) fn is_out_of_data(&self, now: Instant) -> bool {
        self.send.snd_nxt.after_or_eq(self.queue.end())
            && self.outbound.scoreboard.lost_bytes() == 0
            && self.outbound.pacer.may_send(now)
    }
}

/// The part of `len` that fills segments.
const fn whole_segments(len: u32, mss: u32) -> u32 {
    len - len % mss
}
