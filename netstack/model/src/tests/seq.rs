//! Places and ranges.

use crate::{Bounds, Line, Ranges};

#[test]
fn places_cross_the_wrap() {
    let line = Line::new(u32::MAX - 1);
    assert_eq!(line.place(u32::MAX - 1, 0), 0);
    assert_eq!(line.place(3, 0), 5);
    assert_eq!(line.wire(5), 3);
    assert_eq!(line.place(u32::MAX - 3, 0), -2);
    let far = 5 << 32;
    assert_eq!(line.place(line.wire(far + 17), far), far + 17);
    assert_eq!(line.place(line.wire(far - 17), far), far - 17);
}

#[test]
fn ranges_join_what_touches() {
    let mut ranges = Ranges::default();
    ranges.add(10, 20);
    ranges.add(30, 40);
    ranges.add(5, 5);
    assert!(ranges.covers(12, 18) && !ranges.covers(12, 22) && ranges.touches(19, 25));
    ranges.add(20, 30);
    assert_eq!(ranges.iter().collect::<Vec<_>>(), [(10, 40)]);
    assert_eq!((ranges.reach(10), ranges.reach(9), ranges.reach(40)), (40, 9, 40));
    ranges.forget_before(35);
    assert_eq!(ranges.iter().collect::<Vec<_>>(), [(35, 40)]);
}

#[test]
fn bounds_only_widen_upwards() {
    let mut bounds = Bounds::exactly(3);
    bounds.may_become(7);
    assert_eq!((bounds.min, bounds.max, bounds.is_exact()), (3, 7, false));
    bounds.becomes(5);
    bounds.becomes(4);
    assert_eq!((bounds.min, bounds.max), (5, 7));
}
