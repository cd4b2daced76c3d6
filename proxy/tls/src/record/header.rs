//! The five bytes before every record. RFC 8446 §5.1.

/// Content type of a record, as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentType(pub(crate) u8);

impl ContentType {
    pub(crate) const ALERT: Self = Self(21);
    pub(crate) const HANDSHAKE: Self = Self(22);
    pub(crate) const APPLICATION_DATA: Self = Self(23);

    /// One of the four types that TLS 1.2 and 1.3 know.
    pub(crate) const fn is_known(self) -> bool {
        matches!(self.0, 20..=23)
    }
}

/// A record's header, parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) content_type: ContentType,
    pub(crate) version: u16,
    /// Bytes behind the header.
    pub(crate) length: u16,
}

impl RecordHeader {
    /// Bytes of a header.
    pub(crate) const LEN: usize = 5;

    /// Any five bytes are a header; what they say is judged by who reads it.
    pub(crate) const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        let [content_type, major, minor, high, low] = bytes;
        Self {
            content_type: ContentType(content_type),
            version: u16::from_be_bytes([major, minor]),
            length: u16::from_be_bytes([high, low]),
        }
    }

    /// The header as it goes out.
    pub(crate) const fn to_bytes(self) -> [u8; Self::LEN] {
        let [major, minor] = self.version.to_be_bytes();
        let [high, low] = self.length.to_be_bytes();
        [self.content_type.0, major, minor, high, low]
    }

    /// Bytes behind the header.
    pub(crate) const fn body_len(self) -> usize {
        self.length as usize
    }
}

/// The version that records of TLS 1.2 carry, and those of TLS 1.3 for old middleboxes.
pub(crate) const VERSION_TLS12: u16 = 0x0303;
/// Major byte of every version of TLS and of SSL 3.0.
pub(crate) const VERSION_MAJOR: u8 = 3;
/// Plaintext that one record may carry. RFC 8446 §5.1.
pub(crate) const PLAINTEXT_MAX: usize = 16_384;
