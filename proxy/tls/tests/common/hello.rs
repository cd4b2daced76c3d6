//! Hellos made by hand.

/// A ClientHello, field by field; the default one is what a plain client of TLS 1.3 sends.
#[derive(Clone)]
pub(crate) struct HelloFields {
    pub(crate) legacy_version: u16,
    pub(crate) session_id: Vec<u8>,
    pub(crate) cipher_suites: Vec<u16>,
    pub(crate) extensions: Vec<(u16, Vec<u8>)>,
}

impl Default for HelloFields {
    fn default() -> Self {
        Self {
            legacy_version: 0x0303,
            session_id: vec![5; 32],
            cipher_suites: vec![0x1301, 0x1302, 0xc02b],
            extensions: vec![
                (0, server_name(b"example.com")),
                (10, list16(&[0x11ec, 0x001d])),
                (13, list16(&[0x0403, 0x0804])),
                (16, protocols(&[b"h2", b"http/1.1"])),
                (43, vec![4, 3, 4, 3, 3]),
            ],
        }
    }
}

impl HelloFields {
    /// The default hello with another body of one extension.
    pub(crate) fn with(number: u16, body: Vec<u8>) -> Self {
        let mut fields = Self::default();
        fields.extensions.retain(|(other, _)| *other != number);
        fields.extensions.push((number, body));
        fields
    }

    /// The handshake message.
    pub(crate) fn message(&self) -> Vec<u8> {
        let mut body = self.legacy_version.to_be_bytes().to_vec();
        body.extend([9; 32]);
        body.extend(vector8(&self.session_id));
        body.extend(list16(&self.cipher_suites));
        body.extend(vector8(&[0]));
        let extensions: Vec<u8> = self
            .extensions
            .iter()
            .flat_map(|(number, body)| [number.to_be_bytes().to_vec(), vector16(body)].concat())
            .collect();
        if !extensions.is_empty() {
            body.extend(vector16(&extensions));
        }
        let length = u32::try_from(body.len()).expect("short").to_be_bytes();
        [&[1, length[1], length[2], length[3]], body.as_slice()].concat()
    }

    /// The hello in one record.
    pub(crate) fn record(&self) -> Vec<u8> {
        records(&self.message(), usize::MAX)
    }
}

/// `message` in records of `fragment_len` bytes.
pub(crate) fn records(message: &[u8], fragment_len: usize) -> Vec<u8> {
    message
        .chunks(fragment_len)
        .flat_map(|fragment| [vec![22, 3, 1], vector16(fragment)].concat())
        .collect()
}

/// The body of a server name extension with one host name.
pub(crate) fn server_name(name: &[u8]) -> Vec<u8> {
    vector16(&[vec![0], vector16(name)].concat())
}

/// The body of an ALPN extension.
pub(crate) fn protocols(names: &[&[u8]]) -> Vec<u8> {
    vector16(&names.iter().flat_map(|name| vector8(name)).collect::<Vec<_>>())
}

/// A list of numbers behind its length.
pub(crate) fn list16(values: &[u16]) -> Vec<u8> {
    vector16(&values.iter().flat_map(|value| value.to_be_bytes()).collect::<Vec<_>>())
}

pub(crate) fn vector8(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).expect("short")], bytes].concat()
}

pub(crate) fn vector16(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).expect("short").to_be_bytes(), bytes].concat()
}
