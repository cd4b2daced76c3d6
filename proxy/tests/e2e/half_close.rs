//! One direction ends, the other goes on.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

use rustls::{ALL_VERSIONS, StreamOwned, SupportedProtocolVersion};

use crate::backend::Backend;
use crate::blob::{Blob, checksum};
use crate::client::{Stream, shake_hands};
use crate::edge::{ADDRESSES, Edge, Plan};
use crate::tls;

/// More than the buffers on the way hold.
const BULK_BYTES: u64 = 8 << 20;

/// How a client says that it sends no more.
#[derive(Clone, Copy, Debug)]
enum End {
    CloseNotify,
    Fin,
    Both,
}

impl End {
    const ALL: [Self; 3] = [Self::CloseNotify, Self::Fin, Self::Both];
}

fn finish(stream: &mut Stream, end: End) {
    if matches!(end, End::CloseNotify | End::Both) {
        stream.conn.send_close_notify();
    }
    stream.flush().expect("weir takes it all");
    if matches!(end, End::Fin | End::Both) {
        stream.sock.shutdown(Shutdown::Write).expect("a FIN");
    }
}

/// Lets `talk` use a connection over each family and of each version for each way to finish it. Every
/// one ends well.
fn in_every_way(talk: impl Fn(&Backend, Stream, (&'static SupportedProtocolVersion, End))) {
    let edge = Edge::start(&Plan::default());
    let backend = Backend::listen(&edge, 8080);
    for address in ADDRESSES {
        for &version in ALL_VERSIONS {
            for end in End::ALL {
                let client = tls::client(&edge, "www.example", &[version]);
                let stream = StreamOwned::new(client, tls::socket(&edge, address));
                talk(&backend, stream, (version, end));
            }
        }
    }
    edge.wait_for_count("weir_tcp_closes_total{listener=\"https\",reason=\"done\"}", 12);
    edge.wait_for_count("weir_backend_connections", 0);
}

/// Reads to the end and says how much it was.
fn drain(from: &mut impl Read) -> io::Result<u64> {
    io::copy(from, &mut io::sink())
}

#[test]
fn a_client_that_has_finished_gets_its_whole_answer() {
    in_every_way(|backend, mut stream, (version, end)| {
        let served = backend.serve(|mut stream: TcpStream| {
            let mut request = Vec::new();
            stream.read_to_end(&mut request).expect("a request and its end");
            let sent = Blob::new(1, BULK_BYTES).copy_to(&mut stream).expect("the answer is taken");
            (request, sent)
        });
        stream.write_all(b"request").expect("weir takes the request");
        finish(&mut stream, end);
        // Without close_notify at the end this would be an error.
        let answer = checksum(&mut stream).expect("the whole answer");
        let (request, sent) = served.join().expect("the backend is content");
        assert_eq!(request, b"request");
        assert_eq!(answer.as_ref(), sent.as_ref(), "{version:?} {end:?}");
    });
}

#[test]
fn a_backend_that_has_finished_gets_the_whole_upload() {
    in_every_way(|backend, mut stream, (version, end)| {
        let served = backend.serve(|mut stream: TcpStream| {
            stream.read_exact(&mut [0]).expect("the upload has begun");
            stream.write_all(b"enough").expect("the answer is taken");
            stream.shutdown(Shutdown::Write).expect("a FIN");
            checksum(&mut stream).expect("an upload and its end")
        });
        // The backend finishes while this is under way.
        stream.write_all(b"?").expect("weir takes the first byte");
        let mut upload = Blob::new(2, BULK_BYTES);
        let mut first = (&mut upload).take(BULK_BYTES / 2);
        io::copy(&mut first, &mut stream).expect("weir takes the first half");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer and its end");
        assert_eq!(answer, "enough");
        // TLS has said so, and TCP does, long before the connection's end.
        assert_eq!(stream.sock.read(&mut [0]).expect("a FIN"), 0, "{version:?} {end:?}");
        io::copy(&mut upload, &mut stream).expect("weir takes the second half");
        finish(&mut stream, end);
        let whole = checksum(Blob::new(2, BULK_BYTES)).expect("a checksum");
        let taken = served.join().expect("the backend is content");
        assert_eq!(taken.as_ref(), whole.as_ref(), "{version:?} {end:?}");
    });
}

#[test]
fn a_client_that_finishes_without_a_word_is_answered_in_kind() {
    let edge = Edge::start(&Plan::default());
    let backend = Backend::listen(&edge, 8080);
    for address in ADDRESSES {
        for end in End::ALL {
            let client = tls::client(&edge, "www.example", ALL_VERSIONS);
            let mut stream = StreamOwned::new(client, tls::socket(&edge, address));
            shake_hands(&mut stream).expect("a handshake");
            finish(&mut stream, end);
            assert_eq!(drain(&mut stream).expect("close_notify"), 0, "{end:?}");
        }
    }
    edge.wait_for_count("weir_tcp_closes_total{listener=\"https\",reason=\"done\"}", 6);
    assert!(backend.is_alone(), "nobody had anything for it");
}
