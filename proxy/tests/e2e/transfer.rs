//! Many bytes, both ways, with and without loss: the same come out, and none is sent more often
//! than it has to be.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use aws_lc_rs::digest::Digest;
use hosts::{Hook, Loss, Nginx, PerMille};

use crate::blob::{Blob, checksum};
use crate::client::{Client, answer, request};
use crate::edge::{CLIENT_DEVICE, Edge, Plan, V4_HTTPS, V6_HTTPS, nginx};
use crate::server::Server;
use crate::snmp::tcp_counter;

const MIB: u64 = 1 << 20;

/// The loss of the lossy tests: one packet in fifty.
const TWO_PERCENT: u16 = 20;

/// Both families.
const ADDRESSES: [SocketAddr; 2] = [V4_HTTPS, V6_HTTPS];

#[test]
fn a_gibibyte_comes_down_unchanged() {
    let edge = Edge::start(&Plan::default());
    let files = FileServer::start(&edge, 1024 * MIB);
    for address in ADDRESSES {
        assert_eq!(files.download(&edge, address).as_ref(), files.checksum.as_ref(), "{address}");
    }
    // A cable without loss gives no reason to send anything again, but for a probe when the client
    // has not run for a while.
    let again = edge.metric("weir_tcp_retransmits_total");
    let sent = edge.metric("weir_tcp_segments_total{direction=\"out\"}");
    assert!(again < sent / 1000.0, "{again} of {sent} segments sent again\n{}", edge.metrics());
}

#[test]
fn a_quarter_gibibyte_goes_up_unchanged() {
    let edge = Edge::start(&Plan::default());
    let _backend = upload_server(&edge);
    for address in ADDRESSES {
        upload(&edge, address, 256 * MIB);
    }
}

#[test]
fn lost_segments_come_down_again_and_few_others() {
    let edge = Edge::start(&Plan::default());
    let files = FileServer::start(&edge, 128 * MIB);
    for address in ADDRESSES {
        let before = edge.metric("weir_tcp_retransmits_total");
        let loss = lossy(&edge, Hook::Ingress);
        assert_eq!(files.download(&edge, address).as_ref(), files.checksum.as_ref(), "{address}");
        let dropped = loss.dropped().expect("a counter") as f64;
        let again = edge.metric("weir_tcp_retransmits_total") - before;
        assert!(dropped > 1000.0, "{dropped} of 90,000 segments dropped is not 2 %");
        assert!(again < 1.5 * dropped, "{again} segments sent again for {dropped} dropped");
    }
}

#[test]
fn an_upload_survives_loss() {
    let edge = Edge::start(&Plan::default());
    let _backend = upload_server(&edge);
    for address in ADDRESSES {
        let before = tcp_counter(&edge.client, "RetransSegs");
        let loss = lossy(&edge, Hook::Egress);
        upload(&edge, address, 128 * MIB);
        let dropped = loss.dropped().expect("a counter");
        let again = tcp_counter(&edge.client, "RetransSegs") - before;
        assert!(dropped > 1000, "{dropped} of 90,000 segments dropped is not 2 %");
        // What weir acknowledges tells the kernel which segments are missing.
        assert!(again < 2 * dropped, "{again} segments sent again for {dropped} dropped");
    }
}

/// An nginx with one large file.
struct FileServer {
    checksum: Digest,
    _nginx: Nginx,
}

impl FileServer {
    fn start(edge: &Edge, length: u64) -> Self {
        let mut file = File::create(edge.path("blob")).expect("a file");
        let checksum = Blob::new(length, length).copy_to(&mut file).expect("the file is written");
        let root = edge.path("").display().to_string();
        let server = format!("listen 127.0.0.1:8080; root {root}; sendfile on;");
        Self { checksum, _nginx: nginx(&edge.host, &[&server]) }
    }

    fn download(&self, edge: &Edge, address: SocketAddr) -> Digest {
        let client = Client::new(edge);
        let download = || -> io::Result<Digest> {
            let mut stream = client.connect(address)?;
            request(&mut stream, "GET /blob", 0)?;
            checksum(answer(&mut stream)?)
        };
        let result = edge.client.enter(download).expect("the host is there");
        result.unwrap_or_else(|error| panic!("{error}\n{}", edge.log()))
    }
}

/// An nginx that hands bodies on to a server which answers with their checksum.
fn upload_server(edge: &Edge) -> (Nginx, Server) {
    let backend = Server::start(&edge.host, "127.0.0.1:8081", |stream| {
        // A client that breaks off shows in the client.
        drop(answer_with_checksum(stream));
    });
    let server = "listen 127.0.0.1:8080; client_max_body_size 0;
        location / {
            proxy_pass http://127.0.0.1:8081; proxy_http_version 1.1; proxy_request_buffering off;
        }";
    (nginx(&edge.host, &[server]), backend)
}

/// A server of one request: the body's checksum is the answer.
fn answer_with_checksum(mut stream: TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length = length.and_then(|length| length.parse().ok()).unwrap_or_default();
    let body = checksum((&stream).take(length))?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r\n")?;
    stream.write_all(body.as_ref())
}

fn upload(edge: &Edge, address: SocketAddr, length: u64) {
    let client = Client::new(edge);
    let upload = || -> io::Result<(Digest, Vec<u8>)> {
        let mut stream = client.connect(address)?;
        request(&mut stream, "PUT /", length)?;
        let sent = Blob::new(length, length).copy_to(&mut stream)?;
        let mut received = Vec::new();
        answer(&mut stream)?.read_to_end(&mut received)?;
        Ok((sent, received))
    };
    let result = edge.client.enter(upload).expect("the host is there");
    let (sent, received) = result.unwrap_or_else(|error| panic!("{error}\n{}", edge.log()));
    assert_eq!(received, sent.as_ref(), "{address}");
}

fn lossy(edge: &Edge, hook: Hook) -> Loss<'_> {
    let share = PerMille::new(TWO_PERCENT).expect("a share");
    Loss::new(&edge.client, CLIENT_DEVICE, hook, share, "").expect("a rule")
}
