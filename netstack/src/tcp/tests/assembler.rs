//! The assembler against a model that keeps every octet on its own.

use std::collections::BTreeMap;
use std::ops::Range;
use std::vec::Vec;

use proptest::prelude::*;

use crate::tcp::assembler::{Arrival, Assembler, AssemblerLimits, Rejection};
use crate::tcp::seq::SeqNum;

const ROOMY: AssemblerLimits = AssemblerLimits { ranges_max: 64, cost_bytes_max: 1 << 20 };

fn seq(offset: u32) -> SeqNum {
    SeqNum::from_wire(offset)
}

/// An arrival of the octets `range`, each with the value `stamp`.
fn arrival(base: SeqNum, range: Range<u32>, stamp: u8) -> Arrival<Vec<u8>> {
    let len = range.end - range.start;
    let value = std::vec![stamp; len as usize];
    Arrival { seq: base + range.start, len, cost_bytes: 2048, value }
}

fn blocks(assembler: &Assembler<Vec<u8>>, base: SeqNum) -> Vec<Range<u32>> {
    let blocks = assembler.sack_blocks(4);
    blocks.as_slice().iter().map(|b| base.distance_to(b.left)..base.distance_to(b.right)).collect()
}

#[test]
fn pieces_come_out_in_order_across_the_wrap() {
    let base = seq(u32::MAX - 14);
    let mut assembler = Assembler::new(ROOMY);
    for range in [20..30, 10..20, 30..35] {
        assembler.insert(arrival(base, range, 1)).expect("kept");
    }
    assert_eq!(assembler.ranges(), 1);
    assert_eq!(assembler.pop(base), None);
    let mut next = base + 10;
    while let Some(piece) = assembler.pop(next) {
        assert_eq!(piece.skip, 0);
        next += piece.len;
    }
    assert_eq!(base.distance_to(next), 35);
    assert!(assembler.is_empty());
    assert_eq!((assembler.ranges(), assembler.cost_bytes()), (0, 0));
}

#[test]
fn blocks_are_reported_newest_first() {
    let base = seq(100);
    let mut assembler = Assembler::new(ROOMY);
    for range in [10..20, 30..40, 50..60, 70..80, 90..95] {
        assembler.insert(arrival(base, range, 1)).expect("kept");
    }
    assert_eq!(blocks(&assembler, base), [90..95, 70..80, 50..60, 30..40]);
    // One that grows becomes the newest, and so does one that is repeated.
    assembler.insert(arrival(base, 40..45, 1)).expect("kept");
    assert_eq!(blocks(&assembler, base), [30..45, 90..95, 70..80, 50..60]);
    let rejected = assembler.insert(arrival(base, 12..15, 1)).expect_err("a duplicate");
    assert_eq!(rejected.reason, Rejection::Duplicate);
    assert_eq!(blocks(&assembler, base), [10..20, 30..45, 90..95, 70..80]);
    assert_eq!(assembler.sack_blocks(1).len(), 1);
}

#[test]
fn a_piece_that_joins_two_ranges_makes_one() {
    let base = seq(0);
    let mut assembler = Assembler::new(ROOMY);
    for range in [10..20, 30..40, 15..35] {
        assembler.insert(arrival(base, range, 1)).expect("kept");
    }
    assert_eq!(blocks(&assembler, base), std::vec![10..40; 1]);
}

#[test]
fn too_many_ranges_and_too_many_bytes_are_refused() {
    let base = seq(0);
    let limits = AssemblerLimits { ranges_max: 2, cost_bytes_max: 3 * 2048 };
    let mut assembler = Assembler::new(limits);
    assembler.insert(arrival(base, 10..20, 1)).expect("kept");
    assembler.insert(arrival(base, 30..40, 1)).expect("kept");
    let rejected = assembler.insert(arrival(base, 50..60, 1)).expect_err("a third range");
    assert_eq!((rejected.reason, rejected.value.len()), (Rejection::RangesFull, 10));
    assembler.insert(arrival(base, 20..30, 1)).expect("it joins the two");
    let rejected = assembler.insert(arrival(base, 40..41, 1)).expect_err("a fourth buffer");
    assert_eq!(rejected.reason, Rejection::BytesFull);
    // One that replaces others pays for itself with them.
    assembler.insert(arrival(base, 5..45, 2)).expect("it takes the place of three");
    assert_eq!((assembler.pieces(), assembler.cost_bytes()), (1, 2048));
}

#[test]
fn an_empty_arrival_is_a_duplicate() {
    let mut assembler = Assembler::new(ROOMY);
    let rejected = assembler.insert(arrival(seq(0), 5..5, 1)).expect_err("nothing in it");
    assert_eq!(rejected.reason, Rejection::Duplicate);
    assert!(assembler.is_empty());
}

/// What happens to an assembler.
#[derive(Clone, Debug)]
enum Step {
    /// Octets arrive, ahead of what was delivered.
    Arrive(Range<u32>),
    /// The gap is filled up to here, and what continues is delivered.
    Deliver(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let arrive = (0u32..300, 1u32..40).prop_map(|(start, len)| Step::Arrive(start..start + len));
    let deliver = (0u32..60).prop_map(Step::Deliver);
    prop::collection::vec(prop_oneof![8 => arrive, 1 => deliver], 0..80)
}

/// The model: what was received beyond the delivered, an octet at a time.
struct Model {
    octets: BTreeMap<u32, ()>,
    delivered: u32,
}

impl Model {
    /// The maximal ranges.
    fn ranges(&self) -> Vec<Range<u32>> {
        let mut ranges: Vec<Range<u32>> = Vec::new();
        for &octet in self.octets.keys() {
            match ranges.last_mut() {
                Some(range) if range.end == octet => range.end += 1,
                _ => ranges.push(octet..octet + 1),
            }
        }
        ranges
    }
}

/// Checks everything that the assembler shows of itself.
fn compare(assembler: &Assembler<Vec<u8>>, model: &Model, base: SeqNum) {
    let expected = model.ranges();
    assert_eq!(assembler.ranges(), expected.len());
    assert_eq!(assembler.cost_bytes(), assembler.pieces() * 2048);
    assert_eq!(assembler.end().map(|end| base.distance_to(end)), expected.last().map(|r| r.end));
    for block in blocks(assembler, base) {
        assert!(expected.contains(&block), "{block:?} in {expected:?}");
    }
}

proptest! {
    #[test]
    fn any_arrivals_deliver_every_octet_once_and_in_order(
        steps in steps(),
        start in prop_oneof![any::<u32>(), (0u32..400).prop_map(|n| n.wrapping_neg())],
    ) {
        let base = seq(start);
        let mut assembler: Assembler<Vec<u8>> = Assembler::new(ROOMY);
        let mut model = Model { octets: BTreeMap::new(), delivered: 0 };
        for step in steps {
            match step {
                Step::Arrive(range) => {
                    // The engine takes what continues at RCV.NXT itself.
                    let range = range.start.max(model.delivered + 1)..range.end;
                    if range.is_empty() {
                        continue;
                    }
                    let known = range.clone().all(|octet| model.octets.contains_key(&octet));
                    let piece = Arrival {
                        seq: base + range.start,
                        len: range.end - range.start,
                        cost_bytes: 2048,
                        // Octet n of the stream is n modulo 251.
                        value: range.clone().map(|n| u8::try_from(n % 251).expect("below")).collect(),
                    };
                    match assembler.insert(piece) {
                        Ok(()) => prop_assert!(!known, "{range:?} was new"),
                        Err(rejected) => {
                            prop_assert_eq!(rejected.reason, Rejection::Duplicate);
                            prop_assert!(known, "{range:?} was known");
                        }
                    }
                    model.octets.extend(range.map(|octet| (octet, ())));
                }
                Step::Deliver(octets) => {
                    let mut next = model.delivered + octets;
                    while let Some(piece) = assembler.pop(base + next) {
                        let skip = piece.skip as usize;
                        let bytes = &piece.value[skip..skip + piece.len as usize];
                        for byte in bytes {
                            prop_assert_eq!(u32::from(*byte), next % 251);
                            next += 1;
                        }
                    }
                    let mut expected = model.delivered + octets;
                    while model.octets.contains_key(&expected) {
                        expected += 1;
                    }
                    prop_assert_eq!(next, expected);
                    model.delivered = next;
                    model.octets.retain(|octet, ()| *octet >= next);
                }
            }
            compare(&assembler, &model, base);
        }
    }

    #[test]
    fn limits_hold_whatever_arrives(
        arrivals in prop::collection::vec((1u32..5_000, 1u32..20), 0..200),
    ) {
        let limits = AssemblerLimits { ranges_max: 5, cost_bytes_max: 10 * 2048 };
        let mut assembler = Assembler::new(limits);
        for (start, len) in arrivals {
            let before = (assembler.pieces(), assembler.ranges());
            if assembler.insert(arrival(seq(0), start..start + len, 0)).is_err() {
                prop_assert_eq!(before, (assembler.pieces(), assembler.ranges()));
            }
            prop_assert!(assembler.ranges() <= limits.ranges_max);
            prop_assert!(assembler.cost_bytes() <= limits.cost_bytes_max);
        }
    }
}
