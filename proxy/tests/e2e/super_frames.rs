//! Long trains leave as one packet, where the link takes it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use hosts::{Offloads, wait_until};

use crate::edge::{EDGE_DEVICE, Edge, LIMIT, Plan};
use crate::snmp::linux_tcp_counter;
use crate::transfer::{MIB, comes_down, comes_down_in_spite};

/// Series of the ways to the wire.
const SUPER_FRAMES: &str = "weir_tx_trains_total{path=\"super_frame\"}";
const BY_RING: &str = "weir_tx_trains_total{path=\"ring\"}";
const REFUSED: &str = "weir_tx_super_frames_refused_total";

/// An edge whose link cuts what is too long for it.
fn plan(queues: u32, listen: &str) -> Plan {
    Plan {
        queues,
        offloads: Offloads::Kernel,
        listen: format!("checksum = \"verify-or-partial\"\n{listen}"),
        ..Plan::default()
    }
}

/// How often a download may be tried: a client that has not run for a while drops what its socket
/// can't queue.
const TRIES: u32 = 3;

/// Whether nothing had to be sent again. Then nothing came to the client before what was sent earlier.
fn is_in_order(edge: &Edge) -> bool {
    let causes = ["timeout", "recovery"]
        .map(|cause| edge.metric(&format!("weir_tcp_retransmits_total{{cause=\"{cause}\"}}")));
    let again = causes.iter().sum::<f64>() > 0.0;
    let overtaken = linux_tcp_counter(&edge.client, "TCPOFOQueue");
    assert!(again || overtaken == 0, "{overtaken} segments were overtaken");
    !again
}

/// Downloads over that many queues until one has nothing sent again. `check` looks at each.
fn downloads_in_order(queues: u32, check: impl Fn(&Edge)) {
    let in_order = (0..TRIES).any(|_| {
        let edge = Edge::start(&plan(queues, ""));
        check(&edge);
        is_in_order(&edge)
    });
    assert!(in_order, "each of {TRIES} downloads over {queues} queues had something sent again");
}

/// Turns segmentation by the link off and on, over and over, while `work` is done: each time as soon as
/// the last change has shown. How often.
fn while_the_link_changes(edge: &Edge, work: impl FnOnce()) -> u32 {
    let done = AtomicBool::new(false);
    let is_done = || done.load(Ordering::Relaxed);
    thread::scope(|scope| {
        let changing = scope.spawn(|| {
            let mut changes = 0;
            while !is_done() {
                for (state, shows) in [("off", REFUSED), ("on", SUPER_FRAMES)] {
                    let before = edge.metric(shows);
                    edge.host.run("ethtool", &["-K", EDGE_DEVICE, "tso", state]).expect("ethtool");
                    let shown =
                        wait_until(LIMIT, shows, || is_done() || edge.metric(shows) > before);
                    assert!(shown.is_ok() || is_done(), "{shows} stands still\n{}", edge.metrics());
                    changes += 1;
                }
            }
            changes
        });
        // Also when the work fails: the scope waits for the other.
        let ending = SetOnDrop(&done);
        work();
        drop(ending);
        changing.join().expect("no panic")
    })
}

/// Says that something is over.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_download_leaves_in_super_frames() {
    for queues in [1, 2] {
        downloads_in_order(queues, |edge| {
            comes_down(edge, 128 * MIB);
            let segments = edge.metric("weir_tcp_segments_total{direction=\"out\"}");
            let frames = edge.metric("weir_xdp_packets_total{queue=\"edge0/0\",direction=\"out\"}");
            assert!(frames < segments / 5.0, "{frames} of {segments} segments left as frames");
            // Each of at least five segments, or they were not worth it.
            let trains = edge.metric(SUPER_FRAMES);
            assert!(
                trains > 1_000.0 && trains < segments / 5.0,
                "{trains} for {segments} segments"
            );
            let refused = edge.metric(REFUSED);
            assert!(refused < trains / 100.0, "{refused} refused, {trains} taken");
        });
    }
}

#[test]
fn super_frames_can_be_turned_off() {
    let edge = Edge::start(&plan(1, "super_frames = \"off\"\n"));
    comes_down(&edge, 16 * MIB);
    assert_eq!(edge.metric(SUPER_FRAMES), 0.0);
    assert!(edge.metric(BY_RING) > 100.0);
}

#[test]
fn a_link_that_changes_its_mind_loses_and_reorders_nothing() {
    for queues in [1, 2] {
        downloads_in_order(queues, |edge| {
            let changes = while_the_link_changes(edge, || comes_down(edge, 256 * MIB));
            assert!(changes > 2, "{changes} changes");
            assert!(edge.metric(REFUSED) > 0.0, "{}", edge.metrics());
            for path in [SUPER_FRAMES, BY_RING] {
                assert!(edge.metric(path) > 10.0, "{path}: {}", edge.metrics());
            }
        });
    }
}

#[test]
fn lost_super_frames_are_sent_again() {
    let edge = Edge::start(&plan(1, ""));
    let changes = while_the_link_changes(&edge, || comes_down_in_spite(&edge, 64 * MIB));
    assert!(changes > 2, "{changes} changes");
    assert!(edge.metric(SUPER_FRAMES) > 10.0);
}
