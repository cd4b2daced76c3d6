//! The cells that one thread writes.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One thread's cells of every series. It can be sent to its thread, but not be shared or cloned:
/// a cell has one writer. The registry reads along.
pub struct Shard {
    cells: Arc<Cells>,
    one_thread: PhantomData<Cell<()>>,
}

impl Shard {
    pub(crate) const fn new(cells: Arc<Cells>) -> Self {
        Self { cells, one_thread: PhantomData }
    }

    pub(crate) fn cell(&self, index: u32) -> &AtomicU64 {
        &self.cells.values[index as usize]
    }

    pub(crate) fn cell_behind(&self, first: u32, offset: usize) -> &AtomicU64 {
        &self.cells.values[first as usize + offset]
    }

    pub(crate) fn bounds(&self, layout: u32) -> &[u64] {
        &self.cells.layouts[layout as usize]
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard").field("cells", &self.cells.values.len()).finish()
    }
}

/// The values of one shard, and the bounds of the histograms among them.
#[derive(Debug)]
pub(crate) struct Cells {
    values: Box<[AtomicU64]>,
    layouts: Arc<[Box<[u64]>]>,
}

impl Cells {
    pub(crate) fn new(count: usize, layouts: &Arc<[Box<[u64]>]>) -> Self {
        let values = (0..count).map(|_| AtomicU64::new(0)).collect();
        Self { values, layouts: Arc::clone(layouts) }
    }

    /// Reads every cell.
    pub(crate) fn read(&self) -> Box<[u64]> {
        self.values.iter().map(|cell| cell.load(Ordering::Relaxed)).collect()
    }

    /// Bytes of the values.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.values)
    }
}
