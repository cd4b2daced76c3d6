//! An engine with its owner, in virtual time.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use netstack::{
    AddressOwner, ChecksumPolicy, Config, Connect, ConnectionId, Engine, Event, Instant, Interface,
    Keepalive, Limits, Link, Listen, MacAddress, Span, TcpConfig, Train, Transmitted, Verdict,
};

use crate::packet::{ADDRESSES, MACS};

/// The port that engines listen on.
pub(crate) const PORT: u16 = 443;

/// Timer steps in a row after which something must be going in circles.
const STEPS_MAX: u32 = 100_000;

/// An engine with its owner.
pub(crate) struct World {
    pub(crate) engine: Engine<Vec<u8>, Vec<u8>>,
    pub(crate) now: Instant,
    /// The connections that its owner knows.
    pub(crate) open: Vec<ConnectionId>,
    /// What was delivered, all connections together.
    pub(crate) delivered: Vec<u8>,
    /// The way out.
    pub(crate) wire: Wire,
}

/// The link: frames that the engine sent, and how many more it takes.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) frames: Vec<Vec<u8>>,
    pub(crate) room: usize,
}

impl Link for Wire {
    fn transmit(&mut self, train: &Train<'_>) -> usize {
        let taken = self.room.min(train.segments());
        for index in 0..taken {
            let mut frame = vec![0; train.segment_len(index)];
            let len = train.write_segment(index, &mut frame).expect("it is long enough");
            assert_eq!(len, frame.len(), "a segment has the length that was told");
            self.frames.push(frame);
        }
        self.room -= taken;
        taken
    }
}

/// The address of host 0 or 1.
pub(crate) fn address(host: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(ADDRESSES[host]))
}

impl World {
    /// An engine that listens as host 0 or 1. `variant` chooses among configurations.
    pub(crate) fn new(host: usize, variant: u8) -> Self {
        let interface = Interface {
            mac: MacAddress(MACS[host]),
            mtu_bytes: 1500,
            addresses: vec![(address(host), 24)],
            gateway_v4: None,
            gateway_v6: None,
            owner: AddressOwner::Engine,
            checksum: ChecksumPolicy::Verify,
        };
        let keepalive =
            Keepalive { idle: Span::from_secs(30), interval: Span::from_secs(5), probes_max: 3 };
        let tcp = TcpConfig {
            keepalive: (variant & 1 != 0).then_some(keepalive),
            receive_window_bytes: if variant & 2 != 0 { 4096 } else { 65_536 },
            ..TcpConfig::default()
        };
        let limits = Limits {
            connections_max: 8,
            half_open_max: 4,
            time_wait_max: 4,
            frames_per_connection_max: 8,
            out_of_order_bytes_max: 1 << 16,
            out_of_order_ranges_max: 8,
            scoreboard_ranges_max: 16,
            replies_max: 16,
            neighbors_max: 4,
            ..Limits::default()
        };
        let seed = [variant; 32];
        let now = Instant::from_millis(1 << (variant >> 4));
        let config = Config { interface, tcp, limits, seed };
        let mut engine = Engine::new(config, now).expect("a right configuration");
        let listen =
            Listen { half_open_max: 2, ..Listen::new(SocketAddr::new(address(host), PORT)) };
        engine.listen(listen).expect("nobody else listens");
        engine.set_neighbor(address(1 - host), MacAddress(MACS[1 - host]));
        let wire = Wire { frames: Vec::new(), room: usize::MAX };
        Self { engine, now, open: Vec::new(), delivered: Vec::new(), wire }
    }

    /// Opens a connection to a port of the other host.
    pub(crate) fn connect(&mut self, host: usize, port: u16) {
        let local = SocketAddr::new(address(host), 0);
        let remote = SocketAddr::new(address(1 - host), port);
        if let Ok(id) = self.engine.connect(self.now, Connect { local, remote }) {
            self.open.push(id);
        }
    }

    /// Takes a frame as a worker without colleagues does.
    pub(crate) fn receive(&mut self, frame: Vec<u8>) {
        if let Verdict::Unclaimed(unclaimed) = self.engine.handle_frame(self.now, frame) {
            self.engine.handle_unclaimed(self.now, unclaimed.frame);
        }
        self.note_events();
    }

    /// Lets `span` pass, timer by timer; what is sent stays on the wire.
    pub(crate) fn sleep(&mut self, span: Span) {
        let until = self.now + span;
        for _ in 0..STEPS_MAX {
            let next = self.engine.poll_timeout().filter(|at| *at <= until);
            let Some(at) = next else {
                self.now = until;
                return;
            };
            self.now = self.now.max(at);
            self.engine.handle_timeout(self.now);
            self.note_events();
            self.transmit();
        }
        panic!("the timers go in circles");
    }

    /// Gives the link what is due and fits.
    pub(crate) fn transmit(&mut self) {
        let transmitted = self.engine.poll_transmit(self.now, &mut self.wire);
        let room = self.wire.room;
        assert!(transmitted == Transmitted::Done || room == 0, "there was room for {room} more");
        self.note_events();
    }

    /// Takes all payload there is, on every connection, and gives the window back.
    pub(crate) fn read(&mut self) {
        for index in 0..self.open.len() {
            let id = self.open[index];
            while let Some(payload) = self.engine.recv(id) {
                self.delivered.extend_from_slice(&payload);
                let len = payload.len();
                drop(payload);
                self.engine.consumed(self.now, id, len);
            }
        }
    }

    /// Everything ends: what is left is asked for by no timer and held by nobody.
    pub(crate) fn end(mut self) {
        for id in std::mem::take(&mut self.open) {
            self.engine.abort(self.now, id);
        }
        self.wire.room = usize::MAX;
        self.note_events();
        self.transmit();
        self.sleep(Span::from_secs(7200));
        self.transmit();
        let held = self.engine.held();
        let counts = [
            held.tcbs.count,
            held.half_open.count,
            held.time_wait.count,
            held.timers.count,
            held.receive_frames.count,
            held.send_buffers.count,
            held.out_of_order.bytes,
            held.copied_out.bytes,
        ];
        assert_eq!(counts, [0; 8], "something is left behind: {held:?}");
    }

    fn note_events(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            match event {
                Event::Accepted { id, .. } => self.open.push(id),
                Event::Closed { id, .. } => self.open.retain(|other| *other != id),
                Event::Connected { .. }
                | Event::Readable { .. }
                | Event::PeerFinished { .. }
                | Event::Writable { .. } => {}
            }
        }
    }
}
