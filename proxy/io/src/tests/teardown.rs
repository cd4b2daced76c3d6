//! A ring that is dropped in the middle of its work.

use std::io::Read;
use std::rc::Rc;
use std::time::Duration;

use super::{assert_all_free, config, listener, pair, pattern};
use crate::{Address, Class, Ring};

#[test]
fn drop_gives_back_what_every_kind_of_operation_held() {
    let mut ring: Ring<Rc<[u8]>> = Ring::new(&config()).expect("a ring");
    let data: Rc<[u8]> = pattern(8 << 20).into();
    let (receiving, mut first) = pair(&mut ring);
    let (sending, _second) = pair(&mut ring);
    ring.recv(&receiving, Class::Large, 1).expect("armed");
    for token in 0..3 {
        ring.send(&sending, Rc::clone(&data), 0..data.len(), token).expect("queued");
    }
    ring.shutdown_write(&sending, 4).expect("queued behind");
    let watch = ring.watch(std::os::fd::AsFd::as_fd(&receiving), 5).expect("watched");
    ring.turn(Some(Duration::ZERO)).expect("a turn");
    ring.send(&receiving, Rc::clone(&data), 0..8, 6).expect("queued, never submitted");
    assert_eq!(Rc::strong_count(&data), 5);

    drop(watch);
    let pool = ring.pool().clone();
    assert_all_free(ring);
    assert_eq!(Rc::strong_count(&data), 1, "what was to be sent came back");
    assert_eq!(pool.free(Class::Large), 8);
    drop(receiving);
    assert_eq!(first.read(&mut [0; 8]).expect("the end"), 0, "the socket is closed");
}

#[test]
fn drop_of_a_ring_with_a_hanging_connect_and_unsubmitted_entries() {
    let (listener, address) = listener("127.0.0.1:0");
    rustix::net::listen(&listener, 0).expect("a queue of one");
    let _filler = std::net::TcpStream::connect(address).expect("the first fits");
    let mut ring: Ring<Vec<u8>> = Ring::new(&config()).expect("a ring");
    let hanging = ring.connect(&Address::Inet(address), 1).expect("begun");
    ring.turn(Some(Duration::ZERO)).expect("a turn");
    let (socket, _peer) = pair(&mut ring);
    ring.recv(&socket, Class::Small, 2).expect("armed, not submitted");
    drop(hanging);
    assert_all_free(ring);
}

#[test]
fn sockets_outlive_the_ring() {
    let mut ring: Ring<Vec<u8>> = Ring::new(&config()).expect("a ring");
    let (socket, mut peer) = pair(&mut ring);
    ring.recv(&socket, Class::Small, 2).expect("armed");
    ring.turn(Some(Duration::ZERO)).expect("a turn");
    drop(ring);
    rustix::io::write(&socket, b"by hand").expect("the descriptor is open");
    drop(socket);
    let mut received = String::new();
    peer.read_to_string(&mut received).expect("read to the end");
    assert_eq!(received, "by hand");
}
