//! JA4, the fingerprint of a TLS client (FoxIO, BSD licence; only this part of JA4+ is free).
//!
//! Three parts: what kind of hello it is, its cipher suites, its extensions with its signature
//! schemes; the lists sorted where clients shuffle them, and hashed.

use std::fmt::Write;

use aws_lc_rs::digest;
use rustls::ProtocolVersion;

use crate::hello::ClientHello;
use crate::hello::extensions::{ALPN, SERVER_NAME};

/// The fingerprint of a client that speaks TLS over TCP.
pub(super) fn ja4(hello: &ClientHello<'_>) -> String {
    let mut suites: Vec<u16> = hello.cipher_suites().map(u16::from).collect();
    suites.sort_unstable();
    let mut extensions: Vec<u16> = hello.extensions().numbers().collect();
    let extension_count = extensions.len().min(COUNT_MAX);
    extensions.retain(|number| !matches!(*number, SERVER_NAME | ALPN));
    extensions.sort_unstable();

    let mut extension_list = hex_list(extensions.into_iter());
    let schemes = hex_list(hello.signature_schemes().map(u16::from));
    if !schemes.is_empty() {
        extension_list.push('_');
        extension_list.push_str(&schemes);
    }
    format!(
        "t{}{}{:02}{:02}{}_{}_{}",
        version(hello),
        if hello.extensions().has_server_name { 'd' } else { 'i' },
        suites.len().min(COUNT_MAX),
        extension_count,
        alpn(hello),
        short_hash(&hex_list(suites.into_iter())),
        short_hash(&extension_list),
    )
}

/// The highest version offered.
fn version(hello: &ClientHello<'_>) -> &'static str {
    let highest = hello.versions().map(u16::from).max().map(ProtocolVersion::from);
    match highest {
        Some(ProtocolVersion::TLSv1_3) => "13",
        Some(ProtocolVersion::TLSv1_2) => "12",
        Some(ProtocolVersion::TLSv1_1) => "11",
        Some(ProtocolVersion::TLSv1_0) => "10",
        Some(ProtocolVersion::SSLv3) => "s3",
        _ => "00",
    }
}

/// First and last character of the first protocol; of its hexadecimal form if either is neither
/// letter nor digit.
fn alpn(hello: &ClientHello<'_>) -> String {
    let Some(protocol) = hello.alpn().next() else { return "00".to_owned() };
    let (Some(first), Some(last)) = (protocol.first(), protocol.last()) else {
        return "00".to_owned();
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)].iter().collect();
    }
    format!("{:x}{:x}", first >> 4, last & 0x0f)
}

/// Four hexadecimal digits each, commas between them.
fn hex_list(values: impl Iterator<Item = u16>) -> String {
    let mut list = String::new();
    for value in values {
        if !list.is_empty() {
            list.push(',');
        }
        // Writing to a String does not fail.
        let _: std::fmt::Result = write!(list, "{value:04x}");
    }
    list
}

/// The first twelve digits of the SHA-256; zeros for an empty list.
fn short_hash(list: &str) -> String {
    if list.is_empty() {
        return "0".repeat(HASH_DIGITS);
    }
    let hash = digest::digest(&digest::SHA256, list.as_bytes());
    let mut digits = String::new();
    for byte in hash.as_ref().iter().take(HASH_DIGITS / 2) {
        let _: std::fmt::Result = write!(digits, "{byte:02x}");
    }
    digits
}

const COUNT_MAX: usize = 99;
const HASH_DIGITS: usize = 12;
