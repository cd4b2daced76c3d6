//! Who waits for connections, and how many each may have.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::config::{Interface, Listen};
use super::drops::DropReason;
use super::event::{ListenError, ListenerId};
use super::info::StateCounts;
use crate::tcp::congestion::CongestionAlgorithm;
use crate::tcp::header::IpFields;
use crate::tcp::state::TcpState;
use crate::time::Span;

/// A listener and what came of it.
#[derive(Debug)]
pub(crate) struct Listener {
    listen: Listen,
    /// Whether it still waits. Its counts live on while it has connections.
    open: Open,
    /// How the windows of its connections grow and shrink, if not as of all others.
    congestion: Option<CongestionAlgorithm>,
    /// How long the peers of its connections may owe an answer, if not as of all others.
    user_timeout: Option<Span>,
    /// Class and hop limit of what its connections send, if not as of all others.
    ip: Option<IpFields>,
    pub(crate) counts: StateCounts,
}

/// Whether a listener still waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Yes,
    No,
}

/// Every listener of an engine.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    /// By [`ListenerId`], in the order of listening.
    all: Vec<Listener>,
    /// Those that wait.
    by_address: BTreeMap<SocketAddr, ListenerId>,
}

impl Listeners {
    /// Adds one.
    ///
    /// # Errors
    /// Nobody can wait there.
    pub(crate) fn add(
        &mut self,
        listen: Listen,
        interface: &Interface,
    ) -> Result<ListenerId, ListenError> {
        let address = listen.address;
        if address.port() == 0 {
            return Err(ListenError::NoPort);
        }
        if listen.half_open_max == 0 || listen.connections_max == 0 {
            return Err(ListenError::LimitIsZero);
        }
        if !address.ip().is_unspecified() && !interface.has_address(address.ip()) {
            return Err(ListenError::AddressNotOurs);
        }
        if self.by_address.contains_key(&address) {
            return Err(ListenError::AddressInUse);
        }
        let index = u32::try_from(self.all.len()).map_err(|_| ListenError::AddressInUse)?;
        let mut counts = StateCounts::default();
        counts.enter(TcpState::Listen);
        let (congestion, user_timeout, ip, open) = (None, None, None, Open::Yes);
        self.all.push(Listener { listen, open, congestion, user_timeout, ip, counts });
        self.by_address.insert(address, ListenerId::of_index(index));
        Ok(ListenerId::of_index(index))
    }

    /// Stops one.
    pub(crate) fn remove(&mut self, id: ListenerId) {
        let Some(listener) = self.all.get_mut(id.index()) else { return };
        if listener.open == Open::Yes {
            listener.open = Open::No;
            listener.counts.leave(TcpState::Listen);
            self.by_address.remove(&listener.listen.address);
        }
    }

    /// Who waits at `address`: exactly there, or on every address of the family.
    pub(crate) fn find(&self, address: SocketAddr) -> Option<ListenerId> {
        let any = match address.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let exact = self.by_address.get(&address);
        exact.or_else(|| self.by_address.get(&SocketAddr::new(any, address.port()))).copied()
    }

    /// The one of that name, closed or not.
    pub(crate) fn get(&self, id: ListenerId) -> Option<&Listener> {
        self.all.get(id.index())
    }

    /// All of them, closed or not.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ListenerId, &Listener)> {
        (0..).map(ListenerId::of_index).zip(&self.all)
    }

    /// The one of that name, to change.
    pub(crate) fn get_mut(&mut self, id: ListenerId) -> Option<&mut Listener> {
        self.all.get_mut(id.index())
    }

    /// The counts of the one of that name.
    pub(crate) fn counts_mut(&mut self, id: ListenerId) -> Option<&mut StateCounts> {
        self.all.get_mut(id.index()).map(|listener| &mut listener.counts)
    }
}

impl Listener {
    /// What the owner calls it.
    pub(crate) const fn name(&self) -> u32 {
        self.listen.name
    }

    /// How the windows of its connections grow and shrink; `None` is as the configuration says.
    pub(crate) const fn congestion(&self) -> Option<CongestionAlgorithm> {
        self.congestion
    }

    /// Chooses that for the connections from here on.
    pub(crate) const fn set_congestion(&mut self, algorithm: CongestionAlgorithm) {
        self.congestion = Some(algorithm);
    }

    /// How long the peers of its connections may owe an answer; `None` is as configured.
    pub(super) const fn user_timeout(&self) -> Option<Span> {
        self.user_timeout
    }

    /// Chooses that for the connections from here on.
    pub(super) const fn set_user_timeout(&mut self, timeout: Span) {
        self.user_timeout = Some(timeout);
    }

    /// Class and hop limit of what its connections send; `None` is as configured.
    pub(super) const fn ip(&self) -> Option<IpFields> {
        self.ip
    }

    /// Chooses that for the connections from here on.
    pub(super) const fn set_ip(&mut self, ip: IpFields) {
        self.ip = Some(ip);
    }

    /// Whether it has no more half-open connections and no more others than it may have.
    pub(super) fn is_within_limits(&self) -> bool {
        let half_open = self.counts.get(TcpState::SynReceived);
        let idle = self.counts.get(TcpState::TimeWait) + half_open;
        half_open <= self.listen.half_open_max
            && self.counts.total().saturating_sub(idle) <= self.listen.connections_max
    }

    /// Whether it has as many half-open connections as it may have.
    pub(crate) fn is_half_open_full(&self) -> bool {
        self.counts.get(TcpState::SynReceived) >= self.listen.half_open_max
    }

    /// Whether it takes one more connection.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(crate) fn takes_connection(&self) -> Result<(), DropReason> {
        let idle = self.counts.get(TcpState::TimeWait) + self.counts.get(TcpState::SynReceived);
        if self.counts.total().saturating_sub(idle) >= self.listen.connections_max {
            return Err(DropReason::ConnectionsFull);
        }
        Ok(())
    }
}
