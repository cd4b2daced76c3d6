//! A sender, a receiver, and the path between them.

use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use forwarder::{PacketSocket, Path, PathConfig};
use hosts::Host;
use netstack::CongestionAlgorithm;
use netstack_simulator::Impairments;

use crate::engine::{Sending, between};
use crate::kernel::{drain, fill};

/// The addresses of the sender and of the receiver.
const ADDRESSES: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who sends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sender {
    /// The kernel.
    Linux,
    /// The engine.
    Weir(CongestionAlgorithm),
}

/// The hosts, joined.
pub(crate) struct Lab {
    who: Sender,
    seed: u64,
    // Before the hosts: nothing is sent to devices that are gone.
    _path: Path,
    sender: Host,
    receiver: Host,
}

impl Lab {
    /// Joins a sender and a receiver. `way`: what frames meet, each way.
    pub(crate) fn new(who: Sender, way: Impairments, seed: u64) -> Self {
        let name = if matches!(who, Sender::Linux) { "linux" } else { "weir" };
        let host = |role: &str| Host::new(&format!("{name}-{role}-{seed}")).expect("a host");
        let (sender, receiver) = (host("s"), host("r"));
        sender.set_sysctl("net.ipv6.conf.default.disable_ipv6", "1").expect("a kernel with IPv6");
        let config = PathConfig { ways: [way; 2], seed, ..PathConfig::default() };
        let path = Path::new(&sender, &receiver, &config).expect("a path");
        receiver.add_address("eth0", &format!("{}/24", ADDRESSES[1])).expect("an address");
        if matches!(who, Sender::Linux) {
            sender.add_address("eth0", &format!("{}/24", ADDRESSES[0])).expect("an address");
        }
        Self { who, seed, _path: path, sender, receiver }
    }

    /// Sends for `skip` and then for `measured`: the goodput of the latter in bits a second, as the
    /// receiver's program sees it. The time begins with the connection.
    pub(crate) fn goodput(&mut self, algorithm: &str, skip: Duration, measured: Duration) -> u64 {
        let [local, remote] = ADDRESSES.map(|text| text.parse::<IpAddr>().expect("an address"));
        let listener = self.receiver.enter(|| TcpListener::bind((remote, 0)));
        let listener = listener.expect("inside").expect("a port");
        let to = listener.local_addr().expect("it is bound");
        let (received, over) = (AtomicU64::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            let over = &over;
            match self.who {
                Sender::Linux => {
                    let stream = self.sender.enter(|| TcpStream::connect_timeout(&to, PATIENCE));
                    let stream = stream.expect("inside").expect("an answer");
                    scope.spawn(move || fill(stream, algorithm, over));
                }
                Sender::Weir(algorithm) => {
                    let socket = PacketSocket::open(&self.sender, "eth0").expect("a device");
                    let sending = Sending::new(socket, local, algorithm, self.seed);
                    scope.spawn(move || sending.run(between(local, to), over));
                }
            }
            let (accepted, _) = listener.accept().expect("a connection");
            scope.spawn(|| drain(accepted, &received, over));
            thread::sleep(skip);
            let (before, start) = (received.load(Ordering::Relaxed), Instant::now());
            thread::sleep(measured);
            let bits = (received.load(Ordering::Relaxed) - before) * 8;
            let taken = start.elapsed().as_micros();
            over.store(true, Ordering::Relaxed);
            u64::try_from(u128::from(bits) * 1_000_000 / taken.max(1)).unwrap_or(u64::MAX)
        })
    }
}
