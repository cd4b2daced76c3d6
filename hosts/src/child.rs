//! A process that does not outlive its owner.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::process::{self, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::on_exit::{Duty, Entry};
use crate::{HostError, tool};

/// What happens to the standard output and error of a [`Child`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Output {
    /// They go where this process's go.
    Inherit,
    /// They go nowhere.
    Discard,
    /// They go to one unnamed temporary file, in order; [`Child::output`] reads it at any time.
    Capture,
}

/// A running process. Dropping it kills it (SIGKILL) and waits for its end.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    pidfd: OwnedFd,
    line: String,
    captured: Option<File>,
    entry: Option<Entry>,
}

impl Child {
    /// Starts `command` with nothing on its standard input.
    ///
    /// # Errors
    /// The program can't be started.
    pub fn spawn(mut command: Command, output: Output) -> Result<Self, HostError> {
        let line = tool::line_of(&command);
        let failed = |source| HostError::io(line.clone(), source);
        let captured = match output {
            Output::Inherit => None,
            Output::Discard => {
                command.stdout(Stdio::null()).stderr(Stdio::null());
                None
            }
            Output::Capture => {
                let file = tempfile::tempfile().map_err(failed)?;
                command.stdout(file.try_clone().map_err(failed)?);
                command.stderr(file.try_clone().map_err(failed)?);
                Some(file)
            }
        };
        let mut process = command.stdin(Stdio::null()).spawn().map_err(failed)?;
        match open_pidfd(&process) {
            Ok((pidfd, duty)) => {
                let entry = Some(Entry::new(Duty::Process(duty)));
                Ok(Self { process, pidfd, line, captured, entry })
            }
            Err(error) => {
                drop(process.kill());
                drop(process.wait());
                Err(failed(error))
            }
        }
    }

    /// The process id. For a command made by [`Host::command`](crate::Host::command) it is the
    /// program's own: `ip netns exec` turns into it.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The command line that was started.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }

    /// Everything written so far, if the output is captured; else nothing.
    #[must_use]
    pub fn output(&self) -> String {
        self.captured.as_ref().map_or_else(String::new, read_all)
    }

    /// Sends `signal`. A process that has ended already takes no notice.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn signal(&self, signal: Signal) -> Result<(), HostError> {
        match pidfd_send_signal(&self.pidfd, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(HostError::io(format!("signal {signal:?} to {}", self.line), error)),
        }
    }

    /// The exit status, if the process has ended.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>, HostError> {
        let status = self.process.try_wait().map_err(|source| HostError::io(&self.line, source))?;
        if status.is_some() {
            self.entry = None;
        }
        Ok(status)
    }

    /// Waits for the end of the process, at most for `limit`.
    ///
    /// # Errors
    /// [`HostError::Late`] if it still runs then; it goes on running.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus, HostError> {
        let timeout = Timespec::try_from(limit).ok();
        let ready = {
            let mut ends = [PollFd::new(&self.pidfd, PollFlags::IN)];
            rustix::io::retry_on_intr(|| poll(&mut ends, timeout.as_ref()))
                .map_err(|source| HostError::io(&self.line, source))?
        };
        if ready > 0
            && let Some(status) = self.try_wait()?
        {
            return Ok(status);
        }
        let what = format!("end of {}", self.line);
        Err(HostError::Late { what, limit, said: self.output() })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only for a process that has been waited for already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn open_pidfd(process: &process::Child) -> io::Result<(OwnedFd, OwnedFd)> {
    let pid = i32::try_from(process.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    let duty = pidfd.as_fd().try_clone_to_owned()?;
    Ok((pidfd, duty))
}

/// Reads by position: the writers share the file's cursor.
fn read_all(file: &File) -> String {
    let mut bytes = Vec::new();
    let mut block = [0; 16 * 1024];
    let mut position = 0;
    while let Ok(count @ 1..) = file.read_at(&mut block, position) {
        bytes.extend_from_slice(&block[..count]);
        position += count as u64;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
