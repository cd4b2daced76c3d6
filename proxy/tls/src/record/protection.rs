//! Protection of one direction: seals and opens records where they lie.

use std::ops::Range;

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};

use crate::error::{PeerError, SealError};
use crate::record::header::{ContentType, PLAINTEXT_MAX, RecordHeader, VERSION_TLS12};
use crate::secrets::{CryptoFailure, DirectionSecret, IV_LEN};

/// Keys, IV and sequence number of one direction.
pub(crate) struct Protection {
    key: LessSafeKey,
    iv: [u8; IV_LEN],
    /// Number of the next record under this key.
    sequence: u64,
    /// Sequence number that this key must not reach when sealing.
    sequence_limit: u64,
    scheme: Scheme,
    secret: DirectionSecret,
}

impl Protection {
    /// A direction that continues at `sequence`.
    pub(crate) fn new(secret: DirectionSecret, sequence: u64) -> Result<Self, CryptoFailure> {
        let material = secret.key_material()?;
        let scheme = match (&secret, material.aead().algorithm()) {
            (DirectionSecret::Traffic { .. }, _) => Scheme::Tls13,
            (DirectionSecret::Keys(_), algorithm)
                if *algorithm == aws_lc_rs::aead::CHACHA20_POLY1305 =>
            {
                Scheme::Tls12ImplicitNonce
            }
            (DirectionSecret::Keys(_), _) => Scheme::Tls12ExplicitNonce,
        };
        Ok(Self {
            key: material.expand()?,
            iv: material.iv(),
            sequence,
            sequence_limit: material.aead().confidentiality_limit(),
            scheme,
            secret,
        })
    }

    /// Goes on to the next generation of keys. RFC 8446 §7.2.
    ///
    /// # Errors
    /// Under TLS 1.2, which has no such thing.
    pub(crate) fn update(&mut self) -> Result<(), CryptoFailure> {
        let DirectionSecret::Traffic { secret, aead } = &self.secret else {
            return Err(CryptoFailure);
        };
        let next = DirectionSecret::Traffic { secret: secret.next()?, aead: *aead };
        *self = Self::new(next, 0)?;
        Ok(())
    }

    /// Number of the next record.
    pub(crate) const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The secret and the next sequence number: all that a new [`Protection`] needs.
    pub(crate) fn into_secret(self) -> (DirectionSecret, u64) {
        (self.secret, self.sequence)
    }

    /// Records that may still be sealed under this key.
    pub(crate) const fn records_left(&self) -> u64 {
        self.sequence_limit.saturating_sub(self.sequence)
    }

    /// Bytes that a record needs before its payload.
    pub(crate) const fn prefix_len(&self) -> usize {
        RecordHeader::LEN.saturating_add(self.scheme.explicit_nonce_len())
    }

    /// Bytes that a record needs behind its payload.
    pub(crate) const fn suffix_len(&self) -> usize {
        TAG_LEN.saturating_add(self.scheme.inner_type_len())
    }

    /// Longest body that a record may have: a full plaintext, and what protection adds to it.
    ///
    /// RFC 8446 §5.2 lets the header announce 256 bytes more, but the plaintext inside, padding
    /// included, is limited all the same (§5.4), and these AEADs add a known length.
    pub(crate) const fn body_max(&self) -> usize {
        PLAINTEXT_MAX
            .saturating_add(self.prefix_len())
            .saturating_sub(RecordHeader::LEN)
            .saturating_add(self.suffix_len())
    }

    /// Turns `payload`, a range of `buffer`, into a record; returns the range of the record.
    pub(crate) fn seal(
        &mut self,
        content_type: ContentType,
        buffer: &mut [u8],
        payload: Range<usize>,
    ) -> Result<Range<usize>, SealError> {
        let length = payload.end.checked_sub(payload.start).ok_or(SealError::NoRoom)?;
        if length > PLAINTEXT_MAX {
            return Err(SealError::TooLong);
        }
        let start = payload.start.checked_sub(self.prefix_len()).ok_or(SealError::NoRoom)?;
        let end = payload.end.checked_add(self.suffix_len()).ok_or(SealError::NoRoom)?;
        let record = buffer.get_mut(start..end).ok_or(SealError::NoRoom)?;
        let (prefix, body) =
            record.split_at_mut_checked(self.prefix_len()).ok_or(SealError::NoRoom)?;
        let (plain, tail) = body
            .split_at_mut_checked(length.saturating_add(self.scheme.inner_type_len()))
            .ok_or(SealError::NoRoom)?;
        if self.records_left() == 0 {
            return Err(SealError::KeyExhausted);
        }

        let header = self.outer_header(content_type, end.saturating_sub(start))?;
        if let (Scheme::Tls13, Some(inner_type)) = (self.scheme, plain.last_mut()) {
            *inner_type = content_type.0;
        }
        let nonce = self.nonce(self.sequence);
        let (header_out, nonce_out) =
            prefix.split_at_mut_checked(RecordHeader::LEN).ok_or(SealError::NoRoom)?;
        header_out.copy_from_slice(&header.to_bytes());
        if self.scheme == Scheme::Tls12ExplicitNonce {
            nonce_out.copy_from_slice(nonce.get(SALT_LEN..).ok_or(SealError::NoRoom)?);
        }
        let aad = self.additional_data(content_type, header, length)?;
        let tag = self
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad.as_aad(), plain)
            .map_err(|_| SealError::Crypto)?;
        tail.copy_from_slice(tag.as_ref());
        self.sequence = self.sequence.saturating_add(1);
        Ok(start..end)
    }

    /// Opens the record with `header` whose body is `body`, at most [`Protection::body_max`] long;
    /// returns its type and where in `body` its plaintext lies.
    pub(crate) fn open(
        &mut self,
        header: RecordHeader,
        body: &mut [u8],
    ) -> Result<(ContentType, Range<usize>), PeerError> {
        let explicit_len = self.scheme.explicit_nonce_len();
        let (explicit, sealed) =
            body.split_at_mut_checked(explicit_len).ok_or(PeerError::BadRecordMac)?;
        let plain_len = sealed.len().checked_sub(TAG_LEN).ok_or(PeerError::BadRecordMac)?;
        let mut nonce = self.nonce(self.sequence);
        if let (Scheme::Tls12ExplicitNonce, Some(own)) = (self.scheme, nonce.get_mut(SALT_LEN..)) {
            own.copy_from_slice(explicit);
        }
        let aad = self
            .additional_data(header.content_type, header, plain_len)
            .map_err(|_| PeerError::RecordOverflow)?;
        let plain = self
            .key
            .open_in_place(Nonce::assume_unique_for_key(nonce), aad.as_aad(), sealed)
            .map_err(|_| PeerError::BadRecordMac)?;
        // A wrap would take 2^64 records; the last number is refused rather than reused.
        self.sequence = self.sequence.checked_add(1).ok_or(PeerError::SequenceExhausted)?;

        let (content_type, length) = match self.scheme {
            Scheme::Tls13 => strip_padding(plain)?,
            Scheme::Tls12ExplicitNonce | Scheme::Tls12ImplicitNonce => {
                (header.content_type, plain.len())
            }
        };
        Ok((content_type, explicit_len..explicit_len.saturating_add(length)))
    }

    fn outer_header(
        &self,
        content_type: ContentType,
        record_len: usize,
    ) -> Result<RecordHeader, SealError> {
        let body_len = record_len.saturating_sub(RecordHeader::LEN);
        let content_type = match self.scheme {
            Scheme::Tls13 => ContentType::APPLICATION_DATA,
            Scheme::Tls12ExplicitNonce | Scheme::Tls12ImplicitNonce => content_type,
        };
        Ok(RecordHeader {
            content_type,
            version: VERSION_TLS12,
            length: u16::try_from(body_len).map_err(|_| SealError::TooLong)?,
        })
    }

    /// IV xor sequence number. RFC 8446 §5.3, RFC 7905 §2; for GCM in TLS 1.2 our choice of the
    /// explicit part, as in rustls, so that the numbers it used in the handshake stay used.
    fn nonce(&self, sequence: u64) -> [u8; IV_LEN] {
        let mut nonce = self.iv;
        for (byte, add) in nonce.iter_mut().rev().zip(sequence.to_be_bytes().iter().rev()) {
            *byte ^= add;
        }
        nonce
    }

    /// What is authenticated besides the plaintext. RFC 8446 §5.2, RFC 5246 §6.2.3.3.
    fn additional_data(
        &self,
        content_type: ContentType,
        header: RecordHeader,
        plain_len: usize,
    ) -> Result<AdditionalData, SealError> {
        match self.scheme {
            Scheme::Tls13 => Ok(AdditionalData::Tls13(header.to_bytes())),
            Scheme::Tls12ExplicitNonce | Scheme::Tls12ImplicitNonce => {
                let length = u16::try_from(plain_len).map_err(|_| SealError::TooLong)?;
                let plain_header = RecordHeader { content_type, length, ..header };
                let mut data = [0; SEQUENCE_LEN + RecordHeader::LEN];
                if let Some((sequence, rest)) = data.split_at_mut_checked(SEQUENCE_LEN) {
                    sequence.copy_from_slice(&self.sequence.to_be_bytes());
                    rest.copy_from_slice(&plain_header.to_bytes());
                }
                Ok(AdditionalData::Tls12(data))
            }
        }
    }

    /// What it seals with.
    #[cfg(test)]
    pub(crate) fn aead(&self) -> crate::secrets::Aead {
        match &self.secret {
            DirectionSecret::Traffic { aead, .. } => *aead,
            DirectionSecret::Keys(material) => material.aead(),
        }
    }

    /// For tests of the limit: as if `sequence` records had been sealed.
    #[cfg(test)]
    pub(crate) fn skip_to(&mut self, sequence: u64) {
        self.sequence = sequence;
    }
}

/// How a version and AEAD lay out a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    /// Type behind the plaintext, nonce never sent.
    Tls13,
    /// AES-GCM in TLS 1.2: eight bytes of the nonce precede the ciphertext. RFC 5288 §3.
    Tls12ExplicitNonce,
    /// ChaCha20-Poly1305 in TLS 1.2: nonce never sent. RFC 7905.
    Tls12ImplicitNonce,
}

impl Scheme {
    const fn explicit_nonce_len(self) -> usize {
        match self {
            Self::Tls13 | Self::Tls12ImplicitNonce => 0,
            Self::Tls12ExplicitNonce => EXPLICIT_NONCE_LEN,
        }
    }

    const fn inner_type_len(self) -> usize {
        match self {
            Self::Tls13 => 1,
            Self::Tls12ExplicitNonce | Self::Tls12ImplicitNonce => 0,
        }
    }
}

/// Additional data by version.
enum AdditionalData {
    Tls13([u8; RecordHeader::LEN]),
    Tls12([u8; SEQUENCE_LEN + RecordHeader::LEN]),
}

impl AdditionalData {
    fn as_aad(&self) -> Aad<&[u8]> {
        Aad::from(match self {
            Self::Tls13(bytes) => bytes.as_slice(),
            Self::Tls12(bytes) => bytes.as_slice(),
        })
    }
}

/// The type behind the plaintext and the padding. RFC 8446 §5.4.
fn strip_padding(inner: &[u8]) -> Result<(ContentType, usize), PeerError> {
    let length = inner.iter().rposition(|byte| *byte != 0).ok_or(PeerError::NoContentType)?;
    let content_type = inner.get(length).copied().ok_or(PeerError::NoContentType)?;
    Ok((ContentType(content_type), length))
}

const TAG_LEN: usize = 16;
const SALT_LEN: usize = 4;
const EXPLICIT_NONCE_LEN: usize = 8;
const SEQUENCE_LEN: usize = 8;

const _: () = assert!(SALT_LEN + EXPLICIT_NONCE_LEN == IV_LEN);
const _: () = assert!(crate::HEADER_ROOM == RecordHeader::LEN + EXPLICIT_NONCE_LEN);
const _: () = assert!(crate::TAG_ROOM == TAG_LEN + 1);
