//! The XDP program: loaded, attached for as long as its owner lives, and its filter.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aya::maps::{HashMap, Map, MapData, MapError, PerCpuArray, XskMap};
use aya::programs::{ProgramError, Xdp, XdpMode};
use aya::{Ebpf, EbpfError, EbpfLoader};
use kernel_version::KernelVersion;

use crate::error::{AttachError, FilterError};
use crate::kernel::MULTI_BUFFER;
use crate::link::LinkFacts;
use crate::queue::Queue;

/// `bpf/redirect.c`, compiled by the build script.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/redirect.o"));

/// Names of the two variants in the object: for frames in one buffer, and in several.
const SINGLE_BUFFER: &str = "weir_redirect";
const MULTIPLE_BUFFERS: &str = "weir_redirect_sg";

/// Where weir's TCP connections arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    address: IpAddr,
    port: u16,
}

impl Destination {
    /// TCP to `address` and `port`; port 0 stands for every port.
    #[must_use]
    pub const fn new(address: IpAddr, port: u16) -> Self {
        Self { address: address.to_canonical(), port }
    }

    /// The address.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// The port; 0 for every port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The key in the program's map: `struct destination`.
    fn key(&self) -> [u8; 20] {
        let mut key = [0; 20];
        let (address, port) = key.split_at_mut(16);
        address.copy_from_slice(&mapped(self.address));
        port[..2].copy_from_slice(&self.port.to_be_bytes());
        key
    }
}

impl From<SocketAddr> for Destination {
    fn from(address: SocketAddr) -> Self {
        Self::new(address.ip(), address.port())
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&SocketAddr::new(self.address, self.port), f)
    }
}

/// What the program redirects; all else goes to the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// TCP to these, and ICMP errors that quote segments sent from them.
    pub destinations: BTreeSet<Destination>,
    /// Addresses that weir owns instead of the kernel: ARP, neighbour discovery and echo requests
    /// for them come to weir as well. TCP only as far as `destinations` says.
    pub owned: BTreeSet<IpAddr>,
}

impl Filter {
    /// With one more destination.
    #[must_use]
    pub fn with_destination(mut self, destination: Destination) -> Self {
        self.destinations.insert(destination);
        self
    }

    /// With one more address that weir owns.
    #[must_use]
    pub fn with_owned(mut self, address: IpAddr) -> Self {
        self.owned.insert(address.to_canonical());
        self
    }
}

/// Which mode to attach in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attach {
    /// Native, and where the driver can't, SKB.
    #[default]
    Auto,
    /// Native or not at all.
    Native,
    /// SKB.
    Skb,
}

/// Where an attached program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachMode {
    /// In the driver.
    Native,
    /// Behind the driver, on the kernel's packets.
    Skb,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Redirected: TCP to a destination.
    RedirectTcp,
    /// Redirected: an ICMP error about a segment of ours.
    RedirectIcmpError,
    /// Redirected: ARP for an address of ours.
    RedirectArp,
    /// Redirected: neighbour discovery for an address of ours.
    RedirectNeighbor,
    /// Redirected: an echo request for an address of ours.
    RedirectEcho,
    /// Passed: neither IPv4 nor IPv6 nor ARP.
    PassEthertype,
    /// Passed: a protocol or message that weir does not handle.
    PassProtocol,
    /// Passed: to somebody else.
    PassDestination,
    /// Passed: a fragment.
    PassFragment,
    /// Passed: too short for its headers, or they contradict themselves.
    PassMalformed,
    /// Passed: it would be ours, but its queue has no socket.
    PassNoSocket,
}

impl Reason {
    /// Every reason, in the order of `enum reason` in `redirect.c`.
    pub const ALL: [Self; 11] = [
        Self::RedirectTcp,
        Self::RedirectIcmpError,
        Self::RedirectArp,
        Self::RedirectNeighbor,
        Self::RedirectEcho,
        Self::PassEthertype,
        Self::PassProtocol,
        Self::PassDestination,
        Self::PassFragment,
        Self::PassMalformed,
        Self::PassNoSocket,
    ];

    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RedirectTcp => "redirect_tcp",
            Self::RedirectIcmpError => "redirect_icmp_error",
            Self::RedirectArp => "redirect_arp",
            Self::RedirectNeighbor => "redirect_neighbor",
            Self::RedirectEcho => "redirect_echo",
            Self::PassEthertype => "pass_ethertype",
            Self::PassProtocol => "pass_protocol",
            Self::PassDestination => "pass_destination",
            Self::PassFragment => "pass_fragment",
            Self::PassMalformed => "pass_malformed",
            Self::PassNoSocket => "pass_no_socket",
        }
    }
}

/// Frames that the program has seen, by what became of them, over all processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgramCounters([u64; Reason::ALL.len()]);

impl ProgramCounters {
    /// How many for this reason.
    #[must_use]
    pub const fn get(&self, reason: Reason) -> u64 {
        self.0[reason as usize]
    }
}

/// The XDP program of one interface. Dropping it detaches it; so does the end of the process,
/// however it ends: the attachment is a link that is pinned nowhere.
pub struct Program {
    /// Owns program and link.
    _ebpf: Ebpf,
    maps: Mutex<Maps>,
    mode: AttachMode,
    native_refused: Option<io::Error>,
}

impl Program {
    /// Loads the program and attaches it to `interface`. It redirects nothing before
    /// [`Self::register`].
    ///
    /// # Errors
    /// [`AttachError`] says what is missing and how to get it.
    pub fn attach(interface: &str, filter: &Filter, mode: Attach) -> Result<Self, AttachError> {
        let facts = LinkFacts::of(interface).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => AttachError::NoInterface(interface.to_owned()),
            _ => AttachError::Refused(error),
        })?;
        let mut ebpf = EbpfLoader::new()
            .map_max_entries("sockets", facts.rx_queues)
            .load(OBJECT)
            .map_err(load_failed)?;
        let mut maps = Maps::of(&mut ebpf)?;
        // The filter is whole before the first frame comes by.
        maps.set(filter)?;
        let attached = attach(&mut ebpf, &facts, mode)?;
        tracing::info!(
            interface,
            mode = ?attached.mode,
            native_refused = attached.native_refused.as_ref().map(ToString::to_string),
            "XDP program is attached"
        );
        Ok(Self {
            _ebpf: ebpf,
            maps: Mutex::new(maps),
            mode: attached.mode,
            native_refused: attached.native_refused,
        })
    }

    /// Has the program redirect to this queue's socket what arrives at its queue. When the queue is
    /// closed, its frames go to the kernel again.
    ///
    /// # Errors
    /// [`FilterError::QueueOutOfRange`] if the interface got more queues since the attachment.
    pub fn register(&self, queue: &Queue) -> Result<(), FilterError> {
        self.maps().sockets.set(queue.queue_id(), queue.fd().as_raw_fd(), 0)?;
        queue.set_attached(self.mode);
        Ok(())
    }

    /// Where the program runs.
    #[must_use]
    pub const fn mode(&self) -> AttachMode {
        self.mode
    }

    /// Why the driver refused native mode, if it did.
    #[must_use]
    pub const fn native_refused(&self) -> Option<&io::Error> {
        self.native_refused.as_ref()
    }

    /// Replaces the filter. Destinations in both the old and the new one are never absent between.
    ///
    /// # Errors
    /// [`FilterError::Full`]; then the new ones that fit are in, and none of the old ones is out.
    pub fn set_filter(&self, filter: &Filter) -> Result<(), FilterError> {
        self.maps().set(filter)
    }

    /// Adds one destination.
    ///
    /// # Errors
    /// [`FilterError::Full`]
    pub fn add_destination(&self, destination: Destination) -> Result<(), FilterError> {
        self.maps().add_destination(destination)
    }

    /// Removes one destination; nothing happens if it is not there.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn remove_destination(&self, destination: Destination) -> Result<(), FilterError> {
        self.maps().remove_destination(destination)
    }

    /// The filter as it is.
    #[must_use]
    pub fn filter(&self) -> Filter {
        self.maps().filter.clone()
    }

    /// What became of the frames seen so far.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn counters(&self) -> Result<ProgramCounters, FilterError> {
        let maps = self.maps();
        let mut counters = ProgramCounters::default();
        for (index, total) in (0..).zip(&mut counters.0) {
            *total = maps.counters.get(&index, 0)?.iter().sum();
        }
        Ok(counters)
    }

    /// A panic while the lock was held left no map half-changed: each change is one call.
    fn maps(&self) -> MutexGuard<'_, Maps> {
        self.maps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { _ebpf, maps: _, mode, native_refused } = self;
        f.debug_struct("Program")
            .field("mode", mode)
            .field("native_refused", native_refused)
            .field("filter", &self.filter())
            .finish_non_exhaustive()
    }
}

/// The program's maps, and what was put into them.
struct Maps {
    destinations: HashMap<MapData, [u8; 20], u32>,
    owned: HashMap<MapData, [u8; 16], u32>,
    sockets: XskMap<MapData>,
    counters: PerCpuArray<MapData, u64>,
    filter: Filter,
}

impl Maps {
    fn of(ebpf: &mut Ebpf) -> Result<Self, AttachError> {
        let mut take =
            |name| ebpf.take_map(name).ok_or(AttachError::Load("a map is missing".into()));
        Ok(Self {
            destinations: map(take("destinations")?)?,
            owned: map(take("owned")?)?,
            sockets: map(take("sockets")?)?,
            counters: map(take("counters")?)?,
            filter: Filter::default(),
        })
    }

    fn set(&mut self, filter: &Filter) -> Result<(), FilterError> {
        for destination in &filter.destinations {
            self.add_destination(*destination)?;
        }
        for address in &filter.owned {
            self.owned.insert(mapped(*address), 1, 0)?;
            self.filter.owned.insert(*address);
        }
        let old = self.filter.clone();
        for destination in old.destinations.difference(&filter.destinations) {
            self.remove_destination(*destination)?;
        }
        for address in old.owned.difference(&filter.owned) {
            gone(self.owned.remove(&mapped(*address)))?;
            self.filter.owned.remove(address);
        }
        Ok(())
    }

    fn add_destination(&mut self, destination: Destination) -> Result<(), FilterError> {
        self.destinations.insert(destination.key(), 1, 0)?;
        self.filter.destinations.insert(destination);
        Ok(())
    }

    fn remove_destination(&mut self, destination: Destination) -> Result<(), FilterError> {
        gone(self.destinations.remove(&destination.key()))?;
        self.filter.destinations.remove(&destination);
        Ok(())
    }
}

struct Attached {
    mode: AttachMode,
    native_refused: Option<io::Error>,
}

/// Tries what was asked for, best first. Frames in several buffers are only asked for where frames in
/// one are refused: some drivers take no such program, and where both go, the first is faster.
fn attach(ebpf: &mut Ebpf, facts: &LinkFacts, mode: Attach) -> Result<Attached, AttachError> {
    if mode == Attach::Skb {
        attach_as(ebpf, SINGLE_BUFFER, facts, XdpMode::Skb)?;
        return Ok(Attached { mode: AttachMode::Skb, native_refused: None });
    }
    let mut native = attach_as(ebpf, SINGLE_BUFFER, facts, XdpMode::Driver);
    if matches!(native, Err(AttachError::Refused(_))) && KernelVersion::effective() >= MULTI_BUFFER
    {
        native = attach_as(ebpf, MULTIPLE_BUFFERS, facts, XdpMode::Driver);
    }
    match (native, mode) {
        (Ok(()), _) => Ok(Attached { mode: AttachMode::Native, native_refused: None }),
        (Err(AttachError::Refused(why)), Attach::Auto) => {
            attach_as(ebpf, SINGLE_BUFFER, facts, XdpMode::Skb)?;
            Ok(Attached { mode: AttachMode::Skb, native_refused: Some(why) })
        }
        (Err(error), _) => Err(error),
    }
}

fn attach_as(
    ebpf: &mut Ebpf,
    name: &str,
    facts: &LinkFacts,
    mode: XdpMode,
) -> Result<(), AttachError> {
    let program = ebpf.program_mut(name).ok_or(AttachError::Load("a program is missing".into()))?;
    let program: &mut Xdp = program.try_into().map_err(load_failed)?;
    match program.load() {
        Ok(()) | Err(ProgramError::AlreadyLoaded) => {}
        Err(error) => return Err(load_failed(error)),
    }
    let link =
        program.attach_to_if_index(facts.index, mode).map_err(|error| refused(error, facts))?;
    // Where the kernel refuses a link, aya attaches by netlink, which would survive a crash. It only
    // shows in the form of the id; anything but a link is let go of at once.
    if !format!("{link:?}").contains("FdLink") {
        program.detach(link).map_err(load_failed)?;
        return Err(AttachError::NoBpfLink);
    }
    Ok(())
}

fn refused(error: ProgramError, facts: &LinkFacts) -> AttachError {
    let source = match error {
        ProgramError::SyscallError(call) => call.io_error,
        ProgramError::XdpError(error) => io::Error::other(error),
        other => return AttachError::Load(Box::new(other)),
    };
    match source.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => AttachError::MissingCapability(source),
        Some(libc::EBUSY | libc::EEXIST) => AttachError::Occupied(facts.name.clone()),
        Some(libc::ENODEV) => AttachError::NoInterface(facts.name.clone()),
        _ => AttachError::Refused(source),
    }
}

fn load_failed(error: impl Into<EbpfError>) -> AttachError {
    let error = error.into();
    let io_error = match &error {
        EbpfError::MapError(MapError::CreateError { io_error, .. })
        | EbpfError::ProgramError(ProgramError::LoadError { io_error, .. }) => Some(io_error),
        EbpfError::MapError(MapError::SyscallError(call))
        | EbpfError::ProgramError(ProgramError::SyscallError(call)) => Some(&call.io_error),
        _ => None,
    };
    match io_error.and_then(io::Error::raw_os_error) {
        Some(code @ (libc::EPERM | libc::EACCES)) => {
            AttachError::MissingCapability(io::Error::from_raw_os_error(code))
        }
        _ => AttachError::Load(Box::new(error)),
    }
}

fn map<T: TryFrom<Map, Error = MapError>>(map: Map) -> Result<T, AttachError> {
    T::try_from(map).map_err(load_failed)
}

/// Removing what is not there is no error.
fn gone(result: Result<(), MapError>) -> Result<(), FilterError> {
    match result {
        Err(MapError::KeyNotFound) => Ok(()),
        Err(MapError::SyscallError(call)) if call.io_error.raw_os_error() == Some(libc::ENOENT) => {
            Ok(())
        }
        other => Ok(other?),
    }
}

/// The address in the form that the maps have: IPv4 as IPv4-mapped (RFC 4291 §2.5.5.2).
fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
    .octets()
}
