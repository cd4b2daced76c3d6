//! What weir refuses, and how it says so: to the client, in the log and in the metrics.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use hosts::wait_until;
use rustls::ALL_VERSIONS;

use crate::backend::Backend;
use crate::edge::{ADDRESSES, EDGE_DEVICE, Edge, LIMIT, Plan, V4_HTTPS, nginx};
use crate::openssl::{s_client, s_client_to};
use crate::tls;

/// What an nginx at the default pool's address says.
const SERVER: &str = "listen 127.0.0.1:8080; location / { return 200 hello; }";

/// The default edge with `more` behind its configuration.
fn edge_with(more: &str) -> Edge {
    let Plan { config, .. } = Plan::default();
    Edge::start(&Plan { config: config + more, ..Plan::default() })
}

/// The default virtual host with a pool of these `servers`, which are given 100 ms to connect.
fn edge_before(servers: &str) -> Edge {
    let config = format!(
        "[pool.web]\nservers = {servers}\nconnect_timeout = \"100ms\"\n\n\
         [vhost.\"www\"]\nnames = [\"www.example\"]\ncert = \"www.pem\"\npool = \"web\"\n"
    );
    Edge::start(&Plan { config, ..Plan::default() })
}

/// Handshakes that failed for `reason`.
fn failures(reason: &str) -> String {
    format!("weir_tls_handshake_failures_total{{listener=\"https\",reason=\"{reason}\"}}")
}

/// Connections that ended for `reason`.
fn closes(reason: &str) -> String {
    format!("weir_tcp_closes_total{{listener=\"https\",reason=\"{reason}\"}}")
}

/// Connects to servers that came to `result`.
fn connects(result: &str) -> String {
    format!("weir_backend_connects_total{{result=\"{result}\"}}")
}

/// A fatal alert in plaintext.
fn is_alert(record: &[u8], description: u8) -> bool {
    matches!(record, [21, 3, _, 0, 2, 2, found] if *found == description)
}

#[test]
fn unknown_and_missing_names_are_refused_and_nothing_is_forwarded() {
    let edge = Edge::start(&Plan::default());
    let backend = Backend::listen(&edge, 8080);
    for address in ADDRESSES {
        for version in ["-tls1_2", "-tls1_3"] {
            for name in [&["-servername", "other.example"][..], &["-noservername"]] {
                let said = s_client_to(&edge, address, &[&[version], name].concat());
                assert!(said.contains("unrecognized name"), "{address}: {said}");
            }
        }
    }
    edge.wait_for_count(&failures("unrecognized_name"), 8);
    edge.wait_for_count(&closes("unrecognized_name"), 8);
    edge.wait_for_count("weir_backend_connects_total", 0);
    edge.wait_for_count("weir_tls_handshakes_total", 0);
    assert!(backend.is_alone(), "nothing is forwarded");
}

#[test]
fn what_is_no_tls_is_closed_and_counted_by_reason() {
    let edge = Edge::start(&Plan::default());
    let backend = Backend::listen(&edge, 8080);
    let sslv2 = [0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10, 1, 0, 0x80];
    let endless = [&[22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xff][..], &[b'.'; 16 << 10]].concat();
    let cases: [(&str, &[u8], Option<u8>); 6] = [
        ("plain_http", b"GET / HTTP/1.1\r\nHost: www.example\r\n\r\n", None),
        ("plain_http", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", None),
        ("not_tls", b"SSH-2.0-OpenSSH_9.2\r\n", None),
        ("not_tls", &[0; 100], None),
        ("sslv2", &sslv2, Some(70)),
        ("hello_too_long", &endless, Some(50)),
    ];
    let both = ADDRESSES.into_iter().flat_map(|address| cases.map(|case| (address, case)));
    for (address, (reason, bytes, alert)) in both {
        let before = edge.metric(&failures(reason));
        let mut socket = tls::socket(&edge, address);
        socket.write_all(bytes).expect("weir takes it");
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).expect("a FIN");
        let as_expected = alert.map_or(answer.is_empty(), |alert| is_alert(&answer, alert));
        assert!(as_expected, "{reason}: {answer:?}");
        edge.wait_for_metrics(reason, |edge| edge.metric(&failures(reason)) == before + 1.0);
    }
    edge.wait_for_count(&closes("handshake_failed"), 12);
    assert!(backend.is_alone(), "nothing is forwarded");
}

#[test]
fn handshakes_that_are_given_up_are_counted() {
    let edge = Edge::start(&Plan::default());
    let mut client = tls::client(&edge, "www.example", ALL_VERSIONS);
    let hello = tls::hello(&mut client);
    for (gone, sent) in [(1, 0), (2, hello.len() / 2), (3, hello.len())] {
        let mut socket = tls::socket(&edge, V4_HTTPS);
        socket.write_all(&hello[..sent]).expect("weir takes it");
        socket.shutdown(Shutdown::Write).expect("a FIN");
        socket.read_to_end(&mut Vec::new()).expect("a FIN comes back");
        edge.wait_for_count(&failures("closed_early"), gone);
    }
    edge.wait_for_count(&closes("client_gave_up"), 3);
}

#[test]
fn clients_that_share_nothing_with_the_policy_are_told_what() {
    let edge = Edge::start(&Plan::default());
    let cases = [
        (&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"][..], "protocol version", "unsupported_version"),
        (
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"],
            "handshake failure",
            "no_shared_cipher",
        ),
        (&["-tls1_3", "-groups", "X448"], "handshake failure", "no_shared_group"),
    ];
    for (arguments, alert, reason) in cases {
        let said = s_client(&edge, &[&["-servername", "www.example"], arguments].concat());
        assert!(said.contains(alert), "{reason}: {said}");
        edge.wait_for_count(&failures(reason), 1);
    }
}

#[test]
fn a_backend_that_refuses_ends_the_connection_with_the_reason_in_log_and_metrics() {
    let edge = edge_before("[\"127.0.0.1:8080\", \"[::1]:8081\"]");
    let error = tls::get(&mut tls::connect(&edge, "www.example")).expect_err("nobody is there");
    assert!(error.to_string().contains("InternalError"), "{error}\n{}", edge.log());
    edge.wait_for_count(&connects("refused"), 2);
    edge.wait_for_count(&closes("backend_unreachable"), 1);
    for server in ["127.0.0.1:8080", "[::1]:8081"] {
        let log = edge.log();
        let line = log.lines().find(|line| line.contains(&format!("server=\"{server}\"")));
        let line = line.unwrap_or_else(|| panic!("no line about {server}:\n{log}"));
        assert!(line.contains("WARN") && line.contains("backend not connected"), "{line}");
        assert!(line.contains("pool=web") && line.contains("result=\"refused\""), "{line}");
    }
}

#[test]
fn a_server_that_fails_again_and_again_is_one_line_and_a_number() {
    const CONNECTIONS: usize = 30;

    let edge = edge_before("[\"127.0.0.1:8080\"]");
    for _ in 0..CONNECTIONS {
        tls::get(&mut tls::connect(&edge, "www.example")).expect_err("nobody is there");
    }
    edge.wait_for_count(&connects("refused"), CONNECTIONS);
    let told = |log: &str| -> Option<usize> {
        let count = |line: &str| line.rsplit_once("count=")?.1.trim().parse::<usize>().ok();
        let lines = log.lines().filter(|line| line.contains("server=\"127.0.0.1:8080\""));
        lines.map(|line| if line.contains("more connects") { count(line) } else { Some(1) }).sum()
    };
    let all = wait_until(LIMIT, "all to be told", || told(&edge.log()) == Some(CONNECTIONS));
    assert!(all.is_ok(), "{:?} are told:\n{}", told(&edge.log()), edge.log());
    let lines = edge.log().matches("backend not connected").count();
    assert!(lines <= CONNECTIONS / 10, "{lines} lines about the same:\n{}", edge.log());
}

#[test]
fn another_server_of_the_pool_takes_over_from_one_that_refuses() {
    let edge = edge_before("[\"127.0.0.1:8081\", \"127.0.0.1:8080\"]");
    let _server = nginx(&edge.host, &[SERVER]);
    for _ in 0..4 {
        assert_eq!(edge.curl(&["https://www.example/"]).expect("an answer"), "hello");
    }
    edge.wait_for_count(&connects("connected"), 4);
    edge.wait_for_metrics("a refusal", |edge| edge.metric(&connects("refused")) >= 1.0);
    edge.wait_for_count(&closes("backend_unreachable"), 0);
}

#[test]
fn a_server_that_never_answers_is_given_up_for_another() {
    let edge = edge_before("[\"192.0.2.99:8080\", \"127.0.0.1:8080\"]");
    swallow(&edge, "192.0.2.99");
    let _server = nginx(&edge.host, &[SERVER]);
    for _ in 0..2 {
        assert_eq!(edge.curl(&["https://www.example/"]).expect("an answer"), "hello");
    }
    edge.wait_for_count(&connects("connected"), 2);
    edge.wait_for_metrics("a timeout", |edge| edge.metric(&connects("timed_out")) >= 1.0);
    let said = |log: &str| log.lines().any(|line| line.contains("result=\"timed_out\""));
    wait_until(LIMIT, "a line in the log", || said(&edge.log())).expect("it is logged");
}

#[test]
fn a_pool_that_never_answers_is_given_up() {
    let edge = edge_before("[\"192.0.2.99:8080\"]");
    swallow(&edge, "192.0.2.99");
    let error = tls::get(&mut tls::connect(&edge, "www.example")).expect_err("nobody is there");
    assert!(error.to_string().contains("InternalError"), "{error}\n{}", edge.log());
    edge.wait_for_count(&connects("timed_out"), 1);
    edge.wait_for_count(&closes("backend_unreachable"), 1);
}

#[test]
fn a_hello_that_does_not_come_times_out() {
    let edge = edge_with("[timeouts]\nhello = \"200ms\"\nhandshake = \"1h\"\n");
    let mut client = tls::client(&edge, "www.example", ALL_VERSIONS);
    let hello = tls::hello(&mut client);
    for (count, sent) in [(1, 0), (2, 1), (3, hello.len() - 1)] {
        let mut socket = tls::socket(&edge, V4_HTTPS);
        socket.write_all(&hello[..sent]).expect("weir takes it");
        socket.read_to_end(&mut Vec::new()).expect("a FIN");
        edge.wait_for_count(&failures("timed_out"), count);
    }
}

#[test]
fn a_handshake_that_stops_times_out() {
    let edge = edge_with("[timeouts]\nhello = \"1h\"\nhandshake = \"200ms\"\n");
    for (count, version) in ALL_VERSIONS.iter().enumerate() {
        let mut client = tls::client(&edge, "www.example", &[version]);
        let mut socket = tls::socket(&edge, V4_HTTPS);
        socket.write_all(&tls::hello(&mut client)).expect("weir takes the hello");
        let mut flight = Vec::new();
        socket.read_to_end(&mut flight).expect("a FIN");
        assert!(flight.starts_with(&[22, 3]), "the server's flight came: {flight:?}");
        edge.wait_for_count(&failures("timed_out"), count + 1);
    }
}

#[test]
fn a_connection_without_a_byte_in_either_direction_times_out() {
    let edge = edge_with("[timeouts]\nidle = \"300ms\"\n");
    let backend = Backend::listen(&edge, 8080);
    let served = backend.serve(|mut stream: TcpStream| {
        stream.read_exact(&mut [0; 4]).expect("a question");
        stream.write_all(b"pong").expect("weir takes the answer");
        stream.read(&mut [0])
    });
    let mut stream = tls::connect(&edge, "www.example");
    stream.write_all(b"ping").expect("weir takes the question");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("close_notify behind the answer");
    assert_eq!(answer, "pong");
    let end = served.join().expect("the backend is content");
    assert!(!matches!(end, Ok(1..)), "nothing but the end: {end:?}");
    edge.wait_for_count(&closes("idle_timeout"), 1);
    edge.wait_for_count("weir_backend_connections", 0);
}

/// Lets everything that the edge sends to `address` vanish on its way.
fn swallow(edge: &Edge, address: &str) {
    let nobody = "02:00:00:00:00:99";
    let entry = ["neighbour", "add", address, "lladdr", nobody, "dev", EDGE_DEVICE];
    edge.host.ip(&entry).expect("a neighbour who isn't there");
}
