//! What the first bytes are, when they are no TLS.

use crate::hello::HelloError;
use crate::record::header::{ContentType, VERSION_MAJOR};

/// What the first bytes of a connection may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstBytes {
    /// The start of a TLS record.
    Tls,
    /// Nothing acceptable, but too few bytes to name it, or none at all.
    Undecided,
}

/// Refuses what can't become a TLS record, as soon as it can be named.
pub(super) fn first_bytes(bytes: &[u8]) -> Result<FirstBytes, HelloError> {
    let [first, rest @ ..] = bytes else { return Ok(FirstBytes::Undecided) };
    if ContentType(*first).is_known() {
        return match rest {
            [] | [VERSION_MAJOR, ..] => Ok(FirstBytes::Tls),
            _ => Err(HelloError::NotTls),
        };
    }
    if first & SSLV2_SHORT_HEADER != 0 {
        return sslv2(rest);
    }
    http(bytes)
}

/// The rest of a two-byte record header, then message type and version of an SSL 2.0 hello.
/// RFC 5246 appendix E.2.
fn sslv2(rest: &[u8]) -> Result<FirstBytes, HelloError> {
    match rest {
        [] | [_] | [_, SSLV2_CLIENT_HELLO] | [_, SSLV2_CLIENT_HELLO, 0 | VERSION_MAJOR] => {
            Ok(FirstBytes::Undecided)
        }
        [_, SSLV2_CLIENT_HELLO, 0, 2, ..] | [_, SSLV2_CLIENT_HELLO, VERSION_MAJOR, _, ..] => {
            Err(HelloError::Sslv2)
        }
        _ => Err(HelloError::NotTls),
    }
}

fn http(bytes: &[u8]) -> Result<FirstBytes, HelloError> {
    if HTTP_STARTS.iter().any(|start| bytes.starts_with(start)) {
        return Err(HelloError::PlainHttp);
    }
    if HTTP_STARTS.iter().any(|start| start.starts_with(bytes)) {
        return Ok(FirstBytes::Undecided);
    }
    Err(HelloError::NotTls)
}

/// Methods that clients use, the one of HTTP/2's preface among them.
const HTTP_STARTS: [&[u8]; 10] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"OPTIONS ",
    b"DELETE ",
    b"CONNECT ",
    b"TRACE ",
    b"PATCH ",
    b"PRI ",
];
const SSLV2_SHORT_HEADER: u8 = 0x80;
const SSLV2_CLIENT_HELLO: u8 = 1;
