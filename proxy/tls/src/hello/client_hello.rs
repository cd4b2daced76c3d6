//! A view of a ClientHello. RFC 8446 §4.1.2, RFC 5246 §7.4.1.2.

use rustls::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

use crate::hello::extensions::Extensions;
use crate::hello::reader::{Reader, U16List};
use crate::hello::{HelloError, fingerprint};
use crate::version::Version;

/// A whole and well-formed ClientHello.
///
/// All lists leave out GREASE (RFC 8701).
#[derive(Clone, Copy, Debug)]
pub struct ClientHello<'a> {
    legacy_version: u16,
    random: &'a [u8],
    session_id: &'a [u8],
    cipher_suites: U16List<'a>,
    extensions: Extensions<'a>,
}

impl<'a> ClientHello<'a> {
    /// `message`: the handshake message with its header of four bytes.
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, HelloError> {
        let mut reader = Reader::new(message);
        let hello = Self::fields(&mut reader).ok_or(HelloError::Malformed)?;
        // A hello of TLS 1.2 may end here. RFC 5246 §7.4.1.2.
        if reader.is_empty() {
            return Ok(hello);
        }
        let block = reader.vector16().ok_or(HelloError::Malformed)?;
        let block = reader.end(block).ok_or(HelloError::Malformed)?;
        Ok(Self { extensions: Extensions::parse(block)?, ..hello })
    }

    /// All that comes before the extensions.
    fn fields(reader: &mut Reader<'a>) -> Option<Self> {
        reader.take(MESSAGE_HEADER_LEN)?;
        let legacy_version = reader.u16()?;
        let random = reader.take(RANDOM_LEN)?;
        let session_id = reader.vector8().filter(|id| id.len() <= SESSION_ID_MAX)?;
        let cipher_suites = U16List::new(reader.vector16()?)?;
        // TLS 1.3 wants the null method alone, TLS 1.2 wants it among others.
        let compression_methods = reader.vector8()?;
        compression_methods.contains(&NULL_COMPRESSION).then_some(Self {
            legacy_version,
            random,
            session_id,
            cipher_suites,
            extensions: Extensions::default(),
        })
    }

    /// One of the versions offered must be ours.
    pub(super) fn check_versions(&self) -> Result<(), HelloError> {
        let offered = Version::ALL.iter().any(|version| self.offers(*version));
        offered.then_some(()).ok_or(HelloError::UnsupportedVersion)
    }

    /// The host name that the client asks for; none also when it sent an IP address.
    ///
    /// Letters, digits, hyphens and underscores in labels of 1 to 63 bytes, 253 bytes in all; the
    /// case, and a dot at the end, are as the client sent them.
    #[must_use]
    pub const fn server_name(&self) -> Option<&'a str> {
        self.extensions.server_name
    }

    /// The application protocols offered, the client's favourite first. RFC 7301.
    pub fn alpn(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut names = Reader::new(self.extensions.alpn);
        std::iter::from_fn(move || names.vector8())
    }

    /// Whether `version` is offered.
    #[must_use]
    pub fn offers(&self, version: Version) -> bool {
        let wanted = match version {
            Version::Tls12 => ProtocolVersion::TLSv1_2,
            Version::Tls13 => ProtocolVersion::TLSv1_3,
        };
        self.versions().any(|offered| offered == wanted)
    }

    /// The versions offered.
    ///
    /// Without the extension for them all up to the legacy version count as offered; that one
    /// alone is listed, and 1.2 for a higher one. RFC 8446 appendix D.2.
    pub fn versions(&self) -> impl Iterator<Item = ProtocolVersion> + use<'a> {
        let from_extension = self.extensions.versions;
        let highest_legacy = self.legacy_version.min(TLS12);
        let from_field = from_extension.is_none().then_some(highest_legacy);
        from_extension.unwrap_or_default().iter().chain(from_field).map(ProtocolVersion::from)
    }

    /// The key exchange groups offered.
    pub fn groups(&self) -> impl Iterator<Item = NamedGroup> + use<'a> {
        self.extensions.groups.iter().map(NamedGroup::from)
    }

    /// The groups for which the client sent a key share: others cost one more round trip.
    pub fn key_share_groups(&self) -> impl Iterator<Item = NamedGroup> + use<'a> {
        let mut shares = Reader::new(self.extensions.key_shares);
        std::iter::from_fn(move || {
            let group = shares.u16()?;
            shares.vector16()?;
            Some(group)
        })
        .filter(|group| !super::reader::is_grease(*group))
        .map(NamedGroup::from)
    }

    /// The cipher suites offered.
    pub fn cipher_suites(&self) -> impl Iterator<Item = CipherSuite> + use<'a> {
        self.cipher_suites.iter().map(CipherSuite::from)
    }

    /// The signature schemes that the client verifies.
    pub fn signature_schemes(&self) -> impl Iterator<Item = SignatureScheme> + use<'a> {
        self.extensions.signature_schemes.iter().map(SignatureScheme::from)
    }

    /// 32 random bytes.
    #[must_use]
    pub const fn random(&self) -> &'a [u8] {
        self.random
    }

    /// The session id: 0 to 32 bytes.
    #[must_use]
    pub const fn session_id(&self) -> &'a [u8] {
        self.session_id
    }

    /// The client wants to resume: a pre-shared key, or a ticket of TLS 1.2.
    #[must_use]
    pub fn offers_resumption(&self) -> bool {
        self.extensions.pre_shared_key
            || self.extensions.session_ticket.is_some_and(|ticket| !ticket.is_empty())
    }

    /// The client sends data before the handshake is done, which is never accepted here.
    #[must_use]
    pub const fn offers_early_data(&self) -> bool {
        self.extensions.early_data
    }

    /// The client deals out GREASE.
    #[must_use]
    pub fn has_grease(&self) -> bool {
        self.cipher_suites.with_grease().any(super::reader::is_grease)
    }

    /// The JA4 fingerprint of the client: ASCII, 36 bytes with the usual lists.
    #[must_use]
    pub fn ja4(&self) -> String {
        fingerprint::ja4(self)
    }

    pub(super) const fn extensions(&self) -> Extensions<'a> {
        self.extensions
    }
}

const MESSAGE_HEADER_LEN: usize = 4;
const RANDOM_LEN: usize = 32;
const SESSION_ID_MAX: usize = 32;
const NULL_COMPRESSION: u8 = 0;
const TLS12: u16 = 0x0303;
