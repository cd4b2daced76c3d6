//! Tests against real sockets on loopback: the other end is a plain `std::net` one.

mod buffers;
mod cancel;
mod idle;
mod limits;
mod teardown;
mod transfer;
mod wait;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use kernel_version::KernelVersion;
use stable_deref_trait::StableDeref;

use crate::{
    Address, BufferCounts, Class, Completion, Entries, PoolConfig, RecordBuffer, Ring, RingConfig,
    Socket,
};

/// What the tests send from.
type Bytes = Vec<u8>;

/// How long a test waits for a completion before it gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A small ring.
fn config() -> RingConfig {
    RingConfig {
        operations_max: 256,
        submissions: 64,
        pool: PoolConfig { entries: Entries { small: 8, medium: 8, large: 8 }, depth: 8 },
        kernel_max: None,
    }
}

fn ring() -> Ring<Bytes> {
    ring_of(config().pool)
}

/// A small ring with these buffers.
fn ring_of(pool: PoolConfig) -> Ring<Bytes> {
    Ring::new(&RingConfig { pool, ..config() }).expect("a ring")
}

/// The next completion, waited for.
fn next<S: StableDeref<Target = [u8]>>(ring: &mut Ring<S>) -> Completion<S> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(completion) = ring.next_completion() {
            return completion;
        }
        ring.turn(Some(Duration::from_secs(1))).expect("a turn");
    }
    panic!("no completion in {PATIENCE:?}");
}

/// A socket of the ring, and its peer.
fn pair<S: StableDeref<Target = [u8]>>(ring: &mut Ring<S>) -> (Socket, TcpStream) {
    let (listener, address) = listener("127.0.0.1:0");
    let socket = connect(ring, &Address::Inet(address));
    let (peer, _) = listener.accept().expect("a connection waits");
    (socket, peer)
}

fn listener(address: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(address).expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

fn connect<S: StableDeref<Target = [u8]>>(ring: &mut Ring<S>, address: &Address) -> Socket {
    let socket = ring.connect(address, 1).expect("a connect begins");
    match next(ring) {
        Completion::Connected { token: 1, result: Ok(()) } => socket,
        _ => panic!("the connect ends well"),
    }
}

/// Receives once: data, or `None` at the peer's end.
fn receive(ring: &mut Ring<Bytes>, socket: &Socket, class: Class) -> Option<RecordBuffer> {
    ring.recv(socket, class, 7).expect("armed");
    match next(ring) {
        Completion::Received { token: 7, result } => result.expect("received"),
        other => panic!("a receive, not {other:?}"),
    }
}

/// Sends all of `data` and waits for that.
fn send(ring: &mut Ring<Bytes>, socket: &Socket, data: &[u8]) {
    ring.send(socket, data.to_vec(), 0..data.len(), 8).expect("queued");
    match next(ring) {
        Completion::Sent { token: 8, data: back, result } => {
            assert_eq!(back, data);
            assert_eq!(result.expect("sent"), data.len());
        }
        other => panic!("a send, not {other:?}"),
    }
}

/// Closes a socket, so that its peer sees the end.
fn close<S: StableDeref<Target = [u8]>>(ring: &mut Ring<S>, socket: Socket) {
    ring.close(socket);
    while ring.next_completion().is_some() {}
    ring.turn(Some(Duration::ZERO)).expect("a turn");
}

/// Nothing of a connection is in flight, and no buffer is held.
fn assert_baseline<S: StableDeref<Target = [u8]>>(ring: &Ring<S>) {
    assert_eq!(ring.operations().of_connections(), 0);
    for class in Class::ALL {
        assert_eq!(ring.pool().counts(class).held, 0, "{} buffers held", class.name());
    }
}

/// Drops the ring; then every buffer is free.
fn assert_all_free<S: StableDeref<Target = [u8]>>(ring: Ring<S>) {
    let pool = ring.pool().clone();
    drop(ring);
    for class in Class::ALL {
        let BufferCounts { total, free, kernel, held } = pool.counts(class);
        assert_eq!((free, kernel, held), (total, 0, 0), "{} buffers", class.name());
    }
}

/// A path for a unix socket, removed on drop.
struct SocketPath(PathBuf);

impl SocketPath {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("weir-io-{}-{number}.sock", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
        }
    }
}

/// Bytes in which a gap or a swap shows.
fn pattern(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    })
    .take(len)
    .collect()
}

/// Kernels to stand in for: this one, and those whose features the fallbacks replace.
fn kernels() -> [Option<KernelVersion>; 4] {
    [
        None,
        Some(KernelVersion::new(6, 1)),
        Some(KernelVersion::new(6, 0)),
        Some(KernelVersion::new(5, 19)),
    ]
}
