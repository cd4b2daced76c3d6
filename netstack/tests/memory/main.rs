//! What an engine allocates, counted by the allocator: for each connection in a state in which there
//! may be very many of them, everything included, and for each packet of an established one.

mod peer;

use counting_allocator::{CountingAllocator, Counts};
use netstack::{ConnectionId, Limits, Span};

use peer::{ACK, FIN, Peer, RST, Server};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// How many connections there are at once.
const COUNT: u32 = 100_000;

/// Limits under which nothing but what a test is about is allocated in advance.
fn few() -> Limits {
    Limits {
        connections_max: 8,
        half_open_max: 8,
        time_wait_max: 8,
        replies_max: 16,
        neighbors_max: 16,
        ..Limits::default()
    }
}

/// Bytes that each of [`COUNT`] connections costs: what the engine has grown by, and its part of the
/// flow table, which is allocated at the start.
fn bytes_each(server: &Server) -> f64 {
    let grown = usize::try_from(server.grown()).expect("it has grown");
    (grown + server.engine.held().flow_table.bytes) as f64 / f64::from(COUNT)
}

/// Checks that what the engine has grown by is gone, but for `kept` bytes: spare chunks, queues of the
/// engine itself.
fn assert_gone(server: &Server, kept: isize) {
    let grown = server.grown();
    assert!(grown <= kept, "{grown} bytes are left");
}

#[test]
fn a_half_open_connection_is_small() {
    let mut server = Server::new(Limits { half_open_max: COUNT, ..few() });
    for number in 0..COUNT {
        server.receive(Peer::new(number).syn());
    }
    assert_eq!(server.engine.held().half_open.count, COUNT as usize);
    let each = bytes_each(&server);
    println!("half-open: {each:.1} bytes");
    assert!(each <= HALF_OPEN_BYTES, "{each:.1} bytes");
    for _ in 0..100 {
        server.sleep(Span::from_secs(1));
    }
    assert_eq!(server.engine.held().half_open.count, 0);
    assert_gone(&server, KEPT_BYTES);
}

#[test]
fn a_connection_in_time_wait_is_small() {
    let mut server = Server::new(Limits { time_wait_max: COUNT, ..few() });
    for number in 0..COUNT {
        let mut peer = Peer::new(number);
        let id = peer.open(&mut server);
        server.engine.close(server.now, id);
        server.transmit();
        peer.ack = peer.ack.wrapping_add(1);
        server.receive(peer.segment(ACK | FIN, &[]));
    }
    assert_eq!(server.engine.held().time_wait.count, COUNT as usize);
    let each = bytes_each(&server);
    println!("TIME-WAIT: {each:.1} bytes");
    assert!(each <= TIME_WAIT_BYTES, "{each:.1} bytes");
    server.sleep(Span::from_secs(100));
    assert_eq!(server.engine.held().time_wait.count, 0);
    assert_gone(&server, KEPT_BYTES);
}

#[test]
fn an_idle_connection_is_small() {
    let mut server = Server::new(Limits { connections_max: COUNT, ..few() });
    let mut peers: Vec<(Peer, ConnectionId)> = Vec::with_capacity(COUNT as usize);
    for number in 0..COUNT {
        let mut peer = Peer::new(number);
        let id = peer.open(&mut server);
        // It was in use: requests and answers of several segments went back and forth.
        for _ in 0..3 {
            peer.ask(&mut server, id, &[1; 400]);
            peer.answered(&mut server, id, 4_000);
        }
        peers.push((peer, id));
    }
    server.sleep(Span::from_secs(10));
    assert_eq!(server.engine.held().timers.count, 0, "nothing is armed");
    // The engine's thread is the test's, so what the test holds is taken off.
    let each = bytes_each(&server) - size_of::<(Peer, ConnectionId)>() as f64;
    println!("idle: {each:.1} bytes");
    assert!(each <= IDLE_BYTES, "{each:.1} bytes");
    for (peer, _) in peers {
        server.receive(peer.segment(RST | ACK, &[]));
        while server.engine.poll_event().is_some() {}
    }
    assert_eq!(server.engine.held().tcbs.count, 0);
    assert_gone(&server, KEPT_BYTES);
}

#[test]
fn an_established_connection_allocates_nothing_for_a_packet() {
    let mut server = Server::new(few());
    let mut peer = Peer::new(1);
    let id = peer.open(&mut server);
    let mut round = |count: u32| {
        let mut allocations = 0;
        for _ in 0..count {
            // Data in, the delayed ACK of data in, data out, its ACK in; then nothing for a while.
            for _ in 0..4 {
                allocations += peer.ask(&mut server, id, &[1; 1_400]);
            }
            for len in [1, 1_400, 30_000] {
                allocations += peer.answered(&mut server, id, len);
            }
            let before = Counts::now();
            server.sleep(Span::from_millis(50));
            allocations += before.until_now().allocations;
        }
        allocations
    };
    let first = round(20);
    assert!(first < 200, "{first} allocations of the first packets");
    assert_eq!(round(1_000), 0);
}

#[test]
fn a_look_ahead_allocates_and_changes_nothing() {
    let mut server = Server::new(Limits { connections_max: 512, ..few() });
    let mut frames = Vec::new();
    for number in 0..300 {
        let mut peer = Peer::new(number);
        peer.open(&mut server);
        frames.push(peer.segment(ACK, &[1; 100]));
    }
    // Whatever a frame is like, and however short.
    frames.push(Peer::new(1_000).segment(ACK, &[1; 100]));
    let whole = frames[0].clone();
    frames.extend((0..80).map(|len| whole[..len].to_vec()));
    let state = |server: &Server| {
        let ids = server.engine.connections();
        let infos: Vec<_> = ids.map(|id| server.engine.info(server.now, id)).collect();
        format!("{infos:?} {:?} {:?}", server.engine.counters(), server.engine.held())
    };
    let before = state(&server);
    let counts = Counts::now();
    for batch in frames.chunks(40) {
        server.engine.look_ahead(batch.iter().map(Vec::as_slice));
    }
    assert_eq!(counts.until_now().allocations, 0);
    assert_eq!(state(&server), before);
}

/// Bytes of a half-open connection at most.
const HALF_OPEN_BYTES: f64 = 64.0;
/// Bytes of a record in TIME-WAIT at most.
const TIME_WAIT_BYTES: f64 = 64.0;
/// Bytes of an idle connection at most.
const IDLE_BYTES: f64 = 512.0;
/// Bytes that may be left when all connections are gone.
const KEPT_BYTES: isize = 100_000;
