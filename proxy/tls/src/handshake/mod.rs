//! The handshake: rustls through its unbuffered interface, up to the hand-over of the secrets.
//!
//! rustls is shown one record at a time. So it never opens a record that belongs to the session
//! behind the handshake, whatever the peer sends along with its Finished.

mod drive;
mod error;
mod established;

pub use error::HandshakeError;
pub use established::{Established, Resumption};

use std::ops::DerefMut;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::{ClientConfig, ServerConfig};

use crate::handshake::drive::{Step, step};
use crate::record::header::RecordHeader;
use crate::secrets::{CapturedSecrets, SecretCapture, capture};

/// A handshake under way.
pub struct Handshake {
    side: Side,
    /// Bytes of the peer that rustls has not finished with.
    incoming: Vec<u8>,
    /// The part of `incoming` that rustls has been shown: whole records.
    shown: usize,
    secrets: CapturedSecrets,
    failed: Option<HandshakeError>,
}

/// The connection inside rustls.
enum Side {
    Server {
        connection: Box<UnbufferedServerConnection>,
        server_name: Option<Box<str>>,
    },
    Client {
        connection: Box<UnbufferedClientConnection>,
        server_name: ServerName<'static>,
    },
    /// Handed over, or failed.
    Done,
}

/// How far a handshake has come.
#[derive(Debug)]
#[must_use]
pub enum Progress<G> {
    /// The peer has to say more.
    NeedInput,
    /// Both sides have their keys. The handshake is used up.
    Established(Box<Established<G>>),
}

impl Handshake {
    /// The handshake with a client whose hello is known.
    ///
    /// `hello`: all bytes of the connection so far, as
    /// [`HelloBuffer::into_bytes`](crate::hello::HelloBuffer::into_bytes) has them. They are
    /// processed by the first [`Handshake::advance`], which may be given no further bytes.
    ///
    /// # Errors
    /// When `config` has not gone through [`prepare_server`], or rustls refuses it.
    pub fn server(config: Arc<ServerConfig>, hello: Vec<u8>) -> Result<Self, HandshakeError> {
        if !config.enable_secret_extraction || config.max_early_data_size != 0 {
            return Err(HandshakeError::NotPrepared);
        }
        let mut parsed = crate::hello::HelloBuffer::new();
        let _: Result<crate::hello::HelloProgress, _> = parsed.push(&hello);
        let server_name =
            parsed.client_hello().and_then(|hello| hello.server_name()).map(Box::from);
        let connection = Box::new(UnbufferedServerConnection::new(config)?);
        Ok(Self::new(Side::Server { connection, server_name }, hello))
    }

    /// The handshake with the server `name`. The first [`Handshake::advance`], without input,
    /// writes the hello.
    ///
    /// # Errors
    /// When `config` has not gone through [`prepare_client`], or rustls refuses it.
    pub fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, HandshakeError> {
        if !config.enable_secret_extraction || config.enable_early_data {
            return Err(HandshakeError::NotPrepared);
        }
        let server_name = name.clone();
        let connection = Box::new(UnbufferedClientConnection::new(config, name)?);
        Ok(Self::new(Side::Client { connection, server_name }, Vec::new()))
    }

    fn new(side: Side, incoming: Vec<u8>) -> Self {
        Self { side, incoming, shown: 0, secrets: CapturedSecrets::default(), failed: None }
    }

    /// Takes the next bytes of the peer, cut anywhere, and appends what it is owed to `out`.
    ///
    /// # Errors
    /// When the handshake failed. The alert for the peer, if it is owed one, is in `out` already.
    /// Every later call returns the same error.
    pub fn advance<G>(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress<G>, HandshakeError>
    where
        G: DerefMut<Target = [u8]>,
    {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.incoming.extend_from_slice(input);
        let result = match self.run(out) {
            Ok(Step::NeedRecord) => Ok(Progress::NeedInput),
            Ok(Step::Done) => self.hand_over().map(Box::new).map(Progress::Established),
            Err(error) => Err(error),
        };
        if let Err(error) = &result {
            self.failed = Some(error.clone());
            self.side = Side::Done;
            self.incoming = Vec::new();
        }
        result
    }

    /// Bytes of the heap that this handshake holds, as far as it can count them: rustls allocates
    /// more, and frees it when the handshake ends.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let connection = match &self.side {
            Side::Server { connection, .. } => size_of_val(connection.as_ref()),
            Side::Client { connection, .. } => size_of_val(connection.as_ref()),
            Side::Done => 0,
        };
        self.incoming.capacity().saturating_add(connection)
    }

    /// Shows rustls one record after the other until it is done or none is left.
    fn run(&mut self, out: &mut Vec<u8>) -> Result<Step, HandshakeError> {
        loop {
            let Self { side, incoming, shown, secrets, .. } = self;
            let mut records = drive::Records { bytes: incoming, shown };
            let reached = capture(secrets, || match side {
                Side::Server { connection, .. } => step(connection.as_mut(), &mut records, out),
                Side::Client { connection, .. } => step(connection.as_mut(), &mut records, out),
                Side::Done => Err(HandshakeError::Over),
            })?;
            if reached == Step::Done || !self.show_next_record() {
                return Ok(reached);
            }
        }
    }

    /// Adds one whole record to what rustls may see.
    fn show_next_record(&mut self) -> bool {
        let rest = self.incoming.get(self.shown..).unwrap_or_default();
        let Some(header) = rest.first_chunk().copied().map(RecordHeader::from_bytes) else {
            return false;
        };
        // Of a record that is too long rustls needs no more than the header to refuse it.
        let length = if header.body_len() > BODY_MAX { 0 } else { header.body_len() };
        let length = length.saturating_add(RecordHeader::LEN);
        if rest.len() < length {
            return false;
        }
        self.shown = self.shown.saturating_add(length);
        true
    }

    fn hand_over<G>(&mut self) -> Result<Established<G>, HandshakeError>
    where
        G: DerefMut<Target = [u8]>,
    {
        // The record of the peer's Finished may not carry a piece of another message along.
        if self.shown != 0 {
            return Err(HandshakeError::BytesBehindFinished);
        }
        let leftover = std::mem::take(&mut self.incoming);
        let secrets = std::mem::take(&mut self.secrets);
        match std::mem::replace(&mut self.side, Side::Done) {
            Side::Server { connection, server_name } => {
                Established::of_server(*connection, secrets, server_name, leftover)
            }
            Side::Client { connection, server_name } => {
                Established::of_client(*connection, secrets, &server_name, leftover)
            }
            Side::Done => Err(HandshakeError::Over),
        }
    }
}

impl std::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = match self.side {
            Side::Server { .. } => "server",
            Side::Client { .. } => "client",
            Side::Done => "done",
        };
        f.debug_struct("Handshake").field("side", &side).finish_non_exhaustive()
    }
}

/// Makes `config` fit for [`Handshake::server`]: secrets may be taken out, traffic secrets are
/// caught as they come by, and no data is accepted before the handshake is done. A key log that
/// was set goes on to get everything.
pub fn prepare_server(config: &mut ServerConfig) {
    config.enable_secret_extraction = true;
    config.max_early_data_size = 0;
    config.send_half_rtt_data = false;
    config.key_log = SecretCapture::before(Arc::clone(&config.key_log));
}

/// Makes `config` fit for [`Handshake::client`], as [`prepare_server`] does for a server.
pub fn prepare_client(config: &mut ClientConfig) {
    config.enable_secret_extraction = true;
    config.enable_early_data = false;
    config.key_log = SecretCapture::before(Arc::clone(&config.key_log));
}

/// Longest body of a record that any version allows. RFC 5246 §6.2.3.
const BODY_MAX: usize = crate::PLAINTEXT_MAX + 2048;
