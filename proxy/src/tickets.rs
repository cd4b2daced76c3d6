//! Session tickets: one set of keys for the process, one producer for each policy.
//!
//! A ticket lets a client skip the proof that it was let in before, so it must be worthless
//! anywhere else: the identity of the policy (virtual host and what its handshake demands) is
//! authenticated with each ticket, and another policy can't open it. RFC 8446 §4.6.1 (TLS 1.3),
//! RFC 5077 (TLS 1.2).

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest;
use rustls::server::ProducesTickets;
use zeroize::Zeroizing;

/// Length of the public name that says which key a ticket is under.
const KEY_NAME_LEN: usize = 16;

/// Length of a [`PolicyId`].
const POLICY_ID_LEN: usize = 32;

/// Tickets longer than this are not ours: ours hold one session state without client chains.
const TICKET_LEN_MAX: usize = 16_384;

/// Identity of everything that a ticket must not cross: a digest, equal after a reload and on
/// another machine when the policy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PolicyId([u8; POLICY_ID_LEN]);

impl PolicyId {
    /// The identity of the policy that these fields, in this order, describe.
    pub(crate) fn new<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for field in fields {
            // With lengths, so that no two lists of fields read the same.
            context.update(&field.len().to_be_bytes());
            context.update(field);
        }
        let mut id = [0; POLICY_ID_LEN];
        id.copy_from_slice(context.finish().as_ref());
        Self(id)
    }
}

/// The keys of all tickets of this process. They outlive reloads.
pub(crate) struct TicketKeys {
    keys: ArcSwap<KeySet>,
    counts: TicketCounts,
}

/// What became of tickets.
#[derive(Debug, Default)]
pub(crate) struct TicketCounts {
    /// Given to clients.
    pub(crate) issued: AtomicU64,
    /// Came back and were opened.
    pub(crate) accepted: AtomicU64,
    /// Came back under a key that is gone, or that never was.
    pub(crate) unknown_key: AtomicU64,
    /// Came back forged, or under another policy than they were issued for.
    pub(crate) refused: AtomicU64,
}

struct KeySet {
    current: TicketKey,
    /// Opens tickets, seals none.
    previous: Option<Arc<TicketKey>>,
    lifetime: Duration,
}

struct TicketKey {
    name: [u8; KEY_NAME_LEN],
    key: Arc<LessSafeKey>,
    since: Instant,
}

/// The system has no randomness to make a key from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRandomness;

impl fmt::Display for NoRandomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the system's random generator failed")
    }
}

impl std::error::Error for NoRandomness {}

impl TicketKeys {
    /// A first key. `lifetime`: of a key as the one that seals, and of tickets.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub(crate) fn new(now: Instant, lifetime: Duration) -> Result<Arc<Self>, NoRandomness> {
        let first = KeySet { current: TicketKey::generate(now)?, previous: None, lifetime };
        Ok(Arc::new(Self { keys: ArcSwap::from_pointee(first), counts: TicketCounts::default() }))
    }

    /// Makes a new key if the present one has had its time. It goes on opening what it sealed
    /// until the next rotation.
    ///
    /// # Errors
    /// [`NoRandomness`]: the present key stays.
    pub(crate) fn rotate_if_due(
        &self,
        now: Instant,
        lifetime: Duration,
    ) -> Result<Rotation, NoRandomness> {
        let keys = self.keys.load();
        if now.saturating_duration_since(keys.current.since) < lifetime && keys.lifetime == lifetime
        {
            return Ok(Rotation::NotDue);
        }
        self.rotate(now, lifetime)?;
        Ok(Rotation::Rotated)
    }

    /// Makes a new key now.
    ///
    /// # Errors
    /// [`NoRandomness`]: the present key stays.
    pub(crate) fn rotate(&self, now: Instant, lifetime: Duration) -> Result<(), NoRandomness> {
        let old = self.keys.load();
        let previous = Some(Arc::new(old.current.clone()));
        let current = TicketKey::generate(now)?;
        self.keys.store(Arc::new(KeySet { current, previous, lifetime }));
        Ok(())
    }

    /// How long the present key has been sealing.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.keys.load().current.since)
    }

    /// What became of tickets so far.
    pub(crate) fn counts(&self) -> &TicketCounts {
        &self.counts
    }
}

impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the keys.
        f.debug_struct("TicketKeys").field("counts", &self.counts).finish_non_exhaustive()
    }
}

/// What [`TicketKeys::rotate_if_due`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// The key has time left.
    NotDue,
    /// There is a new one.
    Rotated,
}

impl TicketKey {
    fn generate(now: Instant) -> Result<Self, NoRandomness> {
        let mut secret = Zeroizing::new([0; 32]);
        let mut name = [0; KEY_NAME_LEN];
        aws_lc_rs::rand::fill(secret.as_mut()).map_err(|_| NoRandomness)?;
        aws_lc_rs::rand::fill(&mut name).map_err(|_| NoRandomness)?;
        let key = UnboundKey::new(&AES_256_GCM_SIV, secret.as_ref())
            .expect("AES-256 takes a key of 32 bytes");
        Ok(Self { name, key: Arc::new(LessSafeKey::new(key)), since: now })
    }
}

impl Clone for TicketKey {
    fn clone(&self) -> Self {
        Self { name: self.name, key: Arc::clone(&self.key), since: self.since }
    }
}

/// Seals and opens the tickets of one policy.
///
/// A ticket is the key's name, a nonce, and the sealed state. The nonces are random, which
/// AES-GCM-SIV (RFC 8452 §6) tolerates for more tickets than a key ever seals.
#[derive(Debug)]
pub(crate) struct PolicyTickets {
    keys: Arc<TicketKeys>,
    policy: PolicyId,
}

impl PolicyTickets {
    /// The producer of `policy`.
    pub(crate) fn new(keys: Arc<TicketKeys>, policy: PolicyId) -> Self {
        Self { keys, policy }
    }

    /// What is authenticated with a ticket beside its content.
    fn aad(&self, key_name: &[u8; KEY_NAME_LEN]) -> Aad<[u8; KEY_NAME_LEN + POLICY_ID_LEN]> {
        let mut bytes = [0; KEY_NAME_LEN + POLICY_ID_LEN];
        let (name, policy) = bytes.split_at_mut(KEY_NAME_LEN);
        name.copy_from_slice(key_name);
        policy.copy_from_slice(&self.policy.0);
        Aad::from(bytes)
    }

    fn open(&self, ticket: &[u8]) -> Result<Vec<u8>, &AtomicU64> {
        let counts = &self.keys.counts;
        let parts = (ticket.len() <= TICKET_LEN_MAX)
            .then(|| ticket.split_first_chunk::<KEY_NAME_LEN>())
            .flatten()
            .and_then(|(name, rest)| Some((name, rest.split_first_chunk::<NONCE_LEN>()?)));
        let Some((name, (nonce, sealed))) = parts else { return Err(&counts.refused) };
        let keys = self.keys.keys.load();
        let key = keys.find(name).ok_or(&counts.unknown_key)?;
        let mut state = sealed.to_vec();
        let opened = key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), self.aad(name), &mut state)
            .map_err(|_| &counts.refused)?
            .len();
        state.truncate(opened);
        Ok(state)
    }
}

impl KeySet {
    /// The key with this name. Names are public, so they need no comparison in constant time.
    fn find(&self, name: &[u8; KEY_NAME_LEN]) -> Option<&LessSafeKey> {
        let Self { current, previous, lifetime: _ } = self;
        [Some(current), previous.as_deref()]
            .into_iter()
            .flatten()
            .find(|key| key.name == *name)
            .map(|key| key.key.as_ref())
    }
}

impl ProducesTickets for PolicyTickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(self.keys.keys.load().lifetime.as_secs()).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let keys = self.keys.keys.load();
        let TicketKey { name, key, since: _ } = &keys.current;
        let mut nonce = [0; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).ok()?;
        let mut state = plain.to_vec();
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            self.aad(name),
            &mut state,
        )
        .ok()?;
        self.keys.counts.issued.fetch_add(1, Ordering::Relaxed);
        Some([name.as_slice(), &nonce, &state].concat())
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        match self.open(cipher) {
            Ok(state) => {
                self.keys.counts.accepted.fetch_add(1, Ordering::Relaxed);
                Some(state)
            }
            Err(count) => {
                count.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }
}
