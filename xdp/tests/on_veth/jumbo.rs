//! Frames that need several chunks.

use std::net::UdpSocket;

use hosts::PairConfig;
use xdp::{Attach, AttachMode, Destination, DropReason, Filter, Program, Queue, QueueConfig};

use crate::link::{
    CLIENT, DEVICE, EDGE, LIMIT, Link, assert_all_free, assert_sums, receive, send_all, small,
};
use crate::packet::{Flow, ethernet, ip, syn, udp};

const PORT: u16 = 443;
const MTU_BYTES: u32 = 9000;

/// A link of large frames; none on a kernel that refuses them, as
/// `errors::an_old_kernel_refuses_a_large_mtu` proves on every kernel.
fn link() -> Option<Link> {
    let feature = xdp::probe().into_iter().find(|it| it.name == "multi-buffer AF_XDP packets");
    let available = feature.expect("a feature of that name").is_available();
    available.then(|| Link::with(PairConfig { mtu_bytes: MTU_BYTES, ..PairConfig::default() }))
}

fn filter() -> Filter {
    Filter::default().with_destination(Destination::new(EDGE, PORT))
}

/// A TCP segment that fills an IP packet of `len` bytes with a pattern.
fn segment(link: &Link, len: usize) -> Vec<u8> {
    let mut body = syn(Flow::new((CLIENT, 1000), (EDGE, PORT)))[20..].to_vec();
    body.extend((0_u8..251).cycle().take(len - 40));
    ethernet(link.client_mac, link.edge_mac, &ip(CLIENT, EDGE, 6, &body))
}

#[test]
fn a_large_frame_is_gathered_whole() {
    let Some(link) = link() else { return };
    let frames = [60, 3000, 4096, 4097, 9000].map(|len| segment(&link, len));
    link.on_edge(|| {
        let program = Program::attach(DEVICE, &filter(), Attach::Auto).expect("attached");
        assert_eq!(program.mode(), AttachMode::Native);
        let mut queue = Queue::open(DEVICE, 0, &small()).expect("a queue");
        program.register(&queue).expect("registered");
        link.inject(0, &frames);
        let received = receive(&mut queue, frames.len());
        for (received, sent) in received.iter().zip(&frames) {
            assert_eq!(received.len(), sent.len());
            assert!(**received == **sent, "{} bytes", sent.len());
        }
        let gathered = received.iter().filter(|frame| frame.is_jumbo()).count();
        assert!(gathered >= 3, "{gathered}");
        assert_eq!(queue.counters().rx_gathered, gathered as u64);
        assert_eq!(queue.jumbos().held as usize, gathered);
        assert_sums(queue.frames());
        drop(received);
        assert_eq!(queue.jumbos().held, 0);
        assert_all_free(queue.close());
    });
}

#[test]
fn a_large_frame_is_cut_up_and_arrives_whole() {
    let Some(link) = link() else { return };
    let socket = link.on_client(|| UdpSocket::bind((CLIENT, 9000)).expect("a socket"));
    socket.set_read_timeout(Some(LIMIT)).expect("a limit");
    let payload: Vec<u8> = (0_u8..251).cycle().take(MTU_BYTES as usize - 28).collect();
    let packet = udp(Flow::new((EDGE, 9001), (CLIENT, 9000)), &payload);
    let bytes = ethernet(link.edge_mac, link.client_mac, &packet);
    link.on_edge(|| {
        let mut queue = Queue::open(DEVICE, 0, &small()).expect("a queue");
        let mut frame = queue.alloc_for(bytes.len()).expect("a large frame");
        assert!(frame.is_jumbo());
        frame.set_len(bytes.len());
        frame.copy_from_slice(&bytes);
        queue.transmit(frame).expect("room in the ring");
        assert_eq!(queue.frames().tx, 3);
        assert_eq!(queue.counters().tx_scattered, 1);
        send_all(&mut queue);
        assert_all_free(queue.close());
    });
    let mut received = vec![0; 65536];
    let len = socket.recv(&mut received).expect("the datagram");
    assert!(received[..len] == payload);
}

#[test]
fn without_a_large_buffer_the_frame_is_dropped_and_counted() {
    let Some(link) = link() else { return };
    let frames = [segment(&link, 9000), segment(&link, 9000), segment(&link, 60)];
    link.on_edge(|| {
        let program = Program::attach(DEVICE, &filter(), Attach::Auto).expect("attached");
        let config = QueueConfig { jumbos_max: 1, ..small() };
        let mut queue = Queue::open(DEVICE, 0, &config).expect("a queue");
        program.register(&queue).expect("registered");
        link.inject(0, &frames);
        let received = receive(&mut queue, 2);
        assert!(*received[0] == *frames[0]);
        assert!(*received[1] == *frames[2]);
        assert_eq!(queue.counters().drops.get(DropReason::JumboLimit), 1);
        assert_sums(queue.frames());
        drop(received);
        assert_all_free(queue.close());
    });
}

#[test]
fn a_large_frame_waits_for_room_as_a_whole() {
    let Some(link) = link() else { return };
    let bytes = segment(&link, 9000);
    link.on_edge(|| {
        let config = QueueConfig { ring_len: 32, fill_max: 16, ..small() };
        let mut queue = Queue::open(DEVICE, 0, &config).expect("a queue");
        let send = |queue: &mut Queue| {
            let mut frame = queue.alloc_for(bytes.len()).expect("a large frame");
            frame.set_len(bytes.len());
            queue.transmit(frame)
        };
        for _ in 0..10 {
            send(&mut queue).expect("room for three descriptors");
        }
        let refused = send(&mut queue).expect_err("room for two is not enough");
        assert_eq!(queue.frames().tx, 30);
        drop(refused);
        send_all(&mut queue);
        assert_all_free(queue.close());
    });
}
