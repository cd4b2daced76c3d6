//! Both sides finish at once: each FIN passes the other on its way.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc};

use hosts::{Hook, Loss, PerMille};

use crate::client::{Client, Stream, finish, shake_hands};
use crate::edge::{ADDRESSES, CLIENT_DEVICE, Edge, LIMIT, Plan};
use crate::holdings::{Holdings, TimeWait, open_files};
use crate::server::Server;

/// Connections that end so, half of them over IPv6.
const CONNECTIONS: usize = 20;

#[test]
fn fins_that_cross_end_both_directions_in_order() {
    let edge = Edge::start(&Plan::default());
    let gate = Arc::new(RwLock::new(()));
    let (told, uploads) = mpsc::channel();
    let told = Mutex::new(told);
    let _backend = Server::start(&edge.host, "127.0.0.1:8080", {
        let gate = Arc::clone(&gate);
        move |mut stream| {
            let mut upload = Vec::new();
            let mut serve = || -> io::Result<()> {
                stream.read_exact(&mut [0])?;
                drop(gate.read().unwrap_or_else(PoisonError::into_inner));
                stream.shutdown(Shutdown::Write)?;
                stream.read_to_end(&mut upload).map(drop)
            };
            let served = serve().map(|()| upload);
            // Nobody listens any more when the test has failed.
            drop(told.lock().unwrap_or_else(PoisonError::into_inner).send(served));
        }
    });
    let state =
        |state: &str| format!("weir_tcp_connections{{listener=\"https\",state=\"{state}\"}}");

    let empty = Holdings::of(&edge);
    let files = open_files(&edge);
    let closed = gate.write().expect("nobody has it");
    let mut streams = open(&edge);
    edge.wait_for_count("weir_backend_connections", CONNECTIONS);
    // weir's FIN is under way for as long as this lasts.
    let hold_up =
        Loss::new(&edge.client, CLIENT_DEVICE, Hook::Ingress, PerMille::ALL, "tcp sport 443");
    let hold_up = hold_up.expect("a rule");
    drop(closed);
    edge.wait_for_count(&state("fin_wait_1"), CONNECTIONS);
    for stream in &mut streams {
        stream.write_all(b"last words").and_then(|()| finish(stream)).expect("they are sent");
    }
    edge.wait_for_count(&state("closing"), CONNECTIONS);
    drop(hold_up);

    for stream in &mut streams {
        assert_eq!(stream.read_to_end(&mut Vec::new()).expect("an end in order"), 0);
        let upload = uploads.recv_timeout(LIMIT).expect("a backend").expect("the upload's end");
        assert_eq!(upload, b"last words");
    }
    edge.wait_for_count(&state("time_wait"), CONNECTIONS);
    edge.wait_for_count(&state("closing"), 0);
    edge.wait_for_count("weir_tcp_closes_total{listener=\"https\",reason=\"done\"}", CONNECTIONS);
    empty.wait_for_same(&edge, TimeWait::Lasts);
    edge.wait_for_metrics("no descriptor to be left", |edge| open_files(edge) <= files);
}

/// Connections of both families, each with a backend.
fn open(edge: &Edge) -> Vec<Stream> {
    let client = Client::new(edge);
    let open = |number: usize| -> io::Result<Stream> {
        let mut stream = client.connect(ADDRESSES[number % 2])?;
        shake_hands(&mut stream)?;
        stream.write_all(b"!")?;
        Ok(stream)
    };
    let all = || (0..CONNECTIONS).map(open).collect::<io::Result<Vec<_>>>();
    edge.client.enter(all).expect("the host is there").expect("connections")
}
