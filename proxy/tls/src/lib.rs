//! TLS as bytes in, bytes out: hello parser, rustls handshakes, record layer on extracted secrets.
