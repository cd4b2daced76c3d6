//! One step of rustls: from one record of the peer to the next.

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, UnbufferedConnectionCommon, UnbufferedStatus,
};

use crate::alert::{self, Alert};
use crate::handshake::HandshakeError;

/// Where a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// rustls has used up what it was shown.
    NeedRecord,
    /// The handshake is done and all that it owes the peer is written.
    Done,
}

/// The peer's bytes, and how many of them rustls may see.
pub(super) struct Records<'a> {
    pub(super) bytes: &'a mut Vec<u8>,
    pub(super) shown: &'a mut usize,
}

impl Records<'_> {
    fn visible(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..*self.shown).unwrap_or_default()
    }

    fn discard(&mut self, length: usize) {
        let length = length.min(self.bytes.len());
        self.bytes.drain(..length);
        *self.shown = self.shown.saturating_sub(length);
    }
}

/// The two kinds of connection of rustls, which share no trait.
pub(super) trait Connection {
    type Data;

    fn common(&self) -> &UnbufferedConnectionCommon<Self::Data>;

    fn process<'c, 'i>(&'c mut self, records: &'i mut [u8])
    -> UnbufferedStatus<'c, 'i, Self::Data>;
}

impl Connection for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn common(&self) -> &UnbufferedConnectionCommon<Self::Data> {
        self
    }

    fn process<'c, 'i>(
        &'c mut self,
        records: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(records)
    }
}

impl Connection for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn common(&self) -> &UnbufferedConnectionCommon<Self::Data> {
        self
    }

    fn process<'c, 'i>(
        &'c mut self,
        records: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(records)
    }
}

/// Lets rustls work on what it is shown until it has nothing more to do or to say.
///
/// What it has to say is complete with that: tickets as well, which it writes after the peer's
/// Finished and numbers under the keys that are handed over.
pub(super) fn step<C: Connection>(
    connection: &mut C,
    records: &mut Records<'_>,
    out: &mut Vec<u8>,
) -> Result<Step, HandshakeError> {
    let written_before = out.len();
    loop {
        let UnbufferedStatus { discard, state } = connection.process(records.visible());
        let next = match state {
            Ok(state) => act(state, out),
            Err(error) => Err(HandshakeError::Rustls(error)),
        };
        records.discard(discard);
        match next {
            Ok(Act::Again) => {}
            Ok(Act::Blocked) if connection.common().is_handshaking() => {
                return Ok(Step::NeedRecord);
            }
            Ok(Act::Blocked) => return Ok(Step::Done),
            Err(error) => {
                write_alert(connection, records, out, Failure { error: &error, written_before });
                return Err(error);
            }
        }
    }
}

/// What a state of rustls asks for.
enum Act {
    /// To be processed again.
    Again,
    /// Nothing, without more input.
    Blocked,
}

fn act<Data>(
    state: ConnectionState<'_, '_, Data>,
    out: &mut Vec<u8>,
) -> Result<Act, HandshakeError> {
    match state {
        ConnectionState::EncodeTlsData(mut data) => encode(&mut data, out).map(|()| Act::Again),
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            Ok(Act::Again)
        }
        ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_) => Ok(Act::Blocked),
        ConnectionState::PeerClosed | ConnectionState::Closed => Err(HandshakeError::PeerClosed),
        // One record at a time and no early data: rustls never gets at application data.
        ConnectionState::ReadTraffic(_) | ConnectionState::ReadEarlyData(_) => {
            Err(HandshakeError::EarlyTraffic)
        }
        _ => Err(HandshakeError::UnknownState),
    }
}

/// Appends a chunk of rustls to `out`; the first attempt only asks for its length.
fn encode<Data>(
    data: &mut EncodeTlsData<'_, Data>,
    out: &mut Vec<u8>,
) -> Result<(), HandshakeError> {
    let Err(EncodeError::InsufficientSize(size)) = data.encode(&mut []) else {
        return Ok(());
    };
    let start = out.len();
    out.resize(start.saturating_add(size.required_size), 0);
    let room = out.get_mut(start..).unwrap_or_default();
    data.encode(room).map(|_| ()).map_err(|_| HandshakeError::UnknownState)
}

/// An error, and how long `out` was before the step that ended in it.
struct Failure<'a> {
    error: &'a HandshakeError,
    written_before: usize,
}

/// Writes the alert that rustls queued, or one of our own when it queued none and plaintext is
/// still understood.
fn write_alert<C: Connection>(
    connection: &mut C,
    records: &mut Records<'_>,
    out: &mut Vec<u8>,
    failure: Failure<'_>,
) {
    let Failure { error, written_before } = failure;
    let start = out.len();
    while connection.common().wants_write() {
        // What is queued comes before anything is read. But rustls may hold on to a part of what it
        // was shown, and would panic over an empty slice in its place; and with nothing queued it
        // would read the record at fault once more. Both took a mutated flight to find.
        let UnbufferedStatus { discard, state } = connection.process(records.visible());
        let queued = match state {
            Ok(ConnectionState::EncodeTlsData(mut data)) => encode(&mut data, out).is_ok(),
            _ => false,
        };
        records.discard(discard);
        if !queued {
            break;
        }
    }
    let plaintext_understood =
        start == written_before && connection.common().protocol_version().is_none();
    if out.len() == start
        && plaintext_understood
        && let Some(description) = error.alert()
    {
        alert::plaintext(description, out);
    }
}

impl HandshakeError {
    /// The alert for an error for which rustls queued none.
    fn alert(&self) -> Option<Alert> {
        match self {
            Self::Rustls(rustls::Error::AlertReceived(_)) | Self::PeerClosed => None,
            Self::Rustls(rustls::Error::InvalidMessage(_)) => Some(Alert::DecodeError),
            Self::Rustls(
                rustls::Error::InappropriateMessage { .. }
                | rustls::Error::InappropriateHandshakeMessage { .. }
                | rustls::Error::PeerMisbehaved(_),
            )
            | Self::BytesBehindFinished
            | Self::EarlyTraffic => Some(Alert::UnexpectedMessage),
            Self::Rustls(rustls::Error::PeerIncompatible(_)) => Some(Alert::HandshakeFailure),
            Self::Rustls(_)
            | Self::NotPrepared
            | Self::UnknownState
            | Self::Over
            | Self::Secrets => Some(Alert::InternalError),
        }
    }
}
