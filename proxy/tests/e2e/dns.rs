//! Not only HTTP: DNS over TLS, and a protocol in which the server speaks first.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use hosts::{Child, Output, wait_until};

use crate::backend::Backend;
use crate::edge::{Edge, LIMIT, Plan, V4, V6};
use crate::tls;

#[test]
fn kdig_asks_dnsmasq_over_tls() {
    let alpn = "alpn = { \"dot\" = \"main\" }";
    let edge = Edge::start(&Plan::one_vhost("dns.example", "127.0.0.1:53", alpn));
    let _dnsmasq = dnsmasq(&edge);
    let authority = format!("+tls-ca={}", edge.ca().display());
    for address in [V4, V6] {
        let server = format!("@{address}");
        let answer = edge.client.run(
            "kdig",
            &[&server, "-p", "443", &authority, "+tls-hostname=dns.example", "+short", "what.test"],
        );
        assert_eq!(answer.expect("kdig gets an answer").trim(), "198.51.100.7", "{address}");
    }
}

#[test]
fn a_server_that_speaks_first_is_heard_by_a_silent_client() {
    let edge = mail_edge();
    let backend = Backend::listen(&edge, 25);
    let served = backend.serve(|mut stream: TcpStream| {
        stream.write_all(b"220 ready\r\n").expect("the greeting is taken");
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).expect("an answer");
        line
    });
    let mut stream = tls::connect(&edge, "mail.example");
    let mut line = String::new();
    BufReader::new(&mut stream).read_line(&mut line).expect("a greeting");
    assert_eq!(line, "220 ready\r\n");
    stream.write_all(b"QUIT\r\n").expect("weir takes an answer");
    assert_eq!(served.join().expect("the backend is content"), "QUIT\r\n");
}

#[test]
fn a_server_that_speaks_first_and_refuses_leaves_nothing_behind() {
    let edge = mail_edge();
    let mut stream = tls::connect(&edge, "mail.example");
    let mut line = String::new();
    let read = BufReader::new(&mut stream).read_line(&mut line);
    assert!(read.is_err(), "an alert, not {line:?}");
    edge.wait_for_count(
        "weir_tcp_closes_total{listener=\"https\",reason=\"backend_unreachable\"}",
        1,
    );
    edge.wait_for_count("weir_vhost_connections", 0);
}

/// A virtual host whose server, on port 25, speaks first.
fn mail_edge() -> Edge {
    let first = "speaks_first = \"server\"";
    Edge::start(&Plan::one_vhost("mail.example", "127.0.0.1:25", first))
}

/// A name server on the edge's loopback interface that knows one name and asks nobody.
fn dnsmasq(edge: &Edge) -> Child {
    let file = edge.path("dnsmasq.conf");
    let pid_file = edge.path("dnsmasq.pid");
    let config = format!(
        "keep-in-foreground\nuser=root\npid-file={}\nlog-facility=-\nno-resolv\nno-hosts\n\
         port=53\nlisten-address=127.0.0.1\nbind-interfaces\naddress=/what.test/198.51.100.7\n",
        pid_file.display()
    );
    fs::write(&file, config).expect("dnsmasq.conf is written");
    let mut command = edge.host.command("dnsmasq");
    command.arg(format!("--conf-file={}", file.display()));
    let dnsmasq = Child::spawn(command, Output::Capture).expect("dnsmasq starts");
    let listening = wait_until(LIMIT, "dnsmasq", || {
        edge.host.enter(|| TcpStream::connect(("127.0.0.1", 53))).is_ok_and(|result| result.is_ok())
    });
    assert!(listening.is_ok(), "dnsmasq does not listen: {}", dnsmasq.output());
    dnsmasq
}
