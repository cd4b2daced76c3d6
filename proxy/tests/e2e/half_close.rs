//! One direction ends, the other goes on.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

use rustls::{ALL_VERSIONS, StreamOwned, SupportedProtocolVersion};

use crate::backend::Backend;
use crate::client::{Stream, shake_hands};
use crate::edge::{ADDRESSES, Edge, Plan};
use crate::tls;

/// More than the buffers on the way hold.
const BULK_BYTES: usize = 8 << 20;

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
            stream.write_all(&vec![b'.'; BULK_BYTES]).expect("the answer is taken");
            request
        });
        stream.write_all(b"request").expect("weir takes the request");
        finish(&mut stream, end);
        // Without close_notify at the end this would be an error.
        let answer_bytes = drain(&mut stream).expect("the whole answer");
        assert_eq!(answer_bytes, BULK_BYTES as u64, "{version:?} {end:?}");
        assert_eq!(served.join().expect("the backend is content"), b"request");
    });
}

#[test]
fn a_backend_that_has_finished_gets_the_whole_upload() {
    in_every_way(|backend, mut stream, (version, end)| {
        let served = backend.serve(|mut stream: TcpStream| {
            stream.write_all(b"enough").expect("the answer is taken");
            stream.shutdown(Shutdown::Write).expect("a FIN");
            drain(&mut stream).expect("an upload and its end")
        });
        stream.write_all(b"?").expect("weir takes the first byte");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer and its end");
        assert_eq!(answer, "enough");
        stream.write_all(&vec![b'.'; BULK_BYTES]).expect("weir takes the upload");
        finish(&mut stream, end);
        let upload_bytes = served.join().expect("the backend is content");
        assert_eq!(upload_bytes, BULK_BYTES as u64 + 1, "{version:?} {end:?}");
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
