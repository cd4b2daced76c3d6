//! Sequence numbers, always also across the wrap.

use proptest::prelude::*;

use crate::tcp::seq::{SeqNum, WindowScale, WindowSize};

/// Half the circle: distances below it have a direction.
const HALF: u32 = 1 << 31;

/// Numbers everywhere, and often right at the wrap.
fn numbers() -> impl Strategy<Value = SeqNum> {
    let near_wrap = (0u32..64).prop_map(|n| n.wrapping_sub(32));
    let near_half = (0u32..64).prop_map(|n| n.wrapping_add(HALF - 32));
    prop_oneof![any::<u32>(), near_wrap, near_half].prop_map(SeqNum::from_wire)
}

proptest! {
    #[test]
    fn what_is_added_lies_after(start in numbers(), step in 1..HALF) {
        let later = start + step;
        prop_assert!(start.before(later) && later.after(start));
        prop_assert!(start.before_or_eq(later) && !start.after_or_eq(later));
        prop_assert!(!later.before(start) && !start.after(later));
        prop_assert_eq!(start.latest(later), later);
        prop_assert_eq!(later.latest(start), later);
        prop_assert_eq!(start.earliest(later), start);
        prop_assert_eq!(later.earliest(start), start);
        prop_assert_eq!(start.distance_to(later), step);
        prop_assert_eq!(later.distance_to(start), 0);
        prop_assert_eq!(later - step, start);
    }

    #[test]
    fn a_number_is_neither_before_nor_after_itself(number in numbers()) {
        prop_assert!(!number.before(number) && !number.after(number));
        prop_assert!(number.before_or_eq(number) && number.after_or_eq(number));
        prop_assert_eq!(number.distance_to(number), 0);
    }

    #[test]
    fn a_window_holds_its_octets_and_no_others(start in numbers(), size in 0u32..1 << 30) {
        let window = WindowSize::new(size);
        prop_assert_eq!(start.in_window(start, window), size > 0);
        prop_assert!(!(start + window).in_window(start, window));
        prop_assert!(!(start - 1).in_window(start, window));
        prop_assert_eq!((start + window - 1).in_window(start, window), size > 0);
    }

    #[test]
    fn a_window_on_the_wire_is_never_larger_than_it_is(octets in any::<u32>()) {
        let window = WindowSize::new(octets);
        let scale = WindowScale::for_window(octets);
        let seen = WindowSize::from_wire(window.to_wire(scale), scale);
        prop_assert!(seen <= window);
        prop_assert!(window.octets() - seen.octets() < 1 << scale.shift());
    }
}

#[test]
fn scales_above_14_are_refused_or_clamped() {
    assert_eq!(WindowScale::new(14).map(WindowScale::shift), Some(14));
    assert_eq!(WindowScale::new(15), None);
    assert_eq!(WindowScale::from_wire(255), WindowScale::MAX);
    assert_eq!(WindowScale::for_window(u32::MAX), WindowScale::MAX);
    assert_eq!(WindowScale::for_window(65_535), WindowScale::ZERO);
    assert_eq!(WindowScale::for_window(65_536).shift(), 1);
}

#[test]
fn the_largest_window_can_be_advertised() {
    assert_eq!(WindowSize::new(u32::MAX), WindowSize::MAX);
    assert_eq!(WindowSize::MAX.to_wire(WindowScale::MAX), u16::MAX);
    assert_eq!(WindowSize::MAX.to_wire(WindowScale::ZERO), u16::MAX);
}
