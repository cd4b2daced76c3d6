//! Active opens: the local port, the way to the peer, the first SYN.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use super::Engine;
use super::config::{Connect, is_unicast};
use super::event::{CloseReason, ConnectError};
use super::flows::Flow;
use super::neighbor::Resolution;
use super::payload::{Buffer, Frame};
use super::settle::Entry;
use super::slots::ConnectionId;
use crate::tcp::connection::{Due, Negotiated, Tcb, TcbParts, TimestampState};
use crate::tcp::header::Route;
use crate::tcp::input::listen::receive_half;
use crate::tcp::segment::FourTuple;
use crate::tcp::seq::{SeqNum, WindowScale};
use crate::tcp::short::CoarseInstant;
use crate::tcp::state::{Signal, State, SynSent};
use crate::tcp::timers::Repair;
use crate::time::Instant;
use crate::wire::ethernet::MacAddress;
use crate::wire::tcp_options::SackPermitted;

/// What is known of the way to a peer.
enum Way {
    Known(MacAddress),
    /// The next hop is being asked for.
    Pending(IpAddr),
}

impl<F: Frame, B: Buffer> Engine<F, B> {
    /// Opens a connection. RFC 9293 §3.10.1.
    pub(super) fn open(
        &mut self,
        now: Instant,
        connect: Connect,
    ) -> Result<ConnectionId, ConnectError> {
        let tuple = self.choose_tuple(connect)?;
        if self.connections.is_full() {
            return Err(ConnectError::TooManyConnections);
        }
        let way = self.way_to(now, tuple.remote.ip())?;
        let iss = self.secrets.isn(now, &tuple);
        let own_mac = self.config.interface.mac;
        let route = match way {
            Way::Known(peer_mac) => Some(Route { own_mac, peer_mac, vlan: None }),
            Way::Pending(_) => None,
        };
        let tcb = self.syn_sent(now, tuple, iss, route);
        let id = self
            .connections
            .insert_with(|_| Entry::new(tcb))
            .ok_or(ConnectError::TooManyConnections)?;
        if self.add_flow(&tuple, Flow::Connection(id.slot())).is_none() {
            self.connections.remove(id);
            return Err(ConnectError::TooManyConnections);
        }
        if let Way::Pending(next_hop) = way {
            self.unresolved.entry(next_hop).or_default().push(id);
            self.ask_neighbors(now);
        }
        self.active.enter(crate::tcp::state::TcpState::SynSent);
        self.counters.opens_active += 1;
        self.settle(now, id);
        Ok(id)
    }

    /// A connection whose SYN is due.
    fn syn_sent(
        &mut self,
        now: Instant,
        tuple: FourTuple,
        iss: SeqNum,
        route: Option<Route>,
    ) -> Tcb<F, B> {
        let clock = self.secrets.timestamp_offset(&tuple);
        let timestamps = TimestampState {
            clock,
            recent: 0,
            recent_at: CoarseInstant::of(now),
            last_ack_sent: SeqNum::ZERO,
        };
        let parts = TcbParts {
            tuple,
            state: State::SynSent(SynSent::default()),
            route,
            path_mtu: self.config.interface.mtu_bytes,
            listener: None,
            iss,
            options: Negotiated { timestamps: Some(timestamps), sack: SackPermitted::Yes },
        };
        let config = &self.config.tcp;
        let recv = receive_half(SeqNum::ZERO, Some(WindowScale::ZERO), config);
        let env = env_of!(self, now);
        let mut tcb = Tcb::new(parts, recv, &env);
        tcb.due = Due::Syn;
        tcb.timers.arm_repair(Repair::Syn, now + config.rto_initial);
        tcb
    }

    /// Both ends, the local port chosen if none was given.
    fn choose_tuple(&mut self, connect: Connect) -> Result<FourTuple, ConnectError> {
        let Connect { local, remote } = connect;
        if remote.port() == 0 || !is_unicast(remote.ip()) || local.is_ipv4() != remote.is_ipv4() {
            return Err(ConnectError::BadRemote);
        }
        if !self.config.interface.has_address(local.ip()) {
            return Err(ConnectError::AddressNotOurs);
        }
        if local.port() != 0 {
            let tuple = FourTuple { local, remote };
            return match self.find_flow(&tuple) {
                Some(_) => Err(ConnectError::InUse),
                None => Ok(tuple),
            };
        }
        let ip = local.ip();
        let with_port = |port| FourTuple { local: SocketAddr::new(ip, port), remote };
        let mut ports = core::mem::replace(&mut self.ports, crate::tcp::isn::PortChooser::new());
        let is_free = |port| self.find_flow(&with_port(port)).is_none();
        let port = ports.choose(&self.secrets, ip, remote, is_free);
        self.ports = ports;
        port.map(with_port).ok_or(ConnectError::NoFreePort)
    }

    /// The way to a peer: by the network's prefix, or by the gateway.
    fn way_to(&mut self, now: Instant, address: IpAddr) -> Result<Way, ConnectError> {
        let interface = &self.config.interface;
        let gateway = match address {
            IpAddr::V4(_) => interface.gateway_v4.map(IpAddr::V4),
            IpAddr::V6(_) => interface.gateway_v6.map(IpAddr::V6),
        };
        let next_hop = if interface.is_on_link(address) { Some(address) } else { gateway };
        let next_hop = next_hop.ok_or(ConnectError::NoRoute)?;
        if let Some(&mac) = self.told.get(&next_hop) {
            return Ok(Way::Known(mac));
        }
        if !self.owns_addresses() {
            return Err(ConnectError::NoRoute);
        }
        match self.neighbors.resolve(now, next_hop) {
            Resolution::Known(mac) => Ok(Way::Known(mac)),
            Resolution::Pending => Ok(Way::Pending(next_hop)),
            Resolution::Unreachable | Resolution::Full => Err(ConnectError::NoRoute),
        }
    }

    /// A next hop does not answer: what waited for it ends.
    pub(super) fn unreachable(&mut self, now: Instant, address: IpAddr) {
        let waiting: Vec<ConnectionId> = self.unresolved.remove(&address).unwrap_or_default();
        for id in waiting {
            self.with(now, id, |tcb, env| {
                tcb.finish(env, Signal::Abort, CloseReason::Unreachable);
            });
        }
    }

    /// A next hop is known: what waited for it can be sent.
    pub(super) fn resolved(&mut self, now: Instant, address: IpAddr, peer_mac: MacAddress) {
        let waiting: Vec<ConnectionId> = self.unresolved.remove(&address).unwrap_or_default();
        let own_mac = self.config.interface.mac;
        for id in waiting {
            self.with(now, id, |tcb, _| {
                tcb.route = Some(Route { own_mac, peer_mac, vlan: None });
            });
        }
    }
}
