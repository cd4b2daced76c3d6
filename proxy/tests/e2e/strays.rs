//! Two queues, two workers, and segments that reach the wrong one.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Barrier;
use std::thread;

use hosts::{Count, Hook, Loss, PerMille};

use crate::blob::{Blob, checksum};
use crate::client::{Client, Stream, finish, shake_hands};
use crate::edge::{ADDRESSES, CLIENT_DEVICE, Edge, Environment, Plan};
use crate::holdings::{Holdings, TimeWait};
use crate::server::Server;

/// Connections that are open at the same time.
const CONNECTIONS: usize = 1000;

/// Strays that there must be of each family, so that something can be said of them.
const STRAYS: f64 = 30.0;

/// How often that is tried.
const ROUNDS: usize = 20;

/// What each of them sends up and gets back: enough segments for losses, both ways.
const BYTES: u64 = 20_000;

/// A client thread needs little: rustls' buffers are on the heap.
const STACK_BYTES: usize = 256 << 10;

#[test]
fn a_thousand_connections_through_two_workers() {
    let edge = start("0", Vec::new());
    let _echo = echo(&edge);
    let empty = Holdings::of(&edge);
    let resets = Resets::new(&edge);
    talk(&edge, CONNECTIONS, &ADDRESSES, &resets);
    // Nothing is lost and nothing strays: not even a last ACK comes too late for its connection.
    empty.wait_for_same(&edge, TimeWait::Lasts);
    assert_eq!((resets.of_weir(), resets.of_client()), (0, 0), "{}", edge.metrics());
    assert!(edge.metric("weir_tls_handshakes_total") >= CONNECTIONS as f64);
    let packets = ["edge0/0", "edge0/1"].map(|queue| {
        edge.metric(&format!("weir_xdp_packets_total{{queue=\"{queue}\",direction=\"in\"}}"))
    });
    let all: f64 = packets.iter().sum();
    assert!(packets.iter().all(|packets| *packets > all / 5.0), "one has all to do: {packets:?}");
    // Nothing moves the flows: each queue's worker serves those that it accepted.
    let strays = edge.metric(&strays("passed"));
    assert!(strays < all / 100.0, "{strays} of {all} went to another worker");
}

#[test]
fn strays_of_a_rehashing_client_find_their_owner() {
    strays_find_their_owner(Vec::new(), CONNECTIONS);
}

/// A client whose flows move between the queues is served, by a weir with this environment.
pub(crate) fn strays_find_their_owner(environment: Environment, connections: usize) {
    let edge = start("1", environment);
    let _echo = echo(&edge);
    let empty = Holdings::of(&edge);
    let count = |result| edge.metric(&strays(result));
    // Both families at once, and each by itself: what strayed is counted without telling them apart.
    for (connections, addresses) in [
        (connections, &ADDRESSES[..]),
        (connections / 2, &ADDRESSES[..1]),
        (connections / 2, &ADDRESSES[1..]),
    ] {
        let before = count("taken");
        let strayed = || count("taken") - before;
        for _ in 0..ROUNDS {
            // The kernel chooses another queue whenever its retransmission timer fires.
            let resets = Resets::new(&edge);
            let share = PerMille::new(50).expect("a share");
            let _loss =
                Loss::new(&edge.client, CLIENT_DEVICE, Hook::Egress, share, "").expect("loss");
            talk(&edge, connections, addresses, &resets);
            // Nothing of this round is late in the next: it would be answered by RST.
            empty.wait_for_same(&edge, TimeWait::Lasts);
            // What is late for a connection that both sides have closed is answered by RST, and no
            // more comes of it. One that the client has closed, and weir not yet, has an owner that
            // sends its FIN again: behind a RST the client would answer that by one.
            assert_eq!(resets.of_client(), 0, "{}", edge.metrics());
            // How often that is depends on how busy the machine is.
            if strayed() >= STRAYS {
                break;
            }
        }
        let taken = strayed();
        assert!(taken >= STRAYS, "{taken} segments strayed to {addresses:?}\n{}", edge.metrics());
    }
    edge.wait_for_metrics("every stray to be accounted for", |_| {
        count("passed") == count("taken") + count("dropped_no_frame")
    });
    // A burst may find the queue between two workers full: a loss like another, and counted.
    let dropped = count("dropped_queue_full") + count("dropped_no_frame");
    assert!(dropped < count("taken") / 100.0, "{}", edge.metrics());
}

/// Segments that reached another worker's queue, and what became of them.
fn strays(result: &str) -> String {
    format!("weir_worker_strays_total{{result=\"{result}\"}}")
}

/// Two queues, two workers; `txrehash` in the client's namespace.
fn start(txrehash: &str, environment: Environment) -> Edge {
    let edge = Edge::start(&Plan { queues: 2, environment, ..Plan::default() });
    edge.client.set_sysctl("net.core.txrehash", txrehash).expect("a kernel with txrehash");
    edge
}

/// A backend that sends back what it gets, when it has got all of it, and finishes after the client.
fn echo(edge: &Edge) -> Server {
    Server::start(&edge.host, "127.0.0.1:8080", |mut stream| {
        let mut all = vec![0; usize::try_from(BYTES).expect("it fits")];
        let echoed = stream.read_exact(&mut all).and_then(|()| stream.write_all(&all));
        // What goes wrong here shows in the client's answer.
        drop(echoed.and_then(|()| stream.read_to_end(&mut all)));
    })
}

/// The RSTs at the client's end of the cable.
struct Resets<'a> {
    of_weir: Count<'a>,
    of_client: Count<'a>,
}

impl<'a> Resets<'a> {
    /// Counts from now on.
    fn new(edge: &'a Edge) -> Self {
        let count = |hook| {
            Count::new(&edge.client, CLIENT_DEVICE, hook, "tcp flags & rst == rst").expect("a rule")
        };
        Self { of_weir: count(Hook::Ingress), of_client: count(Hook::Egress) }
    }

    fn of_weir(&self) -> u64 {
        self.of_weir.packets().expect("a counter")
    }

    fn of_client(&self) -> u64 {
        self.of_client.packets().expect("a counter")
    }
}

/// Opens all connections, to `addresses` in turns, uses them all and finishes them. Until the first
/// one finishes, weir sends no RST; and none to a client that has not had weir's FIN.
fn talk(edge: &Edge, connections: usize, addresses: &[SocketAddr], resets: &Resets<'_>) {
    let client = Client::new(edge);
    let (open, served, counted) =
        (Barrier::new(connections), Barrier::new(connections + 1), Barrier::new(connections + 1));
    let talk_one = |number: usize| -> io::Result<()> {
        // Whoever fails still lets the others go on.
        let connected = client.connect(addresses[number % addresses.len()]);
        let connected = connected.and_then(|mut it| shake_hands(&mut it).map(|()| it));
        open.wait();
        let used = connected.and_then(|mut it| exchange(&mut it, number).map(|()| it));
        served.wait();
        counted.wait();
        let mut stream = used?;
        finish(&mut stream)?;
        match stream.read_to_end(&mut Vec::new())? {
            0 => Ok(()),
            more => Err(io::Error::other(format!("connection {number}: {more} bytes more"))),
        }
    };
    let all = || {
        thread::scope(|scope| {
            let talk_one = &talk_one;
            let spawn = |number| {
                let thread = thread::Builder::new().stack_size(STACK_BYTES);
                thread.spawn_scoped(scope, move || talk_one(number)).expect("a thread")
            };
            let threads: Vec<_> = (0..connections).map(spawn).collect();
            served.wait();
            let resets = resets.of_weir.packets();
            counted.wait();
            let results = threads.into_iter().map(|thread| thread.join().expect("no panic"));
            (resets, results.filter_map(Result::err).collect::<Vec<_>>())
        })
    };
    let (resets, failures) = edge.client.enter(all).expect("the host is there");
    assert!(failures.is_empty(), "{} failed: {failures:?}\n{}", failures.len(), edge.metrics());
    assert_eq!(resets.expect("a counter"), 0, "{}", edge.metrics());
}

/// Sends what only this connection sends and gets the same back.
fn exchange(stream: &mut Stream, number: usize) -> io::Result<()> {
    let sent = Blob::new(number as u64, BYTES).copy_to(stream)?;
    let received = checksum(stream.take(BYTES))?;
    if received.as_ref() == sent.as_ref() {
        Ok(())
    } else {
        Err(io::Error::other(format!("connection {number}: not what was sent")))
    }
}
