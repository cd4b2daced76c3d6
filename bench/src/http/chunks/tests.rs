use super::{ChunkError, Chunks};

/// The body that `bytes` bring, given in pieces of `cut`.
fn body(bytes: &[u8], cut: usize) -> Result<(Vec<u8>, bool), ChunkError> {
    let mut chunks = Chunks::new();
    let mut body = Vec::new();
    for piece in bytes.chunks(cut) {
        chunks.take(piece, |data| body.extend_from_slice(data))?;
    }
    Ok((body, chunks.is_done()))
}

#[test]
fn body_is_the_same_however_it_is_cut() {
    let cases: [(&[u8], &[u8], bool); 6] = [
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello", true),
        (b"2\r\nhe\r\n003;x=y\r\nllo\r\n0\r\n\r\n", b"hello", true),
        (b"A\r\n0123456789\r\n0\r\nDigest: x\r\nMore: y\r\n\r\n", b"0123456789", true),
        (b"0\r\n\r\n", b"", true),
        (b"5\r\nhel", b"hel", false),
        (b"5\r\nhello\r\n0\r\n", b"hello", false),
    ];
    for (bytes, expected, done) in cases {
        for cut in [1, 2, 3, 7, 1000] {
            let (body, is_done) = body(bytes, cut).expect("right");
            assert_eq!((body.as_slice(), is_done), (expected, done), "{bytes:?} {cut}");
        }
    }
}

#[test]
fn what_is_no_chunk_is_an_error() {
    let long = [b"1;".as_slice(), &[b'x'; 9000]].concat();
    let cases: [(&[u8], ChunkError); 7] = [
        (b"x\r\n", ChunkError::Length),
        (b"\r\n", ChunkError::Length),
        (b"-1\r\n", ChunkError::Length),
        (b"11111111111111111\r\n", ChunkError::Length),
        (b"5\r\nhelloX\n", ChunkError::LineEnd),
        (b"0\r\n\r\nmore", ChunkError::Behind),
        (&long, ChunkError::TooLong),
    ];
    for (bytes, error) in cases {
        for cut in [1, 1000] {
            assert_eq!(body(bytes, cut), Err(error), "{bytes:?}");
        }
    }
}
