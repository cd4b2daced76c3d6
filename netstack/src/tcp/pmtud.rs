//! The path MTU beyond ICMP: it ages, black holes are found, larger sizes are probed for.
//! RFC 1191 §6.3, RFC 8201 §4, RFC 4821, RFC 8899.
//!
//! A probe is one segment of new data that is larger than the others. What becomes of it tells
//! about the path, not about congestion: a lost one is sent again in segments of the usual size,
//! and the congestion window stays.

use alloc::boxed::Box;

use super::connection::{Due, Env, TCP_HEADER_LEN, Tcb, ip_header_len};
use super::sack::Mark;
use super::segment::IpVersion;
use super::send_buffer::SeqRange;
use super::seq::SeqNum;
use crate::engine::drops::DropReason;
use crate::engine::payload::{Buffer, Frame};
use crate::time::Instant;
use crate::wire::tcp_options::{SackPermitted, TIMESTAMPS_LEN};

/// Whether the size of packets that a path takes is found by trying. RFC 4821.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MtuProbing {
    /// Never: only ICMP tells.
    Off,
    /// Once nothing gets through any more that is as large as the path MTU.
    #[default]
    AfterBlackHole,
    /// On every connection, upwards from a size that nearly every path takes.
    Always,
}

/// What is known of a path that has not always taken what the link does.
#[derive(Clone, Debug)]
pub(crate) struct Pmtud {
    /// The largest packet that the link takes.
    link_mtu: u16,
    /// When a larger packet is tried again.
    again_at: Option<Instant>,
    search: Option<Search>,
}

/// A search for the largest packet that gets through, above the path MTU. RFC 8899 §5.2.
#[derive(Clone, Copy, Debug)]
struct Search {
    /// The largest packet that may still get through.
    high: u16,
    /// Whether `high` itself was tried: first it is, for an outage looks like a black hole.
    tried_high: TriedHigh,
    /// Probes of the size at hand that were lost.
    losses: u8,
    probe: Option<PathProbe>,
}

/// Whether the largest size was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TriedHigh {
    No,
    Yes,
}

/// A probe on its way.
#[derive(Clone, Copy, Debug)]
struct PathProbe {
    /// Its bytes of the stream.
    range: SeqRange,
    /// The length of its IP packet.
    size: u16,
}

/// What the search for a path MTU wants before anything else is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProbeStep {
    /// Nothing.
    None,
    /// Until acknowledgments have made room for a probe, no new data goes out.
    Wait,
    /// These bytes as a probe.
    Send(SeqRange),
}

/// What became of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Unknown,
    Arrived,
    Lost,
}

impl Search {
    const fn up_to(high: u16) -> Self {
        Self { high, tried_high: TriedHigh::No, losses: 0, probe: None }
    }

    /// The size to try next, above `low`; `None` when it would tell too little.
    const fn next_size(&self, low: u16) -> Option<u16> {
        let gap = self.high.saturating_sub(low);
        if gap < SEARCH_STEP_MIN {
            return None;
        }
        match self.tried_high {
            TriedHigh::No => Some(self.high),
            TriedHigh::Yes => Some(low + gap.div_ceil(2)),
        }
    }

    /// No packet larger than `size` gets through.
    fn lower(&mut self, size: u16) {
        self.high = self.high.min(size);
        self.tried_high = TriedHigh::Yes;
        self.losses = 0;
    }
}

impl<F: Frame, B: Buffer> Tcb<F, B> {
    /// The handshake is done: the search begins, where every connection is to have one.
    pub(super) fn start_path_search(&mut self, env: &Env<'_, F>) {
        let base = self.base_mtu(env);
        if env.config.mtu_probing == MtuProbing::Always && base < self.path_mtu {
            let high = self.useful_mtu(self.path_mtu);
            self.pmtud_mut().search = Some(Search::up_to(high));
            self.path_mtu = base;
            self.update_mss();
        }
    }

    /// A router has said what fits: it is believed for a while. RFC 1191 §6.3, RFC 8201 §4.
    pub(super) fn path_mtu_told(&mut self, env: &Env<'_, F>, mtu: u16) {
        let again_at = env.now + env.config.path_mtu_age;
        let pmtud = self.pmtud_mut();
        pmtud.again_at = Some(again_at);
        // What is known to be in the way is not searched for.
        pmtud.search = None;
        self.path_mtu = mtu;
        self.update_mss();
    }

    /// A router has said of the packet at `seq` that it is too big: if it is our probe, `mtu` is where
    /// the search ends.
    ///
    /// # Errors
    /// It says nothing new.
    pub(super) fn probe_too_big(
        &mut self,
        env: &mut Env<'_, F>,
        mtu: u16,
        seq: SeqNum,
    ) -> Result<(), DropReason> {
        let low = self.path_mtu;
        let probe = self.search_mut().and_then(|search| {
            let probe =
                search.probe.filter(|probe| mtu < probe.size && seq == probe.range.start)?;
            search.probe = None;
            search.lower(mtu.max(low));
            // It told what fits: that is tried next.
            search.tried_high = TriedHigh::No;
            Some(probe)
        });
        let probe = probe.ok_or(DropReason::IcmpIgnored)?;
        env.counters.path_mtu_probes_lost += 1;
        self.outbound.scoreboard.lose(probe.range);
        self.end_search_if_done(env);
        Ok(())
    }

    /// What was learned long ago may not hold any more: larger packets are tried again, by probes
    /// where that can be.
    pub(super) fn age_path_mtu(&mut self, env: &mut Env<'_, F>) {
        let probes = self.may_probe_path(env);
        let Some(pmtud) = &mut self.pmtud else { return };
        if pmtud.again_at.is_none_or(|at| env.now < at) {
            return;
        }
        pmtud.again_at = None;
        let link_mtu = pmtud.link_mtu;
        if probes {
            let search = Search::up_to(self.useful_mtu(link_mtu));
            self.pmtud_mut().search = Some(search);
            self.end_search_if_done(env);
        } else {
            self.pmtud = None;
            self.path_mtu = link_mtu;
            self.update_mss();
            env.counters.path_mtu_raised += 1;
        }
    }

    /// Timeouts follow each other and nothing is acknowledged: perhaps the path drops what is large
    /// and doesn't say so. RFC 4821 §7.7, RFC 1122 §4.2.3.5 (R1).
    pub(super) fn suspect_black_hole(&mut self, env: &mut Env<'_, F>) {
        self.probe_timed_out(env);
        if env.config.mtu_probing == MtuProbing::Off || self.rtt.backoff() < R1 {
            return;
        }
        let base = self.base_mtu(env);
        let lower = if self.path_mtu > base { base } else { self.path_mtu_min(env) };
        let payload = self.payload_of(lower);
        if u32::from(self.mss) <= payload || self.send.unacked().len() <= payload {
            // It is not the size.
            return;
        }
        env.counters.path_mtu_black_holes += 1;
        let high = self.useful_mtu(self.path_mtu);
        let (probes, again_at) = (self.may_probe_path(env), env.now + env.config.path_mtu_age);
        let pmtud = self.pmtud_mut();
        if probes {
            let high = pmtud.search.map_or(high, |search| search.high.max(high));
            pmtud.search = Some(Search::up_to(high));
        } else {
            pmtud.again_at = Some(again_at);
        }
        self.path_mtu = lower;
        self.update_mss();
    }

    /// What a probe asks for now: something to probe for, enough data to notice its loss by, and
    /// neither loss nor reordering that would confuse. RFC 4821 §7.4.
    pub(super) fn path_probe(&self) -> ProbeStep {
        match self.probe_size() {
            Some(size) => self.probe_of(size),
            None => ProbeStep::None,
        }
    }

    /// The size of the next probe, if nothing stands against one.
    fn probe_size(&self) -> Option<u16> {
        let search = self.pmtud.as_ref()?.search.as_ref()?;
        let quiet = search.probe.is_none()
            && self.due == Due::Nothing
            && !self.recovery.is_active()
            && self.outbound.scoreboard.lost_bytes() == 0
            && self.outbound.scoreboard.sacked_bytes() == 0
            && !self.recv.has_gap();
        search.next_size(self.path_mtu).filter(|_| quiet)
    }

    /// A probe of that size, as far as the windows and what is queued allow it.
    fn probe_of(&self, size: u16) -> ProbeStep {
        let payload = self.payload_of(size);
        let with_followers = payload + PROBE_FOLLOWERS * u32::from(self.mss);
        let start = self.send.snd_nxt;
        let cwnd = self.congestion.cwnd_bytes();
        let possible = payload > u32::from(self.mss)
            && start.distance_to(self.queue.end()) >= with_followers
            && self.send.snd_wnd.octets() >= with_followers
            && cwnd >= with_followers;
        if !possible {
            return ProbeStep::None;
        }
        let in_flight = self.outbound.scoreboard.in_flight_bytes();
        let room = self.send.usable_window().min(cwnd.saturating_sub(in_flight));
        if room >= with_followers {
            ProbeStep::Send(SeqRange { start, end: start + payload })
        } else if in_flight > 0 {
            ProbeStep::Wait
        } else {
            ProbeStep::None
        }
    }

    /// A probe went out.
    pub(super) fn path_probe_sent(&mut self, env: &mut Env<'_, F>, range: SeqRange) {
        let low = self.path_mtu;
        let Some(search) = self.search_mut() else { return };
        let Some(size) = search.next_size(low) else { return };
        search.probe = Some(PathProbe { range, size });
        env.counters.path_mtu_probes += 1;
    }

    /// Draws the conclusion from a probe once its fate is known. RFC 4821 §7.6.
    pub(super) fn judge_path_probe(&mut self, env: &mut Env<'_, F>) {
        let probe = self.pmtud.as_ref().and_then(|pmtud| pmtud.search?.probe);
        let Some(probe) = probe else { return };
        match self.fate_of(probe) {
            Fate::Unknown => {}
            Fate::Arrived => self.path_probe_arrived(env, probe.size),
            Fate::Lost => self.path_probe_lost(env),
        }
    }

    fn fate_of(&self, probe: PathProbe) -> Fate {
        let SeqRange { start, end } = probe.range;
        if self.send.snd_una.after_or_eq(end) {
            return Fate::Arrived;
        }
        let (first, last) =
            (self.outbound.scoreboard.mark_of(start), self.outbound.scoreboard.mark_of(end - 1));
        match (first, last) {
            (Some(Mark::Lost), _) | (_, Some(Mark::Lost)) => Fate::Lost,
            (Some(Mark::Sacked), Some(Mark::Sacked)) => Fate::Arrived,
            (Some(Mark::InFlight | Mark::Sacked) | None, _) => Fate::Unknown,
        }
    }

    /// What was probed for gets through.
    fn path_probe_arrived(&mut self, env: &mut Env<'_, F>, size: u16) {
        if let Some(search) = self.search_mut() {
            search.probe = None;
            search.losses = 0;
            search.tried_high = TriedHigh::Yes;
        }
        env.counters.path_mtu_raised += 1;
        self.path_mtu = self.path_mtu.max(size);
        self.update_mss();
        self.end_search_if_done(env);
    }

    /// A probe was lost. Any packet may be, so it takes some of one size (RFC 8899 §5.1.2), and where
    /// others were lost beside it, it tells nothing. RFC 4821 §7.6.4.
    fn path_probe_lost(&mut self, env: &mut Env<'_, F>) {
        env.counters.path_mtu_probes_lost += 1;
        let congested = self.recovery.is_active();
        let Some(search) = self.search_mut() else { return };
        let Some(probe) = search.probe.take() else { return };
        if !congested {
            search.losses += 1;
        }
        if search.losses >= PROBES_MAX {
            search.lower(probe.size - 1);
        }
        self.end_search_if_done(env);
    }

    /// Everything in flight is given up, and a probe with it.
    fn probe_timed_out(&mut self, env: &mut Env<'_, F>) {
        if self.search_mut().is_some_and(|search| search.probe.is_some()) {
            self.path_probe_lost(env);
        }
    }

    /// What is left to find out is not worth it, until the path may have changed.
    fn end_search_if_done(&mut self, env: &Env<'_, F>) {
        let low = self.path_mtu;
        let again_at = env.now + env.config.path_mtu_age;
        let Some(pmtud) = &mut self.pmtud else { return };
        if pmtud.search.is_some_and(|search| search.next_size(low).is_none()) {
            pmtud.search = None;
            pmtud.again_at = Some(again_at);
        }
    }

    /// Whether losses of probes can be told from others: that takes SACK.
    fn may_probe_path(&self, env: &Env<'_, F>) -> bool {
        env.config.mtu_probing != MtuProbing::Off && self.options.sack == SackPermitted::Yes
    }

    /// A packet size that nearly every path takes. RFC 4821 §7.2, RFC 8200 §5.
    fn base_mtu(&self, env: &Env<'_, F>) -> u16 {
        if self.ends.ip_version() == IpVersion::V4 {
            env.config.path_mtu_base_v4.max(self.path_mtu_min(env))
        } else {
            super::icmp::PATH_MTU_MIN_V6
        }
    }

    /// The payload of a segment whose packet has `size` bytes.
    fn payload_of(&self, size: u16) -> u32 {
        let options = if self.options.timestamps.is_some() { TIMESTAMPS_LEN } else { 0 };
        let options = u32::try_from(options).unwrap_or(u32::MAX);
        let headers = u32::from(ip_header_len(self.ends.ip_version()) + TCP_HEADER_LEN);
        let payload = u32::from(size).saturating_sub(headers).min(u32::from(self.peer_mss));
        payload.saturating_sub(options)
    }

    /// The largest packet up to `size` that the peer lets us fill.
    fn useful_mtu(&self, size: u16) -> u16 {
        let headers = ip_header_len(self.ends.ip_version()) + TCP_HEADER_LEN;
        size.min(self.peer_mss.saturating_add(headers))
    }

    fn search_mut(&mut self) -> Option<&mut Search> {
        self.pmtud.as_mut()?.search.as_mut()
    }

    /// What is known of the path, from now on: few connections need it. Until then the path MTU was
    /// the link's.
    fn pmtud_mut(&mut self) -> &mut Pmtud {
        let link_mtu = self.path_mtu;
        self.pmtud.get_or_insert_with(|| Box::new(Pmtud { link_mtu, again_at: None, search: None }))
    }
}

/// Timeouts in a row after which the path is suspected.
const R1: u8 = 3;
/// Lost probes of one size after which it is taken for too large.
const PROBES_MAX: u8 = 3;
/// Segments that follow a probe, so that its loss is noticed. RFC 4821 §7.4.
const PROBE_FOLLOWERS: u32 = 3;
/// Sizes that differ by less, in bytes, are one. RFC 8899 §5.3.3.
const SEARCH_STEP_MIN: u16 = 8;
