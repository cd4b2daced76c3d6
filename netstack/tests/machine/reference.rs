//! What may happen: how a connection begins, and what its peer, its owner and time do then.

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

/// How a connection begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beginning {
    pub(crate) opener: Opener,
    /// The peer's ISS.
    pub(crate) peer_isn: u32,
    pub(crate) options: PeerOptions,
    pub(crate) engine: EngineConfig,
}

/// Who sends the first SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opener {
    Peer,
    Engine,
    /// Both, and the SYNs cross.
    Both,
}

/// The options of the peer's SYN.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerOptions {
    pub(crate) mss: Option<u16>,
    pub(crate) scale: Option<u8>,
    pub(crate) sack: bool,
    pub(crate) stamps: bool,
}

/// What of the engine's configuration matters to one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EngineConfig {
    pub(crate) window: u32,
    pub(crate) nagle: bool,
    pub(crate) keepalive: bool,
    /// Its clock when it begins, in ms: initial sequence number and timestamps follow it.
    pub(crate) clock_ms: u64,
}

/// What happens next.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A segment arrives.
    Segment(Shape),
    /// The peer sends what an honest one would: the next of its stream, all acknowledged.
    Honest { octets: u16, fin: bool },
    /// So much time passes.
    Wait { ms: u32 },
    /// The link takes so many segments from here on, then none.
    Room(u16),
    /// The owner queues so many octets.
    Send(u16),
    /// The owner reads all there is.
    Read,
    /// The owner ends its direction.
    Shutdown,
    /// The owner lets go.
    Close,
    /// The owner resets.
    Abort,
}

/// A segment, its numbers counted from the live ones.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) seq: (SeqBase, i32),
    pub(crate) ack: (AckBase, i32),
    pub(crate) flags: u8,
    pub(crate) window: u16,
    pub(crate) octets: u16,
    /// Each from such a number, so long.
    pub(crate) sack: Vec<(AckBase, i32, u32)>,
    /// What the timestamp is ahead of the last; `None` is without.
    pub(crate) stamp: Option<i32>,
    /// What is echoed is so much older than the engine's last timestamp.
    pub(crate) echo_age: u32,
}

/// From where a sequence number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SeqBase {
    /// What the engine has acknowledged.
    Acknowledged,
    /// Behind what the peer has sent.
    Next,
    /// The right edge of the engine's window.
    Edge,
    /// The peer's ISS.
    Start,
}

/// From where an acknowledgment counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AckBase {
    /// All that the engine has sent.
    All,
    /// What the peer has acknowledged.
    Acknowledged,
    /// The engine's ISS.
    Start,
}

/// What the owner may still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Sends,
    HasShutDown,
    IsGone,
}

/// The state that decides which events may come.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) beginning: Beginning,
    owner: Owner,
}

impl ReferenceStateMachine for Reference {
    type State = Self;
    type Transition = Event;

    fn init_state() -> BoxedStrategy<Self> {
        beginning().prop_map(|beginning| Self { beginning, owner: Owner::Sends }).boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Event> {
        let outside = prop_oneof![
            6 => shape().prop_map(Event::Segment),
            4 => (octets(), prop::bool::weighted(0.1))
                .prop_map(|(octets, fin)| Event::Honest { octets, fin }),
            3 => (0u32..18, 0u32..1_000).prop_map(|(bits, more)| Event::Wait {
                ms: (1 << bits) + more % (1 << bits),
            }),
            1 => prop_oneof![Just(u16::MAX), 0u16..6].prop_map(Event::Room),
        ];
        let reads = Just(Event::Read);
        let leaves = prop_oneof![3 => Just(Event::Close), 1 => Just(Event::Abort)];
        let sends = (1u16..30_000).prop_map(Event::Send);
        match state.owner {
            Owner::Sends => prop_oneof![
                40 => outside, 10 => sends, 6 => reads, 2 => Just(Event::Shutdown), 1 => leaves,
            ]
            .boxed(),
            Owner::HasShutDown => prop_oneof![40 => outside, 6 => reads, 1 => leaves].boxed(),
            Owner::IsGone => outside.boxed(),
        }
    }

    fn preconditions(state: &Self, event: &Event) -> bool {
        match event {
            Event::Segment(_) | Event::Honest { .. } | Event::Wait { .. } | Event::Room(_) => true,
            Event::Send(_) | Event::Shutdown => state.owner == Owner::Sends,
            Event::Read | Event::Close | Event::Abort => state.owner != Owner::IsGone,
        }
    }

    fn apply(mut state: Self, event: &Event) -> Self {
        match event {
            Event::Shutdown => state.owner = Owner::HasShutDown,
            Event::Close | Event::Abort => state.owner = Owner::IsGone,
            Event::Segment(_)
            | Event::Honest { .. }
            | Event::Wait { .. }
            | Event::Room(_)
            | Event::Send(_)
            | Event::Read => {}
        }
        state
    }
}

/// A beginning, often right before a wrap.
fn beginning() -> impl Strategy<Value = Beginning> {
    let opener = prop_oneof![Just(Opener::Peer), Just(Opener::Engine), Just(Opener::Both)];
    let isn = prop_oneof![any::<u32>(), (0u32..40_000).prop_map(u32::wrapping_neg)];
    let options = (
        prop_oneof![Just(None), Just(Some(1_460)), Just(Some(536)), (1u16..9_000).prop_map(Some)],
        prop::option::of(0u8..15),
        any::<bool>(),
        any::<bool>(),
    );
    let options =
        options.prop_map(|(mss, scale, sack, stamps)| PeerOptions { mss, scale, sack, stamps });
    let window = prop_oneof![Just(65_536u32), Just(4_096), Just(1 << 20)];
    let engine = (window, prop::bool::weighted(0.2), prop::bool::weighted(0.3), clock());
    let engine = engine.prop_map(|(window, nagle, keepalive, clock_ms)| EngineConfig {
        window,
        nagle,
        keepalive,
        clock_ms,
    });
    (opener, isn, options, engine).prop_map(|(opener, peer_isn, options, engine)| Beginning {
        opener,
        peer_isn,
        options,
        engine,
    })
}

/// Some time within the 4.8 hours in which initial sequence numbers go around.
fn clock() -> impl Strategy<Value = u64> {
    0u64..17_180_000
}

fn octets() -> impl Strategy<Value = u16> {
    prop_oneof![Just(0u16), Just(1_448), Just(1), 0u16..1_461]
}

/// How far from a live number.
fn offset() -> impl Strategy<Value = i32> {
    prop_oneof![
        6 => Just(0),
        2 => prop_oneof![Just(1), Just(-1)],
        2 => -3_000..3_000,
        1 => -70_000..70_000,
        1 => any::<i32>(),
    ]
}

fn seq_base() -> impl Strategy<Value = SeqBase> {
    prop_oneof![
        4 => Just(SeqBase::Next),
        3 => Just(SeqBase::Acknowledged),
        1 => Just(SeqBase::Edge),
        1 => Just(SeqBase::Start),
    ]
}

fn ack_base() -> impl Strategy<Value = AckBase> {
    prop_oneof![
        4 => Just(AckBase::All),
        4 => Just(AckBase::Acknowledged),
        1 => Just(AckBase::Start),
    ]
}

fn shape() -> impl Strategy<Value = Shape> {
    const FIN: u8 = 1;
    const SYN: u8 = 2;
    const RST: u8 = 4;
    const PSH: u8 = 8;
    const ACK: u8 = 16;
    let flags = prop_oneof![
        10 => Just(ACK),
        3 => Just(ACK | PSH),
        2 => Just(ACK | FIN),
        1 => Just(RST),
        1 => Just(RST | ACK),
        1 => Just(SYN),
        1 => Just(SYN | ACK),
        1 => Just(0),
    ];
    let window = prop_oneof![3 => Just(u16::MAX), 1 => Just(0u16), 2 => any::<u16>()];
    let block = (ack_base(), -20_000i32..20_000, 1u32..6_000);
    let sack = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(block, 1..4)];
    let stamp = prop_oneof![8 => Just(Some(0)), 2 => (-5i32..50).prop_map(Some), 1 => Just(None)];
    let echo_age = prop_oneof![6 => Just(0u32), 2 => 0u32..2_000];
    let numbers = ((seq_base(), offset()), (ack_base(), offset()));
    (numbers, flags, window, octets(), sack, stamp, echo_age).prop_map(
        |((seq, ack), flags, window, octets, sack, stamp, echo_age)| Shape {
            seq,
            ack,
            flags,
            window,
            octets,
            sack,
            stamp,
            echo_age,
        },
    )
}
