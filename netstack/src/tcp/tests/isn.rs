//! What a stranger must not guess.

use core::net::SocketAddr;
use std::collections::BTreeSet;

use crate::tcp::ends::Ends;
use crate::tcp::isn::{PortChooser, Secrets};
use crate::tcp::segment::FourTuple;
use crate::time::{Instant, Span};

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn tuple(port: u16) -> FourTuple {
    FourTuple {
        local: address("192.0.2.1:443"),
        remote: SocketAddr::new(address("192.0.2.2:1").ip(), port),
    }
}

#[test]
fn initial_sequence_numbers_differ_by_connection_and_by_seed() {
    let now = Instant::from_millis(5);
    let mut seen = BTreeSet::new();
    for seed in 0..10u8 {
        let mut bytes = [7; 32];
        bytes[31] = seed;
        let secrets = Secrets::new(bytes);
        for port in 1..=100 {
            seen.insert(secrets.isn(now, &tuple(port)).to_wire());
        }
    }
    assert_eq!(seen.len(), 1000);
}

#[test]
fn every_part_of_the_seed_counts() {
    let of = |seed| Secrets::new(seed).isn(Instant::ORIGIN, &tuple(1));
    let plain = of([0; 32]);
    for at in 0..32 {
        let mut seed = [0; 32];
        seed[at] = 1;
        assert_ne!(of(seed), plain, "octet {at}");
    }
}

#[test]
fn a_connections_numbers_rise_with_the_clock() {
    let secrets = Secrets::new([1; 32]);
    let start = Instant::from_millis(1);
    let first = secrets.isn(start, &tuple(9));
    let second = secrets.isn(start + Span::from_secs(1), &tuple(9));
    assert_eq!(first.distance_to(second), 250_000);
}

#[test]
fn the_seed_alone_decides_the_flow_hash() {
    let hash = |seed, port| Secrets::new([seed; 32]).flow_hasher().hash(&Ends::of(&tuple(port)));
    assert_eq!(hash(1, 5), hash(1, 5));
    assert_ne!(hash(1, 5), hash(2, 5));
    assert_ne!(hash(1, 5), hash(1, 6));
}

#[test]
fn timestamps_count_milliseconds_from_a_secret_start() {
    let secrets = Secrets::new([1; 32]);
    let clock = secrets.timestamp_offset(&tuple(1));
    assert_ne!(clock, secrets.timestamp_offset(&tuple(2)));
    let start = Instant::ORIGIN + Span::from_secs(50 * 24 * 3600);
    let value = clock.at(start);
    assert_eq!(clock.at(start + Span::from_millis(7)), value.wrapping_add(7));
    assert_eq!(clock.elapsed_ms(start + Span::from_millis(7), value), Some(7));
    assert_eq!(clock.elapsed_ms(start, value.wrapping_add(1)), None);
}

#[test]
fn every_port_is_found_and_none_twice() {
    let secrets = Secrets::new([3; 32]);
    let mut chooser = PortChooser::new();
    let (local, remote) = (address("[2001:db8::1]:0").ip(), address("[2001:db8::2]:443"));
    let mut taken = BTreeSet::new();
    for _ in 0..16_384 {
        let port = chooser.choose(&secrets, local, remote, |port| !taken.contains(&port));
        assert!(taken.insert(port.expect("one is free")));
    }
    assert_eq!(taken.first(), Some(&49_152));
    assert_eq!(chooser.choose(&secrets, local, remote, |port| !taken.contains(&port)), None);
}

#[test]
fn ports_begin_elsewhere_for_each_destination_and_secret() {
    // RFC 6056 §3.3.4.
    let local = address("[2001:db8::1]:0").ip();
    let first = |seed: u8, remote: &str| {
        let secrets = Secrets::new([seed; 32]);
        PortChooser::new().choose(&secrets, local, address(remote), |_| true)
    };
    let mut ports = BTreeSet::new();
    for seed in 0..8 {
        for remote in ["[2001:db8::2]:443", "[2001:db8::2]:80", "[2001:db8::3]:443"] {
            ports.insert(first(seed, remote).expect("one is free"));
            assert_eq!(first(seed, remote), first(seed, remote));
        }
    }
    assert!(ports.len() > 20, "{ports:?}");
}
