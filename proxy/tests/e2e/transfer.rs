//! Many bytes, both ways, with and without loss: the same come out, and none is sent more often
//! than it has to be.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use aws_lc_rs::digest::Digest;
use hosts::{Hook, Loss, Nginx, PerMille};

use crate::blob::{Blob, checksum};
use crate::client::{Client, answer, request};
use crate::edge::{ADDRESSES, CLIENT_DEVICE, Edge, Plan, nginx};
use crate::server::Server;
use crate::snmp::tcp_counter;
use crate::steady::Steady;

pub(crate) const MIB: u64 = 1 << 20;

/// The loss of the lossy tests: one packet in fifty.
const TWO_PERCENT: u16 = 20;

/// What a segment carries at most.
const SEGMENT_BYTES: u64 = 1448;

#[test]
fn a_gibibyte_comes_down_unchanged() {
    comes_down(&Edge::start(&Plan::default()), 1024 * MIB);
}

#[test]
fn a_quarter_gibibyte_goes_up_unchanged() {
    goes_up(&Edge::start(&Plan::default()), 256 * MIB);
}

#[test]
fn lost_segments_come_down_again_and_few_others() {
    comes_down_with_losses(&Edge::start(&Plan::default()), 128 * MIB);
}

#[test]
fn lost_segments_go_up_again_and_few_others() {
    goes_up_with_losses(&Edge::start(&Plan::default()), 128 * MIB);
}

/// `length` bytes come down unchanged, over each family.
pub(crate) fn comes_down(edge: &Edge, length: u64) {
    let files = FileServer::start(edge, length);
    for address in ADDRESSES {
        files.download(edge, address);
    }
    // A cable without loss gives no reason to send anything again, but for a probe when the client
    // has not run for a while.
    let again = edge.metric("weir_tcp_retransmits_total");
    let sent = edge.metric("weir_tcp_segments_total{direction=\"out\"}");
    assert!(again < sent / 1000.0, "{again} of {sent} segments sent again\n{}", edge.metrics());
}

/// `length` bytes go up unchanged, over each family.
pub(crate) fn goes_up(edge: &Edge, length: u64) {
    let _backend = upload_server(edge);
    for address in ADDRESSES {
        upload(edge, address, length);
    }
    // weir acknowledges in time, and drops nothing.
    let again = tcp_counter(&edge.client, "RetransSegs");
    let sent = tcp_counter(&edge.client, "OutSegs");
    assert!(again < sent / 1000, "{again} of {sent} segments sent again\n{}", edge.metrics());
}

/// The same with losses both ways.
pub(crate) fn comes_down_with_losses(edge: &Edge, length: u64) {
    let files = FileServer::start(edge, length);
    for address in ADDRESSES {
        let before = edge.metric("weir_tcp_retransmits_total");
        let losses = Losses::both_ways(edge);
        files.download(edge, address);
        let again = edge.metric("weir_tcp_retransmits_total") - before;
        losses.explain(&losses.down, length, again);
    }
}

/// The same with losses both ways.
pub(crate) fn goes_up_with_losses(edge: &Edge, length: u64) {
    let _backend = upload_server(edge);
    for address in ADDRESSES {
        let before = tcp_counter(&edge.client, "RetransSegs");
        let losses = Losses::both_ways(edge);
        upload(edge, address, length);
        let again = tcp_counter(&edge.client, "RetransSegs") - before;
        // What weir acknowledges tells the kernel which segments are missing.
        losses.explain(&losses.up, length, again as f64);
    }
}

/// Losses of data and of acknowledgements.
struct Losses<'a> {
    down: Loss<'a>,
    up: Loss<'a>,
}

impl<'a> Losses<'a> {
    fn both_ways(edge: &'a Edge) -> Self {
        let share = PerMille::new(TWO_PERCENT).expect("a share");
        let lose = |hook| Loss::new(&edge.client, CLIENT_DEVICE, hook, share, "").expect("a rule");
        Self { down: lose(Hook::Ingress), up: lose(Hook::Egress) }
    }

    /// What was sent `again` is what was lost of the `data`, `length` bytes: all of it, and little
    /// else.
    fn explain(&self, data: &Loss<'_>, length: u64, again: f64) {
        let dropped = |loss: &Loss<'_>| loss.dropped().expect("a counter") as f64;
        let segments = (length / SEGMENT_BYTES) as f64;
        let lost = dropped(data);
        assert!(lost > 0.01 * segments, "{lost} of {segments} segments dropped is not 2 %");
        let fewest = dropped(&self.down).min(dropped(&self.up));
        assert!(fewest > 0.001 * segments, "{fewest} packets dropped one way");
        // A few of those lost had no data in them.
        assert!(again > 0.95 * lost, "{again} segments sent again for {lost} dropped");
        assert!(again < 1.5 * lost, "{again} segments sent again for {lost} dropped");
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

    fn download(&self, edge: &Edge, address: SocketAddr) {
        let client = Client::new(edge);
        let download = || -> io::Result<Digest> {
            let mut stream = Steady::new(client.connect(address)?);
            request(&mut stream, "GET /blob", 0)?;
            checksum(answer(&mut stream)?)
        };
        let result = edge.client.enter(download).expect("the host is there");
        let received = result.unwrap_or_else(|error| panic!("{error}\n{}", edge.log()));
        assert_eq!(received.as_ref(), self.checksum.as_ref(), "{address}");
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
        let mut stream = Steady::new(client.connect(address)?);
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
