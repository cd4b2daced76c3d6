//! The engine on a device, in real time, as a sender without end.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant as Moment};

use forwarder::PacketSocket;
use netstack::{
    AddressOwner, ChecksumPolicy, Config, CongestionAlgorithm, Connect, ConnectionId, Engine,
    Event, Instant, Interface, Limits, Link, MacAddress, Span, TcpConfig, Train, Transmitted,
    Verdict,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// The longest wait before it looks whether all is over.
const LOOK: Duration = Duration::from_millis(100);
/// How long a device without room is left alone.
const FULL: Duration = Duration::from_micros(50);
/// Octets of a buffer that is queued.
const RECORD: usize = 16_384;

/// The engine, and what it is asked for.
pub(crate) struct Sending {
    engine: Engine<Vec<u8>, Vec<u8>>,
    socket: PacketSocket,
    start: Moment,
}

/// Puts segments on the device.
struct Outlet<'a>(&'a PacketSocket);

impl Link for Outlet<'_> {
    fn transmit(&mut self, train: &Train<'_>) -> usize {
        for index in 0..train.segments() {
            let mut frame = vec![0; train.segment_len(index)];
            train.write_segment(index, &mut frame).expect("it is long enough");
            if !self.0.send(&frame).expect("the device is there") {
                return index;
            }
        }
        train.segments()
    }
}

impl Sending {
    /// An engine at `address` of the device behind `socket`.
    pub(crate) fn new(
        socket: PacketSocket,
        address: IpAddr,
        algorithm: CongestionAlgorithm,
        seed: u64,
    ) -> Self {
        let interface = Interface {
            mac: MacAddress([2, 0, 0, 0, 0, 1]),
            mtu_bytes: 1_500,
            addresses: vec![(address, 24)],
            gateway_v4: None,
            gateway_v6: None,
            owner: AddressOwner::Engine,
            checksum: ChecksumPolicy::Verify,
        };
        let tcp = TcpConfig {
            congestion: algorithm,
            send_queue_bytes_max: 4 << 20,
            ..TcpConfig::default()
        };
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&seed.to_ne_bytes());
        let config = Config { interface, tcp, limits: Limits::default(), seed: secret };
        let engine = Engine::new(config, Instant::ORIGIN).expect("a right configuration");
        Self { engine, socket, start: Moment::now() }
    }

    fn now(&self) -> Instant {
        Instant::ORIGIN + Span::from(self.start.elapsed())
    }

    /// Connects and sends until it is over.
    pub(crate) fn run(mut self, connect: Connect, over: &AtomicBool) {
        let id = self.engine.connect(self.now(), connect).expect("a free port");
        while !over.load(Ordering::Relaxed) {
            while let Some(frame) = self.socket.receive().expect("the device is there") {
                let now = self.now();
                if let Verdict::Unclaimed(unclaimed) = self.engine.handle_frame(now, frame) {
                    self.engine.handle_unclaimed(now, unclaimed.frame);
                }
            }
            let now = self.now();
            if self.engine.poll_timeout().is_some_and(|at| at <= now) {
                self.engine.handle_timeout(now);
            }
            while let Some(event) = self.engine.poll_event() {
                if let Event::Closed { reason, .. } = event {
                    assert!(over.load(Ordering::Relaxed), "the connection is gone: {reason:?}");
                    return;
                }
            }
            self.fill(id);
            let transmitted = self.transmit();
            self.wait(transmitted);
        }
        // A RST that the device does not take is none that anybody waits for.
        self.engine.abort(self.now(), id);
        let _: Transmitted = self.transmit();
    }

    fn transmit(&mut self) -> Transmitted {
        let now = self.now();
        self.engine.poll_transmit(now, &mut Outlet(&self.socket))
    }

    /// Queues what there is room for.
    fn fill(&mut self, id: ConnectionId) {
        let now = self.now();
        while self.engine.send_view(id).is_some_and(|view| view.room_bytes >= RECORD)
            && self.engine.send(now, id, vec![0; RECORD]).is_ok()
        {}
    }

    /// Waits for a frame, or for what is due next.
    fn wait(&self, transmitted: Transmitted) {
        let due = self.engine.poll_timeout().map(|at| Duration::from(at - self.now()));
        let most = if transmitted == Transmitted::Done { LOOK } else { FULL };
        let wait = due.unwrap_or(LOOK).min(most);
        let wait = Timespec::try_from(wait).expect("it is short");
        let mut events = [PollFd::new(&self.socket, PollFlags::IN)];
        rustix::io::retry_on_intr(|| poll(&mut events, Some(&wait))).expect("it can be waited for");
    }
}

/// The two ends of a connection from any port.
pub(crate) fn between(local: IpAddr, remote: SocketAddr) -> Connect {
    Connect { local: SocketAddr::new(local, 0), remote }
}
