//! The engine: frames in, events out, trains out.

pub(crate) mod config;
pub(crate) mod demux;
pub(crate) mod drops;
pub(crate) mod event;
pub(crate) mod info;
pub(crate) mod neighbor;
pub(crate) mod payload;
pub(crate) mod slots;
pub(crate) mod wheel;

#[cfg(test)]
mod tests;

use alloc::collections::VecDeque;
use core::marker::PhantomData;
use core::net::IpAddr;

use config::{Config, ConfigError, Connect, Listen};
use event::{
    ConnectError, ConnectionId, Event, FlowHash, ListenError, ListenerId, SendError, SendErrorKind,
    Transmitted, Unclaimed, UnclaimedKind, Verdict,
};
use info::{ConnectionInfo, Counters, Held, SendView, StateCounts};
use payload::{Buffer, Frame, Payload};

use crate::tcp::train::Link;
use crate::time::Instant;
use crate::wire::ethernet::MacAddress;

/// One worker's network stack. See the [crate's page](crate) for how it is driven.
pub struct Engine<F, B> {
    config: Config,
    counters: Counters,
    events: VecDeque<Event>,
    marker: PhantomData<(F, B)>,
}

impl<F: Frame, B: Buffer> Engine<F, B> {
    /// An engine without listeners and connections.
    ///
    /// # Errors
    /// The first thing in `config` that no engine can run with.
    pub fn new(config: Config, now: Instant) -> Result<Self, ConfigError> {
        config.validate()?;
        let _: Instant = now;
        Ok(Self {
            config,
            counters: Counters::default(),
            events: VecDeque::new(),
            marker: PhantomData,
        })
    }

    /// Waits for connections at an address.
    ///
    /// # Errors
    /// The address is in use, or not ours.
    pub fn listen(&mut self, listen: Listen) -> Result<ListenerId, ListenError> {
        if listen.address.port() == 0 {
            return Err(ListenError::NoPort);
        }
        Ok(ListenerId(0))
    }

    /// Stops waiting. Half-open connections are forgotten; connections go on.
    pub fn unlisten(&mut self, listener: ListenerId) {
        let _: ListenerId = listener;
    }

    /// Opens a connection: [`Event::Connected`] or [`Event::Closed`] follows.
    ///
    /// # Errors
    /// Nothing was opened.
    pub fn connect(
        &mut self,
        now: Instant,
        connect: Connect,
    ) -> Result<ConnectionId, ConnectError> {
        let _: (Instant, Connect) = (now, connect);
        Err(ConnectError::TooManyConnections)
    }

    /// Says which link address a neighbour has: for active opens where the kernel owns the
    /// addresses and resolves its neighbours itself.
    pub fn set_neighbor(&mut self, now: Instant, address: IpAddr, mac: MacAddress) {
        let _: (Instant, IpAddr, MacAddress) = (now, address, mac);
    }

    /// Takes a frame that came in.
    pub fn handle_frame(&mut self, now: Instant, frame: F) -> Verdict<F> {
        let _: Instant = now;
        self.counters.frames_received += 1;
        Verdict::Unclaimed(Unclaimed { frame, kind: UnclaimedKind::Segment, flow: FlowHash(0) })
    }

    /// The final word on a frame that no engine claimed: a SYN goes to its listener, other
    /// segments are answered with RST.
    pub fn handle_unclaimed(&mut self, now: Instant, frame: F) {
        let _: Instant = now;
        drop(frame);
    }

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _: Instant = now;
    }

    /// When [`Engine::handle_timeout`] is wanted next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Gives the link everything that is due: acknowledgments, data, answers.
    pub fn poll_transmit(&mut self, now: Instant, link: &mut impl Link) -> Transmitted {
        let _: (Instant, &mut _) = (now, link);
        Transmitted::Done
    }

    /// The next payload in order. The receive window does not grow until
    /// [`Engine::consumed`].
    pub fn recv(&mut self, id: ConnectionId) -> Option<Payload<F>> {
        let _: ConnectionId = id;
        None
    }

    /// Whether the peer's FIN has arrived and all payload before it was handed out.
    #[must_use]
    pub fn recv_finished(&self, id: ConnectionId) -> bool {
        let _: ConnectionId = id;
        false
    }

    /// Gives back window for `bytes` of payload that were delivered onwards.
    pub fn consumed(&mut self, now: Instant, id: ConnectionId, bytes: usize) {
        let _: (Instant, ConnectionId, usize) = (now, id, bytes);
    }

    /// Queues a buffer for sending.
    ///
    /// # Errors
    /// The buffer comes back: there is no room, or no way to send.
    pub fn send(&mut self, now: Instant, id: ConnectionId, buffer: B) -> Result<(), SendError<B>> {
        let _: (Instant, ConnectionId) = (now, id);
        Err(SendError { buffer, kind: SendErrorKind::NotConnected })
    }

    /// How much may be queued, and how fast it goes.
    #[must_use]
    pub fn send_view(&self, id: ConnectionId) -> Option<SendView> {
        let _: ConnectionId = id;
        None
    }

    /// Ends our direction: FIN behind what is queued. Receiving goes on.
    pub fn shutdown(&mut self, now: Instant, id: ConnectionId) {
        let _: (Instant, ConnectionId) = (now, id);
    }

    /// Ends the connection with RST; [`Event::Closed`] follows.
    pub fn abort(&mut self, now: Instant, id: ConnectionId) {
        let _: (Instant, ConnectionId) = (now, id);
    }

    /// Lets go: what is queued and a FIN still go out, data that comes is answered with RST, and
    /// a deadline applies. The id is dead at once, and no event follows.
    pub fn close(&mut self, now: Instant, id: ConnectionId) {
        let _: (Instant, ConnectionId) = (now, id);
    }

    /// What `ss -ti` would say of a connection.
    #[must_use]
    pub fn info(&self, now: Instant, id: ConnectionId) -> Option<ConnectionInfo> {
        let _: (Instant, ConnectionId) = (now, id);
        None
    }

    /// Every connection whose owner has not let go.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        core::iter::empty()
    }

    /// What happened since the start.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Connections by state that a listener accepted, half-open and TIME-WAIT included.
    #[must_use]
    pub fn state_counts(&self, listener: ListenerId) -> Option<&StateCounts> {
        let _: (ListenerId, &Config) = (listener, &self.config);
        None
    }

    /// Memory by pool.
    #[must_use]
    pub fn held(&self) -> Held {
        Held::default()
    }
}
