//! Packet I/O over AF_XDP: UMEM, the four rings, the XDP program and its loader.
//!
//! A [`Program`] is attached to an interface and says which frames are redirected. A [`Queue`] is
//! one receive queue of that interface: a worker's own socket, rings and frames. What arrives is
//! handed out as [`Frame`]s, which return to the pool of their queue when they are dropped.
//!
//! ```no_run
//! use xdp::{Attach, Destination, Filter, Program, Queue, QueueConfig};
//!
//! let filter = Filter::default().with_destination(Destination::new([192, 0, 2, 1].into(), 443));
//! let program = Program::attach("eth0", &filter, Attach::Auto)?;
//! let mut queue = Queue::open("eth0", 0, &QueueConfig::default())?;
//! program.register(&queue)?;
//! queue.receive(64, &mut |frame| println!("{} bytes", frame.len()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A driver that takes VLAN tags out of frames (`ethtool -K .. rxvlan on`) hides them from the program
//! and from weir, which then answers without: on a tagged link that offload has to be off.
//!
//! `unsafe` is in the modules `syscall`, `mmap`, `umem` and `ring` alone, each block with its reason.
#![deny(unsafe_code)]

mod config;
mod counters;
mod error;
mod kernel;
pub mod link;
#[expect(unsafe_code, reason = "maps memory")]
mod mmap;
mod netdev;
mod probe;
mod program;
mod queue;
#[expect(unsafe_code, reason = "reads and writes memory that is shared with the kernel")]
mod ring;
mod socket;
mod stats;
mod superframe;
mod sys;
#[expect(unsafe_code, reason = "calls the kernel with pointers")]
mod syscall;
#[expect(unsafe_code, reason = "hands out slices of one mapping")]
mod umem;

#[cfg(test)]
mod tests;

pub use config::{Mode, QueueConfig, SuperFrames};
pub use counters::{DropReason, Drops, QueueCounters};
pub use error::{AttachError, FilterError, OpenError};
pub use probe::{Feature, Support, probe};
pub use program::{Attach, AttachMode, Destination, Filter, Program, ProgramCounters, Reason};
pub use queue::Queue;
pub use stats::SocketStats;
pub use superframe::{Refusal, SuperFrame};
pub use umem::{ChunkSize, Frame, FrameCounts, JumboCounts, MemoryUse, Pages};
