//! Frames through the rings, both ways, and what becomes of their chunks.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::thread;

use hosts::PairConfig;
use xdp::{
    Attach, AttachError, AttachMode, Destination, DropReason, Filter, Mode, Program, Queue,
    QueueConfig,
};

use crate::link::{
    CLIENT, CLIENT6, DEVICE, EDGE, EDGE6, LIMIT, Link, assert_all_free, assert_sums, receive,
    send_all, small,
};
use crate::packet::{Flow, RST_ACK, ethernet, syn, tcp, udp};

const PORT: u16 = 443;

fn filter() -> Filter {
    Filter::default()
        .with_destination(Destination::new(EDGE, PORT))
        .with_destination(Destination::new(EDGE6, PORT))
}

fn write(queue: &mut Queue, bytes: &[u8]) -> Result<(), xdp::Frame> {
    let mut frame = queue.alloc_for(bytes.len()).expect("a free frame");
    frame.set_len(bytes.len());
    frame.copy_from_slice(bytes);
    queue.transmit(frame)
}

/// The SYN of a kernel's socket comes in, our RST goes out, and the socket hears it.
#[test]
fn a_kernel_socket_and_a_queue_talk_both_ways() {
    let link = Link::new();
    for (edge, client, l3_len) in [(EDGE, CLIENT, 20), (EDGE6, CLIENT6, 40)] {
        link.on_edge(|| {
            let program = Program::attach(DEVICE, &filter(), Attach::Auto).expect("attached");
            let mut queue = Queue::open(DEVICE, 0, &small()).expect("a queue");
            program.register(&queue).expect("registered");
            let client_host = &link;
            thread::scope(|scope| {
                let address = SocketAddr::new(edge, PORT);
                let connect =
                    move || client_host.on_client(|| TcpStream::connect_timeout(&address, LIMIT));
                let connecting = scope.spawn(connect);
                let frame = receive(&mut queue, 1).pop().expect("one frame");
                let segment = &frame[14 + l3_len..];
                assert_eq!(segment[13], 0x02, "a SYN and nothing else");
                let port = u16::from_be_bytes([segment[0], segment[1]]);
                let seq = u32::from_be_bytes([segment[4], segment[5], segment[6], segment[7]]);
                let answer =
                    tcp(Flow::new((edge, PORT), (client, port)), 0, seq.wrapping_add(1), RST_ACK);
                write(&mut queue, &ethernet(link.edge_mac, link.client_mac, &answer))
                    .expect("room in the ring");
                send_all(&mut queue);
                let refused = connecting.join().expect("no panic").expect_err("an RST");
                assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            });
            assert_all_free(queue.close());
        });
    }
}

#[test]
fn frames_reach_a_kernel_udp_socket_in_order() {
    const DATAGRAMS: u32 = 500;
    let link = Link::new();
    let socket = link.on_client(|| UdpSocket::bind((CLIENT, 9000)).expect("a socket"));
    socket.set_read_timeout(Some(LIMIT)).expect("a limit");
    let flow = Flow::new((EDGE, 9001), (CLIENT, 9000));
    link.on_edge(|| {
        let mut queue = Queue::open(DEVICE, 0, &small()).expect("a queue");
        for number in 0..DATAGRAMS {
            let packet = udp(flow, &number.to_be_bytes());
            write(&mut queue, &ethernet(link.edge_mac, link.client_mac, &packet))
                .expect("room in the ring");
            if number % 50 == 49 {
                send_all(&mut queue);
                assert_sums(queue.frames());
                // The socket's buffer is smaller than all of it.
                for expected in number - 49..=number {
                    let mut payload = [0; 64];
                    let len = socket.recv(&mut payload).expect("a datagram");
                    assert_eq!(payload[..len], expected.to_be_bytes());
                }
            }
        }
        assert_eq!(queue.counters().tx_packets, u64::from(DATAGRAMS));
        assert_all_free(queue.close());
    });
}

#[test]
fn each_of_two_queues_gets_its_own_frames() {
    let link = Link::with(PairConfig { queues: 2, ..PairConfig::default() });
    assert_eq!(link.facts().rx_queues, 2);
    let frame = |port| {
        let packet = syn(Flow::new((CLIENT, port), (EDGE, PORT)));
        ethernet(link.client_mac, link.edge_mac, &packet)
    };
    link.on_edge(|| {
        let program = Program::attach(DEVICE, &filter(), Attach::Auto).expect("attached");
        let mut queues = [0, 1].map(|id| Queue::open(DEVICE, id, &small()).expect("a queue"));
        for queue in &queues {
            program.register(queue).expect("registered");
        }
        link.inject(1, &[frame(1001), frame(1002)]);
        link.inject(0, &[frame(2001)]);
        let [first, second] = &mut queues;
        assert_eq!(*receive(first, 1)[0], *frame(2001));
        let both = receive(second, 2);
        assert_eq!(*both[0], *frame(1001));
        assert_eq!(*both[1], *frame(1002));
        drop(both);
        for queue in queues {
            assert_eq!(queue.receivable(), 0);
            assert_all_free(queue.close());
        }
    });
}

#[test]
fn frames_arrive_in_order_while_the_rings_wrap() {
    let link = Link::new();
    let batches = [0_u16, 1, 2, 3, 4, 5, 6, 7].map(|batch| {
        let frame = |number: u16| {
            let packet = syn(Flow::new((CLIENT, 1000 + 100 * batch + number), (EDGE, PORT)));
            ethernet(link.client_mac, link.edge_mac, &packet)
        };
        (0..100).map(frame).collect::<Vec<_>>()
    });
    link.on_edge(|| {
        let program = Program::attach(DEVICE, &filter(), Attach::Auto).expect("attached");
        let mut queue = Queue::open(DEVICE, 0, &small()).expect("a queue");
        program.register(&queue).expect("registered");
        for batch in &batches {
            link.inject(0, batch);
            for (received, sent) in receive(&mut queue, batch.len()).iter().zip(batch) {
                assert_eq!(**received, **sent);
            }
            // The frames of this batch were dropped after `receive` had filled the ring up.
            queue.flush().expect("the link is up");
            assert_sums(queue.frames());
        }
        assert_eq!(queue.counters().rx_packets, 800);
        // The kernel never ran out of frames to fill, and was not woken for it.
        assert_eq!(queue.counters().rx_kicks, 0);
        assert_all_free(queue.close());
    });
}

#[test]
fn a_received_frame_can_be_sent_as_it_is() {
    let link = Link::new();
    let sent =
        ethernet(link.client_mac, link.edge_mac, &syn(Flow::new((CLIENT, 1000), (EDGE, PORT))));
    link.on_edge(|| {
        let program = Program::attach(DEVICE, &filter(), Attach::Auto).expect("attached");
        let mut queue = Queue::open(DEVICE, 0, &small()).expect("a queue");
        program.register(&queue).expect("registered");
        link.inject(0, std::slice::from_ref(&sent));
        let frame = receive(&mut queue, 1).pop().expect("one frame");
        assert_eq!(queue.frames().held, 1);
        queue.transmit(frame).expect("room in the ring");
        assert_eq!(queue.frames().held, 0);
        assert_eq!(queue.frames().tx, 1);
        send_all(&mut queue);
        assert_all_free(queue.close());
    });
}

#[test]
fn a_full_tx_ring_gives_the_frame_back() {
    let link = Link::new();
    let packet = udp(Flow::new((EDGE, 1), (CLIENT, 2)), b"x");
    let bytes = ethernet(link.edge_mac, link.client_mac, &packet);
    link.on_edge(|| {
        let config = QueueConfig { ring_len: 64, fill_max: 16, ..small() };
        let mut queue = Queue::open(DEVICE, 0, &config).expect("a queue");
        for _ in 0..64 {
            write(&mut queue, &bytes).expect("room in the ring");
        }
        let refused = write(&mut queue, &bytes).expect_err("the ring is full");
        assert_eq!(*refused, *bytes);
        assert_eq!(queue.counters().tx_ring_full, 1);
        assert_eq!(queue.frames().tx, 64);
        assert_sums(queue.frames());
        drop(refused);
        send_all(&mut queue);
        write(&mut queue, &bytes).expect("room again");
        send_all(&mut queue);
        assert_eq!(queue.counters().tx_packets, 65);
        assert_all_free(queue.close());
    });
}

/// Whoever holds frames slows the sender down, and nothing else breaks.
#[test]
fn held_frames_starve_the_fill_ring_until_they_are_dropped() {
    let link = Link::new();
    let frames: Vec<_> = (0..100)
        .map(|port| {
            let packet = syn(Flow::new((CLIENT, 1000 + port), (EDGE, PORT)));
            ethernet(link.client_mac, link.edge_mac, &packet)
        })
        .collect();
    link.on_edge(|| {
        let program = Program::attach(DEVICE, &filter(), Attach::Auto).expect("attached");
        let config = QueueConfig { frames: 64, fill_max: 32, tx_reserve: 32, ..small() };
        let mut queue = Queue::open(DEVICE, 0, &config).expect("a queue");
        program.register(&queue).expect("registered");
        link.inject(0, &frames);
        let held = receive(&mut queue, 32);
        assert_eq!(queue.receivable(), 0);
        assert!(queue.counters().fill_starved > 0);
        let lost = queue.stats().expect("statistics");
        assert_eq!((lost.rx_fill_ring_empty, lost.rx_dropped), (68, 68), "{lost:?}");
        assert_eq!(queue.frames().held, 32);
        assert_eq!(queue.frames().free, 32, "kept for sending");
        assert_sums(queue.frames());
        drop(held);
        queue.flush().expect("the link is up");
        link.inject(0, &frames[..32]);
        assert_eq!(receive(&mut queue, 32).len(), 32);
        assert_all_free(queue.close());
    });
}

#[test]
fn a_frame_outlives_its_queue() {
    let link = Link::new();
    link.on_edge(|| {
        let mut queue = Queue::open(DEVICE, 0, &small()).expect("a queue");
        let mut frame = queue.alloc().expect("a frame");
        frame.fill(7);
        let counts = queue.close();
        assert_eq!(counts.held, 1);
        assert_eq!(counts.free, counts.total - 1);
        assert!(frame.iter().all(|byte| *byte == 7));
    });
}

#[test]
fn a_pool_without_frames_says_so_and_recovers() {
    let link = Link::new();
    link.on_edge(|| {
        let mut queue = Queue::open(DEVICE, 0, &small()).expect("a queue");
        let held: Vec<_> = std::iter::from_fn(|| queue.alloc()).collect();
        assert_eq!(queue.frames().free, 0);
        assert!(queue.alloc().is_none());
        assert_eq!(held.len(), queue.frames().held as usize);
        assert_sums(queue.frames());
        drop(held);
        assert!(queue.alloc().is_some());
        assert_all_free(queue.close());
    });
}

#[test]
fn frames_that_can_never_be_sent_are_dropped_and_counted() {
    let link = Link::new();
    link.on_edge(|| {
        let mut queue = Queue::open(DEVICE, 0, &small()).expect("a queue");
        write(&mut queue, &[0; 13]).expect("taken, and dropped");
        assert_eq!(queue.counters().drops.get(DropReason::Runt), 1);
        assert_eq!(queue.counters().tx_packets, 0);
        assert!(queue.alloc_for(queue.frame_bytes_max() + 4096).is_none());
        send_all(&mut queue);
        assert_all_free(queue.close());
    });
}

#[test]
fn on_veth_zero_copy_falls_back_to_copy_and_says_why() {
    let link = Link::new();
    link.on_edge(|| {
        let queue = Queue::open(DEVICE, 0, &small()).expect("a queue");
        assert_eq!(queue.mode(), Mode::Copy);
        assert!(queue.zero_copy_refused().is_some());
        assert_all_free(queue.close());
    });
}

#[test]
fn in_skb_mode_frames_arrive_too() {
    let link = Link::new();
    let sent =
        ethernet(link.client_mac, link.edge_mac, &syn(Flow::new((CLIENT, 1000), (EDGE, PORT))));
    link.on_edge(|| {
        let program = Program::attach(DEVICE, &filter(), Attach::Skb).expect("attached");
        assert_eq!(program.mode(), AttachMode::Skb);
        let mut queue = Queue::open(DEVICE, 0, &small()).expect("a queue");
        program.register(&queue).expect("registered");
        assert_eq!(queue.mode(), Mode::Skb);
        link.inject(0, std::slice::from_ref(&sent));
        assert_eq!(*receive(&mut queue, 1)[0], *sent);
        assert_all_free(queue.close());
    });
}

/// The loopback device runs no program itself.
#[test]
fn a_driver_without_native_mode_gets_skb_mode_and_says_why() {
    let link = Link::new();
    link.on_edge(|| {
        let program = Program::attach("lo", &filter(), Attach::Auto).expect("attached");
        assert_eq!(program.mode(), AttachMode::Skb);
        let why = program.native_refused().expect("it was tried first");
        assert_eq!(why.kind(), ErrorKind::Unsupported, "{why}");
        let queue = Queue::open("lo", 0, &small()).expect("a queue");
        program.register(&queue).expect("registered");
        assert_eq!(queue.mode(), Mode::Skb);
        assert_all_free(queue.close());
        drop(program);
        let refused =
            Program::attach("lo", &filter(), Attach::Native).expect_err("native or not at all");
        assert!(matches!(refused, AttachError::Refused(_)), "{refused}");
    });
}
