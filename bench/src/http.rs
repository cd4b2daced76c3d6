//! As much of HTTP/1.1 as a load needs: the head of an answer, and a body in chunks.

mod chunks;

pub(crate) use chunks::Chunks;

/// Longest head that is read.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The head of an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Head {
    /// Bytes of the head, its empty line included.
    pub(crate) bytes: usize,
    /// The status code.
    pub(crate) status: u16,
    /// The length of the body.
    pub(crate) length: Length,
    /// What the server will do with the connection.
    pub(crate) then: Then,
}

/// How long a body is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Length {
    /// So many bytes.
    Known(u64),
    /// It comes in chunks, each with its length.
    Chunked,
}

/// What follows an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Then {
    /// The connection stays.
    Stay,
    /// The server closes it.
    Close,
}

/// Why a head is of no use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HeadError {
    /// Longer than [`HEAD_BYTES_MAX`].
    TooLong,
    /// Not HTTP/1.x, or a line is not a header.
    Malformed,
    /// Neither a Content-Length nor chunks: until the end of the connection.
    NoLength,
}

/// Reads the head at the start of `bytes`; `None` if it is not whole yet.
pub(crate) fn parse_head(bytes: &[u8]) -> Result<Option<Head>, HeadError> {
    let searched = bytes.get(..HEAD_BYTES_MAX).unwrap_or(bytes);
    let Some(end) = searched.windows(4).position(|window| window == b"\r\n\r\n") else {
        return if bytes.len() >= HEAD_BYTES_MAX { Err(HeadError::TooLong) } else { Ok(None) };
    };
    let text = std::str::from_utf8(&searched[..end]).map_err(|_| HeadError::Malformed)?;
    let mut lines = text.split("\r\n");
    let status = status_of(lines.next().unwrap_or("")).ok_or(HeadError::Malformed)?;
    let mut length = None;
    let mut chunked = false;
    let mut then = Then::Stay;
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(HeadError::Malformed)?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(Length::Known(value.parse().map_err(|_| HeadError::Malformed)?));
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            // RFC 9112 §6.1: the only coding that every client knows.
            if !value.eq_ignore_ascii_case("chunked") {
                return Err(HeadError::Malformed);
            }
            chunked = true;
        } else if name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close") {
            then = Then::Close;
        }
    }
    // RFC 9112 §6.3: both of them is an attempt at smuggling, or a mistake.
    let length = match (length, chunked) {
        (Some(_), true) => return Err(HeadError::Malformed),
        (None, true) => Length::Chunked,
        (length, false) => length.ok_or(HeadError::NoLength)?,
    };
    Ok(Some(Head { bytes: end + 4, status, length, then }))
}

impl Head {
    /// May the connection be used again?
    pub(crate) fn stays(&self) -> bool {
        self.then == Then::Stay
    }
}

fn status_of(line: &str) -> Option<u16> {
    let mut words = line.split(' ');
    words.next()?.strip_prefix("HTTP/1.")?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests;
