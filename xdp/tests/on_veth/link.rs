//! Two hosts and their cable: `client` has a kernel's stack, `edge` has weir's queues.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use hosts::{Host, Offloads, Pair, PairConfig};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use xdp::link::{LinkFacts, Mac};
use xdp::{Frame, FrameCounts, Queue, QueueConfig};

/// The interface, on both hosts.
pub(crate) const DEVICE: &str = "eth0";
/// How long a test waits before it fails.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

pub(crate) const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
pub(crate) const EDGE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
pub(crate) const CLIENT6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2));
pub(crate) const EDGE6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

/// A small queue, as most tests need it.
pub(crate) fn small() -> QueueConfig {
    QueueConfig {
        frames: 256,
        ring_len: 128,
        fill_max: 128,
        tx_reserve: 64,
        jumbos_max: 8,
        ..QueueConfig::default()
    }
}

pub(crate) struct Link {
    pub(crate) client: Host,
    pub(crate) edge: Host,
    pub(crate) client_mac: Mac,
    pub(crate) edge_mac: Mac,
    _pair: Pair,
}

impl Link {
    /// One queue, MTU 1500.
    pub(crate) fn new() -> Self {
        Self::with(PairConfig::default())
    }

    /// The sender's checksums are whole, as on a wire.
    pub(crate) fn with(config: PairConfig) -> Self {
        Self::with_offloads(config, Offloads::Wire)
    }

    /// Both ends have these offloads.
    pub(crate) fn with_offloads(config: PairConfig, offloads: Offloads) -> Self {
        let client = Host::new("client").expect("a namespace");
        let edge = Host::new("edge").expect("a namespace");
        let config = PairConfig { offloads, ..config };
        let pair = Pair::new(&client, DEVICE, &edge, DEVICE, &config).expect("a veth pair");
        for (host, v4, v6) in [(&client, CLIENT, CLIENT6), (&edge, EDGE, EDGE6)] {
            host.add_address(DEVICE, &format!("{v4}/24")).expect("an IPv4 address");
            host.add_address(DEVICE, &format!("{v6}/64")).expect("an IPv6 address");
        }
        let mac = |host: &Host| host.mac(DEVICE).expect("a MAC address");
        Self { client_mac: mac(&client), edge_mac: mac(&edge), client, edge, _pair: pair }
    }

    /// Runs on the edge host.
    pub(crate) fn on_edge<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.edge.enter(work).expect("a thread in the edge host")
    }

    /// Runs on the client.
    pub(crate) fn on_client<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.client.enter(work).expect("a thread in the client")
    }

    /// Sends frames from the client, as they are, to one queue of the edge host: on veth a frame
    /// arrives at the queue of the number it was sent from.
    pub(crate) fn inject(&self, queue_id: u32, frames: &[Vec<u8>]) {
        self.on_client(|| {
            let mut queue = Queue::open(DEVICE, queue_id, &small()).expect("a queue to send from");
            for bytes in frames {
                let mut frame = queue.alloc_for(bytes.len()).expect("a frame to send");
                frame.set_len(bytes.len());
                frame.copy_from_slice(bytes);
                queue.transmit(frame).expect("room in the TX ring");
                queue.flush().expect("the link is up");
            }
            send_all(&mut queue);
            assert_all_free(queue.close());
        });
    }

    /// What the edge host knows of its interface.
    pub(crate) fn facts(&self) -> LinkFacts {
        self.on_edge(|| LinkFacts::of(DEVICE)).expect("facts of the interface")
    }
}

/// Receives exactly `count` frames.
pub(crate) fn receive(queue: &mut Queue, count: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    hosts::wait_until(LIMIT, "frames on the queue", || {
        if queue.receivable() == 0 {
            wait_readable(queue);
        }
        queue.receive(count - frames.len(), &mut |frame| frames.push(frame));
        frames.len() == count
    })
    .expect("as many frames as were sent");
    frames
}

/// Flushes until every frame has left and come back.
pub(crate) fn send_all(queue: &mut Queue) {
    hosts::wait_until(LIMIT, "completions", || {
        queue.flush().expect("the link is up");
        queue.frames().tx == 0 && queue.frames().completion == 0
    })
    .expect("every frame is sent");
}

pub(crate) fn assert_all_free(counts: FrameCounts) {
    assert_eq!(counts.free, counts.total, "{counts:?}");
    assert_sums(counts);
}

pub(crate) fn assert_sums(counts: FrameCounts) {
    let FrameCounts { total, free, fill, rx, tx, completion, held } = counts;
    assert_eq!(free + fill + rx + tx + completion + held, total, "{counts:?}");
}

fn wait_readable(queue: &Queue) {
    let limit = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    let mut descriptors = [PollFd::new(queue, PollFlags::IN)];
    poll(&mut descriptors, Some(&limit)).expect("poll on the socket");
}
