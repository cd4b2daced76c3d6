//! Sizes and limits of a ring and its buffers.

use kernel_version::KernelVersion;

/// Limits of a [`Ring`](crate::Ring).
#[derive(Clone, Debug)]
pub struct RingConfig {
    /// Operations in flight at most: one for each connect, receive, shutdown, watch and queued
    /// send. One of them is the waker's. 1 to 32,768.
    pub operations_max: u32,
    /// Length of the submission queue, rounded up to a power of two. When it is full, the kernel
    /// is entered early.
    pub submissions: u32,
    /// The record buffers.
    pub pool: PoolConfig,
    /// Newest kernel whose features are used; `None`: all that this kernel has.
    pub kernel_max: Option<KernelVersion>,
}

impl Default for RingConfig {
    /// For one worker of a busy proxy; `kernel_max` from the environment variable
    /// `WEIR_KERNEL_MAX`.
    fn default() -> Self {
        Self {
            operations_max: 16_384,
            submissions: 1024,
            pool: PoolConfig::default(),
            kernel_max: KernelVersion::max_from_environment(),
        }
    }
}

/// Limits of a [`BufferPool`](crate::BufferPool).
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// Buffers of each class. Address space only, until they are used.
    pub entries: Entries,
    /// Most buffers of a class lent to the kernel at once; a power of two, at most 32,768. More
    /// receives than this in one turn wait for the next one.
    pub depth: u16,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self { entries: Entries { small: 8192, medium: 4096, large: 4096 }, depth: 256 }
    }
}

/// How many buffers each class has; 1 to 65,536.
#[derive(Clone, Copy, Debug)]
pub struct Entries {
    /// Of [`Class::Small`](crate::Class::Small).
    pub small: u32,
    /// Of [`Class::Medium`](crate::Class::Medium).
    pub medium: u32,
    /// Of [`Class::Large`](crate::Class::Large).
    pub large: u32,
}
