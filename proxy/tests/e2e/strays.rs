//! Two queues, two workers, and segments that reach the wrong one.

use std::io::{self, Read, Write};
use std::sync::Barrier;
use std::thread;

use hosts::{Hook, Loss, PerMille};

use crate::blob::{Blob, checksum};
use crate::client::{Client, finish, shake_hands};
use crate::edge::{CLIENT_DEVICE, Edge, Plan, V4_HTTPS, V6_HTTPS};
use crate::server::Server;
use crate::snmp::tcp_counter;

/// Connections that are open at the same time.
const CONNECTIONS: usize = 1000;

/// What each of them sends up and gets back: enough segments for losses, both ways.
const BYTES: u64 = 20_000;

/// A client thread needs little: rustls' buffers are on the heap.
const STACK_BYTES: usize = 256 << 10;

#[test]
fn a_thousand_connections_through_two_workers() {
    let edge = start("0");
    let _echo = echo(&edge);
    talk(&edge);
    assert_eq!(tcp_counter(&edge.client, "EstabResets"), 0, "{}", edge.log());
    assert!(edge.metric("weir_tls_handshakes_total") >= CONNECTIONS as f64);
    for queue in ["edge0/0", "edge0/1"] {
        let packets = format!("weir_xdp_packets_total{{queue=\"{queue}\",direction=\"in\"}}");
        assert!(edge.metric(&packets) > 0.0, "{queue} had nothing to do");
    }
}

#[test]
fn strays_of_a_rehashing_client_find_their_owner() {
    let edge = start("1");
    let _echo = echo(&edge);
    {
        // The kernel chooses another queue whenever its retransmission timer fires.
        let share = PerMille::new(50).expect("a share");
        let _loss = Loss::new(&edge.client, CLIENT_DEVICE, Hook::Egress, share, "").expect("loss");
        talk(&edge);
    }
    let strays = |result| edge.metric(&format!("weir_worker_strays_total{{result=\"{result}\"}}"));
    assert!(strays("taken") > 0.0, "no segment strayed\n{}", edge.metrics());
    // A burst may find the queue between two workers full: a loss like another, and counted.
    assert!(strays("dropped") < strays("taken") / 10.0, "{}", edge.metrics());
    assert_eq!(tcp_counter(&edge.client, "EstabResets"), 0, "{}", edge.log());
}

/// Two queues, two workers; `txrehash` in the client's namespace.
fn start(txrehash: &str) -> Edge {
    let edge = Edge::start(&Plan { queues: 2, ..Plan::default() });
    edge.client.set_sysctl("net.core.txrehash", txrehash).expect("a kernel with txrehash");
    edge
}

/// A backend that sends back what it gets, when it has got all of it.
fn echo(edge: &Edge) -> Server {
    Server::start(&edge.host, "127.0.0.1:8080", |mut stream| {
        let mut all = Vec::new();
        // What goes wrong here shows in the client's answer.
        let echoed = stream.read_to_end(&mut all).and_then(|_| stream.write_all(&all));
        drop(echoed);
    })
}

/// Opens all connections, then uses them all, half of them over IPv6.
fn talk(edge: &Edge) {
    let client = Client::new(edge);
    let open = Barrier::new(CONNECTIONS);
    let talk_one = |number: usize| -> io::Result<()> {
        let mut stream =
            client.connect(if number.is_multiple_of(2) { V4_HTTPS } else { V6_HTTPS })?;
        let ready = shake_hands(&mut stream);
        open.wait();
        ready?;
        let sent = Blob::new(number as u64, BYTES).copy_to(&mut stream)?;
        finish(&mut stream)?;
        let received = checksum(&mut stream)?;
        if received.as_ref() == sent.as_ref() {
            Ok(())
        } else {
            Err(io::Error::other(format!("connection {number}: not what was sent")))
        }
    };
    let failures: Vec<io::Error> = edge
        .client
        .enter(|| {
            thread::scope(|scope| {
                let talk_one = &talk_one;
                let spawn = |number| {
                    let thread = thread::Builder::new().stack_size(STACK_BYTES);
                    thread.spawn_scoped(scope, move || talk_one(number)).expect("a thread")
                };
                let threads: Vec<_> = (0..CONNECTIONS).map(spawn).collect();
                let results = threads.into_iter().map(|thread| thread.join().expect("no panic"));
                results.filter_map(Result::err).collect()
            })
        })
        .expect("the host is there");
    assert!(failures.is_empty(), "{} failed: {failures:?}\n{}", failures.len(), edge.metrics());
}
