//! What a connection sends next, as trains. RFC 9293 §3.8.6.2.1, §3.10.2.

use super::ack::Owed;
use super::connection::{Due, Env, Tcb, advertised_mss, window_to_offer};
use super::delivery_rate::Transmission;
use super::ecn;
use super::header::{Outgoing, Route};
use super::pacing::Pace;
use super::pmtud::ProbeStep;
use super::sack::Sent;
use super::segment::Options;
use super::send::OurFin;
use super::send_buffer::{SeqRange, Slices};
use super::seq::{SeqNum, WindowScale};
use super::state::State;
use super::timers::Repair;
use super::train::{Link, Train, TrainParts};
use crate::engine::config::{Nagle, Pacing};
use crate::engine::event::Transmitted;
use crate::engine::payload::{Buffer, Frame};
use crate::time::{Instant, Span};
use crate::wire::ipv4::Ecn;
use crate::wire::tcp::Flags;
use crate::wire::tcp_options::{SackPermitted, SegmentOptions, SynOptions};

/// A stretch of the stream to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    /// The bytes, and the FIN if it is in the range.
    range: SeqRange,
    pass: Pass,
}

/// Whether a stretch is sent for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    First,
    /// A lost range.
    Again,
    /// A range that is in flight, as a probe.
    Probe,
    /// As one segment, longer than the path is known to take.
    PathProbe,
}

/// What came of the search for a path MTU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probing {
    /// Other data may go out.
    Done,
    /// It waits for room, and other data with it.
    Waits,
    /// The link takes nothing.
    LinkFull,
}

/// What the link did with a segment or a train.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// So many sequence numbers of it.
    Some(u32),
    /// Nothing.
    LinkFull,
}

impl<F: Frame, B: Buffer> Tcb<F, B> {
    /// Gives the link everything that may go out now.
    pub(crate) fn transmit(&mut self, env: &mut Env<'_, F>, link: &mut impl Link) -> Transmitted {
        let Some(route) = self.route else { return Transmitted::Done };
        // On its own: each segment of a train would report it, and it is to be reported once.
        // RFC 2883 §4.
        if self.recv.ack.duplicate().is_some()
            && self.send_ack(env, route, link, self.send.snd_nxt) == Transmitted::LinkFull
        {
            return Transmitted::LinkFull;
        }
        if self.send_due(env, route, link) == Transmitted::LinkFull {
            return Transmitted::LinkFull;
        }
        if self.state.may_send() {
            self.after_idle(env);
            self.timers.set_pacing(None);
            let result = match self.send_path_probe(env, route, link) {
                Probing::Done => self.send_planned(env, route, link),
                Probing::Waits => Transmitted::Done,
                Probing::LinkFull => Transmitted::LinkFull,
            };
            if result == Transmitted::LinkFull {
                return Transmitted::LinkFull;
            }
            self.arm_persist(env);
        }
        match self.recv.ack.owed() {
            Owed::Nothing | Owed::Delayed => Transmitted::Done,
            Owed::Now => self.send_ack(env, route, link, self.send.snd_nxt),
        }
    }

    /// Sends all that the windows allow, and that is due where it is paced.
    fn send_planned(
        &mut self,
        env: &mut Env<'_, F>,
        route: Route,
        link: &mut impl Link,
    ) -> Transmitted {
        let pace = self.pace(env);
        while let Some(plan) = self.plan(env, pace) {
            if pace.is_some() && !self.pacer.may_send(env.now) {
                self.timers.set_pacing(Some(self.pacer.next_send_time()));
                break;
            }
            match self.send_plan(env, route, link, plan) {
                Taken::Some(0) => break,
                Taken::Some(_) => {}
                Taken::LinkFull => return Transmitted::LinkFull,
            }
        }
        Transmitted::Done
    }

    /// A connection that was idle starts from a smaller window. Once an idle period: the link may
    /// take nothing yet.
    fn after_idle(&mut self, env: &Env<'_, F>) {
        let idle = env.now - self.sent_at;
        let rto = self.rtt.rto();
        if idle >= rto && self.scoreboard.is_empty() && self.plan(env, None).is_some() {
            self.congestion.after_idle(idle, rto);
            self.sent_at = env.now;
        }
    }

    /// Sends what is due besides data and acknowledgments.
    fn send_due(
        &mut self,
        env: &mut Env<'_, F>,
        route: Route,
        link: &mut impl Link,
    ) -> Transmitted {
        let result = match self.due {
            Due::Nothing => return Transmitted::Done,
            Due::Syn => self.send_syn(env, route, link),
            Due::LossProbe => self.send_loss_probe(env, route, link),
            Due::WindowProbe => self.send_window_probe(env, route, link),
            Due::Keepalive => {
                let result = self.send_ack(env, route, link, self.send.snd_una - 1);
                env.counters.keepalive_probes += u64::from(result == Transmitted::Done);
                result
            }
        };
        if result == Transmitted::Done {
            self.due = Due::Nothing;
        }
        result
    }

    /// The SYN of an active open, or the SYN-ACK when the SYNs crossed.
    fn send_syn(
        &mut self,
        env: &mut Env<'_, F>,
        route: Route,
        link: &mut impl Link,
    ) -> Transmitted {
        let (scale, first) = window_to_offer(env.config.receive_window_bytes);
        let (flags, ack) = match self.state {
            State::SynSent(_) => {
                let ecn = ecn::syn_flags(env.config.ecn_policy(), self.stats.unanswered);
                (Flags::SYN | ecn, SeqNum::ZERO)
            }
            _ => (Flags::SYN | Flags::ACK, self.recv.rcv_nxt()),
        };
        let options = SynOptions {
            mss: Some(advertised_mss(&self.tuple, self.path_mtu)),
            window_scale: Some(scale),
            sack_permitted: self.options.sack,
            timestamps: self.timestamps(env.now),
        };
        let outgoing = Outgoing {
            route,
            tuple: self.tuple,
            seq: self.send.iss,
            ack,
            flags,
            window: first.to_wire(WindowScale::ZERO),
            options: Options::Syn(options),
            ecn: Ecn::NotEct,
        };
        if transmit_alone(&outgoing, link) == 0 {
            return Transmitted::LinkFull;
        }
        env.counters.segments_sent += 1;
        env.counters.trains_sent += 1;
        self.send.snd_nxt = self.send.iss + 1;
        self.sent_at = env.now;
        self.timers.arm_repair(Repair::Syn, env.now + self.rtt.rto());
        Transmitted::Done
    }

    /// A segment without payload: an acknowledgment, or with an old `seq` a probe that the peer
    /// must answer.
    fn send_ack(
        &mut self,
        env: &mut Env<'_, F>,
        route: Route,
        link: &mut impl Link,
        seq: SeqNum,
    ) -> Transmitted {
        let outgoing = self.outgoing(env, route, seq);
        if transmit_alone(&outgoing, link) == 0 {
            return Transmitted::LinkFull;
        }
        env.counters.acks_sent += 1;
        env.counters.segments_sent += 1;
        env.counters.trains_sent += 1;
        self.ack_went_out();
        Transmitted::Done
    }

    /// A tail loss probe: new data if the window takes it, else the last segment again.
    /// RFC 8985 §7.3.
    fn send_loss_probe(
        &mut self,
        env: &mut Env<'_, F>,
        route: Route,
        link: &mut impl Link,
    ) -> Transmitted {
        let mss = u32::from(self.mss);
        let fresh = self.send.snd_nxt.distance_to(self.queue.end()).min(mss);
        let plan = if fresh > 0 && fresh <= self.send.usable_window() {
            let range = SeqRange { start: self.send.snd_nxt, end: self.send.snd_nxt + fresh };
            Some(Plan { range, pass: Pass::First })
        } else {
            self.scoreboard.tail(mss).map(|range| Plan { range, pass: Pass::Probe })
        };
        let Some(plan) = plan else { return Transmitted::Done };
        if self.send_plan(env, route, link, plan) == Taken::LinkFull {
            return Transmitted::LinkFull;
        }
        env.counters.loss_probes += 1;
        let sent = if plan.pass == Pass::First { Sent::Once } else { Sent::Again };
        self.recovery.on_probe(plan.range, sent);
        self.timers.arm_repair(Repair::Rto, env.now + self.rtt.rto());
        Transmitted::Done
    }

    /// Sends a probe for a larger path MTU, where one is due.
    fn send_path_probe(
        &mut self,
        env: &mut Env<'_, F>,
        route: Route,
        link: &mut impl Link,
    ) -> Probing {
        self.age_path_mtu(env);
        let range = match self.path_probe() {
            ProbeStep::None => return Probing::Done,
            ProbeStep::Wait => return Probing::Waits,
            ProbeStep::Send(range) => range,
        };
        match self.send_plan(env, route, link, Plan { range, pass: Pass::PathProbe }) {
            // A part of it, because it lies in too many pieces, tells nothing.
            Taken::Some(octets) if octets == range.len() => self.path_probe_sent(env, range),
            Taken::Some(_) => {}
            Taken::LinkFull => return Probing::LinkFull,
        }
        Probing::Done
    }

    /// A window probe: what the window takes although it is little, else an old number, which the
    /// peer must answer with its window.
    fn send_window_probe(
        &mut self,
        env: &mut Env<'_, F>,
        route: Route,
        link: &mut impl Link,
    ) -> Transmitted {
        env.counters.window_probes += 1;
        let fresh = self.send.snd_nxt.distance_to(self.queue.end());
        let len = fresh.min(self.send.usable_window()).min(u32::from(self.mss));
        if len == 0 {
            return self.send_ack(env, route, link, self.send.snd_una - 1);
        }
        let range = SeqRange { start: self.send.snd_nxt, end: self.send.snd_nxt + len };
        match self.send_plan(env, route, link, Plan { range, pass: Pass::First }) {
            Taken::Some(_) => Transmitted::Done,
            Taken::LinkFull => Transmitted::LinkFull,
        }
    }

    /// What to send next: lost ranges first, then what was never sent.
    fn plan(&self, env: &Env<'_, F>, pace: Option<Pace>) -> Option<Plan> {
        let mss = u32::from(self.mss);
        let mut pipe = self.scoreboard.in_flight_bytes();
        if self.options.sack == SackPermitted::No {
            // Each duplicate ACK is a segment that has left the network. RFC 3042, RFC 5681 §3.2.
            pipe = pipe.saturating_sub(u32::from(self.recovery.dup_acks()) * mss);
        }
        let room = self.congestion.cwnd_bytes().saturating_sub(pipe);
        let train_max = pace.map_or_else(|| self.train_max(env), Pace::quantum);
        if let Some(lost) = self.scoreboard.next_lost() {
            let len = lost.len().min(whole_segments(room.min(train_max), mss));
            let len = if len == 0 && pipe == 0 { lost.len().min(mss) } else { len };
            let range = SeqRange { start: lost.start, end: lost.start + len };
            return (len > 0).then_some(Plan { range, pass: Pass::Again });
        }
        self.plan_first(env, room, train_max)
    }

    /// The longest train.
    fn train_max(&self, env: &Env<'_, F>) -> u32 {
        u32::try_from(env.config.train_bytes_max).unwrap_or(u32::MAX).max(u32::from(self.mss))
    }

    /// How fast it is to go out; `None` is as fast as the window allows.
    fn pace(&self, env: &Env<'_, F>) -> Option<Pace> {
        let wanted = match env.config.pacing {
            Pacing::AsNeeded => self.congestion.needs_pacing(),
            Pacing::Always => true,
        };
        if !wanted {
            return None;
        }
        let rate = self.congestion.pacing_rate(self.rtt.srtt())?;
        Some(Pace::new(rate, u32::from(self.mss), self.train_max(env)))
    }

    /// Whether all that was queued is sent, and more might have been.
    pub(super) fn is_out_of_data(&self, now: Instant) -> bool {
        self.send.snd_nxt.after_or_eq(self.queue.end())
            && self.scoreboard.lost_bytes() == 0
            && self.pacer.may_send(now)
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
        let held_back = env.config.nagle == Nagle::On && !self.scoreboard.is_empty();
        if len < unsent || (held_back && self.send.fin == OurFin::None) {
            let whole = whole_segments(len, mss);
            // Half of the largest window is worth a short segment when nothing is in flight.
            let worth = self.scoreboard.is_empty() && len >= self.send.max_wnd.octets() / 2;
            len = if whole == 0 && worth && room >= len { len } else { whole };
        }
        if len == 0 {
            return None;
        }
        let with_fin = self.send.fin == OurFin::Queued && len == unsent && usable > len;
        let range = SeqRange { start, end: start + len + u32::from(with_fin) };
        Some(Plan { range, pass: Pass::First })
    }

    /// Sends a plan, or the part of it that the link takes.
    fn send_plan(
        &mut self,
        env: &mut Env<'_, F>,
        route: Route,
        link: &mut impl Link,
        plan: Plan,
    ) -> Taken {
        let mut outgoing = self.outgoing(env, route, plan.range.start);
        let Options::Other(options) = outgoing.options else { return Taken::Some(0) };
        let mss = match plan.pass {
            Pass::PathProbe => plan.range.len() as usize,
            Pass::First | Pass::Again | Pass::Probe => self.mss_beside(&options),
        };
        let plan = self.mark_capable(plan, mss, &mut outgoing);
        let mut slices = Slices::new();
        let payload_len = self.queue.slices(plan.range, &mut slices);
        let payload_octets = u32::try_from(payload_len).unwrap_or(u32::MAX);
        let data_end = plan.range.start + payload_octets;
        let whole = plan.range.end == data_end + 1 || plan.range.end == data_end;
        let fin = whole && plan.range.end.after(self.queue.end());
        let push = data_end == self.queue.end() && payload_len > 0;
        let mut last = Flags::NONE;
        if fin {
            last |= Flags::FIN;
        }
        if push {
            last |= Flags::PSH;
        }
        let mut header = [0; _];
        let Some((len, layers)) = outgoing.write(&mut header) else { return Taken::Some(0) };
        let Some(header) = header.get(..len) else { return Taken::Some(0) };
        let payload = slices.as_slice();
        let train = Train::new(TrainParts { header, layers, payload, mss, last });
        let segments = train.segments();
        let taken = link.transmit(&train).min(segments);
        if taken == 0 {
            return Taken::LinkFull;
        }
        let octets = if taken == segments {
            payload_octets + u32::from(fin)
        } else {
            u32::try_from(taken * mss).unwrap_or(u32::MAX).min(payload_octets)
        };
        env.counters.trains_sent += 1;
        env.counters.segments_sent += taken as u64;
        let range = SeqRange { start: plan.range.start, end: plan.range.start + octets };
        if outgoing.ecn != Ecn::NotEct {
            self.ecn.data_sent();
        }
        self.sent(env, Plan { range, pass: plan.pass });
        Taken::Some(octets)
    }

    /// New data may be marked by routers, and the first of it after a reduction says that there was
    /// one, in a segment of its own. What is sent again and window probes may not: whether they
    /// arrived as sent is not checked. RFC 3168 §6.1.2, §6.1.5, §6.1.6.
    fn mark_capable(&self, plan: Plan, mss: usize, outgoing: &mut Outgoing) -> Plan {
        let Plan { range, pass } = plan;
        outgoing.flags = Flags::ACK | self.ecn.carrying_flags();
        let has_data = range.start.before(self.queue.end());
        if pass != Pass::First || !has_data || self.due == Due::WindowProbe {
            return plan;
        }
        outgoing.ecn = self.ecn.codepoint();
        let flags = self.ecn.data_flags();
        outgoing.flags |= flags;
        let mss = u32::try_from(mss).unwrap_or(u32::MAX);
        if flags == Flags::NONE || range.len() <= mss {
            return plan;
        }
        Plan { range: SeqRange { start: range.start, end: range.start + mss }, pass }
    }

    /// Books what went out.
    fn sent(&mut self, env: &mut Env<'_, F>, plan: Plan) {
        let Plan { range, pass } = plan;
        let bytes = u64::from(range.len());
        let in_flight_before = self.scoreboard.in_flight_bytes();
        if let Some(pace) = self.pace(env) {
            self.pacer.on_sent(env.now, range.len(), pace);
        }
        match pass {
            Pass::First | Pass::PathProbe => {
                if range.end.after(self.queue.end()) {
                    self.send.fin = OurFin::Sent(self.queue.end());
                }
                if pass == Pass::PathProbe {
                    self.scoreboard.sent_path_probe(range, env.now);
                } else {
                    self.scoreboard.sent(range, env.now);
                }
                self.send.snd_nxt = range.end;
                self.stats.bytes_sent += bytes;
                env.counters.bytes_sent += bytes;
            }
            Pass::Again | Pass::Probe => {
                // The next ACK of new data echoes what came first of it. It tells the original from
                // the copies of this recovery only if there was no copy before. RFC 3522 §3.2.
                let tells = !self.scoreboard.first_was_sent_again();
                self.scoreboard.sent_again(range, env.now);
                self.stats.bytes_retransmitted += bytes;
                self.stats.retransmits += 1;
                if tells {
                    let ts_value = self.timestamps(env.now).map(|timestamps| timestamps.value);
                    self.recovery.on_sent_again(ts_value);
                }
                env.counters.bytes_retransmitted += bytes;
                env.counters.retransmits_recovery += u64::from(pass == Pass::Again);
            }
        }
        self.recovery.on_sent(range.len());
        self.sent_at = env.now;
        self.flight_sent = self.scoreboard.in_flight_bytes();
        self.congestion.on_sent(Transmission {
            now: env.now,
            in_flight_before,
            in_flight: self.flight_sent,
            granularity: self.rtt.srtt().map_or(Span::ZERO, |srtt| srtt / SAMPLES_PER_ROUND),
        });
        self.ack_went_out();
        match self.timers.repair() {
            // A running timeout keeps its time: RFC 6298 §5.1.
            Some(Repair::Rto | Repair::Reordering) => {}
            Some(Repair::Syn | Repair::LossProbe | Repair::Persist) | None => self.arm_repair(env),
        }
    }

    /// The peer has been told RCV.NXT and the window.
    fn ack_went_out(&mut self) {
        self.recv.ack.sent();
        self.ecn.ack_sent();
        self.timers.stop_delayed_ack();
        if let Some(state) = &mut self.options.timestamps {
            state.last_ack_sent = self.recv.rcv_nxt();
        }
    }

    /// The last ACK of a connection that has ended, if it owes one.
    pub(crate) fn last_ack(&mut self, env: &Env<'_, F>) -> Option<Outgoing> {
        let route = self.route.filter(|_| self.recv.ack.owed() == Owed::Now)?;
        let outgoing = self.outgoing(env, route, self.send.snd_nxt);
        self.ack_went_out();
        Some(outgoing)
    }

    /// The RST that tells the peer of an abort; `None` where no peer knows of the connection.
    pub(crate) fn reset(&mut self, env: &Env<'_, F>) -> Option<Outgoing> {
        let known = match self.state {
            State::Closed(_) | State::Listen(_) | State::SynSent(_) | State::TimeWait(_) => false,
            State::SynReceived(_)
            | State::Established(_)
            | State::FinWait1(_)
            | State::FinWait2(_)
            | State::CloseWait(_)
            | State::Closing(_)
            | State::LastAck(_) => true,
        };
        let route = self.route.filter(|_| known)?;
        let mut outgoing = self.outgoing(env, route, self.send.snd_nxt);
        outgoing.flags = Flags::RST | Flags::ACK;
        outgoing.window = 0;
        Some(outgoing)
    }

    /// The headers of a segment at `seq`, with everything that the peer is to know now.
    fn outgoing(&mut self, env: &Env<'_, F>, route: Route, seq: SeqNum) -> Outgoing {
        let timestamps = self.timestamps(env.now);
        let sack = self.recv.sack_blocks(match self.options.sack {
            SackPermitted::Yes => SegmentOptions::sack_room(timestamps),
            SackPermitted::No => 0,
        });
        Outgoing {
            route,
            tuple: self.tuple,
            seq,
            ack: self.recv.rcv_nxt(),
            flags: Flags::ACK | self.ecn.ack_flags(),
            window: self.recv.advertise(self.rcv_mss),
            options: Options::Other(SegmentOptions { timestamps, sack }),
            ecn: Ecn::NotEct,
        }
    }

    /// The payload of a segment beside these options: SACK blocks take their place.
    fn mss_beside(&self, options: &SegmentOptions) -> usize {
        let usual = SegmentOptions { timestamps: options.timestamps, ..SegmentOptions::default() };
        let extra = options.len() - usual.len();
        usize::from(self.mss).saturating_sub(extra).max(1)
    }

    /// Something to send, nothing in flight and nothing that may go: the window is closed, and
    /// only a probe can find out that it opened.
    fn arm_persist(&mut self, env: &Env<'_, F>) {
        let waiting =
            self.send.snd_nxt.before(self.queue.end()) || self.send.fin_is_due(self.queue.end());
        // What waits for its release time has a timer of its own.
        if !self.scoreboard.is_empty() || !waiting || self.timers.is_pacing() {
            if self.timers.repair() == Some(Repair::Persist) {
                self.timers.stop_repair();
            }
            return;
        }
        self.stuck_since.get_or_insert(env.now);
        if self.timers.repair() != Some(Repair::Persist) {
            self.timers.arm_repair(Repair::Persist, env.now + self.rtt.rto());
        }
    }
}

/// Sends a segment without payload; how many segments the link took.
pub(crate) fn transmit_alone(outgoing: &Outgoing, link: &mut impl Link) -> usize {
    let mut header = [0; _];
    let Some((len, layers)) = outgoing.write(&mut header) else { return 1 };
    let Some(header) = header.get(..len) else { return 1 };
    let parts = TrainParts { header, layers, payload: &[], mss: 1, last: Flags::NONE };
    link.transmit(&Train::new(parts))
}

/// Transmissions of a round trip that delivery rates are told apart by.
const SAMPLES_PER_ROUND: u32 = 64;

/// The part of `len` that fills segments.
const fn whole_segments(len: u32, mss: u32) -> u32 {
    len - len % mss
}
