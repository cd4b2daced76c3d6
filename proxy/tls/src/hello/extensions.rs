//! The extensions of a hello that anybody here looks at.

use crate::hello::reader::{Reader, U16List, is_grease};
use crate::hello::{HelloError, server_name};

/// What the extensions say, each checked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extensions<'a> {
    /// The whole block, to walk once more for the fingerprint.
    block: &'a [u8],
    pub(super) server_name: Option<&'a str>,
    /// There was a server name extension, even if it held an IP address.
    pub(super) has_server_name: bool,
    pub(super) alpn: &'a [u8],
    pub(super) versions: Option<U16List<'a>>,
    pub(super) groups: U16List<'a>,
    pub(super) key_shares: &'a [u8],
    pub(super) signature_schemes: U16List<'a>,
    pub(super) session_ticket: Option<&'a [u8]>,
    pub(super) pre_shared_key: bool,
    pub(super) early_data: bool,
}

impl<'a> Extensions<'a> {
    pub(super) fn parse(block: &'a [u8]) -> Result<Self, HelloError> {
        let mut extensions = Self { block, ..Self::default() };
        let mut seen = Seen::default();
        let mut reader = Reader::new(block);
        while !reader.is_empty() {
            let extension = next(&mut reader).ok_or(HelloError::Malformed)?;
            seen.insert(extension.number)?;
            extensions.take(extension)?;
        }
        Ok(extensions)
    }

    /// The numbers of all extensions in the order of the hello, without GREASE.
    pub(super) fn numbers(self) -> impl Iterator<Item = u16> + use<'a> {
        let mut reader = Reader::new(self.block);
        std::iter::from_fn(move || next(&mut reader))
            .map(|extension| extension.number)
            .filter(|number| !is_grease(*number))
    }

    fn take(&mut self, extension: Extension<'a>) -> Result<(), HelloError> {
        let body = Reader::new(extension.body);
        match extension.number {
            SERVER_NAME => {
                self.has_server_name = true;
                self.server_name = server_name::parse(extension.body)?;
            }
            ALPN => self.alpn = protocols(body).ok_or(HelloError::Malformed)?,
            SUPPORTED_VERSIONS => {
                self.versions = Some(list8(body).ok_or(HelloError::Malformed)?);
            }
            SUPPORTED_GROUPS => self.groups = list16(body).ok_or(HelloError::Malformed)?,
            SIGNATURE_ALGORITHMS => {
                self.signature_schemes = list16(body).ok_or(HelloError::Malformed)?;
            }
            KEY_SHARE => self.key_shares = key_shares(body).ok_or(HelloError::Malformed)?,
            SESSION_TICKET => self.session_ticket = Some(extension.body),
            PRE_SHARED_KEY => {
                self.pre_shared_key = true;
                // RFC 8446 §4.2.11: it comes last, for it signs what is before it.
                if !extension.is_last {
                    return Err(HelloError::Malformed);
                }
            }
            EARLY_DATA => self.early_data = true,
            _ => {}
        }
        Ok(())
    }
}

struct Extension<'a> {
    number: u16,
    body: &'a [u8],
    is_last: bool,
}

fn next<'a>(reader: &mut Reader<'a>) -> Option<Extension<'a>> {
    let number = reader.u16()?;
    let body = reader.vector16()?;
    Some(Extension { number, body, is_last: reader.is_empty() })
}

/// A list of numbers whose length is in two bytes, and nothing behind it.
fn list16(mut body: Reader<'_>) -> Option<U16List<'_>> {
    let list = U16List::new(body.vector16()?)?;
    body.end(list)
}

/// A list of numbers whose length is in one byte, and nothing behind it.
fn list8(mut body: Reader<'_>) -> Option<U16List<'_>> {
    let list = U16List::new(body.vector8()?)?;
    body.end(list)
}

/// The list of protocol names, none empty. RFC 7301 §3.1.
fn protocols(mut body: Reader<'_>) -> Option<&[u8]> {
    let list = body.vector16()?;
    let mut names = Reader::new(list);
    if list.is_empty() {
        return None;
    }
    while !names.is_empty() {
        if names.vector8()?.is_empty() {
            return None;
        }
    }
    body.end(list)
}

/// The list of key shares, which may be empty to ask for a retry. RFC 8446 §4.2.8.
fn key_shares(mut body: Reader<'_>) -> Option<&[u8]> {
    let list = body.vector16()?;
    let mut shares = Reader::new(list);
    while !shares.is_empty() {
        shares.u16()?;
        if shares.vector16()?.is_empty() {
            return None;
        }
    }
    body.end(list)
}

/// Numbers that came already.
struct Seen {
    numbers: [u16; EXTENSIONS_MAX],
    len: usize,
}

impl Default for Seen {
    fn default() -> Self {
        Self { numbers: [0; EXTENSIONS_MAX], len: 0 }
    }
}

impl Seen {
    fn insert(&mut self, number: u16) -> Result<(), HelloError> {
        if self.numbers.iter().take(self.len).any(|seen| *seen == number) {
            return Err(HelloError::DuplicateExtension);
        }
        let slot = self.numbers.get_mut(self.len).ok_or(HelloError::TooManyExtensions)?;
        *slot = number;
        self.len = self.len.saturating_add(1);
        Ok(())
    }
}

/// Far more than any client sends, and few enough to look for a double in a list.
const EXTENSIONS_MAX: usize = 128;

pub(super) const SERVER_NAME: u16 = 0;
pub(super) const ALPN: u16 = 16;
const SUPPORTED_GROUPS: u16 = 10;
const SIGNATURE_ALGORITHMS: u16 = 13;
const SESSION_TICKET: u16 = 35;
const PRE_SHARED_KEY: u16 = 41;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;
