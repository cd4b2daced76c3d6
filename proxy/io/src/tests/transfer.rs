//! Bytes both ways, and the ends of each way.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixListener;
use std::thread;

use super::{
    SocketPath, assert_all_free, assert_baseline, close, config, connect, kernels, listener, next,
    pair, pattern, receive, ring, send,
};
use crate::{
    Address, AddressError, Class, Completion, HEADER_ROOM, OperationError, Outgoing, PeerError,
    Ring,
};

/// Echoes until the peer's end.
fn echo(mut stream: impl Read + Write) {
    let mut bytes = [0; 4096];
    while let Ok(len @ 1..) = stream.read(&mut bytes) {
        stream.write_all(&bytes[..len]).expect("echoed");
    }
}

fn read_all(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("read to the end");
    bytes
}

#[test]
fn echo_over_ipv4_and_ipv6_with_every_kernels_features() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        for kernel_max in kernels() {
            let mut ring =
                Ring::new(&crate::RingConfig { kernel_max, ..config() }).expect("a ring");
            let (listener, address) = listener(address);
            let server = thread::spawn(move || echo(listener.accept().expect("accepted").0));
            let socket = connect(&mut ring, &Address::Inet(address));
            let no_delay = rustix::net::sockopt::tcp_nodelay(&socket).expect("the option");
            assert!(no_delay, "TCP_NODELAY with {kernel_max:?}");
            send(&mut ring, &socket, b"to and fro");
            let answer = receive(&mut ring, &socket, Class::Small).expect("an answer");
            assert_eq!(&*answer, b"to and fro");
            drop(answer);
            close(&mut ring, socket);
            server.join().expect("the server saw the end");
            assert_baseline(&ring);
            assert_all_free(ring);
        }
    }
}

#[test]
fn echo_over_a_unix_socket() {
    let path = SocketPath::new();
    let listener = UnixListener::bind(&path.0).expect("bound");
    let server = thread::spawn(move || echo(listener.accept().expect("accepted").0));
    let mut ring = ring();
    let socket = connect(&mut ring, &Address::Unix(path.0.clone()));
    send(&mut ring, &socket, b"local");
    assert_eq!(&*receive(&mut ring, &socket, Class::Small).expect("an answer"), b"local");
    close(&mut ring, socket);
    server.join().expect("the server saw the end");
    assert_all_free(ring);
}

#[test]
fn refused_and_missing_addresses_are_told_apart() {
    let (listener, address) = listener("127.0.0.1:0");
    drop(listener);
    let mut ring = ring();
    let _socket = ring.connect(&Address::Inet(address), 1).expect("begun");
    let completion = next(&mut ring);
    let Completion::Connected { result: Err(error), .. } = completion else {
        panic!("{completion:?}");
    };
    assert!(matches!(error, OperationError::Peer(PeerError::Refused)), "{error:?}");

    let path = SocketPath::new();
    let _socket = ring.connect(&Address::Unix(path.0.clone()), 2).expect("begun");
    let completion = next(&mut ring);
    let Completion::Connected { result: Err(error), .. } = completion else {
        panic!("{completion:?}");
    };
    assert!(matches!(error, OperationError::Address(AddressError::NotFound)), "{error:?}");
    assert_baseline(&ring);
}

#[test]
fn large_send_goes_on_after_short_ones() {
    let mut ring = ring();
    let (socket, peer) = pair(&mut ring);
    rustix::net::sockopt::set_socket_send_buffer_size(&socket, 16 * 1024).expect("a small buffer");
    let data = pattern(1 << 20);
    let reader = thread::spawn(move || read_all(peer));
    ring.send(&socket, data.clone(), 0..data.len(), 8).expect("queued");
    ring.shutdown_write(&socket, 9).expect("queued behind");
    assert!(
        matches!(next(&mut ring), Completion::Sent { token: 8, result: Ok(len), .. } if len == 1 << 20)
    );
    assert!(matches!(next(&mut ring), Completion::ShutDown { token: 9, result: Ok(()) }));
    assert!(ring.counters().sends_resumed > 0, "the buffer was too small for one go");
    assert!(reader.join().expect("read") == data, "what arrives is what was sent");
    assert_baseline(&ring);
}

#[test]
fn queued_sends_leave_in_order_and_together() {
    let mut ring = ring();
    let (socket, peer) = pair(&mut ring);
    rustix::net::sockopt::set_socket_send_buffer_size(&socket, 16 * 1024).expect("a small buffer");
    let data = pattern(200 * 3000);
    let reader = thread::spawn(move || read_all(peer));
    for (token, piece) in (0..).zip(data.chunks(3000)) {
        let (before, after) = ([0; 5], [0; 7]);
        let padded = [&before, piece, &after].concat();
        ring.send(&socket, padded, 5..5 + piece.len(), token).expect("queued");
    }
    for expected in 0..200 {
        let completion = next(&mut ring);
        let Completion::Sent { token, result, data: back } = completion else {
            panic!("{completion:?}");
        };
        assert_eq!((token, result.expect("sent"), back.len()), (expected, 3000, 3012));
    }
    close(&mut ring, socket);
    assert!(reader.join().expect("read") == data, "what arrives is what was sent");
    let counters = ring.counters();
    assert!(counters.sends_gathered > 0);
    assert!(counters.enters < 200, "fewer entries than sends: {}", counters.enters);
}

#[test]
fn every_kind_of_memory_can_be_sent() {
    let mut ring: Ring<Outgoing<Box<[u8]>>> = Ring::new(&config()).expect("a ring");
    let (socket, peer) = pair(&mut ring);
    let mut record = ring.pool().take(Class::Small).expect("a buffer");
    record.raw_mut()[HEADER_ROOM..HEADER_ROOM + 3].copy_from_slice(b"two");
    record.set_range(HEADER_ROOM..HEADER_ROOM + 3);
    let sends = [
        Outgoing::Frame(b"one".to_vec().into()),
        Outgoing::Record(record),
        Outgoing::Copied(b"six".to_vec()),
    ];
    for (token, data) in (0..).zip(sends) {
        ring.send(&socket, data, 0..3, token).expect("queued");
    }
    for _ in 0..3 {
        assert!(matches!(next(&mut ring), Completion::Sent { result: Ok(3), .. }));
    }
    close(&mut ring, socket);
    assert_eq!(read_all(peer), b"onetwosix");
    assert_baseline(&ring);
}

#[test]
fn received_payload_starts_behind_the_header_room() {
    let mut ring = ring();
    let (socket, mut peer) = pair(&mut ring);
    peer.write_all(&pattern(3000)).expect("written");
    let mut received = Vec::new();
    while received.len() < 3000 {
        let mut buffer = receive(&mut ring, &socket, Class::Small).expect("data");
        assert_eq!(buffer.range(), HEADER_ROOM..HEADER_ROOM + buffer.len());
        assert!(buffer.len() <= Class::Small.payload_bytes());
        assert_eq!(buffer.raw_mut().len(), Class::Small.buffer_bytes());
        received.extend_from_slice(&buffer);
    }
    assert_eq!(received, pattern(3000));
}

#[test]
fn peer_that_finished_can_still_be_sent_to() {
    let mut ring = ring();
    let (socket, mut peer) = pair(&mut ring);
    peer.write_all(b"last words").expect("written");
    peer.shutdown(Shutdown::Write).expect("half-closed");
    assert_eq!(&*receive(&mut ring, &socket, Class::Medium).expect("data"), b"last words");
    assert!(receive(&mut ring, &socket, Class::Medium).is_none(), "the peer's end");
    send(&mut ring, &socket, b"heard");
    close(&mut ring, socket);
    assert_eq!(read_all(peer), b"heard");
    assert_baseline(&ring);
}

#[test]
fn own_end_leaves_the_other_way_open() {
    let mut ring = ring();
    let (socket, mut peer) = pair(&mut ring);
    ring.send(&socket, b"request".to_vec(), 0..7, 8).expect("queued");
    ring.shutdown_write(&socket, 9).expect("queued behind");
    assert_eq!(ring.shutdown_write(&socket, 9), Err(crate::ArmError::Armed));
    assert!(matches!(next(&mut ring), Completion::Sent { result: Ok(7), .. }));
    assert!(matches!(next(&mut ring), Completion::ShutDown { token: 9, result: Ok(()) }));
    let mut request = Vec::new();
    peer.read_to_end(&mut request).expect("read to the end");
    assert_eq!(request, b"request");
    peer.write_all(b"answer").expect("written");
    assert_eq!(&*receive(&mut ring, &socket, Class::Large).expect("data"), b"answer");
    drop(peer);
    assert!(receive(&mut ring, &socket, Class::Large).is_none(), "the peer's end");
    assert_baseline(&ring);
}

#[test]
fn send_to_a_peer_that_reset_fails_without_a_signal() {
    let mut ring = ring();
    let (socket, peer) = pair(&mut ring);
    rustix::net::sockopt::set_socket_linger(&peer, Some(std::time::Duration::ZERO)).expect("set");
    drop(peer);
    ring.recv(&socket, Class::Small, 7).expect("armed");
    let completion = next(&mut ring);
    let Completion::Received { result: Err(error), .. } = completion else {
        panic!("{completion:?}");
    };
    assert!(matches!(error, OperationError::Peer(PeerError::Reset)), "{error:?}");
    ring.send(&socket, b"anyone?".to_vec(), 0..7, 8).expect("queued");
    let completion = next(&mut ring);
    let Completion::Sent { result: Err(error), data, .. } = completion else {
        panic!("{completion:?}");
    };
    assert_eq!(data, b"anyone?");
    assert!(matches!(error, OperationError::Peer(PeerError::Closed)), "{error:?}");
}
