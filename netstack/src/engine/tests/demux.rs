//! The flow table against a map, with hashes that collide more than any key allows.

use core::hash::Hasher;
use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeMap;
use std::vec::Vec;

use proptest::prelude::*;
use siphasher::sip::SipHasher13;

use crate::engine::demux::{FlowHash, FlowHasher, FlowTable, FlowTableFull, write_address};
use crate::tcp::ends::Ends;
use crate::tcp::segment::FourTuple;

/// A hash whose tag is `tag`.
fn hash(tag: u32) -> FlowHash {
    FlowHash(u64::from(tag) << 32)
}

#[test]
fn a_flow_is_found_by_its_own_number() {
    let mut table = FlowTable::new(4);
    table.insert(hash(5), 100).expect("there is room");
    table.insert(hash(5), 200).expect("there is room");
    assert_eq!(table.find(hash(5), |number| number == 200), Some(200));
    assert_eq!(table.find(hash(5), |_| false), None);
    assert_eq!(table.find(hash(6), |_| true), None);
    assert_eq!(table.replace(hash(5), 200, 300), Some(()));
    assert_eq!(table.replace(hash(5), 200, 300), None);
    assert_eq!(table.find(hash(5), |number| number >= 200), Some(300));
    assert_eq!(table.remove(hash(5), 200), None);
    assert_eq!(table.remove(hash(5), 300), Some(()));
    assert_eq!(table.len(), 1);
}

#[test]
fn a_full_table_refuses_and_still_answers() {
    let mut table = FlowTable::new(2);
    table.insert(hash(1), 1).expect("there is room");
    table.insert(hash(2), 2).expect("there is room");
    assert_eq!(table.insert(hash(3), 3), Err(FlowTableFull));
    assert_eq!(table.find(hash(3), |_| true), None);
    assert_eq!(table.find(hash(2), |_| true), Some(2));
}

#[test]
fn an_entry_costs_eight_bytes() {
    assert!(FlowTable::new(1 << 16).bytes() <= 8 * (1 << 17));
}

#[test]
fn every_part_of_the_four_tuple_counts() {
    let hasher = FlowHasher::new([9; 16]);
    let of = |local: &str, remote: &str| {
        let local = local.parse().expect("an address");
        let remote = remote.parse().expect("an address");
        hasher.hash(&Ends::of(&FourTuple { local, remote })).0
    };
    let hashes = [
        of("192.0.2.1:1", "192.0.2.2:2"),
        of("192.0.2.1:2", "192.0.2.2:1"),
        of("192.0.2.2:1", "192.0.2.1:2"),
        of("192.0.2.1:1", "192.0.2.3:2"),
        of("192.0.2.1:1", "192.0.2.2:3"),
        of("[2001:db8::1]:1", "[2001:db8::2]:2"),
    ];
    for (at, hash) in hashes.iter().enumerate() {
        assert!(!hashes[..at].contains(hash), "{at}");
    }
}

proptest! {
    #[test]
    fn the_hash_is_siphash_1_3(
        key in any::<[u8; 16]>(),
        ends in prop_oneof![
            any::<([u8; 4], [u8; 4])>().prop_map(|(local, remote)| (IpAddr::from(local), IpAddr::from(remote))),
            any::<([u8; 16], [u8; 16])>().prop_map(|(local, remote)| (IpAddr::from(local), IpAddr::from(remote))),
        ],
        ports in any::<(u16, u16)>(),
    ) {
        let mut reference = SipHasher13::new_with_key(&key);
        write_address(&mut reference, ends.0);
        write_address(&mut reference, ends.1);
        reference.write(&((u32::from(ports.0) << 16) | u32::from(ports.1)).to_le_bytes());
        let tuple = FourTuple {
            local: SocketAddr::new(ends.0, ports.0),
            remote: SocketAddr::new(ends.1, ports.1),
        };
        prop_assert_eq!(FlowHasher::new(key).hash(&Ends::of(&tuple)).0, reference.finish());
    }

    #[test]
    fn any_steps_leave_what_a_map_would(
        // Tags close to each other and to the end of the table, so that runs wrap around it.
        steps in prop::collection::vec((any::<bool>(), 0u32..12, any::<prop::sample::Index>()), 0..300),
    ) {
        let mut table = FlowTable::new(20);
        let mut model: BTreeMap<u32, u32> = BTreeMap::new();
        for (number, (insert, tag, at)) in (0u32..).zip(steps) {
            if insert || model.is_empty() {
                let tag = tag.wrapping_sub(6);
                let inserted = table.insert(hash(tag), number);
                prop_assert_eq!(inserted.is_err(), model.len() == 20);
                if inserted.is_ok() {
                    model.insert(number, tag);
                }
            } else {
                let numbers: Vec<u32> = model.keys().copied().collect();
                let number = numbers[at.index(numbers.len())];
                let tag = model.remove(&number).expect("picked");
                prop_assert_eq!(table.remove(hash(tag), number), Some(()));
            }
            prop_assert_eq!(table.len(), model.len());
            for (&number, &tag) in &model {
                prop_assert_eq!(table.find(hash(tag), |found| found == number), Some(number));
            }
        }
    }
}
