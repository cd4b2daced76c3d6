//! Connections that say nothing cost no CPU.

use std::thread;
use std::time::Duration;

use crate::client::Client;
use crate::edge::{Edge, Plan, V4_HTTPS, V6_HTTPS, nginx};
use crate::keep_alive::KeepAlive;
use crate::schedule::Scheduled;

/// How long weir is watched.
const SPAN: Duration = Duration::from_secs(15);

/// Connections that are open meanwhile.
const CONNECTIONS: usize = 50;

#[test]
fn idle_weir_uses_no_cpu_and_wakes_for_a_request() {
    let edge = Edge::start(&Plan { queues: 2, ..Plan::default() });
    let _server = nginx(&edge.host, &["listen 127.0.0.1:8080; location / { return 200 hello; }"]);
    let client = Client::new(&edge);
    let mut connections: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let address = if number % 2 == 0 { V4_HTTPS } else { V6_HTTPS };
            let mut connection =
                KeepAlive::open(&edge, &client, ("www.example", address)).expect("a connection");
            assert_eq!(connection.get("/").expect("an answer"), "hello");
            connection
        })
        .collect();

    let before = Scheduled::of(edge.weir.id()).ran;
    // The wait is what is measured.
    thread::sleep(SPAN);
    let used = Scheduled::of(edge.weir.id()).ran - before;
    assert!(used < SPAN / 100, "{used:?} of CPU in {SPAN:?} without a request");

    for connection in &mut connections {
        assert_eq!(connection.get("/").expect("an answer after the silence"), "hello");
    }
    let used = Scheduled::of(edge.weir.id()).ran - before;
    assert!(used > Duration::ZERO, "the measurement sees nothing");
}
