//! smoltcp as the other host, with an owner that sends, reads, checks and ends like ours.

use std::collections::VecDeque;

use netstack::{Instant, Span};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp;
use smoltcp::time::Instant as Moment;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr, Ipv4Address};

use crate::app::octet;
use crate::cable::Cable;
use crate::host::PORT;

/// What each socket may hold in each direction.
const SOCKET_BYTES: usize = 256 << 10;

/// Who opens the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opener {
    /// Our engine does.
    Engine,
    /// The peer does.
    Peer,
}

/// smoltcp with its owner: host 2, over IPv4.
pub struct SmoltcpHost {
    interface: Interface,
    sockets: SocketSet<'static>,
    device: Wire,
    streams: Vec<Stream>,
}

/// What makes one.
#[derive(Clone, Copy, Debug)]
pub struct SmoltcpConfig {
    /// Connections.
    pub streams: u16,
    /// Bytes that it sends on each.
    pub send_bytes: u64,
    /// The largest packet.
    pub mtu_bytes: u16,
    /// Decides its initial sequence numbers.
    pub seed: u64,
    /// Who opens the connections.
    pub opener: Opener,
}

/// One connection.
struct Stream {
    handle: SocketHandle,
    sent: u64,
    received: u64,
    send_bytes: u64,
    is_shut_down: bool,
    is_peer_finished: bool,
}

/// Frames that have arrived, and those to be sent.
struct Wire {
    mtu_bytes: u16,
    arrived: VecDeque<Vec<u8>>,
    sent: Vec<Vec<u8>>,
}

impl SmoltcpHost {
    /// A host that listens, or opens its connections at the first [`SmoltcpHost::run`].
    pub fn new(config: SmoltcpConfig) -> Self {
        let SmoltcpConfig { streams, send_bytes, mtu_bytes, seed, opener } = config;
        let mut device = Wire { mtu_bytes, arrived: VecDeque::new(), sent: Vec::new() };
        let mac = HardwareAddress::Ethernet(EthernetAddress([2, 0, 0, 0, 0, 2]));
        let mut settings = Config::new(mac);
        settings.random_seed = seed;
        let mut interface = Interface::new(settings, &mut device, Moment::ZERO);
        interface.update_ip_addrs(|addresses| {
            let address = IpAddress::Ipv4(Ipv4Address::new(192, 0, 2, 2));
            addresses.push(IpCidr::new(address, 24)).expect("there is room for one");
        });
        let mut sockets = SocketSet::new(Vec::new());
        let mut add = |number: u16| {
            let buffer = || tcp::SocketBuffer::new(vec![0; SOCKET_BYTES]);
            let mut socket = tcp::Socket::new(buffer(), buffer());
            match opener {
                Opener::Engine => socket.listen(PORT).expect("the port is none"),
                Opener::Peer => {
                    let remote = (IpAddress::Ipv4(Ipv4Address::new(192, 0, 2, 1)), PORT);
                    let context = interface.context();
                    socket.connect(context, remote, 40_000 + number).expect("both ends are known");
                }
            }
            Stream {
                handle: sockets.add(socket),
                sent: 0,
                received: 0,
                send_bytes,
                is_shut_down: false,
                is_peer_finished: false,
            }
        };
        let streams = (0..streams).map(&mut add).collect();
        Self { interface, sockets, device, streams }
    }

    /// Takes a frame from the link.
    pub fn receive(&mut self, bytes: Vec<u8>) {
        self.device.arrived.push_back(bytes);
    }

    /// When it wants to run.
    pub fn next_run(&mut self, now: Instant) -> Option<Instant> {
        let at = self.interface.poll_at(moment(now), &self.sockets)?;
        let micros = u64::try_from(at.total_micros()).expect("not before the start");
        Some(Instant::ORIGIN + Span::from_micros(micros))
    }

    /// Does what is due: its timers, its owner's work, transmission.
    pub fn run(&mut self, now: Instant, cable: &mut Cable) {
        self.poll(now);
        for stream in &mut self.streams {
            stream.drive(self.sockets.get_mut(stream.handle));
        }
        self.poll(now);
        for frame in self.device.sent.drain(..) {
            cable.take(now, frame);
        }
    }

    /// Bytes received on all connections, each checked.
    pub fn received(&self) -> u64 {
        self.streams.iter().map(|stream| stream.received).sum()
    }

    /// Whether every connection has everything, and the peer's end.
    pub fn is_done(&self) -> bool {
        self.streams.iter().all(|stream| stream.is_peer_finished && stream.is_shut_down)
    }

    fn poll(&mut self, now: Instant) {
        let Self { interface, sockets, device, .. } = self;
        interface.poll(moment(now), device, sockets);
    }
}

impl Stream {
    /// Lets the owner of a connection act.
    fn drive(&mut self, socket: &mut tcp::Socket<'_>) {
        while socket.can_recv() {
            let taken = socket.recv(|bytes| {
                for (byte, offset) in bytes.iter().zip(self.received..) {
                    assert_eq!(*byte, octet(offset), "octet {offset} of the stream");
                }
                (bytes.len(), bytes.len() as u64)
            });
            self.received += taken.expect("there is something");
        }
        self.is_peer_finished |= socket.recv(|_| (0, ())) == Err(tcp::RecvError::Finished);
        while self.sent < self.send_bytes && socket.can_send() {
            let left = usize::try_from(self.send_bytes - self.sent).unwrap_or(usize::MAX);
            let queued = socket.send(|room| {
                let len = room.len().min(left);
                for (byte, offset) in room[..len].iter_mut().zip(self.sent..) {
                    *byte = octet(offset);
                }
                (len, len as u64)
            });
            self.sent += queued.expect("there is room");
        }
        if self.sent == self.send_bytes && socket.may_send() && !self.is_shut_down {
            self.is_shut_down = true;
            socket.close();
        }
    }
}

/// The time as smoltcp counts it.
fn moment(now: Instant) -> Moment {
    let micros = (now - Instant::ORIGIN).as_micros();
    Moment::from_micros(i64::try_from(micros).expect("some hours"))
}

impl Device for Wire {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _: Moment) -> Option<(Arrived, Room<'_>)> {
        let frame = self.arrived.pop_front()?;
        Some((Arrived(frame), Room(&mut self.sent)))
    }

    fn transmit(&mut self, _: Moment) -> Option<Room<'_>> {
        Some(Room(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = usize::from(self.mtu_bytes) + 14;
        capabilities
    }
}

/// A frame that has arrived.
struct Arrived(Vec<u8>);

impl phy::RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

/// Where a frame goes.
struct Room<'a>(&'a mut Vec<Vec<u8>>);

impl phy::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = vec![0; len];
        let result = write(&mut frame);
        self.0.push(frame);
        result
    }
}
