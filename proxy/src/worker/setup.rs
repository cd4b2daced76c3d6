//! From a plan to a running worker: opens what its thread owns, and reports.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use netstack::MacAddress;
use weir_io::{Class, Entries, PoolConfig, RingConfig, RingError, Waker, Watch};
use xdp::{Program, Queue, QueueConfig};

use super::Worker;
use super::context::{Context, Listening, Rooms};
use super::control::{Control, Place};
use super::types::{Engine, Ring};
use crate::backend::pick::Picker;
use crate::clock::Clock;
use crate::config::snapshot::{self, Listener, Snapshot, SuperFrames, XdpMode};
use crate::handover::Handover;
use crate::tally::{ListenerPosition, Tally};

/// Record buffers of each class: few enough for io_uring's 16-bit names.
const ENTRIES_MAX: u32 = 1 << 16;
/// At least these, however little memory is given.
const ENTRIES_MIN: u32 = 64;

/// What one worker needs to know before it starts. It is made on the main thread and sent to the
/// worker's own, which opens the sockets: they stay there.
pub(crate) struct Plan {
    /// Where it works.
    pub(crate) place: Place,
    /// The program that redirects to this worker's socket.
    pub(crate) program: Arc<Program>,
    /// The configuration at the start.
    pub(crate) snapshot: Arc<Snapshot>,
    /// The time that all workers share.
    pub(crate) clock: Clock,
    /// The secret of sequence numbers and flow hashes, the same for all workers.
    pub(crate) seed: [u8; 32],
    /// Where this worker counts.
    pub(crate) tally: Tally,
    /// What it is given once every worker is ready.
    pub(crate) start: Receiver<Start>,
}

/// What makes a ready worker run.
pub(crate) struct Start {
    /// Its end of the hand-over.
    pub(crate) handover: Handover,
    /// What it shares with the control plane.
    pub(crate) control: Control,
}

/// What a worker that is ready gives the main thread.
pub(crate) struct Ready {
    /// Wakes it.
    pub(crate) waker: Waker,
    /// How its queue was bound.
    pub(crate) mode: xdp::Mode,
}

/// The whole life of a worker, on the calling thread: opens, reports through `ready`, waits for
/// its start, gives up its capabilities and runs until weir stops.
///
/// # Errors
/// The kernel took the ring away. What could not be opened goes through `ready` instead.
pub(crate) fn run(plan: Plan, ready: &Sender<Result<Ready, StartError>>) -> Result<(), RingError> {
    let opened = match Opened::open(&plan) {
        Ok(opened) => opened,
        Err(error) => {
            // If nobody listens, another worker has failed first.
            drop(ready.send(Err(error)));
            return Ok(());
        }
    };
    let report = Ready { waker: opened.ring.waker(), mode: opened.queue.mode() };
    drop(ready.send(Ok(report)));
    // No start: weir has ended before it began.
    let Ok(start) = plan.start.recv() else { return Ok(()) };
    let Opened { queue, ring, watch, engine, listeners } = opened;
    crate::capabilities::drop_all();
    let picker = Picker::new(u32::from(plan.place.worker));
    let rooms = Rooms { engine, ring, tally: plan.tally, picker };
    let context = Context::new(plan.clock.now(), rooms, plan.snapshot, listeners);
    Worker::new(plan.place, context, (queue, watch), start, plan.clock).run()
}

/// What a worker's thread owns.
struct Opened {
    queue: Queue,
    ring: Ring,
    watch: Watch,
    engine: Engine,
    listeners: Vec<Listening>,
}

impl Opened {
    fn open(plan: &Plan) -> Result<Self, StartError> {
        let listeners: Vec<&Listener> = plan.listeners().collect();
        let first = listeners.first().ok_or(StartError::NoListener)?;
        let queue =
            Queue::open(&plan.place.interface, plan.place.queue, &plan.queue_config(first))?;
        let mut ring = Ring::new(&plan.ring_config())?;
        let watch = ring.watch(queue.fd(), 0)?;
        let mut engine = Engine::new(plan.engine_config(&queue, &listeners)?, plan.clock.now())?;
        let mut ids = Vec::new();
        for listener in listeners {
            for &address in &listener.addresses {
                let listen = plan.listen(address);
                let id =
                    engine.listen(listen).map_err(|error| StartError::Listen { address, error })?;
                let position = plan.position(listener);
                ids.push(Listening { id, name: listener.name.clone(), position });
            }
        }
        plan.program.register(&queue)?;
        Ok(Self { queue, ring, watch, engine, listeners: ids })
    }
}

impl Plan {
    /// The listeners on this worker's interface.
    fn listeners(&self) -> impl Iterator<Item = &Listener> {
        let here = |listener: &&Listener| listener.interface == self.place.interface;
        self.snapshot.listeners.iter().filter(here)
    }

    /// A listener's place among all of the configuration's.
    fn position(&self, listener: &Listener) -> ListenerPosition {
        let at = |other: &Listener| other.name == listener.name;
        ListenerPosition(self.snapshot.listeners.iter().position(at).unwrap_or_default())
    }

    fn queue_config(&self, listener: &Listener) -> QueueConfig {
        let mode = match listener.xdp_mode {
            XdpMode::Auto => xdp::Mode::ZeroCopy,
            XdpMode::Copy => xdp::Mode::Copy,
            XdpMode::Skb => xdp::Mode::Skb,
        };
        QueueConfig {
            frames: self.snapshot.memory.frames_per_queue,
            mode,
            super_frames: match listener.super_frames {
                SuperFrames::Auto => xdp::SuperFrames::Auto,
                SuperFrames::Off => xdp::SuperFrames::Off,
            },
            ..QueueConfig::default()
        }
    }

    fn ring_config(&self) -> RingConfig {
        let pool = PoolConfig {
            entries: entries(self.snapshot.memory.record_buffers_bytes),
            ..PoolConfig::default()
        };
        let operations_max = self.snapshot.limits.backend_operations;
        RingConfig { operations_max, pool, ..RingConfig::default() }
    }

    fn listen(&self, address: SocketAddr) -> netstack::Listen {
        let limits = &self.snapshot.limits;
        netstack::Listen {
            address,
            half_open_max: limits.half_open,
            connections_max: limits.connections,
            name: 0,
        }
    }

    fn engine_config(
        &self,
        queue: &Queue,
        listeners: &[&Listener],
    ) -> Result<netstack::Config, StartError> {
        let limits = &self.snapshot.limits;
        Ok(netstack::Config {
            interface: interface(queue, listeners)?,
            tcp: netstack::TcpConfig::default(),
            limits: netstack::Limits {
                connections_max: limits.connections,
                half_open_max: limits.half_open,
                time_wait_max: limits.time_wait,
                frames_per_connection_max: u16::try_from(limits.frames_per_connection)
                    .unwrap_or(u16::MAX),
                ..netstack::Limits::default()
            },
            seed: self.seed,
        })
    }
}

/// The engine's view of the interface. Where the kernel owns the addresses, each stands alone: weir
/// answers to where a frame came from and asks nobody.
fn interface(queue: &Queue, listeners: &[&Listener]) -> Result<netstack::Interface, StartError> {
    let facts = queue.link();
    let mut interface = netstack::Interface {
        mac: MacAddress(facts.mac.ok_or(StartError::NoMac)?),
        mtu_bytes: u16::try_from(facts.mtu_bytes).unwrap_or(u16::MAX),
        addresses: Vec::new(),
        gateway_v4: None,
        gateway_v6: None,
        owner: netstack::AddressOwner::Kernel,
        checksum: netstack::ChecksumPolicy::Verify,
    };
    for listener in listeners {
        if listener.checksum == snapshot::ChecksumPolicy::VerifyOrPartial {
            interface.checksum = netstack::ChecksumPolicy::VerifyOrPartial;
        }
        match &listener.address_owner {
            snapshot::AddressOwner::Kernel => {
                let alone = listener
                    .addresses
                    .iter()
                    .map(|address| (address.ip(), if address.is_ipv4() { 32 } else { 128 }));
                interface.addresses.extend(alone);
            }
            snapshot::AddressOwner::Engine(networks) => {
                interface.owner = netstack::AddressOwner::Engine;
                interface.addresses.extend(&networks.addresses);
                for gateway in &networks.gateways {
                    match gateway {
                        IpAddr::V4(gateway) => interface.gateway_v4 = Some(*gateway),
                        IpAddr::V6(gateway) => interface.gateway_v6 = Some(*gateway),
                    }
                }
            }
        }
    }
    interface.addresses.sort_unstable();
    interface.addresses.dedup();
    Ok(interface)
}

/// Shares `bytes` out over the classes: half for full records, a quarter for each other.
fn entries(bytes: u64) -> Entries {
    let of = |class: Class, share: u64| {
        let count = bytes / share / class.buffer_bytes() as u64;
        u32::try_from(count).unwrap_or(u32::MAX).clamp(ENTRIES_MIN, ENTRIES_MAX)
    };
    Entries { small: of(Class::Small, 4), medium: of(Class::Medium, 4), large: of(Class::Large, 2) }
}

/// Why a worker did not start.
#[derive(Debug)]
pub(crate) enum StartError {
    /// No listener names this interface.
    NoListener,
    /// The interface has no link address.
    NoMac,
    /// The packet socket.
    Queue(xdp::OpenError),
    /// The program doesn't take the socket.
    Register(xdp::FilterError),
    /// io_uring.
    Ring(RingError),
    /// The engine refuses the interface's facts.
    Engine(netstack::ConfigError),
    /// The engine refuses an address.
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: netstack::ListenError,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoListener => f.write_str("no listener names this interface"),
            Self::NoMac => f.write_str("the interface has no Ethernet address"),
            Self::Queue(error) => error.fmt(f),
            Self::Register(error) => error.fmt(f),
            Self::Ring(error) => error.fmt(f),
            Self::Engine(error) => write!(f, "the TCP engine refuses the interface: {error}"),
            Self::Listen { address, error } => write!(f, "can't listen on {address}: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

macro_rules! from {
    ($($source:ty => $variant:ident),*) => {$(
        impl From<$source> for StartError {
            fn from(error: $source) -> Self {
                Self::$variant(error)
            }
        }
    )*};
}

from!(
    xdp::OpenError => Queue,
    xdp::FilterError => Register,
    RingError => Ring,
    netstack::ConfigError => Engine
);
