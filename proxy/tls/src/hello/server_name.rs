//! The server name: one host name, or nothing. RFC 6066 §3.

use std::net::IpAddr;

use crate::hello::ServerNameError;
use crate::hello::reader::Reader;

/// The host name in the body of a server name extension.
///
/// None for the text of an IP address, which RFC 6066 does not allow but some clients send: it
/// names nobody, as if the extension were absent. Case and a trailing dot are left as they came:
/// one canonical form of names is the business of who compares them.
pub(super) fn parse(body: &[u8]) -> Result<Option<&str>, ServerNameError> {
    let mut reader = Reader::new(body);
    let list = reader.vector16().ok_or(ServerNameError::Malformed)?;
    let list = reader.end(list).ok_or(ServerNameError::Malformed)?;

    let mut names = Reader::new(list);
    let mut found = None;
    while !names.is_empty() {
        if names.u8() != Some(HOST_NAME) {
            return Err(ServerNameError::UnknownType);
        }
        let name = names.vector16().ok_or(ServerNameError::Malformed)?;
        if found.replace(name).is_some() {
            return Err(ServerNameError::NotOneName);
        }
    }
    check(found.ok_or(ServerNameError::NotOneName)?)
}

fn check(name: &[u8]) -> Result<Option<&str>, ServerNameError> {
    let text = std::str::from_utf8(name).map_err(|_| ServerNameError::BadByte)?;
    if text.parse::<IpAddr>().is_ok() {
        return Ok(None);
    }
    let without_dot = text.strip_suffix('.').unwrap_or(text);
    if without_dot.len() > NAME_MAX {
        return Err(ServerNameError::TooLong);
    }
    for label in without_dot.split('.') {
        if label.is_empty() {
            return Err(ServerNameError::Empty);
        }
        if label.len() > LABEL_MAX {
            return Err(ServerNameError::TooLong);
        }
        if !label.bytes().all(is_host_byte) {
            return Err(ServerNameError::BadByte);
        }
    }
    Ok(Some(text))
}

/// Letters, digits and hyphen, and the underscore, which no host name has but many DNS names do.
const fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

const HOST_NAME: u8 = 0;
/// Bytes of a name in text form. RFC 1035 §2.3.4, without the length bytes and the root.
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;
