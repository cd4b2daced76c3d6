//! Backend to client.

use netstack::ConnectionId;
use weir_io::{ArmError, Socket};

use crate::worker::Context;

/// The backend's answers. At most one receive is armed, and only while the client's connection may
/// queue more: nothing waits here.
#[derive(Default)]
pub(super) struct Downward {
    armed: bool,
    received_bytes: u64,
    end: End,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    /// The client was told.
    Passed,
}

impl Downward {
    /// Reads on if the client's connection has room for a record.
    pub(super) fn pump(&mut self, context: &mut Context, id: ConnectionId, socket: &Socket) {
        if self.armed || self.end == End::Passed {
            return;
        }
        let Some(class) = context.record_class(id) else { return };
        if context.ring.pool().free(class) == 0 {
            context.wait_for_room(id);
            return;
        }
        match context.ring.recv(socket, class, id.to_bits()) {
            Ok(()) | Err(ArmError::Armed) => self.armed = true,
            Err(ArmError::Full) => context.wait_for_room(id),
        }
    }

    /// The armed receive has ended.
    pub(super) fn arrived(&mut self) {
        self.armed = false;
    }

    /// `bytes` of plaintext came from the backend.
    pub(super) fn count(&mut self, bytes: usize) {
        self.received_bytes += bytes as u64;
    }

    /// Bytes that the backend has sent.
    pub(super) fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// The backend sends no more. Says whether the client has yet to be told.
    pub(super) fn finish(&mut self) -> bool {
        std::mem::replace(&mut self.end, End::Passed) == End::Open
    }

    /// The client has the end.
    pub(super) fn is_done(&self) -> bool {
        self.end == End::Passed
    }
}
