//! Header prediction: an engine that predicts does the same as one that does not.

use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::host::{Host, Peer};
use crate::tcp::congestion::CongestionAlgorithm;
use crate::tcp::seq::SeqNum;
use crate::wire::ipv4::Ecn;
use crate::wire::tcp::Flags;
use crate::wire::tcp_options::Timestamps;
use crate::{ConnectionId, EcnMode, Event, Span};

/// What happens to both engines.
#[derive(Clone, Debug)]
enum Action {
    /// A segment of the peer.
    Segment(Sent),
    /// The owner takes what there is.
    Read,
    /// The owner sends so much.
    Send(usize),
    /// The owner ends its direction.
    Shutdown,
    /// What is due goes out.
    Transmit,
    /// Time passes, in milliseconds.
    Pass(u64),
}

/// A segment, by how it differs from the one that is expected.
#[derive(Clone, Debug)]
struct Sent {
    /// How far SEG.SEQ lies from what comes next.
    offset: i32,
    len: usize,
    /// How much of what was sent it acknowledges, in hundredths.
    acknowledged: u32,
    window: u16,
    /// How far the timestamp lies from the last one; `None`: it has none.
    later: Option<i32>,
    flags: Flags,
    ecn: Ecn,
}

/// What the connection is like.
#[derive(Clone, Debug)]
struct Setup {
    timestamps: bool,
    ecn: Flags,
    algorithm: CongestionAlgorithm,
    frames_max: u16,
}

fn sent() -> impl Strategy<Value = Sent> {
    (
        prop_oneof![12 => Just(0), 1 => -40..40],
        prop_oneof![8 => 1..60usize, 1 => Just(0), 1 => Just(1_400)],
        prop_oneof![6 => Just(0), 2 => Just(100), 1 => 0..120u32],
        prop_oneof![6 => Just(0xffff), 1 => any::<u16>(), 1 => Just(0)],
        prop_oneof![8 => Just(Some(1)), 1 => (-3..3).prop_map(Some), 1 => Just(None)],
        prop_oneof![
            8 => Just(Flags::ACK),
            4 => Just(Flags::ACK | Flags::PSH),
            1 => Just(Flags::ACK | Flags::URG),
            1 => Just(Flags::ACK | Flags::ECE),
            1 => Just(Flags::ACK | Flags::CWR),
            1 => Just(Flags::ACK | Flags::AE),
            1 => Just(Flags::NONE),
        ],
        prop_oneof![8 => Just(Ecn::NotEct), 1 => Just(Ecn::Ect0), 1 => Just(Ecn::Ce)],
    )
        .prop_map(|(offset, len, acknowledged, window, later, flags, ecn)| Sent {
            offset,
            len,
            acknowledged,
            window,
            later,
            flags,
            ecn,
        })
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        20 => sent().prop_map(Action::Segment),
        4 => Just(Action::Read),
        3 => (1..4_000usize).prop_map(Action::Send),
        6 => Just(Action::Transmit),
        3 => (1..300u64).prop_map(Action::Pass),
    ]
}

fn setup() -> impl Strategy<Value = Setup> {
    (
        any::<bool>(),
        prop_oneof![
            2 => Just(Flags::NONE),
            1 => Just(Flags::ECE | Flags::CWR),
            1 => Just(Flags::AE | Flags::ECE | Flags::CWR),
        ],
        prop_oneof![
            3 => Just(CongestionAlgorithm::Cubic),
            1 => Just(CongestionAlgorithm::NewReno),
            1 => Just(CongestionAlgorithm::Bbr),
        ],
        prop_oneof![1 => Just(3), 3 => Just(64)],
    )
        .prop_map(|(timestamps, ecn, algorithm, frames_max)| Setup {
            timestamps,
            ecn,
            algorithm,
            frames_max,
        })
}

/// An engine with its peer.
struct Side {
    host: Host,
    peer: Peer,
    id: ConnectionId,
    seen: Vec<String>,
}

impl Side {
    fn new(setup: &Setup, prediction: Prediction) -> Self {
        let mut host = Host::with(|config| {
            config.tcp.ecn = EcnMode::On;
            config.tcp.congestion = setup.algorithm;
            config.limits.frames_per_connection_max = setup.frames_max;
        });
        if prediction == Prediction::Off {
            host.engine.predict_nothing();
        }
        let mut peer = Peer::new();
        if setup.timestamps {
            peer.timestamps = Some(Timestamps { value: u32::MAX - 3, echo: 0 });
        }
        peer.flags = Flags::ACK;
        let syn = Peer { flags: Flags::SYN | setup.ecn, ..peer };
        host.receive(syn.frame(&[]));
        let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
        peer.seq += 1;
        peer.ack = syn_ack.seq + 1;
        host.now += Span::from_millis(20);
        host.receive(peer.frame(&[]));
        let id = host.only();
        Self { host, peer, id, seen: Vec::new() }
    }

    fn act(&mut self, action: &Action) {
        let Self { host, peer, id, seen } = self;
        match action {
            Action::Segment(sent) => {
                if let (Some(mine), Some(later)) = (&mut peer.timestamps, sent.later) {
                    mine.value = mine.value.wrapping_add_signed(later);
                }
                let timestamps = peer.timestamps.filter(|_| sent.later.is_some());
                let info = host.engine.info(host.now, *id);
                let unacked = info.map_or(0, |info| info.snd_nxt.wrapping_sub(info.snd_una));
                let una = host.engine.info(host.now, *id).map_or(0, |info| info.snd_una);
                let ack = SeqNum::from_wire(una) + unacked / 100 * sent.acknowledged;
                let seq = peer.seq + sent.offset.cast_unsigned();
                let segment = Peer {
                    seq,
                    ack,
                    window: sent.window,
                    timestamps,
                    flags: sent.flags,
                    ecn: sent.ecn,
                    ..*peer
                };
                host.receive(segment.frame(&vec![0x5a; sent.len]));
                // What comes next is what the engine says it has.
                if let Some(info) = host.engine.info(host.now, *id) {
                    peer.seq = SeqNum::from_wire(info.rcv_nxt);
                }
            }
            Action::Read => seen.push(format!("{:?}", host.read(*id).len())),
            Action::Send(len) => {
                let sent = host.engine.send(host.now, *id, vec![1; *len]);
                seen.push(format!("{sent:?}"));
            }
            Action::Shutdown => host.engine.shutdown(host.now, *id),
            Action::Transmit => seen.push(format!("{:?}", host.transmit())),
            Action::Pass(millis) => host.sleep(Span::from_millis(*millis)),
        }
        let events: Vec<Event> = host.take_events();
        seen.push(format!("{events:?} {:?}", host.engine.connection_state(*id)));
        seen.push(format!("{:?} {:?}", host.engine.counters(), host.engine.held().receive_frames));
    }
}

/// Whether a [`Side`] predicts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prediction {
    On,
    Off,
}

proptest! {
    #[test]
    fn what_is_predicted_is_what_the_steps_would_do(
        setup in setup(),
        actions in prop::collection::vec(action(), 1..60),
        shutdown_at in 0..80usize,
    ) {
        let mut sides = [Prediction::On, Prediction::Off].map(|side| Side::new(&setup, side));
        for (at, action) in actions.iter().enumerate() {
            let action = if at == shutdown_at { &Action::Shutdown } else { action };
            for side in &mut sides {
                side.act(action);
            }
            let [predicting, other] = &mut sides;
            for (one, two) in predicting.seen.drain(..).zip(other.seen.drain(..)) {
                prop_assert_eq!(one, two, "after {:?}", action);
            }
        }
    }
}

#[test]
fn text_in_order_is_predicted() {
    let mut host = Host::new();
    let mut peer = Peer::new();
    peer.timestamps = Some(Timestamps { value: 1, echo: 0 });
    let id = peer.handshake(&mut host);
    for _ in 0..3 {
        peer.send(&mut host, &[1; 100]);
    }
    assert_eq!(host.engine.predicted(), 3);
    assert_eq!(host.read(id).len(), 300);
    peer.seq += 1;
    peer.send(&mut host, &[1; 100]);
    assert_eq!(host.engine.predicted(), 3, "it lies ahead of a gap");
}

#[test]
fn an_acknowledgment_of_new_data_is_predicted() {
    let mut host = Host::new();
    let mut peer = Peer::new();
    peer.timestamps = Some(Timestamps { value: 1, echo: 0 });
    let id = peer.handshake(&mut host);
    host.engine.send(host.now, id, vec![1; 3_000]).expect("there is room");
    let sent = host.segments();
    for (count, (segment, payload)) in (1..).zip(&sent) {
        peer.ack = segment.seq + u32::try_from(payload.len()).expect("a segment");
        host.sleep(Span::from_millis(1));
        host.receive(peer.frame(&[]));
        assert_eq!(host.engine.predicted(), count);
    }
    assert_eq!(host.engine.info(host.now, id).expect("it is there").bytes_acked, 3_000);
    host.receive(peer.frame(&[]));
    assert_eq!(host.engine.predicted(), sent.len() as u64, "it acknowledges nothing new");
}
