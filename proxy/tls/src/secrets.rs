//! Traffic secrets, the keys made from them, and how they come out of rustls.
//!
//! TLS 1.3: a connection after its handshake needs, for each direction, one traffic secret; key,
//! IV and the next secret follow from it (RFC 8446 §7.2, §7.3). rustls gives keys and IVs away but
//! not these secrets, except to a [`KeyLog`], on the thread that drives the handshake. So
//! [`capture`] opens a place for them on this thread while rustls runs. TLS 1.2 has no KeyUpdate,
//! so there key and IV are the secret.

use std::cell::RefCell;
use std::sync::Arc;

use aws_lc_rs::{aead, hkdf};
use rustls::{ConnectionTrafficSecrets, KeyLog};
use zeroize::Zeroizing;

/// The cryptographic library refused what cannot be refused by its contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CryptoFailure;

/// The AEADs of the cipher suites that we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aead {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
}

impl Aead {
    pub(crate) fn algorithm(self) -> &'static aead::Algorithm {
        match self {
            Self::Aes128Gcm => &aead::AES_128_GCM,
            Self::Aes256Gcm => &aead::AES_256_GCM,
            Self::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        }
    }

    const fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }

    /// Records that one key may seal before an attacker learns too much. RFC 8446 §5.5.
    ///
    /// About 2^24.5 full records for AES-GCM; rounded down, as rustls does. For ChaCha20-Poly1305
    /// the sequence number would wrap first.
    pub(crate) const fn confidentiality_limit(self) -> u64 {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm => 1 << 24,
            Self::ChaCha20Poly1305 => u64::MAX - 1,
        }
    }
}

/// AEAD key and IV of one direction; wiped when dropped.
#[derive(Clone)]
pub(crate) struct KeyMaterial {
    aead: Aead,
    key: Zeroizing<[u8; KEY_MAX]>,
    iv: Zeroizing<[u8; IV_LEN]>,
}

impl KeyMaterial {
    /// What rustls extracted, copied out of its own wiped types.
    pub(crate) fn from_rustls(secrets: &ConnectionTrafficSecrets) -> Result<Self, CryptoFailure> {
        let (aead, key, iv) = match secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (Aead::Aes128Gcm, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (Aead::Aes256Gcm, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => {
                (Aead::ChaCha20Poly1305, key, iv)
            }
            _ => return Err(CryptoFailure),
        };
        let mut material = Self::empty(aead);
        let key_out = material.key.get_mut(..aead.key_len()).ok_or(CryptoFailure)?;
        copy_exact(key.as_ref(), key_out)?;
        copy_exact(iv.as_ref(), material.iv.as_mut_slice())?;
        Ok(material)
    }

    fn empty(aead: Aead) -> Self {
        Self { aead, key: Zeroizing::new([0; KEY_MAX]), iv: Zeroizing::new([0; IV_LEN]) }
    }

    pub(crate) const fn aead(&self) -> Aead {
        self.aead
    }

    pub(crate) fn iv(&self) -> [u8; IV_LEN] {
        *self.iv
    }

    /// The key itself, to compare with known ones.
    #[cfg(test)]
    pub(crate) fn key(&self) -> &[u8] {
        &self.key[..self.aead.key_len()]
    }

    /// The key, expanded for use.
    pub(crate) fn expand(&self) -> Result<aead::LessSafeKey, CryptoFailure> {
        let key = self.key.get(..self.aead.key_len()).ok_or(CryptoFailure)?;
        let unbound =
            aead::UnboundKey::new(self.aead.algorithm(), key).map_err(|_| CryptoFailure)?;
        Ok(aead::LessSafeKey::new(unbound))
    }

    /// Whether both are the same keys, compared in constant time.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        use aws_lc_rs::constant_time::verify_slices_are_equal;
        self.aead == other.aead
            && verify_slices_are_equal(self.key.as_slice(), other.key.as_slice()).is_ok()
            && verify_slices_are_equal(self.iv.as_slice(), other.iv.as_slice()).is_ok()
    }
}

/// A traffic secret of TLS 1.3 (`*_application_traffic_secret_N`); wiped when dropped.
pub(crate) struct TrafficSecret {
    bytes: Zeroizing<[u8; SECRET_MAX]>,
    hash: Hash,
}

impl TrafficSecret {
    /// A secret of 32 bytes belongs to SHA-256, one of 48 to SHA-384; there are no others.
    pub(crate) fn from_bytes(secret: &[u8]) -> Option<Self> {
        let hash = Hash::of_len(secret.len())?;
        let mut bytes = Zeroizing::new([0; SECRET_MAX]);
        bytes.get_mut(..secret.len())?.copy_from_slice(secret);
        Some(Self { bytes, hash })
    }

    /// The secret of the next generation. RFC 8446 §7.2.
    pub(crate) fn next(&self) -> Result<Self, CryptoFailure> {
        let mut bytes = Zeroizing::new([0; SECRET_MAX]);
        let next = bytes.get_mut(..self.hash.len()).ok_or(CryptoFailure)?;
        self.expand_label(b"traffic upd", next)?;
        Ok(Self { bytes, hash: self.hash })
    }

    /// Key and IV of this generation. RFC 8446 §7.3.
    pub(crate) fn key_material(&self, aead: Aead) -> Result<KeyMaterial, CryptoFailure> {
        let mut material = KeyMaterial::empty(aead);
        let key = material.key.get_mut(..aead.key_len()).ok_or(CryptoFailure)?;
        self.expand_label(b"key", key)?;
        self.expand_label(b"iv", material.iv.as_mut_slice())?;
        Ok(material)
    }

    /// HKDF-Expand-Label with an empty context. RFC 8446 §7.1.
    fn expand_label(&self, label: &[u8], out: &mut [u8]) -> Result<(), CryptoFailure> {
        let secret = self.bytes.get(..self.hash.len()).ok_or(CryptoFailure)?;
        let out_len = u16::try_from(out.len()).map_err(|_| CryptoFailure)?.to_be_bytes();
        let label_len = label.len().checked_add(LABEL_PREFIX.len()).ok_or(CryptoFailure)?;
        let label_len = [u8::try_from(label_len).map_err(|_| CryptoFailure)?];
        let info: [&[u8]; 5] = [&out_len, &label_len, LABEL_PREFIX, label, &[0]];
        hkdf::Prk::new_less_safe(self.hash.hkdf(), secret)
            .expand(&info, OutputLen(out.len()))
            .and_then(|okm| okm.fill(out))
            .map_err(|_| CryptoFailure)
    }
}

/// What one direction is protected with, small enough to keep for years.
pub(crate) enum DirectionSecret {
    /// TLS 1.3.
    Traffic { secret: TrafficSecret, aead: Aead },
    /// TLS 1.2.
    Keys(KeyMaterial),
}

impl DirectionSecret {
    pub(crate) fn key_material(&self) -> Result<KeyMaterial, CryptoFailure> {
        match self {
            Self::Traffic { secret, aead } => secret.key_material(*aead),
            Self::Keys(material) => Ok(material.clone()),
        }
    }
}

/// Hash of a cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
}

impl Hash {
    const fn of_len(bytes: usize) -> Option<Self> {
        match bytes {
            32 => Some(Self::Sha256),
            48 => Some(Self::Sha384),
            _ => None,
        }
    }

    const fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    const fn hkdf(self) -> hkdf::Algorithm {
        match self {
            Self::Sha256 => hkdf::HKDF_SHA256,
            Self::Sha384 => hkdf::HKDF_SHA384,
        }
    }
}

/// Output length for aws-lc's HKDF.
struct OutputLen(usize);

impl hkdf::KeyType for OutputLen {
    fn len(&self) -> usize {
        self.0
    }
}

/// The first application traffic secrets of a connection, as they come by.
#[derive(Default)]
pub(crate) struct CapturedSecrets {
    pub(crate) client: Option<TrafficSecret>,
    pub(crate) server: Option<TrafficSecret>,
}

thread_local! {
    /// Where [`SecretCapture`] puts what rustls logs on this thread; none outside [`capture`].
    static CAPTURE: RefCell<Option<CapturedSecrets>> = const { RefCell::new(None) };
}

/// Runs `handshake_step` and adds the traffic secrets that rustls logs meanwhile to `secrets`.
pub(crate) fn capture<R>(secrets: &mut CapturedSecrets, handshake_step: impl FnOnce() -> R) -> R {
    // What a step that panicked left behind is overwritten here.
    CAPTURE.set(Some(std::mem::take(secrets)));
    let result = handshake_step();
    *secrets = CAPTURE.take().unwrap_or_default();
    result
}

/// The [`KeyLog`] that hands traffic secrets to the handshake under way on the same thread, and
/// everything to the log that was there before.
#[derive(Debug)]
pub(crate) struct SecretCapture {
    next: Arc<dyn KeyLog>,
}

impl SecretCapture {
    pub(crate) fn before(next: Arc<dyn KeyLog>) -> Arc<dyn KeyLog> {
        Arc::new(Self { next })
    }
}

impl KeyLog for SecretCapture {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        CAPTURE.with_borrow_mut(|captured| {
            let Some(captured) = captured else { return };
            match label {
                CLIENT_TRAFFIC_SECRET => captured.client = TrafficSecret::from_bytes(secret),
                SERVER_TRAFFIC_SECRET => captured.server = TrafficSecret::from_bytes(secret),
                _ => {}
            }
        });
        if self.next.will_log(label) {
            self.next.log(label, client_random, secret);
        }
    }

    fn will_log(&self, label: &str) -> bool {
        matches!(label, CLIENT_TRAFFIC_SECRET | SERVER_TRAFFIC_SECRET) || self.next.will_log(label)
    }
}

/// Copies when the lengths agree.
fn copy_exact(from: &[u8], to: &mut [u8]) -> Result<(), CryptoFailure> {
    if from.len() != to.len() {
        return Err(CryptoFailure);
    }
    to.copy_from_slice(from);
    Ok(())
}

/// Bytes of the IV of every AEAD here.
pub(crate) const IV_LEN: usize = aead::NONCE_LEN;
const KEY_MAX: usize = 32;
const SECRET_MAX: usize = 48;
const LABEL_PREFIX: &[u8] = b"tls13 ";
const CLIENT_TRAFFIC_SECRET: &str = "CLIENT_TRAFFIC_SECRET_0";
const SERVER_TRAFFIC_SECRET: &str = "SERVER_TRAFFIC_SECRET_0";
