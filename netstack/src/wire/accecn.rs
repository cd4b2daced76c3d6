//! The AccECN option: how many bytes of payload came with which ECN field. RFC 9768 §3.2.3.
//!
//! Two kinds with the same three counters in opposite orders, each cut short behind any of them, so that
//! the counters that changed can stand in front and the others be left out.

use super::put;

/// EE0B first: kind 172.
pub(super) const ACCECN0: u8 = 172;
/// EE1B first: kind 174.
pub(super) const ACCECN1: u8 = 174;

/// Bytes of payload by the ECN field of the packets that brought them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EcnBytes {
    /// With ECT(0).
    pub(crate) ect0: u32,
    /// With CE.
    pub(crate) ce: u32,
    /// With ECT(1).
    pub(crate) ect1: u32,
}

/// Some of the three counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(u8);

/// An AccECN option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AccEcn {
    order: Order,
    /// How many of the fields are there.
    count: u8,
    /// The fields in their order; those from `count` on are 0.
    fields: [u32; 3],
}

/// In which order the counters stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// EE0B, ECEB, EE1B.
    Zero,
    /// EE1B, ECEB, EE0B.
    One,
}

impl Fields {
    /// None of them.
    pub(crate) const NONE: Self = Self(0);
    /// That of ECT(0).
    pub(crate) const ECT0: Self = Self(1);
    /// That of CE.
    pub(crate) const CE: Self = Self(2);
    /// That of ECT(1).
    pub(crate) const ECT1: Self = Self(4);
    /// All of them.
    pub(crate) const ALL: Self = Self(7);

    /// Adds others.
    pub(crate) const fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Takes others out.
    pub(crate) const fn remove(&mut self, other: Self) {
        self.0 &= !other.0;
    }

    /// Whether none is among them.
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of them are among `other`.
    const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }
}

impl AccEcn {
    /// The shortest option that holds `fields`. RFC 9768 §3.2.3, table 5.
    pub(crate) fn new(bytes: &EcnBytes, fields: Fields) -> Self {
        let zero = Fields(Fields::ECT0.0 | Fields::CE.0);
        let one = Fields(Fields::ECT1.0 | Fields::CE.0);
        let (order, count) = if fields.is_empty() {
            (Order::Zero, 0)
        } else if fields.is_within(Fields::ECT0) {
            (Order::Zero, 1)
        } else if fields.is_within(Fields::ECT1) {
            (Order::One, 1)
        } else if fields.is_within(zero) {
            (Order::Zero, 2)
        } else if fields.is_within(one) {
            (Order::One, 2)
        } else {
            (Order::Zero, 3)
        };
        let EcnBytes { ect0, ce, ect1 } = *bytes;
        let all = match order {
            Order::Zero => [ect0, ce, ect1],
            Order::One => [ect1, ce, ect0],
        };
        let mut fields = [0; 3];
        for (field, value) in fields.iter_mut().zip(all).take(usize::from(count)) {
            *field = value & FIELD_MASK;
        }
        Self { order, count, fields }
    }

    /// Reads the body of an option of one of the two kinds: the whole fields that it has room for, and
    /// what is behind them is padding. RFC 9768 §3.2.3.
    pub(super) fn parse(kind: u8, body: &[u8]) -> Option<Self> {
        let order = match kind {
            ACCECN0 => Order::Zero,
            ACCECN1 => Order::One,
            _ => return None,
        };
        let mut parsed = Self { order, count: 0, fields: [0; 3] };
        for (field, octets) in parsed.fields.iter_mut().zip(body.chunks_exact(FIELD_LEN)) {
            let &[high, middle, low] = octets else { return None };
            *field = u32::from_be_bytes([0, high, middle, low]);
            parsed.count += 1;
        }
        Some(parsed)
    }

    /// The counters that it has.
    pub(crate) fn fields(&self) -> Fields {
        let order = match self.order {
            Order::Zero => [Fields::ECT0, Fields::CE, Fields::ECT1],
            Order::One => [Fields::ECT1, Fields::CE, Fields::ECT0],
        };
        let mut there = Fields::NONE;
        order.into_iter().take(usize::from(self.count)).for_each(|field| there.add(field));
        there
    }

    /// The counters' values, 24 bits each: `None` for those that were left out.
    pub(crate) fn values(&self) -> [Option<u32>; 3] {
        let [first, ce, last] = self.fields;
        let there = |at: u8, value| (at < self.count).then_some(value);
        let (first, ce, last) = (there(0, first), there(1, ce), there(2, last));
        match self.order {
            Order::Zero => [first, ce, last],
            Order::One => [last, ce, first],
        }
    }

    /// Octets on the wire, padded in front to a multiple of 4: at most 12.
    pub(crate) const fn len(&self) -> usize {
        self.len_alone().next_multiple_of(4)
    }

    /// Octets of the option itself.
    const fn len_alone(&self) -> usize {
        2 + FIELD_LEN * self.count as usize
    }

    /// Writes it with its padding; `None` where `out` is too short.
    pub(super) fn emit(&self, out: &mut [u8], at: usize) -> Option<()> {
        let padding = self.len() - self.len_alone();
        put(out, at, [NOP; 3].get(..padding)?)?;
        let at = at + padding;
        let kind = match self.order {
            Order::Zero => ACCECN0,
            Order::One => ACCECN1,
        };
        put(out, at, &[kind, u8::try_from(self.len_alone()).ok()?])?;
        for (index, field) in self.fields.iter().take(usize::from(self.count)).enumerate() {
            let [_, octets @ ..] = field.to_be_bytes();
            put(out, at + 2 + FIELD_LEN * index, &octets)?;
        }
        Some(())
    }
}

/// The difference of two values of a counter of which 24 bits are told.
pub(crate) const fn increment(from: u32, to: u32) -> u32 {
    to.wrapping_sub(from) & FIELD_MASK
}

/// Octets of a field.
const FIELD_LEN: usize = 3;
/// The bits of a counter that are told.
const FIELD_MASK: u32 = 0x00ff_ffff;
/// Padding.
const NOP: u8 = 1;
