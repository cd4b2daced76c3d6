//! Real clients of every kind, and hellos that arrive in odd ways.

use std::env;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use hosts::{HostError, Nginx};
use rustls::{ALL_VERSIONS, ClientConnection, NamedGroup, StreamOwned, SupportedProtocolVersion};

use crate::edge::{ADDRESSES, CLIENT_DEVICE, Edge, Plan, nginx};
use crate::openssl::s_client_to;
use crate::tls;

/// One server of each protocol, as nginx 1.22 has them: its port for HTTP/2 without TLS takes
/// nothing else.
const SERVERS: [&str; 2] = [
    "listen 127.0.0.1:8080; location / { return 200 \"one $server_protocol\"; }",
    "listen 127.0.0.1:8082 http2; location / { return 200 \"two $server_protocol\"; }",
];

/// A pool for each protocol.
fn both_protocols() -> Plan {
    let config = r#"
        [pool.one]
        servers = ["127.0.0.1:8080"]
        [pool.two]
        servers = ["127.0.0.1:8082"]
        [vhost."www"]
        names = ["www.example"]
        cert = "www.pem"
        pool = "one"
        alpn = { "h2" = "two", "http/1.1" = "one" }
    "#;
    Plan { config: config.to_owned(), ..Plan::default() }
}

/// An edge with a server at 127.0.0.1:8080 that answers `hello`.
fn start_with_server(plan: &Plan) -> (Edge, Nginx) {
    let edge = Edge::start(plan);
    let server = nginx(&edge.host, &["listen 127.0.0.1:8080; location / { return 200 hello; }"]);
    (edge, server)
}

/// What the newest clients agree on.
const MLKEM: &str = "version=\"1.3\",resumption=\"full\",group=\"X25519MLKEM768\"";

/// Handshakes that ended well, by version, resumption and group.
fn handshakes(labels: &str) -> String {
    format!("weir_tls_handshakes_total{{listener=\"https\",{labels}")
}

#[test]
fn curl_reaches_the_pool_of_the_protocol_that_it_speaks() {
    let edge = Edge::start(&both_protocols());
    let _servers = nginx(&edge.host, &SERVERS);
    for address in ADDRESSES {
        for (option, answer) in [
            ("--http1.1", "one HTTP/1.1"),
            ("--http2", "two HTTP/2.0"),
            ("--no-alpn", "one HTTP/1.1"),
        ] {
            let said = edge.curl(&["--resolve", &resolve(address), option, "https://www.example/"]);
            assert_eq!(said.expect(option), answer, "{address}");
        }
    }
}

#[test]
fn a_client_with_another_protocol_alone_is_refused() {
    let edge = Edge::start(&both_protocols());
    let failures =
        "weir_tls_handshake_failures_total{listener=\"https\",reason=\"no_shared_alpn\"}";
    for (count, address) in (1..).zip(ADDRESSES) {
        let said = s_client_to(&edge, address, &["-servername", "www.example", "-alpn", "imap"]);
        assert!(said.contains("no application protocol"), "{address}: {said}");
        edge.wait_for_count(failures, count);
    }
    edge.wait_for_count("weir_backend_connects_total", 0);
}

#[test]
fn openssl_speaks_both_versions_and_resumes_in_both() {
    let (edge, _server) = start_with_server(&Plan::default());
    for (count, address) in (1..).zip(ADDRESSES) {
        for (option, name, label) in [("-tls1_2", "TLSv1.2", "1.2"), ("-tls1_3", "TLSv1.3", "1.3")]
        {
            let file = edge.path(label).display().to_string();
            let s_client = |session: &str| {
                s_client_to(&edge, address, &[option, "-servername", "www.example", session, &file])
            };
            let first = s_client("-sess_out");
            assert!(first.contains(&format!("New, {name}")) && first.contains("hello"), "{first}");
            let second = s_client("-sess_in");
            assert!(second.contains(&format!("Reused, {name}")), "{second}");
            assert!(second.contains("hello"), "{second}");
            for resumption in ["full", "resumed"] {
                let labels = format!("version=\"{label}\",resumption=\"{resumption}\"");
                edge.wait_for_count(&handshakes(&labels), count);
            }
        }
    }
}

#[test]
fn a_ticket_is_worthless_under_another_virtual_host() {
    let mut plan = Plan::one_vhost("one.example", "127.0.0.1:8080", "");
    plan.config.push_str("[vhost.\"two.example\"]\ncert = \"two.pem\"\npool = \"main\"\n");
    plan.certificates.push(("two.pem", vec!["two.example"]));
    let (edge, _server) = start_with_server(&plan);
    let both = ADDRESSES.map(|address| [(address, "-tls1_2"), (address, "-tls1_3")]);
    for (count, (address, option)) in (1..).zip(both.into_iter().flatten()) {
        let file = edge.path(option).display().to_string();
        let s_client = |name, session| {
            s_client_to(&edge, address, &[option, "-servername", name, session, &file])
        };
        let first = s_client("one.example", "-sess_out");
        assert!(first.contains("New, "), "{first}");
        let second = s_client("two.example", "-sess_in");
        assert!(second.contains("New, ") && second.contains("hello"), "{second}");
        // It was the ticket itself that could not be opened there.
        edge.wait_for_count("weir_tls_tickets_total{result=\"refused\"}", count);
    }
    edge.wait_for_count("weir_tls_tickets_total{result=\"accepted\"}", 0);
}

#[test]
fn rustls_agrees_on_x25519mlkem768() {
    let (edge, _server) = start_with_server(&Plan::default());
    for (count, address) in (1..).zip(ADDRESSES) {
        let client = tls::client(&edge, "www.example", ALL_VERSIONS);
        let mut stream = StreamOwned::new(client, tls::socket(&edge, address));
        let answer = tls::get(&mut stream).expect("an answer");
        assert!(answer.ends_with("hello"), "{answer}");
        let group = stream.conn.negotiated_key_exchange_group().expect("a key exchange").name();
        assert_eq!(group, NamedGroup::X25519MLKEM768);
        edge.wait_for_count(&handshakes(MLKEM), count);
    }
}

#[test]
fn a_browser_s_hello_agrees_on_x25519mlkem768_and_http2() {
    /// Arguments: the CA's certificate, and `name:port:address`.
    const VISIT: &str = "
import sys
from curl_cffi import CurlOpt, requests
ca, resolve = sys.argv[1:]
options = {CurlOpt.RESOLVE: [resolve]}
with requests.Session(impersonate='chrome131', trust_env=False, curl_options=options) as session:
    answer = session.get('https://www.example/', verify=ca, timeout=60)
    print(answer.status_code, answer.text)
";
    let python = env::var("WEIR_TEST_PYTHON").unwrap_or_else(|_| {
        panic!(
            "WEIR_TEST_PYTHON names no Python with curl_cffi: run ./deploy/test, which makes one"
        )
    });
    let edge = Edge::start(&both_protocols());
    let _servers = nginx(&edge.host, &SERVERS);
    let ca = edge.ca().display().to_string();
    for (count, address) in (1..).zip(ADDRESSES) {
        let answer = edge.client.run(&python, &["-c", VISIT, &ca, &resolve(address)]);
        assert_eq!(answer.expect("Python's answer"), "200 two HTTP/2.0\n", "{address}");
        edge.wait_for_count(&handshakes(MLKEM), count);
    }
}

#[test]
fn a_hello_may_come_in_single_bytes() {
    let (edge, _server) = start_with_server(&Plan::default());
    // So many segments may be under way at once that none has to wait and grow.
    for route in [["192.0.2.0/24", "src", "192.0.2.2"], ["2001:db8::/64", "metric", "256"]] {
        let change = [&["route", "change"], &route[..], &["dev", CLIENT_DEVICE]].concat();
        edge.client.ip(&[&change[..], &["initcwnd", "10000"]].concat()).expect("a route");
    }
    let segments = "weir_tcp_segments_total{direction=\"in\"}";
    in_every_way(|version, address| {
        let before = edge.metric(segments);
        let mut client = tls::client(&edge, "www.example", &[version]);
        let hello = tls::hello(&mut client);
        let mut socket = tls::socket(&edge, address);
        socket.set_nodelay(true).expect("each byte leaves at once");
        for byte in &hello {
            socket.write_all(std::slice::from_ref(byte)).expect("weir takes a byte");
        }
        assert_answer(client, socket);
        edge.wait_for_metrics("one segment for each byte of the hello", |edge| {
            edge.metric(segments) - before > hello.len() as f64
        });
    });
}

#[test]
fn a_hello_may_be_split_over_records() {
    let (edge, _server) = start_with_server(&Plan::default());
    in_every_way(|version, address| {
        for record_bytes in [1, 3, 100] {
            let mut client = tls::client(&edge, "www.example", &[version]);
            let hello = tls::hello(&mut client);
            let mut socket = tls::socket(&edge, address);
            socket.write_all(&split(&hello, record_bytes)).expect("weir takes the hello");
            assert_answer(client, socket);
        }
    });
}

#[test]
fn clients_of_either_version_alone_are_served() {
    let (edge, _server) = start_with_server(&Plan::default());
    in_every_way(|version, address| {
        let client = tls::client(&edge, "www.example", &[version]);
        assert_answer(client, tls::socket(&edge, address));
    });
}

#[test]
fn a_client_without_the_certificate_authority_refuses_and_is_counted() {
    let edge = Edge::start(&Plan::default());
    let failures = "weir_tls_handshake_failures_total{listener=\"https\",\
                    reason=\"peer_rejected_certificate\"}";
    for (count, address) in (1..).zip(ADDRESSES) {
        let arguments = ["--silent", "--resolve", &resolve(address), "https://www.example/"];
        let visit = edge.client.run("curl", &arguments);
        assert!(matches!(visit, Err(HostError::Command { .. })), "{visit:?}");
        edge.wait_for_count(failures, count);
    }
}

/// Each version over each family.
fn in_every_way(visit: impl Fn(&'static SupportedProtocolVersion, SocketAddr)) {
    for address in ADDRESSES {
        for version in ALL_VERSIONS {
            visit(version, address);
        }
    }
}

/// curl's words for `www.example` being at `address`.
fn resolve(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => format!("www.example:443:{}", address.ip()),
        SocketAddr::V6(address) => format!("www.example:443:[{}]", address.ip()),
    }
}

/// The record in `flight`, its content cut into records of `record_bytes`.
fn split(flight: &[u8], record_bytes: usize) -> Vec<u8> {
    let (header, content) = flight.split_at(5);
    let length = u16::from_be_bytes([header[3], header[4]]);
    assert_eq!(usize::from(length), content.len(), "the flight is one record");
    let mut records = Vec::new();
    for piece in content.chunks(record_bytes) {
        records.extend_from_slice(&header[..3]);
        records.extend_from_slice(&u16::try_from(piece.len()).expect("a length").to_be_bytes());
        records.extend_from_slice(piece);
    }
    records
}

/// `client`, whose hello is under way on `socket`, gets its answer.
fn assert_answer(client: ClientConnection, socket: TcpStream) {
    let mut stream = StreamOwned::new(client, socket);
    let answer = tls::get(&mut stream).expect("an answer");
    assert!(answer.ends_with("hello"), "{answer}");
}
