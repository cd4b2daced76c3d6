//! Many bytes, both ways, with and without loss: the same come out, and none is sent more often
//! than it has to be.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use aws_lc_rs::digest::Digest;
use hosts::{Count, Hook, Loss, Nginx, PerMille};

use crate::blob::{Blob, checksum};
use crate::client::{Client, answer, request};
use crate::edge::{ADDRESSES, CLIENT_DEVICE, Edge, Plan, nginx};
use crate::server::Server;
use crate::snmp::tcp_counter;
use crate::steady::{Steady, Task};

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
        files.download(edge, address, 0);
    }
    // A cable without loss gives no reason to send anything again, but for a probe when the client
    // has not run for a while.
    let again = edge.metric("weir_tcp_retransmits_total");
    let sent = edge.metric("weir_tcp_segments_total{direction=\"out\"}");
    assert!(again < sent / 1000.0, "{again} of {sent} segments sent again\n{}", edge.metrics());
    assert_nothing_dropped(edge);
}

/// `length` bytes come down unchanged, over each family, though a share of the packets is lost.
pub(crate) fn comes_down_in_spite(edge: &Edge, length: u64) {
    let files = FileServer::start(edge, length);
    let share = PerMille::new(TWO_PERCENT).expect("a share");
    for address in ADDRESSES {
        let loss = Loss::new(&edge.client, CLIENT_DEVICE, Hook::Ingress, share, "");
        let loss = loss.expect("a rule");
        files.download(edge, address, losses_of(length));
        assert!(loss.dropped().expect("a counter") > 0, "nothing was lost");
    }
}

/// `length` bytes go up unchanged, over each family.
pub(crate) fn goes_up(edge: &Edge, length: u64) {
    let _backend = upload_server(edge);
    for address in ADDRESSES {
        upload(edge, address, Task { bytes: length, losses: 0 });
    }
    // weir acknowledges in time, and drops nothing.
    let again = tcp_counter(&edge.client, "RetransSegs");
    let sent = tcp_counter(&edge.client, "OutSegs");
    assert!(again < sent / 1000, "{again} of {sent} segments sent again\n{}", edge.metrics());
    assert_nothing_dropped(edge);
}

/// A cable without loss is one to weir as well: neither its engine nor its rings drop anything, but
/// for what asks about a window, or tells of one, that has moved meanwhile.
fn assert_nothing_dropped(edge: &Edge) {
    let metrics = edge.metrics();
    assert_eq!(edge.metric("weir_xdp_drops_total"), 0.0, "{metrics}");
    let old = edge.metric("weir_tcp_drops_total{reason=\"outside_window\"}");
    assert_eq!(edge.metric("weir_tcp_drops_total"), old, "{metrics}");
    let received = edge.metric("weir_tcp_segments_total{direction=\"in\"}");
    // One of a thousand, or a few: a client that takes super-frames acknowledges seldom.
    assert!(old < received / 1000.0 + 5.0, "{old} of {received} segments from outside the window");
}

/// The same with losses both ways.
pub(crate) fn comes_down_with_losses(edge: &Edge, length: u64) {
    let files = FileServer::start(edge, length);
    for address in ADDRESSES {
        let before = edge.metric("weir_tcp_retransmits_total");
        let losses = Losses::both_ways(edge);
        files.download(edge, address, losses_of(length));
        let again = edge.metric("weir_tcp_retransmits_total") - before;
        losses.explain(&losses.down, length, again);
    }
    let begun = edge.metric("weir_tcp_recoveries_total{event=\"begun\"}");
    assert!(begun > 0.0, "{}", edge.metrics());
}

/// The same with losses both ways.
pub(crate) fn goes_up_with_losses(edge: &Edge, length: u64) {
    let _backend = upload_server(edge);
    for address in ADDRESSES {
        let before = tcp_counter(&edge.client, "RetransSegs");
        let losses = Losses::both_ways(edge);
        upload(edge, address, Task { bytes: length, losses: losses_of(length) });
        let again = tcp_counter(&edge.client, "RetransSegs") - before;
        // What weir acknowledges tells the kernel which segments are missing.
        losses.explain(&losses.up, length, again as f64);
    }
    let ahead = edge.metric("weir_tcp_out_of_order_bytes_total");
    assert!(ahead > 0.0, "{}", edge.metrics());
}

/// How many segments of `length` bytes will be lost.
fn losses_of(length: u64) -> u32 {
    let segments = u32::try_from(length / SEGMENT_BYTES).expect("not that many");
    segments * u32::from(TWO_PERCENT) / 1000
}

/// Losses of data and of acknowledgements.
struct Losses<'a> {
    down: Lossy<'a>,
    up: Lossy<'a>,
}

/// One way, and what has gone it.
struct Lossy<'a> {
    loss: Loss<'a>,
    all: Count<'a>,
}

impl<'a> Lossy<'a> {
    fn new(edge: &'a Edge, hook: Hook) -> Self {
        let share = PerMille::new(TWO_PERCENT).expect("a share");
        let all = Count::new(&edge.client, CLIENT_DEVICE, hook, "").expect("a rule");
        let loss = Loss::new(&edge.client, CLIENT_DEVICE, hook, share, "").expect("a rule");
        Self { loss, all }
    }

    /// Packets dropped: a share of all that is as near to what it is to be as chance allows, five
    /// standard deviations and a few packets on their way.
    fn dropped(&self) -> f64 {
        let dropped = self.loss.dropped().expect("a counter") as f64;
        let all = self.all.packets().expect("a counter") as f64;
        let share = f64::from(TWO_PERCENT) / 1000.0;
        let deviation = (all * share * (1.0 - share)).sqrt();
        let off = (dropped - all * share).abs();
        assert!(off < 5.0 * deviation + 5.0, "{dropped} of {all} packets dropped is not 2 %");
        dropped
    }
}

impl<'a> Losses<'a> {
    fn both_ways(edge: &'a Edge) -> Self {
        Self { down: Lossy::new(edge, Hook::Ingress), up: Lossy::new(edge, Hook::Egress) }
    }

    /// What was sent `again` is what was lost of the `data`, `length` bytes: all of it, and little
    /// else.
    fn explain(&self, data: &Lossy<'_>, length: u64, again: f64) {
        let segments = (length / SEGMENT_BYTES) as f64;
        let all = data.all.packets().expect("a counter") as f64;
        assert!(all > segments, "{all} packets for {segments} segments: some were more than one");
        let lost = data.dropped();
        let fewest = self.down.dropped().min(self.up.dropped());
        assert!(fewest > 0.001 * segments, "{fewest} packets dropped one way");
        // A few of those lost had no data in them.
        assert!(again > 0.95 * lost, "{again} segments sent again for {lost} dropped");
        assert!(again < 1.5 * lost, "{again} segments sent again for {lost} dropped");
    }
}

/// An nginx with one large file.
struct FileServer {
    bytes: u64,
    checksum: Digest,
    _nginx: Nginx,
}

impl FileServer {
    fn start(edge: &Edge, length: u64) -> Self {
        let mut file = File::create(edge.path("blob")).expect("a file");
        let checksum = Blob::new(length, length).copy_to(&mut file).expect("the file is written");
        let root = edge.path("").display().to_string();
        let server = format!("listen 127.0.0.1:8080; root {root}; sendfile on;");
        Self { bytes: length, checksum, _nginx: nginx(&edge.host, &[&server]) }
    }

    fn download(&self, edge: &Edge, address: SocketAddr, losses: u32) {
        let client = Client::new(edge);
        let task = Task { bytes: self.bytes, losses };
        let download = || -> io::Result<Digest> {
            let mut stream = Steady::new(client.connect(address)?, task, edge.weir.id());
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

fn upload(edge: &Edge, address: SocketAddr, task: Task) {
    let client = Client::new(edge);
    let upload = || -> io::Result<(Digest, Vec<u8>)> {
        let mut stream = Steady::new(client.connect(address)?, task, edge.weir.id());
        request(&mut stream, "PUT /", task.bytes)?;
        let sent = Blob::new(1, task.bytes).copy_to(&mut stream)?;
        let mut received = Vec::new();
        answer(&mut stream)?.read_to_end(&mut received)?;
        Ok((sent, received))
    };
    let result = edge.client.enter(upload).expect("the host is there");
    let (sent, received) = result.unwrap_or_else(|error| panic!("{error}\n{}", edge.log()));
    assert_eq!(received, sent.as_ref(), "{address}");
}
