//! Duties of RFC 7323 that no other test is about.

use super::host::{Host, Peer};
use crate::engine::drops::DropReason;
use crate::tcp::segment::Options;
use crate::wire::tcp::{Endpoints, Flags, fill_checksum};
use crate::wire::tcp_options::Timestamps;
use crate::{ConnectionId, Span};

/// A server whose peer sends timestamps from `value` on.
fn connected(value: u32) -> (Host, Peer, ConnectionId) {
    let mut host = Host::new();
    let mut peer = Peer::new();
    peer.timestamps = Some(Timestamps { value, echo: 0 });
    let id = peer.handshake(&mut host);
    host.segments();
    (host, peer, id)
}

#[test]
fn a_window_scale_without_syn_changes_nothing() {
    let (mut host, peer, id) = connected(1);
    let plain = Peer { timestamps: None, window: 1_000, ..peer };
    // A header with four octets of options in front of its payload: the scale, in a frame of its own.
    let mut frame = plain.frame(&[1, 3, 3, 7, b'x']);
    let tcp = 14 + 20;
    frame[tcp + 12] = 6 << 4;
    let ends = Endpoints { source: plain.tuple.local.ip(), destination: plain.tuple.remote.ip() };
    fill_checksum(&mut frame[tcp..], ends).expect("it is long enough");
    host.receive(frame);
    assert_eq!(host.read(id), b"x");
    assert_eq!(host.engine.info(host.now, id).expect("it lives").send_window_bytes, 1_000);
    let longer = Peer { seq: plain.seq + 1, window: 900, ..plain };
    host.receive(longer.frame(b"y"));
    assert_eq!(host.engine.info(host.now, id).expect("it lives").send_window_bytes, 900);
}

#[test]
fn a_reset_of_a_connection_has_timestamps() {
    let (mut host, _, id) = connected(77);
    host.engine.abort(host.now, id);
    let (reset, _) = host.segments().pop().expect("a RST");
    assert!(reset.flags.contains(Flags::RST));
    let Options::Other(options) = reset.options else { panic!("no SYN") };
    assert_eq!(options.timestamps.map(|timestamps| timestamps.echo), Some(77));
}

#[test]
fn a_timestamp_of_24_days_ago_is_not_one_to_compare_with() {
    for (days, drops) in [(23, 1), (25, 0)] {
        let (mut host, mut peer, _) = connected(1_000);
        host.sleep(Span::from_secs(days * 86_400));
        // The peer's clock has gone half of its circle.
        let echo = peer.timestamps.expect("agreed").echo;
        peer.timestamps = Some(Timestamps { value: 1_000u32.wrapping_add(3 << 30), echo });
        peer.send(&mut host, b"hello");
        assert_eq!(host.engine.counters().drops(DropReason::Paws), drops, "{days} days");
    }
}
