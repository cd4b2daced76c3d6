//! A fault of weir's in one connection is the end of that connection, and of no other.

use std::fs;
use std::io;

use crate::client::Client;
use crate::edge::{Edge, Plan, V4_HTTPS, nginx};
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
    let files = open_files(&edge);

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
    edge.wait_for_metrics("one backend connection", |edge| {
        edge.metric("weir_backend_connections") == 1.0 && open_files(edge) == files
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

fn open_files(edge: &Edge) -> usize {
    let folder = format!("/proc/{}/fd", edge.weir.id());
    fs::read_dir(folder).expect("weir runs").count()
}
