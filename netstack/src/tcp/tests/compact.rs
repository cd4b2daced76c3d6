//! What a connection keeps in fewer bits than it was given: times and addresses.

use core::net::{IpAddr, SocketAddr};

use std::vec::Vec;

use proptest::prelude::*;

use crate::tcp::ends::{Ends, is_mapped};
use crate::tcp::segment::FourTuple;
use crate::tcp::short::{CoarseInstant, ShortSpan};
use crate::{Config, ConfigError, Engine, Instant, Interface, MacAddress, Span};

/// A unit of a short span.
const UNIT: Span = Span::from_nanos(16);
/// A unit of a coarse point in time.
const COARSE: Span = Span::from_nanos(1 << 27);

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
}

fn tuple() -> impl Strategy<Value = FourTuple> {
    let ports = (any::<u16>(), any::<u16>());
    (address(), any::<[u8; 16]>(), ports).prop_map(|(local, [a, b, c, d, rest @ ..], ports)| {
        let remote = match local {
            IpAddr::V4(_) => IpAddr::from([a, b, c, d]),
            IpAddr::V6(_) => {
                let mut octets = [0; 16];
                octets[..4].copy_from_slice(&[a, b, c, d]);
                octets[4..].copy_from_slice(&rest);
                IpAddr::from(octets)
            }
        };
        let (local, remote) = (SocketAddr::new(local, ports.0), SocketAddr::new(remote, ports.1));
        FourTuple { local, remote }
    })
}

proptest! {
    #[test]
    fn a_round_trip_is_kept_to_sixteen_nanoseconds(nanos in 0u64..60_000_000_000) {
        let span = Span::from_nanos(nanos);
        let kept = ShortSpan::of(span).span();
        prop_assert!(kept <= span && span - kept < UNIT, "{kept:?}");
    }

    #[test]
    fn an_average_lies_between_what_it_is_of(
        from in 0u64..1 << 40,
        to in 0u64..1 << 40,
        parts in 1u32..1 << 19,
    ) {
        let [from, to] = [from, to].map(|nanos| ShortSpan::of(Span::from_nanos(nanos)));
        let moved = from.moved_towards(to, parts);
        prop_assert!(from.min(to) <= moved && moved <= from.max(to));
        prop_assert_eq!(from.moved_towards(to, 1), to);
    }

    #[test]
    fn an_age_is_right_across_the_wrap(
        // Around each multiple of the 2^59 ns after which the count begins anew.
        wraps in 0u64..20,
        before in 0u64..1 << 57,
        age in 0u64..1 << 58,
    ) {
        let at = Instant::from_nanos((wraps << 59).saturating_sub(before));
        let age = Span::from_nanos(age);
        let kept = CoarseInstant::of(at).age(at + age);
        prop_assert!(kept.abs_diff(age) <= COARSE, "{kept:?}");
    }

    #[test]
    fn two_ends_come_back_as_they_were(one in tuple(), other in tuple()) {
        for tuple in [one, other] {
            let IpAddr::V6(local) = tuple.local.ip() else {
                prop_assert_eq!(Ends::of(&tuple).tuple(), tuple);
                continue;
            };
            prop_assert_eq!(Ends::of(&tuple).tuple() == tuple, !is_mapped(local.octets()));
        }
        prop_assert_eq!(Ends::of(&one) == Ends::of(&other), one == other);
    }
}

#[test]
fn what_is_too_long_is_as_long_as_can_be() {
    let longest = ShortSpan::of(Span::MAX);
    assert!(longest.span() > Span::from_secs(68));
    assert_eq!(ShortSpan::of(Span::from_secs(1_000)), longest);
    assert_eq!(longest.moved_towards(longest, 8), longest);
}

#[test]
fn no_interface_has_an_address_that_stands_for_another() {
    let mapped: IpAddr = "::ffff:192.0.2.1".parse().expect("an address");
    let interface = Interface::new(MacAddress([2; 6]), mapped, 64);
    let refused = Engine::<Vec<u8>, Vec<u8>>::new(Config::new(interface, [0; 32]), Instant::ORIGIN);
    assert_eq!(refused.err(), Some(ConfigError::AddressNotUnicast(mapped)));
}
