//! New connections see a new configuration; those that are open go on; a broken one changes nothing.

use std::fs;
use std::thread;

use hosts::{Signal, wait_until};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::client::Client;
use crate::edge::{Edge, Environment, LIMIT, Plan, V4_HTTPS, V6_HTTPS, nginx};
use crate::keep_alive::KeepAlive;

const HELLO: &str = "listen 127.0.0.1:8080; location / { return 200 hello; }";

/// Connections that must be served while the configuration is loaded again and again.
const FETCHES: usize = 100;

#[test]
fn new_certificate_and_vhost_are_for_new_connections() {
    let mut plan = Plan::default();
    let edge = Edge::start(&plan);
    let _server = nginx(&edge.host, &[HELLO]);
    let client = Client::new(&edge);
    let open = |name| KeepAlive::open(&edge, &client, (name, V4_HTTPS));
    let mut old = open("www.example").expect("a connection");
    assert_eq!(old.get("/").expect("an answer"), "hello");
    assert!(open("new.example").is_err(), "nobody has that name yet");

    edge.issue("www.pem", &["www.example"]);
    edge.issue("new.pem", &["new.example"]);
    plan.config.push_str(
        "\n[vhost.\"new\"]\nnames = [\"new.example\"]\ncert = \"new.pem\"\npool = \"web\"\n",
    );
    edge.configure(&plan);
    reload_by_signal(&edge, 1);

    assert_eq!(old.get("/").expect("the old connection goes on"), "hello");
    let renewed = CertificateDer::from_pem_file(edge.path("www.pem")).expect("a certificate");
    // A client without tickets: who resumes is not shown the certificate again.
    let newcomer = Client::new(&edge);
    let open = |name| KeepAlive::open(&edge, &newcomer, (name, V4_HTTPS));
    let mut new = open("www.example").expect("a connection");
    assert_eq!(new.certificate(), renewed.to_vec());
    assert_ne!(new.certificate(), old.certificate());
    assert_eq!(new.get("/").expect("an answer"), "hello");
    let mut added = open("new.example").expect("the new name");
    assert_eq!(added.get("/").expect("an answer"), "hello");
    assert_eq!(old.get("/").expect("the old connection still goes on"), "hello");
}

#[test]
fn no_connection_is_dropped_while_the_configuration_is_loaded() {
    load_again_and_again(Vec::new());
}

/// Loads the configuration of a weir with this environment while connections are served.
pub(crate) fn load_again_and_again(environment: Environment) {
    let edge = Edge::start(&Plan { queues: 2, environment, ..Plan::default() });
    let _server = nginx(&edge.host, &[HELLO]);
    let client = Client::new(&edge);
    let mut reloads = 0;
    thread::scope(|scope| {
        let fetching = scope.spawn(|| {
            for address in [V4_HTTPS, V6_HTTPS].into_iter().cycle().take(FETCHES) {
                let answer = KeepAlive::open(&edge, &client, ("www.example", address))
                    .and_then(|mut connection| connection.get("/"));
                assert_eq!(answer.expect("no connection fails"), "hello");
            }
        });
        while !fetching.is_finished() {
            edge.issue("www.pem", &["www.example"]);
            reloads += 1;
            reload_by_signal(&edge, reloads);
        }
    });
    assert!(reloads > 1, "{reloads} reloads");
    assert_eq!(edge.metric("weir_tls_handshake_failures_total"), 0.0, "{}", edge.metrics());
}

#[test]
fn new_servers_are_for_new_connections() {
    let mut plan = Plan::default();
    let edge = Edge::start(&plan);
    let _servers =
        nginx(&edge.host, &[HELLO, "listen 127.0.0.1:8081; location / { return 200 moved; }"]);
    let client = Client::new(&edge);
    let open = || KeepAlive::open(&edge, &client, ("www.example", V4_HTTPS)).expect("connected");
    let (mut old, mut silent) = (open(), open());
    assert_eq!(old.get("/").expect("an answer"), "hello");

    plan.config = plan.config.replace("127.0.0.1:8080", "127.0.0.1:8081");
    edge.configure(&plan);
    reload_by_signal(&edge, 1);
    assert_eq!(open().get("/").expect("an answer"), "moved");
    assert_eq!(old.get("/").expect("its server is still there"), "hello");
    // Its route was settled by its handshake.
    assert_eq!(silent.get("/").expect("an answer"), "hello");
}

#[test]
fn broken_certificate_leaves_the_running_one() {
    let edge = Edge::start(&Plan::default());
    let _server = nginx(&edge.host, &[HELLO]);
    let text = fs::read_to_string(edge.path("weir.toml")).expect("the configuration");
    let at = 1 + text.lines().position(|line| line.starts_with("cert")).expect("a certificate");
    let place = format!("weir.toml:{at}:");
    fs::write(edge.path("www.pem"), "no certificate").expect("written");
    let before = edge.log().len();
    edge.signal(Signal::HUP);
    edge.wait_for_metrics("the reload to fail", |edge| {
        edge.metric("weir_config_last_reload_successful") == 0.0
    });
    let log = edge.log();
    let since = log.get(before..).expect("the log only grows");
    let line = since.lines().find(|line| line.contains("www.pem"));
    let line = line.unwrap_or_else(|| panic!("no line names the certificate:\n{log}"));
    assert!(line.contains("ERROR") && line.contains(&place), "{place} is not in {line}");
    assert!(since.contains("the running configuration stays"), "{log}");
    assert_eq!(edge.curl(&["https://www.example/"]).expect("curl"), "hello");
}

#[test]
fn broken_file_leaves_the_running_configuration() {
    let plan = Plan::default();
    let edge = Edge::start(&plan);
    let _server = nginx(&edge.host, &[HELLO]);
    let client = Client::new(&edge);
    let mut old = KeepAlive::open(&edge, &client, ("www.example", V4_HTTPS)).expect("connected");
    let file = edge.path("weir.toml");
    let good = fs::read_to_string(&file).expect("the configuration");
    let broken = good.replace("cert = ", "crt = ");
    let line = 1 + broken.lines().position(|line| line.starts_with("crt")).expect("the typo");
    let place = format!("weir.toml:{line}:1");

    fs::write(&file, broken).expect("written");
    edge.signal(Signal::HUP);
    edge.wait_for_metrics("the reload to fail", |edge| {
        edge.metric("weir_config_last_reload_successful") == 0.0
    });
    assert!(edge.log().contains(&place), "{place} is not in the log:\n{}", edge.log());
    let meant = "did you mean `cert`?";
    assert!(edge.log().contains(meant), "what was meant is not in the log:\n{}", edge.log());
    let socket = edge.path("weir.sock").display().to_string();
    let (status, said) = edge.try_weir(&[], &["reload", "--socket", &socket]);
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(&place), "{said}");
    assert_eq!(old.get("/").expect("the old connection goes on"), "hello");
    let mut new = KeepAlive::open(&edge, &client, ("www.example", V4_HTTPS)).expect("connected");
    assert_eq!(new.get("/").expect("an answer"), "hello");

    fs::write(&file, good).expect("written");
    assert_eq!(edge.ask(&["reload"]).trim(), "reloaded");
    assert_eq!(edge.metric("weir_config_last_reload_successful"), 1.0);
}

#[test]
fn what_only_a_start_applies_is_named() {
    let mut plan = Plan::default();
    let edge = Edge::start(&plan);
    let file = edge.path("weir.toml");
    let good = fs::read_to_string(&file).expect("the configuration");
    let port = good.replace("192.0.2.1:443", "192.0.2.1:8443");
    fs::write(&file, &port).expect("written");
    let said = edge.ask(&["reload"]);
    assert!(said.contains("[listen]"), "a changed address is not named: {said}");

    fs::write(&file, port.replace("[listen.https]", "[listen.other]")).expect("written");
    let said = edge.ask(&["reload"]);
    assert!(said.contains("[listen]"), "a listener's new name is not named: {said}");

    plan.config.push_str("\n[log]\nfilter = \"debug\"\n");
    edge.configure(&plan);
    let said = edge.ask(&["reload"]);
    assert!(said.contains("[log]"), "a changed filter is not named: {said}");
    assert!(edge.log().contains("at the next start"), "{}", edge.log());
}

/// Has weir load its configuration; `count`: it is the how-manieth time.
fn reload_by_signal(edge: &Edge, count: usize) {
    edge.signal(Signal::HUP);
    let reloaded = wait_until(LIMIT, "the reload", || {
        edge.log().matches("configuration reloaded").count() == count
    });
    assert!(reloaded.is_ok(), "not reloaded:\n{}", edge.log());
}
