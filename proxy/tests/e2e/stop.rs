//! The end: orderly with a deadline, at once, or by force, and nothing stays behind.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use hosts::{Signal, wait_until};
use serde_json::Value;

use crate::client::{Client, finish};
use crate::edge::{EDGE_DEVICE, Edge, LIMIT, Plan, Site, V4_HTTPS, V6_HTTPS, nginx};
use crate::keep_alive::KeepAlive;
use crate::server::Server;

const HELLO: &str = "listen 127.0.0.1:8080; location / { return 200 hello; }";

/// More than all buffers between nginx and the client hold.
const BODY_BYTES: usize = 64 << 20;

/// Connects by which both workers are asked, whatever queue each takes.
const REFUSALS: usize = 16;

#[test]
fn sigterm_refuses_new_connections_and_lets_a_download_finish() {
    let mut edge = Edge::start(&Plan { queues: 2, ..Plan::default() });
    let server = nginx(&edge.host, &["listen 127.0.0.1:8080; root .;"]);
    fs::write(server.directory().join("big"), vec![b'x'; BODY_BYTES]).expect("written");
    let client = Client::new(&edge);
    let mut download =
        KeepAlive::open(&edge, &client, ("www.example", V4_HTTPS)).expect("connected");
    let body_bytes = download.begin("/big").expect("the download begins");
    assert_eq!(body_bytes, BODY_BYTES as u64);

    edge.signal(Signal::TERM);
    for address in [V4_HTTPS, V6_HTTPS] {
        // Not left without an answer: that would be a timeout.
        let refused = wait_until(LIMIT, "a refusal", || refuses(&edge, address));
        assert!(refused.is_ok(), "{address} still takes connections:\n{}", edge.log());
    }
    assert_eq!(edge.http_status("/readyz"), 503);
    assert_eq!(edge.http_status("/healthz"), 200);
    // Both workers are there, also the one that has no connection.
    assert!(edge.ask(&["status"]).contains("draining"));
    let rows: Vec<Value> = serde_json::from_str(&edge.ask(&["conns", "--json"])).expect("JSON");
    assert_eq!(rows.len(), 1, "{rows:#?}");
    for _ in 0..REFUSALS {
        assert!(refuses(&edge, V4_HTTPS) && refuses(&edge, V6_HTTPS), "a worker takes connections");
    }

    let mut body = Vec::new();
    download.body(body_bytes).and_then(|mut rest| rest.read_to_end(&mut body)).expect("the rest");
    assert!(body.len() == BODY_BYTES && body.iter().all(|&byte| byte == b'x'));
    drop(download);
    let status = edge.weir.wait(LIMIT).expect("weir ends after its last connection");
    assert_eq!(status.code(), Some(0), "{}", edge.log());
    assert_nothing_left(&edge);
}

#[test]
fn sigterm_waits_for_an_answer_that_is_queued() {
    /// What weir queues for a client at least, and more than this one's sockets hold.
    const ANSWER_BYTES: usize = 100_000;

    let mut edge = Edge::start(&Plan::default());
    edge.client.set_sysctl("net.ipv4.tcp_rmem", "4096 8192 16384").expect("a size");
    let _server = Server::start(&edge.host, "127.0.0.1:8080", |mut stream| {
        let asked = stream.read_to_end(&mut Vec::new());
        // What goes wrong here shows in the client.
        drop(asked.and_then(|_| stream.write_all(&[b'x'; ANSWER_BYTES])));
    });
    let client = Client::new(&edge);
    let ask = || -> io::Result<_> {
        let mut stream = client.connect(V4_HTTPS)?;
        stream.write_all(b"?")?;
        finish(&mut stream)?;
        Ok(stream)
    };
    let mut stream = edge.client.enter(ask).expect("the host is there").expect("it asks");
    // Both directions are at their ends: all that is left of the connection is what TCP holds.
    edge.wait_for_metrics("a session's end before its answer's", |edge| {
        edge.metric("weir_tcp_closes_total{listener=\"https\",reason=\"done\"}") == 1.0
            && edge.metric("weir_sessions ") == 0.0
            && edge.metric("weir_tcp_held{kind=\"send_buffers\"}") > 0.0
    });

    edge.signal(Signal::TERM);
    let refused = wait_until(LIMIT, "a refusal", || refuses(&edge, V4_HTTPS));
    assert!(refused.is_ok(), "{}", edge.log());
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the whole answer and close_notify");
    assert!(answer.len() == ANSWER_BYTES && answer.iter().all(|&byte| byte == b'x'));
    let status = edge.weir.wait(LIMIT).expect("weir ends after its last connection");
    assert_eq!(status.code(), Some(0), "{}", edge.log());
    assert_nothing_left(&edge);
}

#[test]
fn connections_are_taken_during_the_drain_delay() {
    let mut edge = Edge::start(&with_timeouts("drain_delay = \"60s\"\ndrain = \"60s\""));
    let _server = nginx(&edge.host, &[HELLO]);
    edge.signal(Signal::TERM);
    let leaving = wait_until(LIMIT, "readyz to say no", || edge.http_status("/readyz") == 503);
    leaving.expect("readyz says no");
    assert_eq!(edge.curl(&["https://www.example/"]).expect("still served"), "hello");

    edge.signal(Signal::TERM);
    let status = edge.weir.wait(LIMIT).expect("the second signal ends weir at once");
    assert_eq!(status.code(), Some(0), "{}", edge.log());
    assert_nothing_left(&edge);
}

#[test]
fn second_signal_ends_open_connections_in_tls() {
    let mut edge = Edge::start(&with_timeouts("drain = \"60s\""));
    let _server = nginx(&edge.host, &[HELLO]);
    let client = Client::new(&edge);
    let mut open = KeepAlive::open(&edge, &client, ("www.example", V4_HTTPS)).expect("connected");
    assert_eq!(open.get("/").expect("an answer"), "hello");
    edge.signal(Signal::INT);
    let draining = wait_until(LIMIT, "the drain", || refuses(&edge, V4_HTTPS));
    draining.expect("weir drains");
    assert_eq!(open.get("/").expect("the drain lets it go on"), "hello");

    edge.signal(Signal::INT);
    let status = edge.weir.wait(LIMIT).expect("the second signal ends weir at once");
    assert_eq!(status.code(), Some(0), "{}", edge.log());
    // Without close_notify this would be an error.
    assert!(open.has_ended().expect("an orderly end"), "there is more to read");
}

#[test]
fn drain_deadline_ends_what_is_left() {
    let mut edge = Edge::start(&with_timeouts("drain = \"100ms\""));
    let _server = nginx(&edge.host, &[HELLO]);
    let client = Client::new(&edge);
    let mut open = KeepAlive::open(&edge, &client, ("www.example", V4_HTTPS)).expect("connected");
    assert_eq!(open.get("/").expect("an answer"), "hello");
    edge.signal(Signal::TERM);
    let status = edge.weir.wait(LIMIT).expect("the deadline ends weir");
    assert_eq!(status.code(), Some(0), "{}", edge.log());
    assert!(open.has_ended().expect("an orderly end"), "there is more to read");
    assert_nothing_left(&edge);
}

#[test]
fn killed_weir_leaves_no_program_and_the_next_one_starts() {
    let plan = Plan { queues: 2, ..Plan::default() };
    let mut edge = Edge::start(&plan);
    let _server = nginx(&edge.host, &[HELLO]);
    assert!(has_program(&edge), "there is no program to lose: {}", link(&edge));

    kill(&mut edge);
    let gone = wait_until(LIMIT, "the program to be gone", || !has_program(&edge));
    assert!(gone.is_ok(), "{}", link(&edge));
    // The kernel has the address again, and nobody listens there.
    assert!(refuses(&edge, V4_HTTPS));

    edge.start_again(&plan);
    assert_eq!(edge.curl(&["https://www.example/"]).expect("curl"), "hello");
    kill(&mut edge);
    // At once, as a supervisor would.
    edge.start_again(&plan);
    assert_eq!(edge.curl(&["https://www.example/"]).expect("curl"), "hello");
}

fn with_timeouts(lines: &str) -> Plan {
    let mut plan = Plan::default();
    plan.config.push_str(&format!("\n[timeouts]\n{lines}\n"));
    plan
}

fn kill(edge: &mut Edge) {
    edge.signal(Signal::KILL);
    let status = edge.weir.wait(LIMIT).expect("killed");
    assert_eq!(status.code(), None, "it ended by itself");
}

/// Whether a new connection to `address` is answered by RST. One that weir was about to take when it
/// stopped listening is reset behind its SYN-ACK: that one was not refused.
fn refuses(site: &Site, address: SocketAddr) -> bool {
    let connect = || TcpStream::connect_timeout(&address, LIMIT);
    let connected = site.client.enter(connect).expect("the client's host is there");
    match connected {
        Ok(_) => false,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
            true
        }
    }
}

fn link(site: &Site) -> String {
    site.host.ip(&["-details", "link", "show", "dev", EDGE_DEVICE]).expect("the device is there")
}

fn has_program(site: &Site) -> bool {
    link(site).contains("xdp")
}

/// No program, no admin socket, no metrics endpoint.
fn assert_nothing_left(edge: &Edge) {
    let gone = wait_until(LIMIT, "the program to be gone", || !has_program(edge));
    assert!(gone.is_ok(), "{}", link(edge));
    let files = fs::read_dir(edge.path(""))
        .expect("the folder")
        .map(|file| file.expect("a file").file_name().into_string().expect("a name in UTF-8"));
    let sockets: Vec<_> =
        files.filter(|name| name.starts_with("weir.") && name != "weir.toml").collect();
    assert!(sockets.is_empty(), "{sockets:?}");
    assert_eq!(edge.http_status("/healthz"), 0);
}
