//! A stretch of the stream as a train, and what is booked of it.

use super::{Pass, Plan, Taken};
use crate::engine::payload::{Buffer, Frame};
use crate::tcp::accecn::Carrier;
use crate::tcp::connection::{Due, Env, Tcb};
use crate::tcp::delivery_rate::Transmission;
use crate::tcp::header::{Outgoing, Route};
use crate::tcp::segment::Options;
use crate::tcp::send::OurFin;
use crate::tcp::send_buffer::{SLICES_MAX, SLICES_USUAL, SeqRange, Slices};
use crate::tcp::timers::Repair;
use crate::tcp::train::{Link, Train, TrainParts};
use crate::time::Span;
use crate::wire::ipv4::Ecn;
use crate::wire::tcp::Flags;
use crate::wire::tcp_options::SegmentOptions;

impl<F: Frame, B: Buffer> Tcb<F, B> {
    /// Sends a plan, or the part of it that the link takes.
    pub(super) fn send_plan(
        &mut self,
        env: &mut Env<'_, F>,
        route: Route,
        link: &mut impl Link,
        plan: Plan,
    ) -> Taken {
        let mut outgoing = self.outgoing(env, route, plan.range.start);
        let Options::Other(mut options) = outgoing.options else { return Taken::Some(0) };
        // Only new data carries an AccECN option: one may be what got the segment lost, RFC 9768
        // §3.2.3.2.2, and a probe of the path has no room for it.
        let carrier = Carrier::Data(plan.range.end);
        options.accecn = match plan.pass {
            Pass::First => self.ecn.option(carrier, options.accecn_room_anew()),
            Pass::Again | Pass::Probe | Pass::PathProbe => None,
        };
        outgoing.options = Options::Other(options);
        let mss = match plan.pass {
            Pass::PathProbe => plan.range.len() as usize,
            Pass::First | Pass::Again | Pass::Probe => self.mss_beside(&options),
        };
        let plan = self.mark_capable(plan, mss, &mut outgoing);
        let mut usual = Slices::<SLICES_USUAL>::new();
        let mut many;
        let mut payload_len = self.queue.slices(plan.range, &mut usual);
        let mut payload = usual.as_slice();
        if usual.is_full() {
            many = Slices::<SLICES_MAX>::new();
            payload_len = self.queue.slices(plan.range, &mut many);
            payload = many.as_slice();
        }
        let payload_octets = u32::try_from(payload_len).unwrap_or(u32::MAX);
        let data_end = plan.range.start + payload_octets;
        let whole = plan.range.end == data_end + 1 || plan.range.end == data_end;
        let fin = whole && plan.range.end.after(self.queue.end());
        let push = data_end == self.queue.end() && payload_len > 0;
        let mut last = if fin { Flags::FIN } else { Flags::NONE };
        if push {
            last |= Flags::PSH;
        }
        let mut header = [0; _];
        let Some((len, layers)) = outgoing.write(&mut header) else { return Taken::Some(0) };
        let Some(header) = header.get(..len) else { return Taken::Some(0) };
        let under_way = self.send.snd_una != self.send.snd_nxt;
        let bound_to = under_way.then_some(self.lane);
        let train = Train::new(TrainParts { header, layers, payload, mss, last, bound_to });
        let segments = train.segments();
        let taken = link.transmit(&train).min(segments);
        if taken == 0 {
            return Taken::LinkFull;
        }
        self.lane = train.lane();
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
        self.ecn.option_sent(Carrier::Data(range.end), options.accecn);
        self.sent(env, Plan { range, pass: plan.pass });
        Taken::Some(octets)
    }

    /// New data may be marked by routers, and the first of it after a reduction says that there was
    /// one, in a segment of its own; so does an AccECN option, which is news once. What is sent again and window probes may not: whether they
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
        let goes_alone = flags != Flags::NONE || outgoing.options.accecn().is_some();
        if !goes_alone || range.len() <= mss {
            return plan;
        }
        Plan { range: SeqRange { start: range.start, end: range.start + mss }, pass }
    }

    /// Books what went out.
    fn sent(&mut self, env: &mut Env<'_, F>, plan: Plan) {
        let Plan { range, pass } = plan;
        // The FIN takes a number, and is no byte.
        let fin = u64::from(range.end.after(self.queue.end()));
        let bytes = u64::from(range.len()) - fin;
        let in_flight_before = self.outbound.scoreboard.in_flight_bytes();
        if let Some(pace) = self.pace(env) {
            self.outbound.pacer.on_sent(env.now, range.len(), pace);
        }
        match pass {
            Pass::First | Pass::PathProbe => {
                if range.end.after(self.queue.end()) {
                    self.send.fin = OurFin::Sent(self.queue.end());
                }
                if pass == Pass::PathProbe {
                    self.outbound.scoreboard.sent_path_probe(range, env.now);
                } else {
                    self.outbound.scoreboard.sent(range, env.now);
                }
                self.send.snd_nxt = range.end;
                self.stats.bytes_sent += bytes;
                env.counters.bytes_sent += bytes;
            }
            Pass::Again | Pass::Probe => {
                // The next ACK of new data echoes what came first of it. It tells the original from
                // the copies of this recovery only if there was no copy before. RFC 3522 §3.2.
                let tells = !self.outbound.scoreboard.first_was_sent_again();
                let repeated = self.outbound.scoreboard.sent_again(range, env.now);
                self.congestion.on_sent_again(repeated);
                self.stats.bytes_retransmitted += bytes;
                self.stats.retransmits += 1;
                let timestamps = self.timestamps(env.now).filter(|_| tells);
                let ts_value = timestamps.map(|timestamps| timestamps.value);
                self.recovery.on_sent_again(range.len(), ts_value);
                env.counters.bytes_retransmitted += bytes;
                env.counters.retransmits_recovery += u64::from(pass == Pass::Again);
            }
        }
        self.recovery.on_sent(range.len());
        self.sent_at = env.now;
        self.outbound.flight_sent = self.outbound.scoreboard.in_flight_bytes();
        self.congestion.on_sent(Transmission {
            now: env.now,
            in_flight_before,
            in_flight: self.outbound.flight_sent,
            granularity: self.rtt.srtt().map_or(Span::ZERO, |srtt| srtt / SAMPLES_PER_ROUND),
        });
        self.ack_went_out();
        match self.timers.repair() {
            // A running timeout keeps its time: RFC 6298 §5.1.
            Some(Repair::Rto | Repair::Reordering) => {}
            Some(Repair::Syn | Repair::LossProbe | Repair::Persist) | None => self.arm_repair(env),
        }
    }

    /// The payload of a segment beside these options: SACK blocks take their place.
    fn mss_beside(&self, options: &SegmentOptions) -> usize {
        let usual = SegmentOptions { timestamps: options.timestamps, ..SegmentOptions::default() };
        let extra = options.len() - usual.len();
        usize::from(self.mss).saturating_sub(extra).max(1)
    }
}

/// Transmissions of a round trip that delivery rates are told apart by.
const SAMPLES_PER_ROUND: u32 = 64;
