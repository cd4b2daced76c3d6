//! A part is not taken for the whole: a backend sees the end only of a client that has finished.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::JoinHandle;

use hosts::{Hook, Loss, PerMille};
use rustls::{ALL_VERSIONS, StreamOwned};

use crate::backend::Backend;
use crate::client::Stream;
use crate::edge::{CLIENT_DEVICE, Edge, Plan, V4_HTTPS};
use crate::tls;

/// What a backend has got, and how it ended.
type Upload = (Vec<u8>, Result<usize, ErrorKind>);

#[test]
fn record_cut_by_a_fin_is_counted_and_its_backend_is_reset() {
    let edge = Edge::start(&Plan::default());
    let backend = Backend::listen(&edge, 8080);
    for (count, version) in (1..).zip(ALL_VERSIONS) {
        let served = collect(&backend);
        let client = tls::client(&edge, "www.example", &[version]);
        let mut stream = StreamOwned::new(client, tls::socket(&edge, V4_HTTPS));
        stream.write_all(b"whole").expect("weir takes it");
        wait_for_upload(&edge, 5 * count);

        let record = record(&mut stream, b"cut off");
        stream.sock.write_all(&record[..record.len() - 1]).expect("weir takes it");
        stream.sock.shutdown(Shutdown::Write).expect("a FIN");
        let (got, end) = served.join().expect("it is connected");
        assert_eq!(got, b"whole", "{version:?}: nothing of a record that is not whole");
        assert_eq!(end, Err(ErrorKind::ConnectionReset), "{version:?}");
        let error = stream.sock.read_to_end(&mut Vec::new()).expect_err("no orderly end");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{version:?}");
        edge.wait_for_count(&closes("truncated"), count);
    }
    edge.wait_for_count("weir_backend_connections", 0);
}

#[test]
fn record_cut_behind_the_servers_end_resets_its_backend() {
    let edge = Edge::start(&Plan::default());
    let backend = Backend::listen(&edge, 8080);
    for (count, version) in (1..).zip(ALL_VERSIONS) {
        let served = backend.serve(|mut stream: TcpStream| {
            stream.read_exact(&mut [0]).expect("a first byte");
            stream.shutdown(Shutdown::Write).expect("a FIN");
            collect_from(stream)
        });
        let client = tls::client(&edge, "www.example", &[version]);
        let mut stream = StreamOwned::new(client, tls::socket(&edge, V4_HTTPS));
        stream.write_all(b"!").expect("weir takes it");
        stream.read_to_end(&mut Vec::new()).expect("the server's end");
        // weir's FIN is acknowledged: the client's ends the connection.
        let record = record(&mut stream, b"cut off");
        stream.sock.write_all(&record[..record.len() - 1]).expect("weir takes it");
        stream.sock.shutdown(Shutdown::Write).expect("a FIN");
        let (got, end) = served.join().expect("it is connected");
        assert_eq!((&got[..], end), (&b""[..], Err(ErrorKind::ConnectionReset)), "{version:?}");
        edge.wait_for_count(&closes("truncated"), count);
    }
    edge.wait_for_count("weir_sessions ", 0);
    edge.wait_for_count("weir_backend_connections", 0);
}

#[test]
fn upload_whose_client_is_gone_is_given_up_and_its_backend_is_reset() {
    const BYTES: usize = 100_000;

    let Plan { config, .. } = Plan::default();
    let config = config + "[timeouts]\nidle = \"1s\"\n";
    let edge = Edge::start(&Plan { config, ..Plan::default() });
    let backend = Backend::listen(&edge, 8080);
    let served = collect(&backend);
    let mut stream = tls::connect(&edge, "www.example");
    stream.write_all(&[b'.'; BYTES]).expect("weir takes it");
    // Part of a record, for which weir has set a buffer aside.
    let record = record(&mut stream, &[b'.'; 10_000]);
    stream.sock.write_all(&record[..5_000]).expect("weir takes it");
    wait_for_upload(&edge, BYTES);
    let silence = Loss::new(&edge.client, CLIENT_DEVICE, Hook::Egress, PerMille::ALL, "");
    let _silence = silence.expect("a rule");

    let (got, end) = served.join().expect("it is connected");
    assert_eq!((got.len(), end), (BYTES, Err(ErrorKind::ConnectionReset)));
    edge.wait_for_count(&closes("idle_timeout"), 1);
    edge.wait_for_count("weir_sessions ", 0);
    edge.wait_for_count("weir_backend_connections", 0);
    edge.wait_for_count("weir_record_buffers{class=\"large\",use=\"held\"}", 0);
    edge.wait_for_count("weir_tcp_held{kind=\"receive_frames\"}", 0);
}

#[test]
fn client_that_breaks_off_resets_its_backend() {
    let edge = Edge::start(&Plan::default());
    let backend = Backend::listen(&edge, 8080);
    let served = collect(&backend);
    let mut stream = tls::connect(&edge, "www.example");
    stream.write_all(b"a part").expect("weir takes it");
    wait_for_upload(&edge, 6);
    rustix::net::sockopt::set_socket_linger(&stream.sock, Some(std::time::Duration::ZERO))
        .expect("a RST on close");
    drop(stream);
    let (got, end) = served.join().expect("it is connected");
    assert_eq!((&got[..], end), (&b"a part"[..], Err(ErrorKind::ConnectionReset)));
}

/// Reads the next connection to its end.
fn collect(backend: &Backend) -> JoinHandle<Upload> {
    backend.serve(collect_from)
}

/// Reads a connection to its end.
fn collect_from(mut stream: TcpStream) -> Upload {
    let mut got = Vec::new();
    let end = stream.read_to_end(&mut got).map_err(|error| error.kind());
    (got, end)
}

/// Seals `plaintext` as the next record, which is not sent.
fn record(stream: &mut Stream, plaintext: &[u8]) -> Vec<u8> {
    stream.conn.writer().write_all(plaintext).expect("rustls takes it");
    tls::hello(&mut stream.conn)
}

/// Waits until backends have taken `bytes`.
fn wait_for_upload(edge: &Edge, bytes: usize) {
    edge.wait_for_count("weir_backend_bytes_total{direction=\"out\"}", bytes);
}

/// Connections that ended for `reason`.
fn closes(reason: &str) -> String {
    format!("weir_tcp_closes_total{{listener=\"https\",reason=\"{reason}\"}}")
}
