//! A fault of weir's in one connection is the end of that connection, and of no other.

use std::io;

use crate::client::Client;
use crate::edge::{CLIENT_V6, Edge, Plan, V4_HTTPS, V6_HTTPS, nginx};
use crate::holdings::{Holdings, TimeWait, open_files};
use crate::keep_alive::KeepAlive;

/// More than there are frames or record buffers of any class: if each panic kept one, none would be
/// left.
const PANICS: u32 = 1_100;

#[test]
fn panic_ends_its_own_connection_and_gives_everything_back() {
    let edge = Edge::start(&plan());
    let _server = nginx(&edge.host, &["listen 127.0.0.1:8080; location / { return 200 hello; }"]);
    let client = Client::new(&edge);
    let open = |name| KeepAlive::open(&edge, &client, (name, V4_HTTPS)).expect("a connection");
    let mut bystander = open("www.example");
    assert_eq!(bystander.get("/").expect("an answer"), "hello");
    wait_for_rest(&edge);
    let files = open_files(&edge);
    let before = Holdings::of(&edge);

    for _ in 0..PANICS {
        let mut victim = open("victim.example");
        assert_eq!(victim.get("/").expect("the backend is not there yet"), "hello");
        let error = victim.get("/").expect_err("the second request panics");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
    }

    assert_eq!(edge.metric("weir_connection_panics_total"), f64::from(PANICS));
    assert_eq!(
        edge.metric("weir_tcp_closes_total{listener=\"https\",reason=\"panicked\"}"),
        f64::from(PANICS)
    );
    assert_eq!(bystander.get("/").expect("the other connection goes on"), "hello");
    assert_eq!(open("www.example").get("/").expect("new ones come"), "hello");
    before.wait_for_same(&edge, TimeWait::Lasts);
    edge.wait_for_metrics("no descriptor to be left", |edge| open_files(edge) <= files);
}

#[test]
fn panic_in_the_tcp_engine_ends_the_connection_that_it_was_at() {
    let mut plan = plan();
    plan.environment = vec![("WEIR_TEST_PANIC_PEER", CLIENT_V6)];
    let edge = Edge::start(&plan);
    let _server = nginx(&edge.host, &["listen 127.0.0.1:8080; location / { return 200 hello; }"]);
    let client = Client::new(&edge);
    let open = |address| KeepAlive::open(&edge, &client, ("www.example", address));
    let mut bystander = open(V4_HTTPS).expect("a connection");
    assert_eq!(bystander.get("/").expect("an answer"), "hello");
    wait_for_rest(&edge);
    let files = open_files(&edge);
    let before = Holdings::of(&edge);

    for _ in 0..PANICS {
        let error = open(V6_HTTPS).err().expect("the server's first flight panics");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
    }

    assert_eq!(edge.metric("weir_connection_panics_total"), f64::from(PANICS));
    assert_eq!(
        edge.metric("weir_tcp_closes_total{listener=\"https\",reason=\"internal\"}"),
        f64::from(PANICS)
    );
    assert_eq!(bystander.get("/").expect("the other connection goes on"), "hello");
    assert_eq!(open(V4_HTTPS).expect("new ones come").get("/").expect("an answer"), "hello");
    before.wait_for_same(&edge, TimeWait::Lasts);
    edge.wait_for_metrics("no descriptor to be left", |edge| open_files(edge) <= files);
}

/// Waits until the one connection rests: its backend may answer, and nothing else is under way. All of
/// this is told at the same moment.
fn wait_for_rest(edge: &Edge) {
    edge.wait_for_metrics("the bystander to rest", |edge| {
        let now = Holdings::of(edge);
        let operations = |kind| now.get(&format!("weir_backend_operations{{kind=\"{kind}\"}}"));
        let held = |kind| now.get(&format!("weir_tcp_held{{kind=\"{kind}\"}}"));
        operations("receive") == 1.0
            && operations("send") == 0.0
            && held("send_buffers") == 0.0
            && held("timers") == 0.0
    });
}

/// As little memory as weir takes, and a name that panics.
fn plan() -> Plan {
    let mut plan = Plan::default();
    plan.certificates.push(("victim.pem", vec!["victim.example"]));
    plan.config.push_str(
        "\n[vhost.\"victim\"]\nnames = [\"victim.example\"]\ncert = \"victim.pem\"\npool = \"web\"\n\
         \n[memory]\nframes_per_queue = 1024\nrecord_buffers = \"1MiB\"\n",
    );
    plan.environment.push(("WEIR_TEST_PANIC_SNI", "victim.example"));
    plan
}
