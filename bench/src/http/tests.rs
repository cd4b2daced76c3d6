use super::{HEAD_BYTES_MAX, Head, HeadError, Length, Then, parse_head};

#[test]
fn head_is_read_when_it_is_whole() {
    let text = b"HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length: 12\r\n\r\nhello";
    let expected =
        Head { bytes: text.len() - 5, status: 200, length: Length::Known(12), then: Then::Stay };
    for length in 0..expected.bytes {
        assert_eq!(parse_head(&text[..length]), Ok(None), "{length}");
    }
    assert_eq!(parse_head(text), Ok(Some(expected)));
}

#[test]
fn close_is_noticed() {
    let text = b"HTTP/1.1 503 No\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n";
    let head = parse_head(text).expect("well formed").expect("whole");
    assert_eq!((head.status, head.length, head.then), (503, Length::Known(0), Then::Close));
}

#[test]
fn useless_heads_are_refused_by_reason() {
    let endless = b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n";
    assert_eq!(parse_head(endless), Err(HeadError::NoLength));
    for bad in [
        "SSH-2.0-x\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
    ] {
        assert_eq!(parse_head(bad.as_bytes()), Err(HeadError::Malformed), "{bad}");
    }
    assert_eq!(parse_head(&[b'a'; HEAD_BYTES_MAX]), Err(HeadError::TooLong));
}

#[test]
fn chunks_are_a_length() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let head = parse_head(chunked).expect("well formed").expect("whole");
    assert_eq!(head.length, Length::Chunked);
}
