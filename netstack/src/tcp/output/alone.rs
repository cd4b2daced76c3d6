//! Segments without payload: SYN, ACK, RST.

use crate::engine::event::Transmitted;
use crate::engine::payload::{Buffer, Frame};
use crate::tcp::accecn::Carrier;
use crate::tcp::ack::Owed;
use crate::tcp::connection::{Env, Notes, Tcb, advertised_mss, window_to_offer};
use crate::tcp::ecn;
use crate::tcp::header::{Outgoing, Route};
use crate::tcp::segment::Options;
use crate::tcp::seq::{SeqNum, WindowScale};
use crate::tcp::state::State;
use crate::tcp::timers::Repair;
use crate::tcp::train::{Link, Train, TrainParts};
use crate::wire::ipv4::Ecn;
use crate::wire::tcp::Flags;
use crate::wire::tcp_options::{SackPermitted, SegmentOptions, SynOptions};

impl<F: Frame, B: Buffer> Tcb<F, B> {
    /// The SYN of an active open, or the SYN-ACK when the SYNs crossed.
    pub(super) fn send_syn(
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
            _ => (Flags::SYN | Flags::ACK | self.ecn.syn_ack_flags(), self.recv.rcv_nxt()),
        };
        let options = SynOptions {
            mss: Some(advertised_mss(self.ends.ip_version(), self.path_mtu)),
            window_scale: Some(scale),
            sack_permitted: self.options.sack,
            timestamps: self.timestamps(env.now),
            accecn: None,
        };
        let outgoing = Outgoing {
            route,
            ends: self.ends,
            seq: self.send.iss,
            ack,
            flags,
            window: first.to_wire(WindowScale::ZERO),
            options: Options::Syn(options),
            ecn: Ecn::NotEct,
            ip: self.ip,
        };
        if transmit_alone(&outgoing, link) == 0 {
            return Transmitted::LinkFull;
        }
        env.counters.segments_sent += 1;
        env.counters.trains_sent += 1;
        self.send.snd_nxt = self.send.iss + 1;
        self.sent_at = env.now;
        self.timers.arm_repair(Repair::Syn, env.now + self.rto(env.config));
        Transmitted::Done
    }

    /// A segment without payload: an acknowledgment, or with an old `seq` a probe that the peer
    /// must answer.
    pub(super) fn send_ack(
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
        self.ecn.option_sent(Carrier::Ack, outgoing.options.accecn());
        env.counters.acks_sent += 1;
        env.counters.segments_sent += 1;
        env.counters.trains_sent += 1;
        self.ack_went_out();
        Transmitted::Done
    }

    /// The last ACK of a connection that has ended, if it owes one.
    pub(crate) fn last_ack(&mut self, env: &Env<'_, F>) -> Option<Outgoing> {
        let route = self.route.filter(|_| self.recv.ack.owed() == Owed::Now)?;
        let outgoing = self.outgoing(env, route, self.send.snd_nxt);
        self.ecn.option_sent(Carrier::Ack, outgoing.options.accecn());
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
        outgoing.flags = Flags::RST | Flags::ACK | self.ecn.reset_flags();
        outgoing.window = 0;
        Some(outgoing)
    }

    /// The headers of a segment at `seq`, with everything that the peer is to know now.
    pub(super) fn outgoing(&mut self, env: &Env<'_, F>, route: Route, seq: SeqNum) -> Outgoing {
        let timestamps = self.timestamps(env.now);
        let user_timeout = self.user_timeout_to_tell(env.config);
        let sack = self.recv.sack_blocks(match self.options.sack {
            SackPermitted::Yes => SegmentOptions::sack_room(timestamps, user_timeout),
            SackPermitted::No => 0,
        });
        let mut options = SegmentOptions { timestamps, sack, user_timeout, accecn: None };
        options.accecn = self.ecn.option(Carrier::Ack, options.accecn_room());
        Outgoing {
            route,
            ends: self.ends,
            seq,
            ack: self.recv.rcv_nxt(),
            flags: Flags::ACK | self.ecn.ack_flags(),
            window: self.recv.advertise(self.rcv_mss),
            options: Options::Other(options),
            ecn: Ecn::NotEct,
            ip: self.ip,
        }
    }

    /// The peer has been told RCV.NXT and the window.
    pub(super) fn ack_went_out(&mut self) {
        self.recv.ack_sent();
        self.ecn.ack_sent();
        self.timers.stop_delayed_ack();
        self.notes.take(Notes::TELL_TIMEOUT);
        if let Some(state) = &mut self.options.timestamps {
            state.last_ack_sent = self.recv.rcv_nxt();
        }
    }
}

/// Sends a segment without payload; how many segments the link took.
pub(crate) fn transmit_alone(outgoing: &Outgoing, link: &mut impl Link) -> usize {
    let mut header = [0; _];
    let Some((len, layers)) = outgoing.write(&mut header) else { return 1 };
    let Some(header) = header.get(..len) else { return 1 };
    let parts =
        TrainParts { header, layers, payload: &[], mss: 1, last: Flags::NONE, bound_to: None };
    link.transmit(&Train::new(parts))
}
