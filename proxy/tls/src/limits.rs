//! Caps on what a peer may send that costs us and carries next to nothing.

use crate::error::PeerError;

/// What a peer may still send of each kind.
///
/// Application data gives some of it back, and [`Allowance::refill`] all of it; so a flood
/// ends while a connection that lives for weeks and updates its keys every hour goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    key_updates: u32,
    /// Application data since a KeyUpdate was last given back.
    bytes_since_key_update: usize,
    empty_records: u32,
    tiny_records: u32,
    warnings: u32,
    renegotiations: u32,
    tickets: u32,
}

impl Allowance {
    pub(crate) const FULL: Self = Self {
        key_updates: KEY_UPDATES,
        bytes_since_key_update: 0,
        empty_records: EMPTY_RECORDS,
        tiny_records: TINY_RECORDS,
        warnings: WARNINGS,
        renegotiations: RENEGOTIATIONS,
        tickets: TICKETS,
    };

    /// As if nothing had been sent.
    pub(crate) const fn refill(&mut self) {
        *self = Self::FULL;
    }

    /// A record of application data with `length` bytes.
    pub(crate) fn application_data(&mut self, length: usize) -> Result<(), PeerError> {
        if length == 0 {
            return take(&mut self.empty_records, PeerError::TooManyEmptyRecords);
        }
        self.empty_records = EMPTY_RECORDS;
        self.bytes_since_key_update = self.bytes_since_key_update.saturating_add(length);
        if self.bytes_since_key_update >= BYTES_PER_KEY_UPDATE {
            self.bytes_since_key_update = 0;
            self.key_updates = self.key_updates.saturating_add(1).min(KEY_UPDATES);
        }
        if length <= TINY_LEN {
            return take(&mut self.tiny_records, PeerError::TooManyTinyRecords);
        }
        self.tiny_records = self.tiny_records.saturating_add(TINY_PER_LARGER).min(TINY_RECORDS);
        Ok(())
    }

    pub(crate) fn key_update(&mut self) -> Result<(), PeerError> {
        take(&mut self.key_updates, PeerError::TooManyKeyUpdates)
    }

    pub(crate) fn warning(&mut self) -> Result<(), PeerError> {
        take(&mut self.warnings, PeerError::TooManyWarnings)
    }

    pub(crate) fn renegotiation(&mut self) -> Result<(), PeerError> {
        take(&mut self.renegotiations, PeerError::TooManyRenegotiations)
    }

    /// Whether one more ticket is worth keeping; further ones are dropped without a fault.
    pub(crate) fn ticket(&mut self) -> bool {
        take(&mut self.tickets, PeerError::TooManyWarnings).is_ok()
    }
}

fn take(left: &mut u32, exhausted: PeerError) -> Result<(), PeerError> {
    *left = left.checked_sub(1).ok_or(exhausted)?;
    Ok(())
}

/// KeyUpdates without data between them, as in BoringSSL and rustls.
pub(crate) const KEY_UPDATES: u32 = 32;
/// Data that justifies one more KeyUpdate.
pub(crate) const BYTES_PER_KEY_UPDATE: usize = 64 * 1024;
/// Empty records in a row.
pub(crate) const EMPTY_RECORDS: u32 = 32;
/// Records of at most [`TINY_LEN`] bytes. A keyboard sends some ten in a second, a stream of
/// small messages thousands, and both are at home here.
pub(crate) const TINY_RECORDS: u32 = 1 << 18;
/// What counts as tiny.
pub(crate) const TINY_LEN: usize = 16;
/// Tiny records that a larger one makes good.
const TINY_PER_LARGER: u32 = 16;
/// Warning alerts, as in BoringSSL and rustls.
pub(crate) const WARNINGS: u32 = 4;
/// Attempts to renegotiate that are answered by `no_renegotiation`.
pub(crate) const RENEGOTIATIONS: u32 = 3;
/// Tickets that a client keeps.
pub(crate) const TICKETS: u32 = 16;
