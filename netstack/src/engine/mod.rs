//! The engine: frames in, events out, trains out.

/// What a step of a connection of `$engine` may use besides the connection. A macro, because it borrows
/// single fields: the connection lies in another one.
macro_rules! env_of {
    ($engine:expr, $now:expr) => {
        $crate::tcp::connection::Env {
            now: $now,
            config: &$engine.config.tcp,
            limits: &$engine.config.limits,
            counters: &mut $engine.counters,
            held: &mut $engine.held,
            replies: &mut $engine.replies,
        }
    };
}

mod ahead;
pub(crate) mod config;
mod congestion;
mod cookies;
pub(crate) mod demux;
pub(crate) mod drops;
pub(crate) mod event;
mod fifo;
mod flows;
mod half_open;
pub(crate) mod info;
mod interned;
mod ip_fields;
mod keepalive;
mod listener;
mod local;
mod neighbor;
mod open;
pub(crate) mod payload;
mod predict;
mod receive;
mod recount;
mod recover;
pub(crate) mod reply;
mod settle;
pub(crate) mod slab;
pub(crate) mod slots;
mod time_wait;
mod user_timeout;
pub(crate) mod wheel;

#[cfg(test)]
mod tests;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::IpAddr;

use config::{AddressOwner, Config, ConfigError, Connect, Listen};
use cookies::Cookies;
use demux::{FlowHasher, FlowTable};
use event::{ConnectError, Event, ListenError, ListenerId, SendError, SendErrorKind, Transmitted};
use half_open::HalfOpens;
use info::{ConnectionInfo, Counters, Held, Pool, SendView, StateCounts};
use listener::Listeners;
use neighbor::NeighborCache;
use payload::{Buffer, Frame, Payload};
use reply::Replies;
use settle::{Entry, Listed, Phase};
use slots::{ConnectionId, Slots};
use time_wait::TimeWaits;
use wheel::Wheel;

use crate::tcp::connection::Owner;
use crate::tcp::isn::{PortChooser, Secrets};
use crate::tcp::train::Link;
use crate::time::Instant;
use crate::wire::ethernet::MacAddress;

/// One worker's network stack. See the [crate's page](crate) for how it is driven.
pub struct Engine<F, B> {
    config: Config,
    secrets: Secrets,
    ports: PortChooser,
    hasher: FlowHasher,
    cookies: Cookies,
    /// Which of the three tables below a 4-tuple is in.
    flows: FlowTable,
    connections: Slots<Entry<F, B>>,
    half_open: HalfOpens,
    time_wait: TimeWaits,
    listeners: Listeners,
    /// States of the connections that we opened.
    active: StateCounts,
    wheel: Wheel<ConnectionId>,
    neighbors: NeighborCache,
    /// Link addresses that the owner told us.
    told: BTreeMap<IpAddr, MacAddress>,
    /// Connections that wait for a link address.
    unresolved: BTreeMap<IpAddr, Vec<ConnectionId>>,
    events: VecDeque<Event>,
    /// Connections that may have something to send.
    work: VecDeque<ConnectionId>,
    replies: Replies<F>,
    counters: Counters,
    held: Held,
    /// The connection whose step is under way.
    at_work: Option<ConnectionId>,
    /// Segments that were predicted; `None` when none is to be.
    #[cfg(test)]
    predicted: Option<u64>,
}

impl<F: Frame, B: Buffer> Engine<F, B> {
    /// An engine without listeners and connections.
    ///
    /// # Errors
    /// The first thing in `config` that no engine can run with.
    pub fn new(config: Config, now: Instant) -> Result<Self, ConfigError> {
        config.validate()?;
        let secrets = Secrets::new(config.seed);
        let limits = &config.limits;
        let flows_max = [limits.connections_max, limits.half_open_max, limits.time_wait_max]
            .map(|max| max as usize);
        Ok(Self {
            hasher: secrets.flow_hasher(),
            cookies: Cookies::new(secrets.cookie_key()),
            secrets,
            ports: PortChooser::new(),
            flows: FlowTable::new(flows_max.iter().sum()),
            connections: Slots::new(limits.connections_max),
            half_open: HalfOpens::new(limits.half_open_max, &config.tcp),
            time_wait: TimeWaits::new(limits.time_wait_max, config.tcp.time_wait),
            listeners: Listeners::default(),
            active: StateCounts::default(),
            wheel: Wheel::new(now),
            neighbors: NeighborCache::new(usize::from(limits.neighbors_max)),
            told: BTreeMap::new(),
            unresolved: BTreeMap::new(),
            events: VecDeque::new(),
            work: VecDeque::new(),
            replies: Replies::new(limits.replies_max),
            counters: Counters::default(),
            held: Held::default(),
            at_work: None,
            #[cfg(test)]
            predicted: Some(0),
            config,
        })
    }

    /// Waits for connections at an address.
    ///
    /// # Errors
    /// The address is in use, or not ours, or the limits are none.
    pub fn listen(&mut self, listen: Listen) -> Result<ListenerId, ListenError> {
        self.listeners.add(listen, &self.config.interface)
    }

    /// Stops waiting. Half-open connections are forgotten; connections go on.
    pub fn unlisten(&mut self, listener: ListenerId) {
        self.listeners.remove(listener);
        for number in self.half_open.of_listener(listener) {
            self.forget_half_open(number, listener);
        }
    }

    /// What [`Listen::name`] said of a listener.
    #[must_use]
    pub fn listener_name(&self, listener: ListenerId) -> Option<u32> {
        self.listeners.get(listener).map(listener::Listener::name)
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
        self.open(now, connect)
    }

    /// Says which link address a neighbour has: for active opens where the kernel owns the
    /// addresses and resolves its neighbours itself.
    pub fn set_neighbor(&mut self, address: IpAddr, mac: MacAddress) {
        self.told.insert(address, mac);
    }

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(id) = self.wheel.pop_expired(now) {
            if let Some(entry) = self.connections.get_mut(id) {
                entry.timer = None;
            }
            self.with(now, id, |tcb, env| {
                tcb.on_timeout(env);
                tcb.rest(now);
            });
        }
        while let Some(number) = self.half_open.expired(now) {
            self.half_open_timeout(now, number);
        }
        while let Some(number) = self.time_wait.expired(now) {
            self.time_wait_over(number);
        }
        self.ask_neighbors(now);
    }

    /// When [`Engine::handle_timeout`] is wanted next. It may be early: timers that were moved
    /// later look again when their old time comes.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let queues = [self.half_open.next_due(), self.time_wait.next_due()];
        let timers = [self.wheel.next_expiry(), self.neighbors.next_due()];
        queues.into_iter().chain(timers).flatten().min()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        while let Some(event) = self.events.pop_front() {
            let id = event.id();
            if self.owned(id).is_none() {
                continue;
            }
            if matches!(event, Event::Closed { .. }) {
                self.connections.remove(id);
            }
            return Some(event);
        }
        None
    }

    /// Gives the link everything that is due: acknowledgments, data, answers.
    pub fn poll_transmit(&mut self, now: Instant, link: &mut impl Link) -> Transmitted {
        if self.replies.transmit(link, &mut self.counters) == Transmitted::LinkFull {
            return Transmitted::LinkFull;
        }
        while let Some(id) = self.work.pop_front() {
            let Some(entry) = self.connections.get_mut(id) else { continue };
            entry.listed = Listed::No;
            if entry.phase != Phase::Live {
                continue;
            }
            let mut env = env_of!(self, now);
            self.at_work = Some(id);
            let before = entry.tcb.before();
            let transmitted = entry.tcb.transmit(&mut env, link);
            let mut sound = entry.tcb.check_invariants(env.config);
            if transmitted == Transmitted::Done {
                sound = sound.and_then(|()| entry.tcb.check_sent(&before));
            }
            if sound.is_err() {
                env.counters.invariants_broken += 1;
                entry.tcb.break_off(&mut env, event::CloseReason::Internal);
                self.settle(now, id);
                self.at_work = None;
                continue;
            }
            // The window, and with it the room, may have shrunk after idleness.
            entry.tcb.note_room(&self.config.tcp);
            self.at_work = None;
            if transmitted == Transmitted::LinkFull {
                entry.listed = Listed::Yes;
                self.work.push_front(id);
                self.arm(id);
                return Transmitted::LinkFull;
            }
            self.arm(id);
        }
        Transmitted::Done
    }

    /// The next payload in order. The receive window does not grow until
    /// [`Engine::consumed`].
    pub fn recv(&mut self, id: ConnectionId) -> Option<Payload<F>> {
        self.owned(id)?;
        let entry = self.connections.get_mut(id)?;
        let payload = entry.tcb.recv.take(&mut self.held)?;
        if entry.phase == Phase::Draining && entry.tcb.recv.is_drained() {
            self.report_end(id);
        }
        Some(payload)
    }

    /// Whether the peer's FIN has arrived and all payload before it was handed out.
    #[must_use]
    pub fn recv_finished(&self, id: ConnectionId) -> bool {
        self.owned(id)
            .is_some_and(|entry| entry.tcb.recv.is_finished() && entry.tcb.recv.is_drained())
    }

    /// Gives back window for `bytes` of payload that were delivered onwards.
    pub fn consumed(&mut self, now: Instant, id: ConnectionId, bytes: usize) {
        if self.owned(id).is_some() {
            self.with(now, id, |tcb, _| tcb.recv.consumed(bytes, tcb.rcv_mss));
        }
    }

    /// Queues a buffer for sending. A buffer may take the queue beyond its limit, once.
    ///
    /// # Errors
    /// The buffer comes back: there is no room, or no way to send.
    pub fn send(&mut self, now: Instant, id: ConnectionId, buffer: B) -> Result<(), SendError<B>> {
        let mut buffer = Some(buffer);
        let queued = if self.owned(id).is_some() {
            self.with(now, id, |tcb, env| match buffer.take() {
                Some(buffer) => tcb.queue(env, buffer),
                None => Ok(()),
            })
        } else {
            None
        };
        match (queued, buffer) {
            (Some(Ok(())), _) | (None, None) => Ok(()),
            (Some(Err((buffer, kind))), _) => Err(SendError { buffer, kind }),
            (None, Some(buffer)) => Err(SendError { buffer, kind: SendErrorKind::NotConnected }),
        }
    }

    /// How much may be queued, and how fast it goes.
    #[must_use]
    pub fn send_view(&self, id: ConnectionId) -> Option<SendView> {
        self.owned(id).map(|entry| entry.tcb.send_view(&self.config.tcp))
    }

    /// Ends our direction: FIN behind what is queued. Receiving goes on.
    pub fn shutdown(&mut self, now: Instant, id: ConnectionId) {
        if self.owned(id).is_some() {
            self.with(now, id, |tcb, env| tcb.shutdown(env));
        }
    }

    /// Ends the connection with RST; [`Event::Closed`] follows. One that has ended by itself, and only
    /// waits to be read, is let go: no event follows.
    pub fn abort(&mut self, now: Instant, id: ConnectionId) {
        let Some(entry) = self.owned(id) else { return };
        if entry.phase != Phase::Live {
            self.close(now, id);
        } else {
            self.with(now, id, |tcb, env| {
                if tcb.end.is_none() {
                    tcb.break_off(env, event::CloseReason::Aborted);
                }
            });
        }
    }

    /// Lets go: what is queued and a FIN still go out, data that comes is answered with RST, and
    /// a deadline applies. The id is dead at once, and no event follows. Where something waits to be
    /// read, RST goes out at once instead, and what is queued is dropped: who does not want that takes
    /// it first. RFC 9293 §3.6.1.
    pub fn close(&mut self, now: Instant, id: ConnectionId) {
        let Some(entry) = self.owned(id) else { return };
        if entry.phase == Phase::Live {
            self.with(now, id, |tcb, env| tcb.let_go(env));
        } else if let Some(mut entry) = self.connections.remove(id) {
            entry.tcb.recv.clear(&mut self.held);
        }
    }

    /// Connections that have not ended, those among them whose owner has let go.
    #[must_use]
    pub const fn unfinished(&self) -> usize {
        self.connections.len()
    }

    /// What `ss -ti` would say of a connection.
    #[must_use]
    pub fn info(&self, now: Instant, id: ConnectionId) -> Option<ConnectionInfo> {
        self.owned(id).map(|entry| entry.tcb.info(now, &self.config.tcp))
    }

    /// Every connection whose owner has not let go.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.connections
            .iter()
            .filter(|(_, entry)| entry.tcb.owner == Owner::Attached)
            .map(|(id, _)| id)
    }

    /// What happened since the start.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Connections by state that a listener accepted, half-open and TIME-WAIT included.
    #[must_use]
    pub fn state_counts(&self, listener: ListenerId) -> Option<&StateCounts> {
        self.listeners.get(listener).map(|listener| &listener.counts)
    }

    /// Connections by state that were opened by [`Engine::connect`].
    #[must_use]
    pub const fn active_state_counts(&self) -> &StateCounts {
        &self.active
    }

    /// Memory by pool.
    #[must_use]
    pub fn held(&self) -> Held {
        let table = |count: usize, bytes: usize| Pool { count, bytes };
        let events = self.events.capacity() * size_of::<Event>();
        let neighbors = self.neighbors.len() + self.told.len();
        Held {
            tcbs: table(self.connections.len(), self.connections.bytes()),
            half_open: table(self.half_open.len(), self.half_open.bytes()),
            time_wait: table(self.time_wait.len(), self.time_wait.bytes()),
            timers: table(self.wheel.len(), self.wheel.bytes()),
            flow_table: table(self.flows.len(), self.flows.bytes()),
            replies: self.replies.pool(),
            events: table(self.events.len(), events),
            neighbors: table(neighbors, neighbors * NEIGHBOR_BYTES),
            ..self.held
        }
    }

    /// The connection of that name, if its owner has not let go.
    fn owned(&self, id: ConnectionId) -> Option<&Entry<F, B>> {
        self.connections.get(id).filter(|entry| entry.tcb.owner == Owner::Attached)
    }

    /// Whether we answer for our addresses.
    fn owns_addresses(&self) -> bool {
        self.config.interface.owner == AddressOwner::Engine
    }
}

/// About what an entry of a neighbour table takes up.
const NEIGHBOR_BYTES: usize = 64;
