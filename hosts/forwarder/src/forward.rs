//! The thread between two devices.

use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time;

use netstack::{Instant, Span};
use netstack_simulator::{Cable, Counts, Impairments, Random};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::OwnedFd;

use crate::{ForwarderError, PacketSocket};

/// Frames that are read from one side before the other has its turn.
const BATCH_FRAMES_MAX: usize = 64;

/// Carries frames between two devices until it is dropped.
#[derive(Debug)]
pub struct Forwarder {
    cables: Arc<Mutex<[Cable; 2]>>,
    stop: OwnedFd,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Forwarder {
    /// Starts between `sockets`. `ways`: what frames meet that come from the first, and from the
    /// second. `seed` decides which of them.
    ///
    /// # Errors
    /// There is no thread or descriptor to be had.
    pub fn start(
        sockets: [PacketSocket; 2],
        ways: [Impairments; 2],
        seed: u64,
    ) -> Result<Self, ForwarderError> {
        let mut random = Random::new(seed);
        let cables = ways.map(|way| Cable::new(way, random.fork()));
        let cables = Arc::new(Mutex::new(cables));
        let (stop, stopped) = stop_event().map_err(ForwarderError::Forward)?;
        let shared = Arc::clone(&cables);
        let work = move || forward(sockets, &shared, &stopped);
        let thread = thread::Builder::new().name("forwarder".to_owned()).spawn(work);
        let thread = Some(thread.map_err(ForwarderError::Forward)?);
        Ok(Self { cables, stop, thread })
    }

    /// Changes what frames meet from here on: of the first side's, and of the second side's.
    pub fn change(&self, change: impl FnOnce(&mut [Cable; 2])) {
        change(&mut lock(&self.cables));
    }

    /// What became of the frames of the first side, and of the second's.
    #[must_use]
    pub fn counts(&self) -> [Counts; 2] {
        let cables = lock(&self.cables);
        [*cables[0].counts(), *cables[1].counts()]
    }

    /// Ends it and says what became of the frames.
    ///
    /// # Errors
    /// It had ended before its time.
    pub fn finish(mut self) -> Result<[Counts; 2], ForwarderError> {
        self.stop().map_err(ForwarderError::Forward)?;
        Ok(self.counts())
    }

    fn stop(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        rustix::io::write(&self.stop, &1_u64.to_ne_bytes())?;
        thread.join().unwrap_or_else(|panicked| std::panic::resume_unwind(panicked))
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        // Who wants to know calls `finish`; a panic while another is under way would abort.
        if let Some(thread) = self.thread.take()
            && rustix::io::write(&self.stop, &1_u64.to_ne_bytes()).is_ok()
        {
            drop(thread.join());
        }
    }
}

/// What tells the thread to stop: one end for each.
fn stop_event() -> io::Result<(OwnedFd, OwnedFd)> {
    let stop = eventfd(0, EventfdFlags::CLOEXEC)?;
    let stopped = stop.try_clone()?;
    Ok((stop, stopped))
}

/// Carries frames until `stopped` says so.
fn forward(
    mut sockets: [PacketSocket; 2],
    cables: &Mutex<[Cable; 2]>,
    stopped: &OwnedFd,
) -> io::Result<()> {
    let start = time::Instant::now();
    let clock = || Instant::ORIGIN + Span::from(start.elapsed());
    loop {
        let next = {
            let mut cables = lock(cables);
            take(&mut sockets, &mut cables, clock())?;
            deliver(&sockets, &mut cables, clock())?;
            cables.iter().filter_map(Cable::next_arrival).min()
        };
        let wait = next.map(|at| timespec(at - clock()));
        let [first, second] = &sockets;
        let mut events = [stopped.as_fd(), first.as_fd(), second.as_fd()]
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
        rustix::io::retry_on_intr(|| poll(&mut events, wait.as_ref()))?;
        if !events[0].revents().is_empty() {
            return Ok(());
        }
    }
}

/// Puts what the devices received on the cables.
fn take(sockets: &mut [PacketSocket; 2], cables: &mut [Cable; 2], now: Instant) -> io::Result<()> {
    for (socket, cable) in sockets.iter_mut().zip(cables.iter_mut()) {
        for _ in 0..BATCH_FRAMES_MAX {
            let Some(frame) = socket.receive()? else { break };
            cable.take(now, frame);
        }
    }
    for asked in [0, 1] {
        // A router's answer takes the other way, with all that is wrong with it.
        for answer in cables[asked].take_answers() {
            cables[1 - asked].put_foreign(now, answer);
        }
    }
    Ok(())
}

/// Gives the devices what has arrived at their side.
fn deliver(sockets: &[PacketSocket; 2], cables: &mut [Cable; 2], now: Instant) -> io::Result<()> {
    let [first, second] = sockets;
    for (cable, socket) in cables.iter_mut().zip([second, first]) {
        while let Some(frame) = cable.arrived(now) {
            if !socket.send(&frame)? {
                cable.count_refused();
            }
        }
    }
    Ok(())
}

/// The cables are whole at any time: who panicked with them in hand only had a look.
fn lock(cables: &Mutex<[Cable; 2]>) -> MutexGuard<'_, [Cable; 2]> {
    cables.lock().unwrap_or_else(PoisonError::into_inner)
}

fn timespec(span: Span) -> Timespec {
    Timespec::try_from(time::Duration::from(span)).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 })
}
