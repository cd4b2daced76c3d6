//! What is left of a handshake: a session, and what there is to know about it.

use std::ops::{Deref, DerefMut};

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::kernel::KernelConnection;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::{CipherSuite, CommonState, ExtractedSecrets, HandshakeKind, NamedGroup};
use rustls::{ConnectionTrafficSecrets, ProtocolVersion};

use crate::handshake::HandshakeError;
use crate::record::protection::Protection;
use crate::secrets::{CapturedSecrets, DirectionSecret, KeyMaterial, TrafficSecret};
use crate::session::{Direction, Session, SessionParts};
use crate::version::{Role, Version};

/// A connection whose handshake is done.
#[derive(Debug)]
pub struct Established<G> {
    /// The version agreed on.
    pub version: Version,
    /// The cipher suite agreed on.
    pub cipher_suite: CipherSuite,
    /// The group of the key exchange; none where TLS 1.2 resumed, for there was no exchange.
    pub group: Option<NamedGroup>,
    /// Whether a session was resumed.
    pub resumption: Resumption,
    /// The application protocol agreed on. RFC 7301.
    pub alpn: Option<Vec<u8>>,
    /// The host name in the hello, as the client sent it.
    pub server_name: Option<Box<str>>,
    /// The chain of the peer, its own certificate first; empty without one.
    pub peer_certificates: Vec<CertificateDer<'static>>,
    /// The record layer from here on.
    pub session: Session<G>,
    /// Bytes of the peer behind the handshake, records still sealed: the first payload for
    /// [`Session::receive`]. May be empty.
    pub leftover: Vec<u8>,
}

/// What kind of handshake it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resumption {
    /// A full handshake.
    Full,
    /// A full handshake with one more round trip: the client had guessed the group wrong.
    FullWithRetry,
    /// An earlier session was resumed.
    Resumed,
}

impl Resumption {
    /// Every kind, in the order of declaration.
    pub const ALL: &'static [Self] = &[Self::Full, Self::FullWithRetry, Self::Resumed];

    /// Its name as the value of a metric's label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::FullWithRetry => "full_with_retry",
            Self::Resumed => "resumed",
        }
    }
}

impl<G: DerefMut<Target = [u8]>> Established<G> {
    pub(super) fn of_server(
        connection: UnbufferedServerConnection,
        captured: CapturedSecrets,
        server_name: Option<Box<str>>,
        leftover: Vec<u8>,
    ) -> Result<Self, HandshakeError> {
        let facts = Facts::of(&connection)?;
        let (extracted, _) = connection.dangerous_into_kernel_connection()?;
        let secrets = Secrets { tx: captured.server, rx: captured.client, extracted };
        let session = session(Role::Server, facts.version, secrets, None)?;
        Ok(facts.with(session, server_name, leftover))
    }

    pub(super) fn of_client(
        connection: UnbufferedClientConnection,
        captured: CapturedSecrets,
        server_name: &ServerName<'static>,
        leftover: Vec<u8>,
    ) -> Result<Self, HandshakeError> {
        let facts = Facts::of(&connection)?;
        let (extracted, kernel) = connection.dangerous_into_kernel_connection()?;
        let secrets = Secrets { tx: captured.client, rx: captured.server, extracted };
        // In TLS 1.2 the ticket came within the handshake.
        let tickets = (facts.version == Version::Tls13).then(|| Box::new(kernel));
        let session = session(Role::Client, facts.version, secrets, tickets)?;
        let server_name = match server_name {
            ServerName::DnsName(name) => Some(Box::from(name.as_ref())),
            _ => None,
        };
        Ok(facts.with(session, server_name, leftover))
    }
}

/// What rustls knows and forgets with the conversion.
struct Facts {
    version: Version,
    cipher_suite: CipherSuite,
    group: Option<NamedGroup>,
    resumption: Resumption,
    alpn: Option<Vec<u8>>,
    peer_certificates: Vec<CertificateDer<'static>>,
}

impl Facts {
    fn of(state: &impl Deref<Target: Deref<Target = CommonState>>) -> Result<Self, HandshakeError> {
        let state: &CommonState = state;
        let version = match state.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => Version::Tls12,
            Some(ProtocolVersion::TLSv1_3) => Version::Tls13,
            _ => return Err(HandshakeError::UnknownState),
        };
        let cipher_suite = state.negotiated_cipher_suite().ok_or(HandshakeError::UnknownState)?;
        let resumption = match state.handshake_kind() {
            Some(HandshakeKind::Full) => Resumption::Full,
            Some(HandshakeKind::FullWithHelloRetryRequest) => Resumption::FullWithRetry,
            Some(HandshakeKind::Resumed) => Resumption::Resumed,
            None => return Err(HandshakeError::UnknownState),
        };
        Ok(Self {
            version,
            cipher_suite: cipher_suite.suite(),
            group: state.negotiated_key_exchange_group().map(|group| group.name()),
            resumption,
            alpn: state.alpn_protocol().map(<[u8]>::to_vec),
            peer_certificates: state.peer_certificates().unwrap_or_default().to_vec(),
        })
    }

    fn with<G>(
        self,
        session: Session<G>,
        server_name: Option<Box<str>>,
        leftover: Vec<u8>,
    ) -> Established<G> {
        let Self { version, cipher_suite, group, resumption, alpn, peer_certificates } = self;
        Established {
            version,
            cipher_suite,
            group,
            resumption,
            alpn,
            server_name,
            peer_certificates,
            session,
            leftover,
        }
    }
}

/// The two sources of secrets, by our direction.
struct Secrets {
    tx: Option<TrafficSecret>,
    rx: Option<TrafficSecret>,
    extracted: ExtractedSecrets,
}

fn session<G: DerefMut<Target = [u8]>>(
    role: Role,
    version: Version,
    secrets: Secrets,
    tickets: Option<Box<KernelConnection<ClientConnectionData>>>,
) -> Result<Session<G>, HandshakeError> {
    let Secrets { tx, rx, extracted } = secrets;
    let (tx_sequence, tx_keys) = extracted.tx;
    let (rx_sequence, rx_keys) = extracted.rx;
    Ok(Session::new(SessionParts {
        version,
        role,
        tx: Protection::new(direction(version, tx, &tx_keys)?, tx_sequence)?,
        rx: Protection::new(direction(version, rx, &rx_keys)?, rx_sequence)?,
        read: Direction::Open,
        write: Direction::Open,
        tickets,
    }))
}

/// The secret to keep for one direction.
///
/// In TLS 1.3 that is the captured one, provided that the keys which follow from it are those
/// that rustls extracted: a secret of another connection would be worse than none.
fn direction(
    version: Version,
    captured: Option<TrafficSecret>,
    extracted: &ConnectionTrafficSecrets,
) -> Result<DirectionSecret, HandshakeError> {
    let keys = KeyMaterial::from_rustls(extracted)?;
    if version == Version::Tls12 {
        return Ok(DirectionSecret::Keys(keys));
    }
    let secret = captured.ok_or(HandshakeError::NotPrepared)?;
    let aead = keys.aead();
    if !secret.key_material(aead)?.matches(&keys) {
        return Err(HandshakeError::Secrets);
    }
    Ok(DirectionSecret::Traffic { secret, aead })
}
