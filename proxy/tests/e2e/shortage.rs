//! Few of everything: connections wait for one another, and every transfer is whole.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Barrier, Mutex, PoisonError, RwLock, mpsc};
use std::thread;

use crate::blob::{Blob, checksum};
use crate::client::{Client, Stream, finish, shake_hands};
use crate::edge::{ADDRESSES, Edge, LIMIT, Plan};
use crate::server::Server;

/// Transfers at the same time: more than a class has record buffers where they are few.
const TRANSFERS: usize = 100;

/// What each of them moves.
const BYTES: u64 = 1 << 20;

/// What fits into weir's receive windows and frames, all transfers' together.
const SMALL_BYTES: u64 = 64 << 10;

/// As few record buffers as there may be: 64 of each class.
const FEW_BUFFERS: &str = "[memory]\nrecord_buffers = \"1B\"\n";

/// As few operations on backends' sockets as there may be.
const FEW_OPERATIONS: &str = "[limits]\nbackend_operations = 256\n";

/// What the last test's burst leaves of a class: 64 buffers, each below 17 KiB.
const KEPT_BYTES: f64 = (64 * 17) as f64 * 1024.0;

/// While it is closed, nobody reads on.
type Gate = Arc<RwLock<()>>;

#[test]
fn downloads_that_use_up_the_record_buffers_are_whole() {
    let edge = start(FEW_BUFFERS);
    // No client reads: what waits for them has all buffers but those kept for uploads.
    download(&edge, |edge| {
        edge.metric("weir_record_buffers{class=\"medium\",use=\"free\"}") == 0.0
    });
}

#[test]
fn uploads_that_use_up_the_record_buffers_are_whole() {
    let edge = start(FEW_BUFFERS);
    upload(&edge, |edge| edge.metric("weir_record_buffers{class=\"large\",use=\"free\"}") == 0.0);
}

#[test]
fn uploads_that_use_up_the_operations_are_whole() {
    let edge = start(FEW_OPERATIONS);
    // Two of them are the worker's own.
    upload(&edge, |edge| edge.metric("weir_backend_operations{") >= 254.0);
}

#[test]
fn uploads_behind_the_servers_end_are_whole_when_record_buffers_are_used_up() {
    let edge = start(FEW_BUFFERS);
    let gate = Gate::default();
    let (told, uploads) = mpsc::channel();
    let told = Mutex::new(told);
    narrow(&edge);
    let _backend = Server::start(&edge.host, "127.0.0.1:8080", {
        let gate = Arc::clone(&gate);
        move |mut stream: TcpStream| {
            let mut serve = || -> io::Result<Vec<u8>> {
                stream.read_exact(&mut [0])?;
                stream.shutdown(Shutdown::Write)?;
                pass(&gate);
                Ok(checksum(&mut stream)?.as_ref().to_vec())
            };
            let served = serve();
            // Nobody listens any more when the test has failed.
            drop(told.lock().unwrap_or_else(PoisonError::into_inner).send(served));
        }
    });
    let closed = gate.write().expect("nobody has it");
    let client = Client::new(&edge);
    let open = |number: usize| -> io::Result<Stream> {
        let mut stream = connect(&client, number)?;
        stream.write_all(b"!")?;
        stream.read_to_end(&mut Vec::new())?;
        Ok(stream)
    };
    let upload = |stream: &mut Stream| -> io::Result<()> {
        Blob::new(1, SMALL_BYTES).copy_to(stream)?;
        finish(stream)
    };
    let all = || {
        let mut streams = (0..TRANSFERS).map(open).collect::<io::Result<Vec<_>>>()?;
        streams.iter_mut().try_for_each(upload)
    };
    edge.client.enter(all).expect("the host is there").expect("all of it is sent");
    // Every connection is over, in order, as far as TCP goes; what came over it is still in weir.
    edge.wait_for_count("weir_tcp_connections{listener=\"https\",state=\"time_wait\"}", TRANSFERS);
    edge.wait_for_count("weir_record_buffers{class=\"large\",use=\"free\"}", 0);
    edge.wait_for_count("weir_sessions ", TRANSFERS);
    drop(closed);

    let whole = Blob::new(1, SMALL_BYTES).copy_to(&mut io::sink()).expect("a checksum");
    for _ in 0..TRANSFERS {
        let upload = uploads.recv_timeout(LIMIT).expect("a backend").expect("an end in order");
        assert_eq!(upload, whole.as_ref());
    }
    edge.wait_for_count("weir_sessions ", 0);
    edge.wait_for_count("weir_backend_operations{", 0);
}

#[test]
fn memory_of_a_burst_goes_back() {
    let edge = start("");
    let memory = |edge: &Edge| edge.metric("weir_memory_bytes{pool=\"record_buffers_");
    download(&edge, |edge| memory(edge) > 10.0 * KEPT_BYTES);
    edge.wait_for_metrics("all but a few buffers to be given back", |edge| {
        memory(edge) <= 3.0 * KEPT_BYTES
    });
}

fn start(shortage: &str) -> Edge {
    let Plan { config, .. } = Plan::default();
    Edge::start(&Plan { config: format!("{shortage}\n{config}"), ..Plan::default() })
}

/// Little fits into the sockets between weir and its backends: the rest waits in weir.
pub(crate) fn narrow(edge: &Edge) {
    for key in ["net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"] {
        edge.host.set_sysctl(key, "4096 8192 16384").expect("a size");
    }
}

/// Every client asks, and reads only once `short` holds.
fn download(edge: &Edge, short: impl Fn(&Edge) -> bool) {
    let gate = Gate::default();
    let _backend = Server::start(&edge.host, "127.0.0.1:8080", |mut stream| {
        let asked = stream.read_exact(&mut [0]);
        // What goes wrong here shows in the client.
        drop(asked.and_then(|()| Blob::new(1, BYTES).copy_to(&mut stream)));
    });
    let client = |mut stream: Stream| -> io::Result<Vec<u8>> {
        stream.write_all(b"!")?;
        pass(&gate);
        Ok(checksum(&mut stream)?.as_ref().to_vec())
    };
    transfer(edge, &gate, client, short);
}

/// Every client sends, to a backend that reads only once `short` holds.
fn upload(edge: &Edge, short: impl Fn(&Edge) -> bool) {
    let gate = Gate::default();
    narrow(edge);
    let _backend = Server::start(&edge.host, "127.0.0.1:8080", {
        let gate = Arc::clone(&gate);
        move |mut stream: TcpStream| {
            pass(&gate);
            let answered = checksum(&mut stream).and_then(|sum| stream.write_all(sum.as_ref()));
            // What goes wrong here shows in the client.
            drop(answered);
        }
    });
    let client = |mut stream: Stream| -> io::Result<Vec<u8>> {
        Blob::new(1, BYTES).copy_to(&mut stream)?;
        finish(&mut stream)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    };
    transfer(edge, &gate, client, short);
}

/// Opens all connections, then lets `client` use them. The gate is closed until `short` holds; each
/// client comes to the checksum of the whole.
fn transfer(
    edge: &Edge,
    gate: &Gate,
    client: impl Fn(Stream) -> io::Result<Vec<u8>> + Sync,
    short: impl Fn(&Edge) -> bool,
) {
    let whole = Blob::new(1, BYTES).copy_to(&mut io::sink()).expect("a checksum");
    let tls = Client::new(edge);
    let open = Barrier::new(TRANSFERS);
    let one = |number: usize| {
        let stream = connect(&tls, number);
        open.wait();
        client(stream?)
    };
    let all = || {
        thread::scope(|scope| {
            let one = &one;
            let threads: Vec<_> =
                (0..TRANSFERS).map(|number| scope.spawn(move || one(number))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
        })
    };
    let results = thread::scope(|scope| {
        // Left open by a test that fails.
        let closed = gate.write().expect("nobody has it");
        let clients = scope.spawn(|| edge.client.enter(all).expect("the host is there"));
        edge.wait_for_metrics("a shortage", short);
        drop(closed);
        clients.join().expect("no panic")
    });
    for result in results {
        let sum = result.unwrap_or_else(|error| panic!("{error}\n{}", edge.metrics()));
        assert_eq!(sum, whole.as_ref());
    }
    edge.wait_for_count("weir_sessions ", 0);
    edge.wait_for_count("weir_backend_operations{", 0);
}

fn connect(tls: &Client, number: usize) -> io::Result<Stream> {
    let mut stream = tls.connect(ADDRESSES[number % 2])?;
    shake_hands(&mut stream)?;
    Ok(stream)
}

fn pass(gate: &Gate) {
    drop(gate.read().unwrap_or_else(PoisonError::into_inner));
}
