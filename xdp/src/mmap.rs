//! Owned mappings: a ring of the kernel, or the memory of the frames.

use std::ffi::c_void;
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous, munmap};

/// Bytes of a huge page on the machines that weir runs on.
pub(crate) const HUGE_PAGE_BYTES: usize = 2 << 20;

/// A mapping that is unmapped when it is dropped.
#[derive(Debug)]
pub(crate) struct Mmap {
    start: NonNull<u8>,
    len: usize,
}

impl Mmap {
    /// Maps `len` bytes of a ring of an AF_XDP socket.
    pub(crate) fn ring(socket: BorrowedFd<'_>, len: usize, offset: u64) -> io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: no address is asked for, so no other mapping is replaced.
        let start = unsafe { mmap(std::ptr::null_mut(), len, protection, flags, socket, offset) }?;
        Self::own(start, len)
    }

    /// Maps zeroed memory of normal pages, which the kernel may join to huge ones.
    pub(crate) fn normal_pages(len: usize) -> io::Result<Self> {
        let map = Self::anonymous(len, MapFlags::PRIVATE)?;
        // Without transparent huge pages this is refused, which changes nothing but speed.
        drop(map.advise(Advice::LinuxHugepage));
        Ok(map)
    }

    /// Maps zeroed memory of reserved huge pages; `len` is a multiple of their size.
    ///
    /// # Errors
    /// `OutOfMemory` if that many are not free.
    pub(crate) fn huge_pages(len: usize) -> io::Result<Self> {
        Self::anonymous(len, MapFlags::PRIVATE | MapFlags::HUGETLB | MapFlags::HUGE_2MB)
    }

    /// The first byte.
    pub(crate) const fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Length in bytes.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    fn anonymous(len: usize, flags: MapFlags) -> io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: no address is asked for, so no other mapping is replaced.
        let start = unsafe { mmap_anonymous(std::ptr::null_mut(), len, protection, flags) }?;
        let map = Self::own(start, len)?;
        // A child process would get copies of the pinned pages, and has no use for them.
        map.advise(Advice::LinuxDontFork)?;
        Ok(map)
    }

    fn own(start: *mut c_void, len: usize) -> io::Result<Self> {
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, len })
    }

    fn advise(&self, advice: Advice) -> io::Result<()> {
        // SAFETY: the range is this mapping's own, and neither advice used changes its bytes.
        unsafe { madvise(self.start.as_ptr().cast(), self.len, advice) }?;
        Ok(())
    }
}

impl Drop for Mmap {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by `own`'s callers and nobody else unmaps it; pointers into
        // it are held by owners of this value only.
        let result = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
        debug_assert!(result.is_ok(), "munmap of an owned mapping: {result:?}");
    }
}
