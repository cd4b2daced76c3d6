//! Trains as one packet, beside the ring.

use std::net::IpAddr;

use hosts::{Child, Offloads, Output, PairConfig, wait_until};
use xdp::{Queue, QueueConfig, Refusal, SuperFrame, SuperFrames};

use crate::link::{
    CLIENT, CLIENT6, DEVICE, EDGE, EDGE6, LIMIT, Link, assert_all_free, send_all, small,
};
use crate::packet::{Flow, ethernet, tcp};

/// Says every frame that a device receives, in hexadecimal, with the VLAN tag that the kernel has
/// taken out of it.
const CAPTURE: &str = r#"
import socket, struct, sys
SOL_PACKET, PACKET_AUXDATA, OUTGOING, HAS_TAG = 263, 8, 4, 0x10
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
wire.bind((sys.argv[1], 3))
print("ready", flush=True)
while True:
    frame, (auxiliary,), _, (_, _, kind, _, _) = wire.recvmsg(1 << 17, 64)
    status, _, _, _, _, tag, _ = struct.unpack("IIIHHHH", auxiliary[2])
    tag = struct.pack("!HH", 0x8100, tag) if status & HAS_TAG else b""
    if kind != OUTGOING:
        print((frame[:12] + tag + frame[12:]).hex(), flush=True)
"#;

const MSS: usize = 1000;
const ACK: u8 = 0x10;

/// Headers as a train has them, with a VLAN tag or without.
struct Headers {
    bytes: Vec<u8>,
    l2_len: usize,
    l3_len: usize,
}

impl Headers {
    fn new(link: &Link, from: IpAddr, to: IpAddr, tag: &[u8], payload_len: usize) -> Self {
        let mut packet = tcp(Flow::new((from, 443), (to, 9)), 1, 1, ACK);
        let total = u16::try_from(packet.len() + payload_len).expect("below 64 KiB");
        // The one counts its own header, the other does not.
        let (l3_len, at, len) = if from.is_ipv4() { (20, 2, total) } else { (40, 4, total - 40) };
        packet[at..at + 2].copy_from_slice(&len.to_be_bytes());
        let mut bytes = ethernet(link.edge_mac, link.client_mac, &packet);
        bytes.splice(12..12, tag.iter().copied());
        Self { bytes, l2_len: 14 + tag.len(), l3_len }
    }

    fn send(&self, queue: &mut Queue, payload: &[&[u8]]) -> Result<(), Refusal> {
        let Self { bytes, l2_len, l3_len } = self;
        queue.transmit_super(&SuperFrame {
            headers: bytes,
            l2_len: *l2_len,
            l3_len: *l3_len,
            mss: MSS,
            payload,
        })
    }
}

fn put_on_ring(queue: &mut Queue, bytes: &[u8]) {
    let mut frame = queue.alloc().expect("a free frame");
    frame.set_len(bytes.len());
    frame.copy_from_slice(bytes);
    queue.transmit(frame).expect("room in the ring");
}

#[test]
fn a_super_frame_arrives_whole_between_what_the_ring_had_before_and_after() {
    let link = Link::with_offloads(PairConfig::default(), Offloads::Kernel);
    let mut capture = link.client.command("python3");
    capture.args(["-c", CAPTURE, DEVICE]);
    let capture = Child::spawn(capture, Output::Capture).expect("python3");
    wait_until(LIMIT, "the capture", || capture.output().contains("ready")).expect("it starts");

    let payload: Vec<u8> = (0..10_500_u32).map(|at| at.to_be_bytes()[3] ^ 0x5a).collect();
    let slices: Vec<&[u8]> = payload.chunks(4_000).collect();
    let mut expected = Vec::new();
    link.on_edge(|| {
        let mut queue = Queue::open(DEVICE, 0, &small()).expect("a queue");
        for (from, to) in [(EDGE, CLIENT), (EDGE6, CLIENT6)] {
            for tag in [&[][..], &[0x81, 0, 0x20, 5]] {
                let headers = Headers::new(&link, from, to, tag, payload.len());
                let alone = Headers::new(&link, from, to, tag, 0);
                put_on_ring(&mut queue, &alone.bytes);
                headers.send(&mut queue, &slices).expect("the link takes it");
                put_on_ring(&mut queue, &alone.bytes);
                expected.push(alone.bytes.clone());
                expected.push([&headers.bytes[..], &payload].concat());
                expected.push(alone.bytes);
            }
        }
        send_all(&mut queue);
        assert_eq!(queue.counters().tx_super_frames, 4);
        assert_eq!(queue.counters().tx_super_refused, 0);
        assert_all_free(queue.close());
    });

    // The kernels talk as well, of neighbours for example.
    let is_ours = |frame: &Vec<u8>| {
        let head = frame.get(..frame.len().min(70)).unwrap_or_default();
        frame.get(6..12) == Some(&link.edge_mac)
            && head.windows(4).any(|ports| ports == [1, 187, 0, 9])
    };
    let hex = |line: &str| -> Option<Vec<u8>> {
        let octet = |at| u8::from_str_radix(line.get(at..at + 2)?, 16).ok();
        (0..line.len()).step_by(2).map(octet).collect()
    };
    let mut captured = Vec::new();
    let all = wait_until(LIMIT, "the frames", || {
        captured = capture.output().lines().filter_map(hex).filter(is_ours).collect();
        captured.len() >= expected.len()
    });
    assert!(all.is_ok(), "{} of {} frames", captured.len(), expected.len());
    let lengths: Vec<_> = captured.iter().map(Vec::len).collect();
    assert!(captured == expected, "other frames, or in another order: {lengths:?}");
}

#[test]
fn a_link_that_can_not_cut_is_told_apart_and_left_alone() {
    let link = Link::new();
    let headers = Headers::new(&link, EDGE, CLIENT, &[], 2_500);
    link.on_edge(|| {
        let mut queue = Queue::open(DEVICE, 0, &small()).expect("a queue");
        for _ in 0..100 {
            assert_eq!(headers.send(&mut queue, &[&[0; 2_500]]), Err(Refusal::Cut));
        }
        assert_eq!(queue.counters().tx_super_refused, 100);
        assert_all_free(queue.close());
    });
    // The device has dropped what was tried: the first, and one each behind 16, 32 and so on.
    let dropped = link.edge.run("ip", &["-s", "-j", "link", "show", "dev", DEVICE]);
    let dropped = dropped.expect("statistics");
    let tx = dropped.split("\"tx\":").nth(1).expect("what was sent");
    let count = tx.split("\"dropped\":").nth(1).and_then(|rest| rest.split(',').next());
    assert_eq!(count, Some("3"), "{dropped}");
}

#[test]
fn super_frames_can_be_left_out() {
    let link = Link::with_offloads(PairConfig::default(), Offloads::Kernel);
    let headers = Headers::new(&link, EDGE, CLIENT, &[], 2_500);
    link.on_edge(|| {
        let config = QueueConfig { super_frames: SuperFrames::Off, ..small() };
        let mut queue = Queue::open(DEVICE, 0, &config).expect("a queue");
        assert!(!queue.has_super_frames());
        assert_eq!(headers.send(&mut queue, &[&[0; 2_500]]), Err(Refusal::Cut));
    });
}
