//! The main job, in small.

use crate::edge::{Edge, Plan, nginx};

#[test]
fn curl_gets_what_nginx_says_over_ipv4_and_ipv6() {
    serves_both_families(&Edge::start(&Plan::default()));
}

#[test]
fn the_mode_that_is_asked_for_is_the_one_that_is_used() {
    for mode in ["copy", "skb"] {
        let listen = format!("xdp_mode = \"{mode}\"\n");
        let edge = Edge::start(&Plan { listen, ..Plan::default() });
        serves_both_families(&edge);
        let used = format!("weir_xdp_mode{{queue=\"edge0/0\",mode=\"{mode}\"}}");
        assert_eq!(edge.metric(&used), 1.0, "{}", edge.metrics());
    }
}

fn serves_both_families(edge: &Edge) {
    let _server = nginx(&edge.host, &["listen 127.0.0.1:8080; location / { return 200 hello; }"]);
    for address in ["192.0.2.1", "[2001:db8::1]"] {
        let resolve = format!("www.example:443:{address}");
        let answer = edge.curl(&["--resolve", &resolve, "https://www.example/"]).expect("curl");
        assert_eq!(answer, "hello");
    }
}
