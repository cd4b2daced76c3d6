//! ICMP errors about a connection's segments. RFC 5927, RFC 1191, RFC 8201, RFC 1122 §4.2.3.9.

use super::connection::{Env, Tcb};
use super::segment::IpVersion;
use super::seq::SeqNum;
use super::state::{Signal, State};
use crate::engine::drops::DropReason;
use crate::engine::event::CloseReason;
use crate::engine::payload::{Buffer, Frame};
use crate::wire::icmp::{IcmpError, Problem};

impl<F: Frame, B: Buffer> Tcb<F, B> {
    /// Takes an error that quotes a segment of this connection.
    ///
    /// # Errors
    /// Why it was not believed, or of no use.
    pub(crate) fn on_icmp(
        &mut self,
        env: &mut Env<'_, F>,
        error: &IcmpError,
    ) -> Result<(), DropReason> {
        // RFC 5927 §4.1: who can't see our segments can't quote what is in flight.
        let in_flight =
            error.seq.after_or_eq(self.send.snd_una) && error.seq.before(self.send.snd_nxt);
        if !in_flight {
            return Err(DropReason::IcmpNotInFlight);
        }
        match error.problem {
            Problem::PacketTooBig { mtu } => self.lower_path_mtu(env, mtu, error.seq),
            // Hard errors end only what isn't established: RFC 5927 §5.2.
            Problem::Refused if matches!(self.state, State::SynSent(_)) => {
                self.finish(env, Signal::Abort, CloseReason::Unreachable);
                Ok(())
            }
            Problem::Refused
            | Problem::Unreachable
            | Problem::TimeExceeded
            | Problem::BadHeader => Err(DropReason::IcmpIgnored),
        }
    }

    /// A router says that a packet did not fit: what is in flight is cut anew and sent again,
    /// which says nothing about congestion.
    fn lower_path_mtu(
        &mut self,
        env: &mut Env<'_, F>,
        mtu: u32,
        seq: SeqNum,
    ) -> Result<(), DropReason> {
        let mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
        if self.ends.ip_version() == IpVersion::V6 && mtu < PATH_MTU_MIN_V6 {
            // No link of IPv6 is so small: nobody honest says so. RFC 8201 §4.
            return Err(DropReason::IcmpIgnored);
        }
        let mtu = mtu.max(self.path_mtu_min(env));
        if mtu >= self.path_mtu {
            return self.probe_too_big(env, mtu, seq);
        }
        self.path_mtu_told(env, mtu);
        self.outbound.scoreboard.lose_all();
        env.counters.path_mtu_lowered += 1;
        Ok(())
    }

    /// The smallest path MTU that is believed.
    pub(super) const fn path_mtu_min(&self, env: &Env<'_, F>) -> u16 {
        match self.ends.ip_version() {
            IpVersion::V4 => env.config.path_mtu_min_v4,
            IpVersion::V6 => PATH_MTU_MIN_V6,
        }
    }
}

/// The smallest MTU of IPv6. RFC 8200 §5.
pub(super) const PATH_MTU_MIN_V6: u16 = 1280;
