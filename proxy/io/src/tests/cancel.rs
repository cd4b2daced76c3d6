//! Ends that this side wishes.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};

use super::{assert_baseline, close, listener, next, pair, pattern, receive, ring, send};
use crate::{Address, Class, Completion, OperationError};

#[test]
fn cancelled_receive_ends_and_another_can_be_armed() {
    let mut ring = ring();
    let (socket, mut peer) = pair(&mut ring);
    ring.recv(&socket, Class::Small, 7).expect("armed");
    assert_eq!(ring.recv(&socket, Class::Small, 7), Err(crate::ArmError::Armed));
    ring.turn(Some(std::time::Duration::ZERO)).expect("a turn");
    ring.cancel(&socket);
    let completion = next(&mut ring);
    assert!(
        matches!(
            completion,
            Completion::Received { token: 7, result: Err(OperationError::Cancelled) }
        ),
        "{completion:?}"
    );
    std::io::Write::write_all(&mut peer, b"later").expect("written");
    assert_eq!(&*receive(&mut ring, &socket, Class::Small).expect("data"), b"later");
    assert_baseline(&ring);
}

#[test]
fn receive_cancelled_before_its_submission_ends_too() {
    let mut ring = ring();
    let (socket, _peer) = pair(&mut ring);
    ring.recv(&socket, Class::Small, 7).expect("armed");
    ring.cancel(&socket);
    assert!(matches!(
        next(&mut ring),
        Completion::Received { token: 7, result: Err(OperationError::Cancelled) }
    ));
    assert_baseline(&ring);
}

/// A listener whose queue is full, so that a further connect hangs, and who fills it.
fn full_listener() -> (TcpListener, SocketAddr, Vec<std::net::TcpStream>) {
    let (listener, address) = listener("127.0.0.1:0");
    rustix::net::listen(&listener, 0).expect("a queue of one");
    let filler = std::net::TcpStream::connect(address).expect("the first fits");
    (listener, address, vec![filler])
}

#[test]
fn cancelled_connect_ends() {
    let mut ring = ring();
    let (_listener, address, _fillers) = full_listener();
    let socket = ring.connect(&Address::Inet(address), 1).expect("begun");
    ring.turn(Some(std::time::Duration::ZERO)).expect("a turn");
    assert!(ring.next_completion().is_none(), "the connect hangs");
    ring.cancel(&socket);
    let completion = next(&mut ring);
    assert!(
        matches!(
            completion,
            Completion::Connected { token: 1, result: Err(OperationError::Cancelled) }
        ),
        "{completion:?}"
    );
    assert_baseline(&ring);
}

#[test]
fn cancelled_sends_all_come_back_in_order() {
    let mut ring = ring();
    let (socket, _peer) = pair(&mut ring);
    let data = pattern(4 << 20);
    for token in 0..4 {
        ring.send(&socket, data.clone(), 0..data.len(), token).expect("queued");
    }
    ring.shutdown_write(&socket, 9).expect("queued behind");
    // Until the peer's window is full and the kernel holds on to a send.
    for _ in 0..8 {
        ring.turn(Some(std::time::Duration::ZERO)).expect("a turn");
        assert!(ring.next_completion().is_none(), "the peer doesn't read");
    }
    ring.cancel(&socket);
    for expected in 0..4 {
        let completion = next(&mut ring);
        let Completion::Sent { token, data: back, result: Err(error) } = completion else {
            panic!("{completion:?}");
        };
        assert!(matches!(error, OperationError::Cancelled), "{error:?}");
        assert_eq!((token, back.len()), (expected, data.len()));
    }
    let completion = next(&mut ring);
    assert!(
        matches!(
            completion,
            Completion::ShutDown { token: 9, result: Err(OperationError::Cancelled) }
        ),
        "{completion:?}"
    );
    assert_baseline(&ring);
}

#[test]
fn sends_cancelled_before_their_submission_come_back() {
    let mut ring = ring();
    let (socket, mut peer) = pair(&mut ring);
    ring.send(&socket, b"never".to_vec(), 0..5, 3).expect("queued");
    ring.cancel(&socket);
    assert!(matches!(
        next(&mut ring),
        Completion::Sent { token: 3, result: Err(OperationError::Cancelled), .. }
    ));
    send(&mut ring, &socket, b"but this");
    close(&mut ring, socket);
    let mut received = String::new();
    peer.read_to_string(&mut received).expect("read to the end");
    assert_eq!(received, "but this");
}

#[test]
fn close_ends_what_is_in_flight_and_then_the_connection() {
    let mut ring = ring();
    let (socket, mut peer) = pair(&mut ring);
    ring.recv(&socket, Class::Small, 7).expect("armed");
    ring.turn(Some(std::time::Duration::ZERO)).expect("a turn");
    ring.close(socket);
    assert!(matches!(
        next(&mut ring),
        Completion::Received { token: 7, result: Err(OperationError::Cancelled) }
    ));
    ring.turn(Some(std::time::Duration::ZERO)).expect("a turn");
    assert_eq!(peer.read(&mut [0; 8]).expect("the end"), 0);
    assert_baseline(&ring);
}

#[test]
fn dropped_socket_is_cleaned_up_after() {
    let mut ring = ring();
    let (socket, mut peer) = pair(&mut ring);
    ring.recv(&socket, Class::Small, 7).expect("armed");
    ring.turn(Some(std::time::Duration::ZERO)).expect("a turn");
    drop(socket);
    assert!(matches!(
        next(&mut ring),
        Completion::Received { token: 7, result: Err(OperationError::Cancelled) }
    ));
    ring.turn(Some(std::time::Duration::ZERO)).expect("a turn");
    assert_eq!(peer.read(&mut [0; 8]).expect("the end"), 0);
    assert_baseline(&ring);
}

#[test]
fn cancel_without_anything_in_flight_is_nothing() {
    let mut ring = ring();
    let (socket, _peer) = pair(&mut ring);
    ring.cancel(&socket);
    ring.turn(Some(std::time::Duration::ZERO)).expect("a turn");
    assert!(ring.next_completion().is_none());
    send(&mut ring, &socket, b"unharmed");
}
