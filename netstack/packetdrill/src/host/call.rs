//! Calls that may have to wait.

use std::net::SocketAddr;

use super::Host;
use super::socket::{Kind, Open, SocketId};
use crate::errno::Errno;

/// A call that may have to wait. It keeps how far it has come, and is tried until it is done.
#[derive(Debug)]
pub enum Call {
    /// Takes the next connection.
    Accept(SocketId),
    /// Opens a connection.
    Connect {
        /// Whose.
        socket: SocketId,
        /// To whom.
        remote: SocketAddr,
        /// Whether the SYN is out already.
        started: bool,
    },
    /// Reads up to so many bytes.
    Read {
        /// From where.
        socket: SocketId,
        /// How many at most.
        len: usize,
    },
    /// Queues bytes for sending: all of them if it may wait, else what there is room for.
    Write {
        /// To where.
        socket: SocketId,
        /// All of them.
        bytes: Vec<u8>,
        /// How many are queued already.
        done: usize,
    },
}

/// What a call gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing but success.
    Done,
    /// A connection.
    Accepted(SocketId),
    /// Bytes; none at the end of the stream.
    Read(Vec<u8>),
    /// How many bytes were queued.
    Written(usize),
}

/// How far a call came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It is done.
    Ready(Result<Answer, Errno>),
    /// It has to wait. A socket that doesn't wait gives this error, or what was written so far.
    Wait(Result<Answer, Errno>),
}

impl Call {
    /// Opens a connection.
    #[must_use]
    pub const fn connect(socket: SocketId, remote: SocketAddr) -> Self {
        Self::Connect { socket, remote, started: false }
    }

    /// Queues `bytes` for sending.
    #[must_use]
    pub const fn write(socket: SocketId, bytes: Vec<u8>) -> Self {
        Self::Write { socket, bytes, done: 0 }
    }

    /// The socket that it is about.
    #[must_use]
    pub const fn socket(&self) -> SocketId {
        match self {
            Self::Accept(socket)
            | Self::Connect { socket, .. }
            | Self::Read { socket, .. }
            | Self::Write { socket, .. } => *socket,
        }
    }
}

impl Host {
    /// Tries a call, once.
    pub fn attempt(&mut self, call: &mut Call) -> Attempt {
        let result = match call {
            Call::Accept(socket) => self.try_accept(*socket),
            Call::Connect { socket, remote, started } => {
                self.try_connect(*socket, *remote, started)
            }
            Call::Read { socket, len } => self.try_read(*socket, *len),
            Call::Write { socket, bytes, done } => self.try_write(*socket, bytes, done),
        };
        self.turn();
        match result {
            Err(Errno::EAGAIN | Errno::EINPROGRESS) => match call {
                Call::Write { done, .. } if *done > 0 => Attempt::Wait(Ok(Answer::Written(*done))),
                Call::Accept(_) | Call::Connect { .. } | Call::Read { .. } | Call::Write { .. } => {
                    Attempt::Wait(result)
                }
            },
            result => Attempt::Ready(result),
        }
    }

    fn try_accept(&mut self, socket: SocketId) -> Result<Answer, Errno> {
        let ready = self.get_mut(socket)?.ready_queue().ok_or(Errno::EINVAL)?;
        let accepted = ready.pop_front().ok_or(Errno::EAGAIN)?;
        let ends = self.ends(accepted);
        if let Some(stream) = self.get_mut(accepted)?.stream_mut() {
            stream.ends = ends;
        }
        Ok(Answer::Accepted(accepted))
    }

    fn try_connect(
        &mut self,
        socket: SocketId,
        remote: SocketAddr,
        started: &mut bool,
    ) -> Result<Answer, Errno> {
        let fresh = match &self.get(socket)?.kind {
            Kind::Fresh => true,
            Kind::Listening { .. } => return Err(Errno::EISCONN),
            Kind::Stream(_) => false,
        };
        if fresh {
            self.start_connect(socket, remote)?;
            *started = true;
        }
        let ends = self.ends(socket);
        let stream = self.get_mut(socket)?.stream_mut().ok_or(Errno::EISCONN)?;
        stream.ends = ends;
        if let Some(error) = stream.error.take() {
            return Err(error);
        }
        match (stream.open, *started) {
            (Open::Yes, true) => Ok(Answer::Done),
            (Open::Yes, false) => Err(Errno::EISCONN),
            (Open::NotYet, true) => Err(Errno::EINPROGRESS),
            (Open::NotYet, false) => Err(Errno::EALREADY),
        }
    }

    fn try_read(&mut self, socket: SocketId, len: usize) -> Result<Answer, Errno> {
        let id = self.get(socket)?.connection().ok_or(Errno::ENOTCONN)?;
        let now = self.now;
        let mut taken = Vec::new();
        loop {
            let stream = self.get_mut(socket)?.stream_mut().ok_or(Errno::ENOTCONN)?;
            let count = stream.leftover.len().min(len - taken.len());
            taken.extend(stream.leftover.drain(..count));
            if taken.len() == len {
                break;
            }
            let Some(payload) = self.engine.recv(id) else { break };
            let stream = self.get_mut(socket)?.stream_mut().ok_or(Errno::ENOTCONN)?;
            stream.leftover.extend(payload.iter());
        }
        if !taken.is_empty() {
            self.engine.consumed(now, id, taken.len());
        }
        let finished = self.engine.recv_finished(id);
        let stream = self.get_mut(socket)?.stream_mut().ok_or(Errno::ENOTCONN)?;
        if !taken.is_empty() || len == 0 {
            return Ok(Answer::Read(taken));
        }
        if let Some(error) = stream.error.take() {
            return Err(error);
        }
        if finished || stream.read_shut || stream.ended.is_some() {
            return Ok(Answer::Read(taken));
        }
        Err(Errno::EAGAIN)
    }

    fn try_write(
        &mut self,
        socket: SocketId,
        bytes: &[u8],
        done: &mut usize,
    ) -> Result<Answer, Errno> {
        let stream = self.get_mut(socket)?.stream_mut().ok_or(Errno::EPIPE)?;
        if let Some(error) = stream.error.take() {
            return Err(error);
        }
        if stream.write_shut || stream.ended.is_some() {
            return Err(Errno::EPIPE);
        }
        if stream.open == Open::NotYet {
            return Err(Errno::EAGAIN);
        }
        let (id, now) = (stream.id, self.now);
        let room = self.engine.send_view(id).map_or(0, |view| view.room_bytes);
        let rest = bytes.get(*done..).unwrap_or_default();
        let count = room.min(rest.len());
        if count > 0 {
            let part = rest.get(..count).unwrap_or_default().to_vec();
            self.engine.send(now, id, part).map_err(|_| Errno::EPIPE)?;
            *done += count;
        }
        if *done == bytes.len() { Ok(Answer::Written(*done)) } else { Err(Errno::EAGAIN) }
    }
}
