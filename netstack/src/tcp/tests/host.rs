//! What the tests of connections drive: an engine, and a peer written by hand or another engine.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::vec;
use std::vec::Vec;

use crate::tcp::ends::Ends;
use crate::tcp::header::{IpFields, Outgoing, Route};
use crate::tcp::segment::{FourTuple, Options, Segment};
use crate::tcp::seq::{SeqNum, WindowScale};
use crate::tcp::train::{Train, TrainParts};
use crate::wire::checksum::ChecksumPolicy;
use crate::wire::ethernet::MacAddress;
use crate::wire::ipv4::Ecn;
use crate::wire::packet::{Body, Packet};
use crate::wire::tcp::Flags;
use crate::wire::tcp_options::{SackPermitted, SegmentOptions, SynOptions, Timestamps};
use crate::{
    AddressOwner, CloseReason, Config, Connect, ConnectionId, Engine, Event, Instant, Interface,
    Limits, Link, Listen, ListenerId, Span, TcpConfig, TcpState, Transmitted, Verdict,
};

/// An engine with its time and its link.
pub(super) struct Host {
    pub(super) engine: Engine<Vec<u8>, Vec<u8>>,
    pub(super) now: Instant,
    pub(super) listener: ListenerId,
    pub(super) events: Vec<Event>,
}

/// A link that keeps every frame.
#[derive(Default)]
pub(super) struct Wire {
    pub(super) frames: Vec<Vec<u8>>,
    /// Segments that the link still takes; `None` is no limit.
    pub(super) room: Option<usize>,
}

impl Link for Wire {
    fn transmit(&mut self, train: &Train<'_>) -> usize {
        let taken = self.room.unwrap_or(usize::MAX).min(train.segments());
        for index in 0..taken {
            let mut frame = vec![0; train.segment_len(index)];
            let len = train.write_segment(index, &mut frame).expect("the frame is long enough");
            assert_eq!(len, frame.len(), "segment_len tells the length");
            self.frames.push(frame);
        }
        if let Some(room) = &mut self.room {
            *room -= taken;
        }
        taken
    }
}

pub(super) const SERVER_MAC: MacAddress = MacAddress([2, 0, 0, 0, 0, 1]);
pub(super) const PEER_MAC: MacAddress = MacAddress([2, 0, 0, 0, 0, 2]);
pub(super) const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 443);
pub(super) const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), 40_000);

/// The configuration of a host at `address`.
pub(super) fn config(address: IpAddr, mac: MacAddress) -> Config {
    Config {
        interface: Interface {
            mac,
            mtu_bytes: 1500,
            addresses: vec![(address, 24)],
            gateway_v4: None,
            gateway_v6: None,
            owner: AddressOwner::Engine,
            checksum: ChecksumPolicy::Verify,
        },
        tcp: TcpConfig::default(),
        limits: Limits {
            connections_max: 64,
            half_open_max: 8,
            time_wait_max: 8,
            ..Limits::default()
        },
        seed: [7; 32],
    }
}

impl Host {
    /// A server at [`SERVER`] whose configuration `change` has been at.
    pub(super) fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::at(SERVER, SERVER_MAC, change)
    }

    /// A server with the default configuration.
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A host that listens at `address`.
    pub(super) fn at(
        address: SocketAddr,
        mac: MacAddress,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = config(address.ip(), mac);
        change(&mut config);
        let now = Instant::from_millis(1_000);
        let mut engine = Engine::new(config, now).expect("a right configuration");
        let listen = Listen { address, half_open_max: 4, connections_max: 32, name: 1 };
        let listener = engine.listen(listen).expect("nobody listens yet");
        Self { engine, now, listener, events: Vec::new() }
    }

    /// Takes a frame as a worker without colleagues does.
    pub(super) fn receive(&mut self, frame: Vec<u8>) {
        if let Verdict::Unclaimed(unclaimed) = self.engine.handle_frame(self.now, frame) {
            self.engine.handle_unclaimed(self.now, unclaimed.frame);
        }
        while let Some(event) = self.engine.poll_event() {
            self.events.push(event);
        }
    }

    /// Everything that goes out now.
    pub(super) fn transmit(&mut self) -> Vec<Vec<u8>> {
        let mut wire = Wire::default();
        assert_eq!(self.engine.poll_transmit(self.now, &mut wire), Transmitted::Done);
        assert!(self.engine.is_sound(), "states, timers and flows equal a recount");
        wire.frames
    }

    /// Everything that goes out now, as segments with their payload.
    pub(super) fn segments(&mut self) -> Vec<(Segment, Vec<u8>)> {
        self.transmit().iter().filter_map(|frame| parse(frame)).collect()
    }

    /// Lets time pass, firing each timer at its time.
    pub(super) fn sleep(&mut self, span: Span) {
        let end = self.now + span;
        while let Some(at) = self.engine.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.engine.handle_timeout(self.now);
            while let Some(event) = self.engine.poll_event() {
                self.events.push(event);
            }
        }
        self.now = end;
        self.engine.handle_timeout(self.now);
        while let Some(event) = self.engine.poll_event() {
            self.events.push(event);
        }
    }

    /// Events since the last call.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        while let Some(event) = self.engine.poll_event() {
            self.events.push(event);
        }
        core::mem::take(&mut self.events)
    }

    /// The one connection there is.
    pub(super) fn only(&self) -> ConnectionId {
        let mut all = self.engine.connections();
        let id = all.next().expect("there is a connection");
        assert_eq!(all.next(), None, "there is one connection");
        id
    }

    /// The state of the one connection there is.
    pub(super) fn state(&self) -> TcpState {
        self.engine.info(self.now, self.only()).expect("it lives").state
    }

    /// All bytes that can be read now, given back to the window at once.
    pub(super) fn read(&mut self, id: ConnectionId) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(payload) = self.engine.recv(id) {
            bytes.extend_from_slice(&payload);
        }
        self.engine.consumed(self.now, id, bytes.len());
        bytes
    }

    /// How the one connection that ended did so.
    pub(super) fn close_reason(&mut self) -> Option<CloseReason> {
        self.take_events().iter().find_map(|event| match event {
            Event::Closed { reason, .. } => Some(*reason),
            _ => None,
        })
    }

    /// Asserts that a connection was accepted by a segment with `payload` and a FIN, and reads it.
    pub(super) fn assert_accepted_with(&mut self, payload: &[u8]) {
        let (id, listener) = (self.only(), self.listener);
        assert_eq!(
            self.take_events(),
            [Event::Accepted { id, listener }, Event::Readable { id }, Event::PeerFinished { id }]
        );
        assert_eq!(self.state(), TcpState::CloseWait);
        assert_eq!(self.read(id), payload);
        assert!(self.engine.recv_finished(id));
    }

    /// Asserts that nothing is held but what every engine holds.
    pub(super) fn assert_baseline(&self) {
        let held = self.engine.held();
        for (name, pool) in [
            ("tcbs", held.tcbs),
            ("half_open", held.half_open),
            ("time_wait", held.time_wait),
            ("timers", held.timers),
            ("flow_table", held.flow_table),
            ("receive_frames", held.receive_frames),
            ("copied_out", held.copied_out),
            ("out_of_order", held.out_of_order),
            ("send_buffers", held.send_buffers),
        ] {
            assert_eq!(pool.count, 0, "{name} is back at its baseline: {held:?}");
        }
        let counts = self.engine.state_counts(self.listener).expect("the listener lives");
        assert_eq!(counts.total(), 0, "no state is counted: {counts:?}");
        assert_eq!(self.engine.active_state_counts().total(), 0);
        assert_eq!(self.engine.counters().invariants_broken, 0);
    }

    /// Opens a connection to `remote`.
    pub(super) fn connect(&mut self, local: SocketAddr, remote: SocketAddr) -> ConnectionId {
        self.engine.connect(self.now, Connect { local, remote }).expect("it can be opened")
    }
}

/// A frame as a segment and its payload, if it is one.
pub(super) fn parse(frame: &[u8]) -> Option<(Segment, Vec<u8>)> {
    let packet = Packet::parse(frame, ChecksumPolicy::Verify).expect("what we send is right");
    match packet.body {
        Body::Tcp(segment) => {
            let payload = frame[segment.payload.clone()].to_vec();
            Some((segment, payload))
        }
        _ => None,
    }
}

/// A peer written by hand: a template, of which a test changes what it is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) tuple: FourTuple,
    /// SEG.SEQ of the next segment.
    pub(super) seq: SeqNum,
    /// SEG.ACK of the next segment.
    pub(super) ack: SeqNum,
    pub(super) flags: Flags,
    pub(super) window: u16,
    pub(super) timestamps: Option<Timestamps>,
    pub(super) sack: SegmentOptions,
    pub(super) syn: SynOptions,
    pub(super) ecn: Ecn,
}

impl Peer {
    /// The peer at [`PEER`] that has sent nothing yet; its ISN wraps within the first data.
    pub(super) fn new() -> Self {
        Self {
            tuple: FourTuple { local: PEER, remote: SERVER },
            seq: SeqNum::from_wire(u32::MAX - 5),
            ack: SeqNum::ZERO,
            flags: Flags::ACK,
            window: 0xffff,
            timestamps: None,
            sack: SegmentOptions::default(),
            syn: SynOptions {
                mss: Some(1460),
                window_scale: Some(WindowScale::ZERO),
                sack_permitted: SackPermitted::Yes,
                timestamps: None,
                accecn: None,
            },
            ecn: Ecn::NotEct,
        }
    }

    /// The frame of a segment with that payload.
    pub(super) fn frame(&self, payload: &[u8]) -> Vec<u8> {
        let route = Route { own_mac: PEER_MAC, peer_mac: SERVER_MAC, vlan: None };
        let options = if self.flags.contains(Flags::SYN) {
            Options::Syn(SynOptions { timestamps: self.timestamps, ..self.syn })
        } else {
            Options::Other(SegmentOptions { timestamps: self.timestamps, ..self.sack })
        };
        let outgoing = Outgoing {
            route,
            ends: Ends::of(&self.tuple),
            seq: self.seq,
            ack: self.ack,
            flags: self.flags,
            window: self.window,
            options,
            ecn: self.ecn,
            ip: IpFields::DEFAULT,
        };
        let mut header = [0; _];
        let (len, layers) = outgoing.write(&mut header).expect("one family");
        let slices = [payload];
        let train = Train::new(TrainParts {
            header: &header[..len],
            layers,
            payload: &slices,
            mss: payload.len().max(1),
            last: Flags::NONE,
            bound_to: None,
        });
        let mut frame = vec![0; train.segment_len(0)];
        train.write_segment(0, &mut frame).expect("it fits");
        frame
    }

    /// The frame of a segment with these flags.
    pub(super) fn flagged(&self, flags: Flags) -> Vec<u8> {
        Self { flags, ..*self }.frame(&[])
    }

    /// Does the handshake with `host` in a [`ROUND_TRIP`]; SEG.SEQ and SEG.ACK are then those of the first data.
    pub(super) fn handshake(&mut self, host: &mut Host) -> ConnectionId {
        host.receive(self.flagged(Flags::SYN));
        let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
        self.seq += 1;
        self.ack = syn_ack.seq + 1;
        if let (Some(mine), Some(theirs)) = (&mut self.timestamps, syn_ack.timestamps()) {
            mine.echo = theirs.value;
        }
        host.now += ROUND_TRIP;
        host.receive(self.frame(&[]));
        host.only()
    }

    /// Sends payload and moves SEG.SEQ behind it.
    pub(super) fn send(&mut self, host: &mut Host, payload: &[u8]) {
        host.receive(self.frame(payload));
        self.seq += u32::try_from(payload.len()).expect("a segment's payload");
    }
}

/// How long a peer written by hand takes to answer a SYN-ACK.
pub(super) const ROUND_TRIP: Span = Span::from_millis(20);
