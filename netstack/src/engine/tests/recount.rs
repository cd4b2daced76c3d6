//! That a recount finds what is wrong.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::engine::Engine;
use crate::tcp::ends::Ends;
use crate::tcp::segment::FourTuple;
use crate::tcp::state::TcpState;
use crate::wire::ethernet::MacAddress;
use crate::{Config, Connect, Instant, Interface, Listen};

const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const THEIRS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), 80);
const NOW: Instant = Instant::from_millis(1_000);

/// An engine with a listener and a connection that it opens.
fn engine() -> Engine<Vec<u8>, Vec<u8>> {
    let mac = MacAddress([2, 0, 0, 0, 0, 1]);
    let config = Config::new(Interface::new(mac, OURS, 24), [7; 32]);
    let mut engine = Engine::new(config, NOW).expect("a right configuration");
    let address = SocketAddr::new(OURS, 443);
    let listen = Listen { address, half_open_max: 4, connections_max: 4, name: 1 };
    engine.listen(listen).expect("nobody listens yet");
    let connect = Connect { local: SocketAddr::new(OURS, 0), remote: THEIRS };
    engine.connect(NOW, connect).expect("there is room");
    engine
}

/// Something that goes wrong.
type Fault = fn(&mut Engine<Vec<u8>, Vec<u8>>);

#[test]
fn each_table_that_went_wrong_is_found() {
    assert!(engine().is_sound());
    let faults: [Fault; 6] = [
        // A state that nobody is in; one that nobody is counted in.
        |engine| engine.active.enter(TcpState::Established),
        |engine| engine.active.leave(TcpState::SynSent),
        // A record that is nowhere.
        |engine| engine.active.enter(TcpState::TimeWait),
        // A timer of nobody.
        |engine| {
            let id = engine.connections().next().expect("there is one");
            engine.wheel.arm(id, NOW);
        },
        // A flow of nobody.
        |engine| {
            let tuple = FourTuple { local: SocketAddr::new(OURS, 1), remote: THEIRS };
            engine.flows.insert(engine.hasher.hash(&Ends::of(&tuple)), 5).expect("there is room");
        },
        // More half-open connections than the listener may have.
        |engine| {
            let id = engine.listeners.find(SocketAddr::new(OURS, 443)).expect("it listens");
            let counts = engine.listeners.counts_mut(id).expect("it lives");
            (0..5).for_each(|_| counts.enter(TcpState::SynReceived));
        },
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let mut engine = engine();
        fault(&mut engine);
        assert!(!engine.is_sound(), "fault {number}");
    }
}
