//! Tests of what the public face does not show: a peer that seals whatever it likes.

mod caps;
mod control;
mod exhaustion;
mod hibernate;
mod messages;
mod names;
mod records;
mod secrets;

use crate::Session;
use crate::record::header::ContentType;
use crate::record::protection::Protection;
use crate::secrets::{Aead, DirectionSecret, TrafficSecret};
use crate::session::{Direction, SessionParts};
use crate::version::{Role, Version};
use crate::{HEADER_ROOM, PLAINTEXT_MAX, Received, SessionError, TAG_ROOM};

/// A session of ours in TLS 1.3, and a peer that is nothing but the two protections.
struct Pair {
    session: Session<Vec<u8>>,
    /// What the peer seals with.
    peer_tx: Protection,
    /// What the peer opens with.
    peer_rx: Protection,
}

type TestReceived = Received<Vec<u8>, Vec<u8>>;

impl Pair {
    /// Every version with every AEAD.
    fn all(role: Role) -> impl Iterator<Item = Self> {
        let versions = [Version::Tls12, Version::Tls13];
        let aeads = [Aead::Aes128Gcm, Aead::Aes256Gcm, Aead::ChaCha20Poly1305];
        versions
            .into_iter()
            .flat_map(move |version| aeads.map(|aead| Self::new(version, role, aead)))
    }

    fn tls13() -> Self {
        Self::new(Version::Tls13, Role::Server, Aead::Aes128Gcm)
    }

    fn tls12() -> Self {
        Self::new(Version::Tls12, Role::Server, Aead::Aes128Gcm)
    }

    fn new(version: Version, role: Role, aead: Aead) -> Self {
        let protection = |seed| {
            let secret = TrafficSecret::from_bytes(&[seed; 32]).expect("the length of SHA-256");
            let secret = match version {
                Version::Tls13 => DirectionSecret::Traffic { secret, aead },
                Version::Tls12 => DirectionSecret::Keys(secret.key_material(aead).expect("keys")),
            };
            Protection::new(secret, 0).expect("a protection")
        };
        let session = Session::new(SessionParts {
            version,
            role,
            tx: protection(1),
            rx: protection(2),
            read: Direction::Open,
            write: Direction::Open,
            tickets: None,
        });
        Self { session, peer_tx: protection(2), peer_rx: protection(1) }
    }

    /// A record of the peer.
    fn record(&mut self, content_type: ContentType, message: &[u8]) -> Vec<u8> {
        let mut buffer = full_buffer();
        let payload = HEADER_ROOM..HEADER_ROOM + message.len();
        buffer[payload.clone()].copy_from_slice(message);
        let range = self.peer_tx.seal(content_type, &mut buffer, payload).expect("sealed");
        buffer[range].to_vec()
    }

    fn receive(&mut self, bytes: &[u8]) -> Result<TestReceived, SessionError> {
        self.session.receive(bytes.to_vec(), &mut || Some(full_buffer()))
    }

    /// A record of the peer, received.
    fn take(
        &mut self,
        content_type: ContentType,
        message: &[u8],
    ) -> Result<TestReceived, SessionError> {
        let record = self.record(content_type, message);
        self.receive(&record)
    }

    /// A record of the peer that is received without a fault.
    fn accept(&mut self, content_type: ContentType, message: &[u8]) {
        let _: TestReceived = self.take(content_type, message).expect("a good record");
    }

    /// The one record in `bytes`, opened by the peer.
    fn peer_open(&mut self, bytes: &[u8]) -> (ContentType, Vec<u8>) {
        let (header, body) = bytes.split_first_chunk().expect("a header");
        let header = crate::record::header::RecordHeader::from_bytes(*header);
        assert_eq!(header.body_len(), body.len(), "one record and nothing else");
        let mut body = body.to_vec();
        let (content_type, plain) = self.peer_rx.open(header, &mut body).expect("our record");
        (content_type, body[plain].to_vec())
    }
}

/// A record buffer of full size.
fn full_buffer() -> Vec<u8> {
    vec![0; HEADER_ROOM + PLAINTEXT_MAX + TAG_ROOM]
}
