//! The ring of one worker, and the kernel's pair of queues beneath it.

#![expect(
    unsafe_code,
    reason = "enters the kernel and registers buffer rings; each block says why that is sound"
)]

use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, cqueue, squeue};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use stable_deref_trait::StableDeref;

use crate::buffers::{BufferPool, Class, ProvidedRing};
use crate::config::{PoolConfig, RingConfig};
use crate::error::RingError;
use crate::ops::{self, OperationCounts, Slots};
use crate::probe::Known;
use crate::settle::Settling;
use crate::socket::{Orphans, SocketState};
use crate::wait::WakeState;

/// Most operations and most queued submissions of a ring.
const LENGTH_MAX: u32 = 32_768;

/// How often a ring that is dropped asks again for the end of what it has in flight.
const DROP_INTERVAL: Duration = Duration::from_millis(50);

/// One worker's io_uring: operations on sockets, watched descriptors, and the loop's one wait.
///
/// It stays on the thread that made it: the kernel allows no other to enter it. `S` is what sends
/// own. Dropping the ring cancels what is in flight and waits for it before any memory goes away.
pub struct Ring<S: StableDeref<Target = [u8]> + 'static> {
    pub(crate) kernel: KernelRing,
    pub(crate) slots: Slots<S>,
    pub(crate) provided: [ProvidedRing; 3],
    /// Receives in flight by class.
    pub(crate) armed: [usize; 3],
    /// Operations the kernel has: what a drop waits for.
    pub(crate) submitted: usize,
    /// Sockets whose first queued send is to be submitted. One entry a socket at most.
    pub(crate) queued: VecDeque<Rc<SocketState>>,
    /// Sockets with sends to be completed. One entry a socket at most.
    pub(crate) settling: VecDeque<Settling>,
    pub(crate) orphans: Rc<Orphans>,
    pub(crate) wake: std::sync::Arc<WakeState>,
    pub(crate) no_delay: NoDelay,
    pub(crate) counters: RingCounters,
    pool: BufferPool,
}

/// How a new socket gets TCP_NODELAY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoDelay {
    /// By an entry before its connect.
    ByRing,
    /// By a system call.
    BySystemCall,
}

/// What a ring has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingCounters {
    /// Turns of the loop.
    pub turns: u64,
    /// Times the kernel was entered.
    pub enters: u64,
    /// Of these, before a turn because the submission queue was full.
    pub enters_early: u64,
    /// Operations completed.
    pub completions: u64,
    /// Sends that the kernel took in part and that went on from there.
    pub sends_resumed: u64,
    /// Operations that carried several queued sends of a socket at once.
    pub sends_gathered: u64,
    /// Receives that found the kernel's buffer ring empty while buffers were free, armed again.
    pub receives_rearmed: u64,
    /// Receives that found their class used up.
    pub no_buffers: u64,
    /// Watches that the kernel ended and that were armed again.
    pub watches_rearmed: u64,
    /// Entries without a completion of their own that failed: a cancel that came too late, a
    /// socket option refused.
    pub side_failures: u64,
}

/// Bytes of a ring, its record buffers aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingMemory {
    /// Operation slots, kernel queues and buffer rings.
    pub reserved_bytes: u64,
    /// High water of used slots, and the queues and rings in full.
    pub touched_bytes: u64,
}

impl<S: StableDeref<Target = [u8]> + 'static> Ring<S> {
    /// Makes a ring for this thread, with its own record buffers.
    ///
    /// # Errors
    ///
    /// Limits out of range, or a kernel that gives no ring, no buffer rings or no memory.
    pub fn new(config: &RingConfig) -> Result<Self, RingError> {
        let lengths = Lengths::new(config)?;
        let mut kernel = KernelRing::for_worker(config, lengths)?;
        let no_delay = if !Known::SocketCommands.is_hidden(config.kernel_max)
            && kernel.has_socket_commands()
        {
            NoDelay::ByRing
        } else {
            NoDelay::BySystemCall
        };
        let no_iowait = kernel.wait_flags.contains(EnterFlags::NO_IOWAIT);
        tracing::info!(?no_delay, no_iowait, "io_uring is open");
        let pool = BufferPool::new(&config.pool)?;
        let provided = provide(&kernel, &pool, &config.pool)?;
        let wake = std::sync::Arc::new(WakeState::new()?);
        let mut ring = Self {
            kernel,
            slots: Slots::new(config.operations_max as usize),
            provided,
            armed: [0; 3],
            submitted: 0,
            queued: VecDeque::new(),
            settling: VecDeque::new(),
            orphans: Rc::default(),
            wake,
            no_delay,
            counters: RingCounters::default(),
            pool,
        };
        ring.arm_waker()?;
        Ok(ring)
    }

    /// The record buffers.
    pub const fn pool(&self) -> &BufferPool {
        &self.pool
    }

    /// Operations in flight, by kind.
    pub const fn operations(&self) -> OperationCounts {
        self.slots.counts()
    }

    /// What was done so far.
    pub const fn counters(&self) -> RingCounters {
        let mut counters = self.counters;
        counters.enters = self.kernel.enters;
        counters.enters_early = self.kernel.enters_early;
        counters
    }

    /// Reserved and touched bytes, record buffers aside.
    pub fn memory(&self) -> RingMemory {
        let (reserved, touched) = self.slots.memory();
        let lent: usize = self.provided.iter().map(ProvidedRing::ring_bytes).sum();
        let queues = self.kernel.queue_bytes() + lent;
        RingMemory {
            reserved_bytes: (reserved + queues) as u64,
            touched_bytes: (touched + queues) as u64,
        }
    }
}

impl<S: StableDeref<Target = [u8]> + 'static> Drop for Ring<S> {
    fn drop(&mut self) {
        while self.submitted > 0 {
            ops::push_cancel_all(&mut self.kernel);
            if self.kernel.enter(Wait::AtMost(DROP_INTERVAL)).is_err() {
                // The kernel may still use buffers and what sends own, and won't say when it is
                // done: a doubt about ownership.
                std::process::abort();
            }
            while let Some(entry) = self.kernel.pop() {
                self.bury(&entry);
            }
        }
        // Closes that were queued last.
        let _late: io::Result<()> = self.kernel.enter(Wait::No);
        for (class, ring) in Class::ALL.into_iter().zip(&self.provided) {
            if self.kernel.uring.submitter().unregister_buf_ring(class.group()).is_ok() {
                ring.reclaim();
            }
        }
        while self.orphans.pop().is_some() {}
    }
}

/// Registers one buffer ring a class.
fn provide(
    kernel: &KernelRing,
    pool: &BufferPool,
    config: &PoolConfig,
) -> Result<[ProvidedRing; 3], RingError> {
    let make = |class| {
        let ring = ProvidedRing::new(pool, class, config.depth)?;
        kernel.register(&ring, class)?;
        Ok::<_, RingError>(ring)
    };
    Ok([make(Class::Small)?, make(Class::Medium)?, make(Class::Large)?])
}

/// How the kernel runs completion work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setup {
    /// Only when the worker enters; one issuer.
    Deferred,
    /// At any system call of the worker; one issuer.
    SingleIssuer,
    /// At any system call of the worker.
    Plain,
}

/// Lengths of the two queues.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths {
    submissions: u32,
    completions: u32,
}

impl Lengths {
    /// For a ring that only answers what the kernel can do.
    pub(crate) const PROBE: Self = Self { submissions: 2, completions: 4 };

    /// The completion queue has room for every operation twice (an operation and its cancel), so
    /// that it overflows only by watches; the kernel keeps what overflows until the next turn.
    fn new(config: &RingConfig) -> Result<Self, RingError> {
        let range = 1..=LENGTH_MAX;
        if !range.contains(&config.operations_max) || !range.contains(&config.submissions) {
            return Err(RingError::Limits);
        }
        let submissions = config.submissions.next_power_of_two();
        let completions = (2 * config.operations_max).next_power_of_two().max(2 * submissions);
        Ok(Self { submissions, completions })
    }
}

/// How long to stay in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Not at all.
    No,
    /// Until there is a completion, but not longer than this.
    AtMost(Duration),
    /// Until there is a completion.
    Unlimited,
}

/// The kernel's queues: entries go in, completions come out.
pub(crate) struct KernelRing {
    uring: IoUring,
    /// Entries the submission queue had no room for: a few for each operation at most.
    backlog: VecDeque<squeue::Entry>,
    wait_flags: EnterFlags,
    enters: u64,
    enters_early: u64,
}

impl KernelRing {
    pub(crate) fn new(setup: Setup, lengths: Lengths) -> io::Result<Self> {
        let mut builder = IoUring::builder();
        builder.dontfork().setup_submit_all().setup_taskrun_flag();
        match setup {
            Setup::Deferred => builder.setup_single_issuer().setup_defer_taskrun(),
            Setup::SingleIssuer => builder.setup_single_issuer().setup_coop_taskrun(),
            Setup::Plain => builder.setup_coop_taskrun(),
        };
        let uring = builder.setup_cqsize(lengths.completions).build(lengths.submissions)?;
        Ok(Self {
            uring,
            backlog: VecDeque::new(),
            wait_flags: EnterFlags::GETEVENTS,
            enters: 0,
            enters_early: 0,
        })
    }

    /// The best set-up that this kernel has and the configuration allows.
    fn for_worker(config: &RingConfig, lengths: Lengths) -> Result<Self, RingError> {
        let hidden = |known: Known| known.is_hidden(config.kernel_max);
        let mut setups = vec![Setup::Plain];
        if !hidden(Known::SingleIssuer) {
            setups.insert(0, Setup::SingleIssuer);
        }
        if !hidden(Known::DeferTaskrun) {
            setups.insert(0, Setup::Deferred);
        }
        let mut result = Err(io::Error::from(Errno::NOSYS));
        for setup in setups {
            result = Self::new(setup, lengths);
            if result.is_ok() {
                break;
            }
        }
        let mut kernel = result.map_err(RingError::Setup)?;
        if !hidden(Known::NoIowait) && kernel.has_no_iowait() {
            kernel.wait_flags |= EnterFlags::NO_IOWAIT;
        }
        Ok(kernel)
    }

    /// Queues an entry; enters the kernel at once when the queue is full.
    ///
    /// # Safety
    ///
    /// What the entry points to must stay valid until its last completion was taken.
    pub(crate) unsafe fn push(&mut self, entry: squeue::Entry) {
        if self.backlog.is_empty() {
            // SAFETY: as this function requires.
            let pushed = unsafe { self.uring.submission().push(&entry) };
            if pushed.is_ok() {
                return;
            }
            self.enters_early += 1;
            // What an error leaves in the queue is submitted by the next turn, which reports it.
            let _later: io::Result<()> = self.enter_once(Wait::No);
        }
        self.backlog.push_back(entry);
        self.move_backlog();
    }

    /// The next completion that is here.
    pub(crate) fn pop(&mut self) -> Option<cqueue::Entry> {
        self.uring.completion().next()
    }

    /// Whether `pop` would find something.
    pub(crate) fn has_completions(&mut self) -> bool {
        !self.uring.completion().is_empty()
    }

    /// Submits all that is queued, lets completion work run, and waits.
    pub(crate) fn enter(&mut self, wait: Wait) -> io::Result<()> {
        self.move_backlog();
        while !self.backlog.is_empty() {
            let before = self.backlog.len();
            self.enter_once(Wait::No)?;
            self.move_backlog();
            if self.backlog.len() == before {
                // The kernel takes nothing for now: completions have to be taken first.
                return Ok(());
            }
        }
        self.enter_once(wait)
    }

    fn move_backlog(&mut self) {
        let mut queue = self.uring.submission();
        while let Some(entry) = self.backlog.front() {
            // SAFETY: `push` was promised that what it points to stays valid.
            if unsafe { queue.push(entry) }.is_err() {
                break;
            }
            self.backlog.pop_front();
        }
    }

    fn enter_once(&mut self, wait: Wait) -> io::Result<()> {
        let queue = self.uring.submission();
        let to_submit = u32::try_from(queue.len()).expect("the queue's length is 32 bits");
        let pending = queue.taskrun() || queue.cq_overflow();
        drop(queue);
        if wait == Wait::No && to_submit == 0 && !pending {
            return Ok(());
        }
        self.enters += 1;
        let submitter = self.uring.submitter();
        let flags = EnterFlags::EXT_ARG | self.wait_flags;
        // GETEVENTS each time: with deferred task work an enter without it reaps nothing.
        let plain = EnterFlags::EXT_ARG | EnterFlags::GETEVENTS;
        let arguments = SubmitArgs::new();
        let result = match wait {
            // SAFETY: the argument is what EXT_ARG announces, and lives during the call.
            Wait::No => unsafe { submitter.enter(to_submit, 0, plain.bits(), Some(&arguments)) },
            // SAFETY: as above.
            Wait::Unlimited => unsafe {
                submitter.enter(to_submit, 1, flags.bits(), Some(&arguments))
            },
            Wait::AtMost(timeout) => {
                let timeout = Timespec::from(timeout);
                let arguments = arguments.timespec(&timeout);
                // SAFETY: as above; the time it points to lives as long.
                unsafe { submitter.enter(to_submit, 1, flags.bits(), Some(&arguments)) }
            }
        };
        match result.map_err(|error| (Errno::from_io_error(&error), error)) {
            Ok(_submitted) => Ok(()),
            // Timed out; interrupted; completions to be taken first; short of memory for now.
            Err((Some(Errno::TIME | Errno::INTR | Errno::BUSY | Errno::AGAIN), _)) => Ok(()),
            Err((_, error)) => Err(error),
        }
    }

    fn register(&self, ring: &ProvidedRing, class: Class) -> Result<(), RingError> {
        // SAFETY: the ring is mapped, zeroed and of this length; the `Ring` that owns both
        // unregisters it, or has the kernel's queues closed, before it goes away.
        unsafe {
            self.uring.submitter().register_buf_ring_with_flags(
                ring.address(),
                ring.entries(),
                class.group(),
                0,
            )
        }
        .map_err(RingError::BufferRing)
    }

    /// Whether the kernel has provided-buffer rings: it knows which ones there are not.
    pub(crate) fn has_buffer_rings(&self) -> bool {
        let result = self.uring.submitter().unregister_buf_ring(0);
        result.is_err_and(|error| Errno::from_io_error(&error) == Some(Errno::NOENT))
    }

    /// Whether a wait can be told not to count as waiting for I/O.
    pub(crate) fn has_no_iowait(&self) -> bool {
        self.uring.params().is_feature_no_iowait()
    }

    /// Whether the kernel sets socket options by an entry: tried on a socket of its own.
    pub(crate) fn has_socket_commands(&mut self) -> bool {
        let flags = SocketFlags::CLOEXEC;
        let stream = SocketType::STREAM;
        let Ok(socket) = rustix::net::socket_with(AddressFamily::INET, stream, flags, None) else {
            return false;
        };
        ops::push_no_delay_trial(&socket, self);
        if self.enter(Wait::Unlimited).is_err() {
            return false;
        }
        self.pop().is_some_and(|completion| completion.result() == 0)
    }

    fn queue_bytes(&self) -> usize {
        let parameters = self.uring.params();
        parameters.sq_entries() as usize * (size_of::<squeue::Entry>() + size_of::<u32>())
            + parameters.cq_entries() as usize * size_of::<cqueue::Entry>()
    }
}
