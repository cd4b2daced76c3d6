//! What this kernel's io_uring can do, and what is done where it can't.

use kernel_version::KernelVersion;

use crate::ring::{KernelRing, Lengths, Setup};

/// Whether a feature can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// This kernel has it.
    Present,
    /// This kernel doesn't.
    Absent,
    /// `WEIR_KERNEL_MAX` hides it.
    Hidden,
}

/// One feature of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// What it is called.
    pub name: &'static str,
    /// Whether it can be used.
    pub presence: Presence,
    /// The first kernel that has it.
    pub since: KernelVersion,
    /// What is done without it.
    pub fallback: &'static str,
}

/// What this kernel's io_uring can do, with `WEIR_KERNEL_MAX` honoured.
///
/// Makes a small ring for a moment. Without io_uring at all, every feature is absent.
pub fn probe() -> Vec<Feature> {
    let max = KernelVersion::max_from_environment();
    Known::ALL.into_iter().map(|known| known.look(max)).collect()
}

/// The features that are used when they are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Provided-buffer rings.
    BufferRings,
    /// One thread submits.
    SingleIssuer,
    /// Completion work runs when the worker enters, not when it is interrupted.
    DeferTaskrun,
    /// Socket options by the ring.
    SocketCommands,
    /// A waiting worker counts as idle, not as waiting for a disk.
    NoIowait,
}

impl Known {
    pub(crate) const ALL: [Self; 5] = [
        Self::BufferRings,
        Self::SingleIssuer,
        Self::DeferTaskrun,
        Self::SocketCommands,
        Self::NoIowait,
    ];

    const fn since(self) -> KernelVersion {
        match self {
            Self::BufferRings => KernelVersion::new(5, 19),
            Self::SingleIssuer => KernelVersion::new(6, 0),
            Self::DeferTaskrun => KernelVersion::new(6, 1),
            Self::SocketCommands => KernelVersion::new(6, 7),
            Self::NoIowait => KernelVersion::new(6, 15),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::BufferRings => "io_uring buffer rings",
            Self::SingleIssuer => "io_uring single issuer",
            Self::DeferTaskrun => "io_uring deferred task work",
            Self::SocketCommands => "io_uring socket commands",
            Self::NoIowait => "io_uring wait without iowait",
        }
    }

    const fn fallback(self) -> &'static str {
        match self {
            Self::BufferRings => "none: weir needs them",
            Self::SingleIssuer => "the kernel locks the ring for each entry",
            Self::DeferTaskrun => "cooperative task work: completions run at any system call",
            Self::SocketCommands => "one more system call for each backend connection",
            Self::NoIowait => "an idle worker shows as waiting for I/O in top and vmstat",
        }
    }

    /// Hidden features are not even tried.
    pub(crate) fn is_hidden(self, max: Option<KernelVersion>) -> bool {
        max.is_some_and(|max| max < self.since())
    }

    fn look(self, max: Option<KernelVersion>) -> Feature {
        let presence = if self.is_hidden(max) {
            Presence::Hidden
        } else if self.is_present() {
            Presence::Present
        } else {
            Presence::Absent
        };
        Feature { name: self.name(), presence, since: self.since(), fallback: self.fallback() }
    }

    fn is_present(self) -> bool {
        let ring = |setup| KernelRing::new(setup, Lengths::PROBE);
        match self {
            Self::BufferRings => ring(Setup::Plain).is_ok_and(|ring| ring.has_buffer_rings()),
            Self::SingleIssuer => ring(Setup::SingleIssuer).is_ok(),
            Self::DeferTaskrun => ring(Setup::Deferred).is_ok(),
            Self::SocketCommands => {
                ring(Setup::Plain).is_ok_and(|mut ring| ring.has_socket_commands())
            }
            Self::NoIowait => ring(Setup::Plain).is_ok_and(|ring| ring.has_no_iowait()),
        }
    }
}
