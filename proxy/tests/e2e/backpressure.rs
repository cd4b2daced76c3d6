//! Who does not read stops who writes: nothing but a window's worth waits in weir.

use std::io::{self, Read, Write};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;

use serde_json::Value;

use crate::blob::{Blob, checksum};
use crate::client::{Client, finish, shake_hands};
use crate::edge::{ADDRESSES, Edge, Plan};
use crate::server::Server;
use crate::shortage::narrow;

/// What is sent: far more than may wait.
const BYTES: u64 = 64 << 20;

/// What may be on its way at most: a window, a send queue, and what the sockets' buffers hold.
const WAITING_BYTES: f64 = (16 << 20) as f64;

#[test]
fn a_backend_that_does_not_read_stops_its_client() {
    let edge = Edge::start(&Plan::default());
    narrow(&edge);
    let gate = Arc::new(RwLock::new(()));
    let _backend = Server::start(&edge.host, "127.0.0.1:8080", {
        let gate = Arc::clone(&gate);
        move |mut stream| {
            drop(gate.read().unwrap_or_else(PoisonError::into_inner));
            let answered = checksum(&mut stream).and_then(|sum| stream.write_all(sum.as_ref()));
            // What goes wrong here shows in the client.
            drop(answered);
        }
    });
    let client = Client::new(&edge);
    for address in ADDRESSES {
        let upload = || -> io::Result<_> {
            let mut stream = client.connect(address)?;
            let sent = Blob::new(1, BYTES).copy_to(&mut stream)?;
            finish(&mut stream)?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer)?;
            Ok((sent, answer))
        };
        let before = edge.metric(TAKEN);
        let (sent, answer) = thread::scope(|scope| {
            // Left open by a test that fails.
            let closed = gate.write().expect("nobody has it");
            let uploading = scope.spawn(|| edge.client.enter(upload).expect("the host is there"));
            edge.wait_for_metrics("the client to be stopped", |edge| {
                tcp(edge, "rcv_wnd_bytes") == Some(0)
            });
            let taken = edge.metric(TAKEN) - before;
            assert!(taken < WAITING_BYTES, "{taken} bytes are taken from {address}");
            drop(closed);
            uploading.join().expect("no panic").expect("the upload goes on")
        });
        assert_eq!(answer, sent.as_ref(), "{address}");
        edge.wait_for_count("weir_sessions ", 0);
    }
}

#[test]
fn a_client_that_does_not_read_stops_its_backend() {
    let edge = Edge::start(&Plan::default());
    let _backend = Server::start(&edge.host, "127.0.0.1:8080", |mut stream| {
        let asked = stream.read_exact(&mut [0]);
        // What goes wrong here shows in the client.
        drop(asked.and_then(|()| Blob::new(1, BYTES).copy_to(&mut stream)));
    });
    let client = Client::new(&edge);
    let whole = checksum(Blob::new(1, BYTES)).expect("a checksum");
    for address in ADDRESSES {
        let before = edge.metric(GIVEN);
        let ask = || -> io::Result<_> {
            let mut stream = client.connect(address)?;
            shake_hands(&mut stream)?;
            stream.write_all(b"!")?;
            Ok(stream)
        };
        let mut stream = edge.client.enter(ask).expect("the host is there").expect("it asks");
        // The client's window is closed, and weir reads no more than it has room for.
        edge.wait_for_metrics("the backend to be stopped", |edge| {
            tcp(edge, "snd_wnd_bytes") == Some(0)
                && edge.metric("weir_backend_operations{kind=\"receive\"}") == 0.0
        });
        let given = edge.metric(GIVEN) - before;
        assert!(given < WAITING_BYTES, "{given} bytes are read for {address}");
        let received = checksum(&mut stream).expect("the download goes on");
        assert_eq!(received.as_ref(), whole.as_ref(), "{address}");
        finish(&mut stream).expect("the end");
        edge.wait_for_count("weir_sessions ", 0);
    }
}

/// Payload that clients have sent.
const TAKEN: &str = "weir_tcp_bytes_total{direction=\"in\"}";

/// Payload that backends have sent.
const GIVEN: &str = "weir_backend_bytes_total{direction=\"in\"}";

/// What `weir conns` says of the one connection's TCP; `None`: there is none.
fn tcp(edge: &Edge, what: &str) -> Option<u64> {
    let rows: Vec<Value> = serde_json::from_str(&edge.ask(&["conns", "--json"])).expect("JSON");
    rows.first()?.pointer(&format!("/tcp/{what}"))?.as_u64()
}
