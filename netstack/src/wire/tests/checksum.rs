//! The checksum against the loop that RFC 1071 §4.1 describes.

use std::vec::Vec;

use proptest::prelude::*;

use super::{ENDS_V4, ENDS_V6};
use crate::wire::checksum::{self, Checksum, ChecksumFound, ChecksumPolicy};

/// The sum as the definition has it, one 16-bit word at a time.
fn naive(data: &[u8]) -> u16 {
    let mut sum = 0u32;
    for word in data.chunks(2) {
        let low = word.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([word[0], low]));
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !u16::try_from(sum).expect("folded at every step")
}

/// One's complement has two zeros: sums are equal when they differ only in that.
fn same(a: u16, b: u16) -> bool {
    a == b || (a | b == 0xffff && a & b == 0)
}

#[test]
fn the_example_of_rfc_1071() {
    let mut sum = Checksum::new();
    sum.add(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
    assert_eq!(sum.partial(), 0xddf2);
}

#[test]
fn all_ones_do_not_lose_a_carry() {
    for len in 0..200 {
        let data = std::vec![0xff; len];
        let mut sum = Checksum::new();
        sum.add(&data);
        assert!(same(sum.finish(), naive(&data)), "{len} octets");
    }
}

#[test]
fn a_partial_sum_is_taken_only_by_policy() {
    let data = [0u8; 40];
    let pseudo_header = ENDS_V4.pseudo_header(6, data.len());
    let field = pseudo_header.partial();
    let mut segment = data;
    segment[16..18].copy_from_slice(&field.to_be_bytes());
    segment[0] = 0x12;
    let verify = |policy| checksum::verify(pseudo_header, &segment, field, policy);
    assert_eq!(verify(ChecksumPolicy::Verify), None);
    assert_eq!(verify(ChecksumPolicy::VerifyOrPartial), Some(ChecksumFound::Partial));
}

proptest! {
    #[test]
    fn any_slices_sum_as_their_concatenation(
        slices in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70), 0..6),
    ) {
        let mut sum = Checksum::new();
        for slice in &slices {
            sum.add(slice);
        }
        let whole: Vec<u8> = slices.concat();
        prop_assert!(same(sum.finish(), naive(&whole)), "{:04x} {:04x}", sum.finish(), naive(&whole));
    }

    #[test]
    fn what_was_filled_in_verifies_and_one_changed_bit_does_not(
        mut data in prop::collection::vec(any::<u8>(), 20..300),
        bit in any::<prop::sample::Index>(),
    ) {
        for ends in [ENDS_V4, ENDS_V6] {
            crate::wire::tcp::fill_checksum(&mut data, ends).expect("long enough");
            let field = u16::from_be_bytes([data[16], data[17]]);
            let pseudo_header = ends.pseudo_header(6, data.len());
            let verify = |data: &[u8]| {
                checksum::verify(pseudo_header, data, field, ChecksumPolicy::Verify)
            };
            prop_assert_eq!(verify(&data), Some(ChecksumFound::Full));
            let bit = bit.index(data.len() * 8);
            let mut broken = data.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(verify(&broken), None);
        }
    }

    #[test]
    fn an_updated_checksum_is_the_one_of_the_updated_data(
        mut data in prop::collection::vec(any::<u8>(), 2..64),
        new in any::<u16>(),
    ) {
        let before = naive(&data);
        let old = u16::from_be_bytes([data[0], data[1]]);
        data[..2].copy_from_slice(&new.to_be_bytes());
        prop_assert!(same(checksum::updated(before, old, new), naive(&data)));
    }
}
