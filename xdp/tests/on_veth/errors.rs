//! What is missing is said, and how to get it.

use hosts::PairConfig;
use xdp::{Attach, AttachError, Filter, OpenError, Program, Queue, QueueConfig, Support};

use crate::again;
use crate::link::{CLIENT, DEVICE, EDGE, Link, assert_all_free, send_all, small};
use crate::packet::{Flow, ethernet, udp};

#[test]
fn an_unknown_interface_is_named() {
    let error = Queue::open("weir-none0", 0, &small()).expect_err("no interface");
    assert!(matches!(&error, OpenError::NoInterface(name) if name == "weir-none0"));
    assert!(error.to_string().contains("ip link"), "{error}");
    let error = Program::attach("weir-none0", &Filter::default(), Attach::Auto);
    assert!(matches!(error, Err(AttachError::NoInterface(_))));
    let error = Queue::open("a name that is too long", 0, &small()).expect_err("no interface");
    assert!(matches!(error, OpenError::NoInterface(_)));
}

#[test]
fn a_queue_out_of_range_is_told_with_the_range() {
    let link = Link::with(PairConfig { queues: 2, ..PairConfig::default() });
    let error =
        link.on_edge(|| Queue::open(DEVICE, 2, &small()).map(drop)).expect_err("two queues");
    assert!(matches!(error, OpenError::QueueOutOfRange { queue: 2, queues: 2 }), "{error}");
}

#[test]
fn a_queue_has_one_socket() {
    let link = Link::new();
    link.on_edge(|| {
        let first = Queue::open(DEVICE, 0, &small()).expect("a queue");
        let error = Queue::open(DEVICE, 0, &small()).expect_err("busy");
        assert!(matches!(error, OpenError::QueueBusy(0)), "{error}");
        drop(first);
    });
}

#[test]
fn sizes_that_contradict_each_other_are_refused() {
    let link = Link::new();
    for config in [
        QueueConfig { ring_len: 100, ..small() },
        QueueConfig { frames: 0, ..small() },
        QueueConfig { fill_max: 0, ..small() },
        QueueConfig { tx_reserve: 256, ..small() },
    ] {
        let error = link.on_edge(|| Queue::open(DEVICE, 0, &config).map(drop));
        assert!(matches!(error, Err(OpenError::Config(_))), "{config:?}: {error:?}");
    }
}

#[test]
fn without_capabilities_they_are_named() {
    if again::is_inner() {
        let error = Queue::open(DEVICE, 0, &small()).expect_err("no capability");
        assert!(matches!(error, OpenError::MissingCapability(_)), "{error}");
        assert!(error.to_string().contains("CAP_NET_RAW"), "{error}");
        let error = Program::attach(DEVICE, &Filter::default(), Attach::Auto);
        let error = error.expect_err("no capability");
        assert!(matches!(error, AttachError::MissingCapability(_)), "{error}");
        assert!(error.to_string().contains("CAP_BPF"), "{error}");
        let features = xdp::probe();
        assert_eq!(features[0].support, Support::Forbidden);
        return;
    }
    let without = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"];
    let test = "errors::without_capabilities_they_are_named";
    again::run(&Link::new().edge, &without, test);
}

#[test]
fn without_locked_memory_the_limit_is_named() {
    if again::is_inner() {
        let error = Queue::open(DEVICE, 0, &small()).expect_err("no locked memory");
        let OpenError::MemoryLock { needed_bytes, limit_bytes } = error else { panic!("{error}") };
        assert_eq!(needed_bytes, 256 * 2048);
        assert_eq!(limit_bytes, Some(65536));
        return;
    }
    let without = ["setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock", "--"];
    let without = [&without[..], &["prlimit", "--memlock=65536", "--"]].concat();
    again::run(&Link::new().edge, &without, "errors::without_locked_memory_the_limit_is_named");
}

#[test]
fn an_old_kernel_refuses_a_large_mtu() {
    if again::is_inner() {
        let error = Queue::open(DEVICE, 0, &small()).expect_err("no packets of several buffers");
        assert!(matches!(error, OpenError::MtuTooLarge { mtu_bytes: 9000, .. }), "{error}");
        assert!(error.to_string().contains("3822"), "{error}");
        return;
    }
    let link = Link::with(PairConfig { mtu_bytes: 9000, ..PairConfig::default() });
    again::run(&link.edge, &AS_IN_DEBIAN_12, "errors::an_old_kernel_refuses_a_large_mtu");
}

#[test]
fn an_old_kernel_is_called_more_often() {
    let calls = |link: &Link| {
        let mut queue = Queue::open(DEVICE, 0, &small()).expect("a queue");
        let packet = udp(Flow::new((EDGE, 1), (CLIENT, 2)), b"x");
        let bytes = ethernet(link.edge_mac, link.client_mac, &packet);
        for _ in 0..96 {
            let mut frame = queue.alloc().expect("a frame");
            frame.set_len(bytes.len());
            frame.copy_from_slice(&bytes);
            queue.transmit(frame).expect("room in the ring");
        }
        send_all(&mut queue);
        let calls = queue.counters().tx_kicks;
        assert_all_free(queue.close());
        calls
    };
    let link = Link::new();
    if again::is_inner() {
        assert!(link.on_edge(|| calls(&link)) >= 3);
        return;
    }
    let budget = xdp::probe().into_iter().find(|feature| feature.name == "AF_XDP TX budget");
    if budget.is_some_and(|feature| feature.is_available()) {
        assert_eq!(link.on_edge(|| calls(&link)), 1);
    }
    again::run(&link.edge, &AS_IN_DEBIAN_12, "errors::an_old_kernel_is_called_more_often");
}

#[test]
fn an_old_kernel_has_a_fallback_for_each_feature_it_lacks() {
    if again::is_inner() {
        for feature in xdp::probe() {
            assert_eq!(feature.is_available(), feature.since.major < 6, "{feature:?}");
            assert!(!feature.fallback.is_empty());
        }
        return;
    }
    let test = "errors::an_old_kernel_has_a_fallback_for_each_feature_it_lacks";
    again::run(&Link::new().edge, &AS_IN_DEBIAN_12, test);
}

/// Hides what came after Debian 12's kernel.
const AS_IN_DEBIAN_12: [&str; 2] = ["env", "WEIR_KERNEL_MAX=6.1"];
