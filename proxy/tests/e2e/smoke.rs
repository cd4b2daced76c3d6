//! The main job, in small.

use crate::edge::{Edge, Plan, nginx};

#[test]
fn curl_gets_what_nginx_says_over_ipv4_and_ipv6() {
    let edge = Edge::start(&Plan::default());
    let _server = nginx(&edge.host, &["listen 127.0.0.1:8080; location / { return 200 hello; }"]);
    for address in ["192.0.2.1", "[2001:db8::1]"] {
        let resolve = format!("www.example:443:{address}");
        let answer = edge.curl(&["--resolve", &resolve, "https://www.example/"]).expect("curl");
        assert_eq!(answer, "hello");
    }
}
