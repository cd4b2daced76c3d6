//! Facts of an interface and of the kernel.

use std::io::ErrorKind;

use hosts::PairConfig;
use xdp::link::{LinkFacts, State};

use crate::again;
use crate::link::{DEVICE, Link};

#[test]
fn a_veth_is_described() {
    let link = Link::with(PairConfig { queues: 3, mtu_bytes: 4000, ..PairConfig::default() });
    let facts = link.facts();
    assert_eq!(facts.name, DEVICE);
    assert_eq!(facts.driver.as_deref(), Some("veth"));
    assert_eq!(facts.mac, Some(link.edge_mac));
    assert_eq!(facts.mtu_bytes, 4000);
    assert_eq!((facts.rx_queues, facts.tx_queues), (3, 3));
    assert_eq!(facts.state, State::Up);
    if let Some(xdp) = facts.xdp {
        assert!(xdp.has_native());
        assert!(xdp.has_multi_buffer());
        assert!(!xdp.has_zero_copy());
    }
    link.edge.ip(&["link", "set", "dev", DEVICE, "down"]).expect("down");
    assert_eq!(link.facts().state, State::Down);
}

#[test]
fn loopback_has_no_ethernet_address_and_no_driver() {
    let link = Link::new();
    let facts = link.on_edge(|| LinkFacts::of("lo")).expect("loopback");
    assert_eq!((facts.mac, facts.driver), (None, None));
    assert_eq!(facts.rx_queues, 1);
}

#[test]
fn interfaces_are_those_of_the_namespace() {
    let link = Link::new();
    let names = link.on_edge(xdp::link::names).expect("names");
    assert_eq!(names, [DEVICE, "lo"]);
}

#[test]
fn what_is_not_there_is_not_found() {
    for name in ["weir-none0", "", "a/b", "a name that is too long"] {
        let error = LinkFacts::of(name).expect_err("no interface");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{name:?}: {error}");
    }
}

#[test]
fn an_old_kernel_does_not_tell_what_a_driver_can_do() {
    if again::is_inner() {
        assert_eq!(LinkFacts::of(DEVICE).expect("facts").xdp, None);
        return;
    }
    let test = "facts::an_old_kernel_does_not_tell_what_a_driver_can_do";
    again::run(&Link::new().edge, &["env", "WEIR_KERNEL_MAX=6.1"], test);
}
