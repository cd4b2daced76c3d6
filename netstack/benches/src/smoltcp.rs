//! smoltcp with the same peers.

use std::collections::VecDeque;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Checksum, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr};

use crate::BATCH;
use crate::frames::{HOST, HOST_MAC, Options, PORT, ROUTER, Writer, addressed, arp_request};
use crate::peers::Peers;
use crate::world::Checksums;

/// What each socket may hold in each direction: a batch, and some more.
const SOCKET_BYTES: usize = 256 << 10;

/// smoltcp whose connections are established.
pub struct SmoltcpWorld {
    interface: Interface,
    sockets: SocketSet<'static>,
    handles: Vec<SocketHandle>,
    device: Wire,
    now: Instant,
    peers: Peers,
}

/// Frames that are about to come in, and those that have gone out.
struct Wire {
    checksums: Checksums,
    inbox: VecDeque<Vec<u8>>,
    /// Frames that were taken.
    taken: Vec<Vec<u8>>,
    sent: Vec<u8>,
    /// Whom the last segments went to, and their sequence numbers.
    answers: Vec<(u32, u32)>,
    /// Whether that is noted.
    notes: bool,
}

impl SmoltcpWorld {
    /// Sockets with established connections.
    ///
    /// # Panics
    /// smoltcp refuses a connection.
    #[must_use]
    pub fn new(connections: u32, checksums: Checksums) -> Self {
        let mut device = Wire {
            checksums,
            inbox: VecDeque::new(),
            taken: Vec::new(),
            sent: Vec::new(),
            answers: Vec::new(),
            notes: false,
        };
        let mac = HardwareAddress::Ethernet(EthernetAddress(HOST_MAC));
        let now = Instant::from_secs(1);
        let mut interface = Interface::new(Config::new(mac), &mut device, now);
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(IpAddress::Ipv4(HOST), 24)).expect("there is room for one");
        });
        interface.routes_mut().add_default_ipv4_route(ROUTER).expect("there is room for one");
        let mut sockets = SocketSet::new(Vec::new());
        let handles = (0..connections).map(|_| {
            let buffer = || tcp::SocketBuffer::new(vec![0; SOCKET_BYTES]);
            let mut socket = tcp::Socket::new(buffer(), buffer());
            socket.listen(PORT).expect("the port is none");
            sockets.add(socket)
        });
        let handles = handles.collect();
        let writer = Writer { options: Options::None, checksums, ts_value: 0 };
        let peers = Peers::new(connections, connections, writer);
        let mut world = Self { interface, sockets, handles, device, now, peers };
        for first in (0..connections).step_by(BATCH) {
            let peers: Vec<u32> = (first..connections).take(BATCH).collect();
            world.open(&peers);
        }
        world
    }

    /// Opens a connection for each of these peers.
    fn open(&mut self, peers: &[u32]) {
        // Its cache of neighbours forgets within a minute.
        self.device.inbox.push_back(arp_request());
        for &peer in peers {
            let frame = self.peers.syn(peer);
            self.device.inbox.push_back(frame);
        }
        self.device.notes = true;
        self.poll();
        self.device.notes = false;
        for (peer, seq) in core::mem::take(&mut self.device.answers) {
            self.peers.answered(peer, seq);
        }
        for &peer in peers {
            let frame = self.peers.ack(peer, 0);
            self.device.inbox.push_back(frame);
        }
        self.poll();
        self.collect();
    }

    /// A data segment from each of the next peers is about to come in.
    pub fn prepare_data(&mut self, count: usize) {
        for peer in self.peers.next(count) {
            let frame = self.peers.data(peer);
            self.device.inbox.push_back(frame);
        }
    }

    /// smoltcp takes what is about to come in, and sends nothing yet.
    pub fn take(&mut self) {
        while !self.device.inbox.is_empty() {
            self.interface.poll_ingress_single(self.now, &mut self.device, &mut self.sockets);
        }
    }

    /// smoltcp takes what is about to come in, and answers.
    pub fn poll(&mut self) {
        self.interface.poll(self.now, &mut self.device, &mut self.sockets);
    }

    /// The owner reads what was received on any socket.
    ///
    /// # Panics
    /// A connection is not open.
    pub fn read(&mut self) {
        for &handle in &self.handles {
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(handle);
            while socket.can_recv() {
                socket.recv(|bytes| (bytes.len(), ())).expect("there is something");
            }
        }
    }

    /// Time passes; the frames that were taken are free again.
    pub fn collect(&mut self) {
        self.now += Duration::from_micros(10);
        for frame in self.device.taken.drain(..) {
            self.peers.give_back(frame);
        }
    }

    /// Connections that are established.
    #[must_use]
    pub fn connections(&self) -> usize {
        let is_open = |&&handle: &&SocketHandle| {
            self.sockets.get::<tcp::Socket<'_>>(handle).state() == tcp::State::Established
        };
        self.handles.iter().filter(is_open).count()
    }
}

impl Device for Wire {
    type RxToken<'a> = Arrived<'a>;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Arrived<'_>, Room<'_>)> {
        let frame = self.inbox.pop_front()?;
        self.taken.push(frame);
        let arrived = Arrived(self.taken.last()?);
        let answers = self.notes.then_some(&mut self.answers);
        Some((arrived, Room { frame: &mut self.sent, answers }))
    }

    fn transmit(&mut self, _: Instant) -> Option<Room<'_>> {
        let answers = self.notes.then_some(&mut self.answers);
        Some(Room { frame: &mut self.sent, answers })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1_514;
        if self.checksums == Checksums::Partial {
            capabilities.checksum.tcp = Checksum::Tx;
        }
        capabilities
    }
}

/// A frame that has arrived.
struct Arrived<'a>(&'a [u8]);

impl phy::RxToken for Arrived<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

/// Where a frame goes.
struct Room<'a> {
    frame: &'a mut Vec<u8>,
    answers: Option<&'a mut Vec<(u32, u32)>>,
}

impl phy::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        self.frame.resize(len, 0);
        let result = write(self.frame);
        if let Some(answers) = self.answers
            && len >= 54
        {
            answers.push(addressed(self.frame));
        }
        result
    }
}
