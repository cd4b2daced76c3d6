//! Connection memory.

use std::collections::BTreeMap;
use std::vec::Vec;

use proptest::prelude::*;

use crate::engine::slots::{ConnectionId, Slots};

#[test]
fn a_name_dies_with_its_tenant() {
    let mut slots = Slots::new(1);
    let first = slots.insert_with(|_| 'a').expect("there is room");
    assert_eq!(slots.insert_with(|_| 'b'), None);
    assert_eq!(slots.remove(first), Some('a'));
    let second = slots.insert_with(|_| 'b').expect("there is room");
    assert_eq!(second.index(), first.index());
    assert_ne!(second, first);
    assert_eq!(slots.get(first), None);
    assert_eq!(slots.get_mut(first), None);
    assert_eq!(slots.remove(first), None);
    assert_eq!(slots.get(second), Some(&'b'));
    assert_eq!(slots.get_at(second.slot()), Some((second, &'b')));
}

#[test]
fn a_full_table_makes_nothing() {
    let mut slots = Slots::new(0);
    assert!(slots.is_full());
    assert_eq!(slots.insert_with(|_| panic!("not called")), None::<ConnectionId>);
    assert!(Slots::<u8>::new(5).bytes() < 1024, "memory comes with the values");
}

#[test]
fn a_value_knows_its_own_name() {
    let mut slots = Slots::new(100);
    for _ in 0..100 {
        let id = slots.insert_with(|id| id).expect("there is room");
        assert_eq!(slots.get(id), Some(&id));
    }
    assert_eq!(slots.iter().filter(|(id, value)| id == *value).count(), 100);
}

proptest! {
    #[test]
    fn any_steps_leave_what_a_map_would(
        steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..400),
    ) {
        const MAX: u32 = 150;
        let mut slots = Slots::new(MAX);
        let mut model: BTreeMap<ConnectionId, u32> = BTreeMap::new();
        for (value, (insert, at)) in (0u32..).zip(steps) {
            if insert || model.is_empty() {
                let id = slots.insert_with(|_| value);
                prop_assert_eq!(id.is_none(), model.len() == MAX as usize);
                let Some(id) = id else { continue };
                prop_assert!(id.index() < MAX as usize);
                prop_assert_eq!(model.insert(id, value), None);
            } else {
                let ids: Vec<ConnectionId> = model.keys().copied().collect();
                let id = ids[at.index(ids.len())];
                prop_assert_eq!(slots.remove(id), model.remove(&id));
            }
            prop_assert_eq!(slots.len(), model.len());
        }
        let left: BTreeMap<ConnectionId, u32> = slots.iter().map(|(id, v)| (id, *v)).collect();
        prop_assert_eq!(left, model);
    }
}

#[test]
fn a_few_values_that_are_left_lie_in_few_chunks() {
    let mut slots = Slots::new(100_000);
    let ids: Vec<ConnectionId> =
        (0..10_000).map(|n| slots.insert_with(|_| n).expect("there is room")).collect();
    let all = slots.bytes();
    for id in &ids[100..] {
        slots.remove(*id);
    }
    assert!(slots.bytes() < all / 10, "{} of {all} bytes", slots.bytes());
    // The lowest places are taken first, so the next values need no memory of their own.
    let before = slots.bytes();
    for _ in 0..20 {
        assert!(slots.insert_with(|_| 0).expect("there is room").index() < 128);
    }
    assert_eq!(slots.bytes(), before);
    for id in &ids[..100] {
        slots.remove(*id);
    }
    assert_eq!(slots.len(), 20);
}
