//! The identifiers of a family's series.

use std::marker::PhantomData;

use crate::counter::CounterId;
use crate::gauge::GaugeId;
use crate::histogram::HistogramId;

/// Most labels of a family.
pub(crate) const LABELS_MAX: usize = 6;

/// The series of one family, by the positions of their label values. Small and `Copy`: made for
/// keeping where the counting happens.
#[derive(Debug)]
pub struct Series<Id> {
    pub(crate) family: u32,
    pub(crate) shape: Shape,
    pub(crate) first: u32,
    pub(crate) cells: u32,
    pub(crate) layout: u32,
    pub(crate) id: PhantomData<fn() -> Id>,
}

impl<Id> Clone for Series<Id> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Id> Copy for Series<Id> {}

impl<Id: SeriesId> Series<Id> {
    /// The series with these label values: one position for each dimension, in the order of
    /// declaration. Given rows and open rows are one dimension, whatever their labels.
    ///
    /// # Panics
    ///
    /// When a position is out of range, or their number is not the number of dimensions.
    pub fn at(&self, positions: &[usize]) -> Id {
        let series = self.shape.offset(positions);
        let offset = u32::try_from(series).expect("the shape's size fits 32 bits") * self.cells;
        Id::make(self.first + offset, self.layout)
    }

    /// The one series of a family without labels.
    ///
    /// # Panics
    ///
    /// When the family has labels.
    pub fn only(&self) -> Id {
        self.at(&[])
    }
}

/// An identifier of a series: of a counter, a gauge or a histogram.
pub trait SeriesId: sealed::Sealed {
    #[doc(hidden)]
    fn make(first: u32, layout: u32) -> Self;
}

impl SeriesId for CounterId {
    fn make(first: u32, _layout: u32) -> Self {
        Self(first)
    }
}

impl SeriesId for GaugeId {
    fn make(first: u32, _layout: u32) -> Self {
        Self(first)
    }
}

impl SeriesId for HistogramId {
    fn make(first: u32, layout: u32) -> Self {
        Self { first, layout }
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::CounterId {}
    impl Sealed for super::GaugeId {}
    impl Sealed for super::HistogramId {}
}

/// How many values each dimension has; series are counted with the last dimension running fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    lengths: [u32; LABELS_MAX],
    dimensions: usize,
}

impl Shape {
    /// `None`: too many dimensions, or more series than 32 bits count.
    pub(crate) fn new(dimensions: &[usize]) -> Option<Self> {
        let mut lengths = [1; LABELS_MAX];
        let mut product = 1_u32;
        for (place, length) in dimensions.iter().enumerate() {
            let length = u32::try_from(*length).ok()?;
            *lengths.get_mut(place)? = length;
            product = product.checked_mul(length)?;
        }
        Some(Self { lengths, dimensions: dimensions.len() })
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.lengths.iter().map(|length| *length as usize).product()
    }

    pub(crate) fn lengths(&self) -> &[u32] {
        &self.lengths[..self.dimensions]
    }

    fn offset(&self, positions: &[usize]) -> usize {
        assert_eq!(positions.len(), self.dimensions, "a position for each dimension");
        let mut offset = 0;
        for (position, length) in positions.iter().zip(self.lengths()) {
            let length = *length as usize;
            assert!(*position < length, "position {position} of {length} values");
            offset = offset * length + position;
        }
        offset
    }
}
