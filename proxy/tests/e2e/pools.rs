//! Servers of a pool: at unix sockets, and with shares of their own.

use std::collections::BTreeMap;

use crate::edge::{ADDRESSES, Edge, Plan, Site, nginx};
use crate::tls;

/// Connections that are shared out.
const CONNECTIONS: usize = 12;

/// A server that says its name.
fn server(listen: &str, name: &str) -> String {
    format!("listen {listen}; location / {{ return 200 {name}; }}")
}

#[test]
fn server_at_a_unix_socket_is_reached() {
    let mut plan = Plan::default();
    let site = Site::make(&plan);
    let socket = format!("unix:{}", site.path("web.sock").display());
    plan.config = plan.config.replace("127.0.0.1:8080", &socket);
    site.configure(&plan);
    let edge = Edge::on(site, &plan);
    let _server = nginx(&edge.host, &[&server(&socket, "here")]);
    for address in ADDRESSES {
        assert_eq!(ask(&edge, address), "here", "{address}");
    }
    edge.wait_for_count("weir_backend_connects_total{result=\"connected\"}", ADDRESSES.len());
    edge.wait_for_count("weir_backend_connections", 0);
}

#[test]
fn unix_socket_without_a_server_is_given_up_for_another() {
    let mut plan = Plan::default();
    let site = Site::make(&plan);
    let absent = format!("\"unix:{}\", ", site.path("absent.sock").display());
    plan.config = plan.config.replace("servers = [", &format!("servers = [{absent}"));
    site.configure(&plan);
    let edge = Edge::on(site, &plan);
    let _server = nginx(&edge.host, &[&server("127.0.0.1:8080", "here")]);
    for address in ADDRESSES {
        assert_eq!(ask(&edge, address), "here", "{address}");
    }
    let line = |log: &str| log.lines().any(|line| line.contains("absent.sock"));
    assert!(line(&edge.log()), "it is logged:\n{}", edge.log());
    edge.wait_for_count("weir_tcp_closes_total{listener=\"https\",reason=\"done\"}", 2);
}

#[test]
fn weights_are_the_servers_shares() {
    let mut plan = Plan::default();
    let servers = "[\"127.0.0.1:8080\", \"127.0.0.1:8081\"]\nweights = { \"127.0.0.1:8081\" = 3 }";
    plan.config = plan.config.replace("[\"127.0.0.1:8080\"]", servers);
    let edge = Edge::start(&plan);
    let _servers =
        nginx(&edge.host, &[&server("127.0.0.1:8080", "one"), &server("127.0.0.1:8081", "three")]);
    let mut shares = BTreeMap::new();
    for address in ADDRESSES.into_iter().cycle().take(CONNECTIONS) {
        *shares.entry(ask(&edge, address)).or_insert(0) += 1;
    }
    let expected = [("one", CONNECTIONS / 4), ("three", CONNECTIONS * 3 / 4)];
    assert_eq!(shares, expected.map(|(name, count)| (name.to_owned(), count)).into());
}

/// What the server says to one client.
fn ask(edge: &Edge, address: std::net::SocketAddr) -> String {
    let client = tls::client(edge, "www.example", rustls::ALL_VERSIONS);
    let mut stream = rustls::StreamOwned::new(client, tls::socket(edge, address));
    let answer = tls::get(&mut stream).unwrap_or_else(|error| panic!("{error}\n{}", edge.log()));
    answer.rsplit_once("\r\n\r\n").expect("a head").1.to_owned()
}
