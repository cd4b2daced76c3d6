//! Which virtual host a name belongs to.

use std::net::SocketAddr;

use crate::edge::{ADDRESSES, Edge, Plan, nginx};
use crate::openssl::s_client_to;

/// A name of its own beside a wildcard that covers it too, each with a server that says which it is.
fn exact_and_wildcard() -> Plan {
    let config = r#"
        [pool.exact]
        servers = ["127.0.0.1:8080"]
        [pool.wildcard]
        servers = ["127.0.0.1:8082"]
        [vhost."one"]
        names = ["one.shops.example"]
        cert = "one.pem"
        pool = "exact"
        [vhost."all"]
        names = ["*.shops.example"]
        cert = "all.pem"
        pool = "wildcard"
    "#;
    let certificates =
        vec![("one.pem", vec!["one.shops.example"]), ("all.pem", vec!["*.shops.example"])];
    Plan { config: config.to_owned(), certificates, ..Plan::default() }
}

#[test]
fn a_wildcard_stands_for_one_label_and_an_exact_name_comes_first() {
    let edge = Edge::start(&exact_and_wildcard());
    let _servers = nginx(
        &edge.host,
        &[
            "listen 127.0.0.1:8080; location / { return 200 exact; }",
            "listen 127.0.0.1:8082; location / { return 200 wildcard; }",
        ],
    );
    for address in ADDRESSES {
        for (name, answer) in [
            ("one.shops.example", "exact"),
            ("ONE.Shops.Example", "exact"),
            ("two.shops.example", "wildcard"),
            ("Two.SHOPS.example", "wildcard"),
        ] {
            assert_eq!(fetch(&edge, name, address), answer, "{name} at {address}");
        }
    }
}

#[test]
fn a_wildcard_covers_neither_its_parent_nor_two_labels() {
    let edge = Edge::start(&exact_and_wildcard());
    let refused =
        "weir_tls_handshake_failures_total{listener=\"https\",reason=\"unrecognized_name\"}";
    let mut count = 0;
    for address in ADDRESSES {
        for name in ["shops.example", "a.two.shops.example", "shops.example.org", "xshops.example"]
        {
            let said = s_client_to(&edge, address, &["-servername", name]);
            assert!(said.contains("unrecognized name"), "{name} at {address}: {said}");
            count += 1;
            edge.wait_for_count(refused, count);
        }
    }
    edge.wait_for_count("weir_backend_connects_total", 0);
}

/// What curl, which checks the certificate, gets from `name`.
fn fetch(edge: &Edge, name: &str, address: SocketAddr) -> String {
    let at = match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    };
    let resolve = format!("{name}:443:{at}");
    edge.curl(&["--resolve", &resolve, &format!("https://{name}/")]).expect("an answer")
}
