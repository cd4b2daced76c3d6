//! The control plane over its real sockets, with a worker that answers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use serde_json::Value;

use super::conns::{ConnectionRow, TcpRow};
use super::reload::ReloadFacts;
use super::workers::{
    ControlHandle, Cursor, Mailbox, PAGE_ROWS_MAX, Page, Question, Wake, WorkerStatus, mailbox,
};
use super::{ControlPlane, Exposition, Format, Parts, StartError};
use crate::config::Snapshot;
use crate::config::tests::support::Site;
use crate::drain::{Lifecycle, Phase};

/// Connections of the worker, more than two pages.
const CONNECTIONS: u32 = 300;

struct Fixed;

impl Exposition for Fixed {
    fn encode(&self, format: Format) -> String {
        format!("{format:?}\n")
    }
}

/// What wakes the worker is the worker's own channel.
struct Bell(Sender<Woken>);

enum Woken {
    Look,
    End,
}

impl Wake for Bell {
    fn wake(&self) {
        // A worker that has ended has nothing to wake for.
        self.0.send(Woken::Look).unwrap_or_default();
    }
}

/// A control plane with one worker, on a site of its own.
struct Plane {
    site: Site,
    snapshot: Arc<ArcSwap<Snapshot>>,
    lifecycle: Arc<Lifecycle>,
    facts: Arc<ReloadFacts>,
    control: Option<ControlPlane>,
    worker: Option<(Sender<Woken>, JoinHandle<()>)>,
}

impl Plane {
    fn start(admin: &str) -> Self {
        let site = Site::new();
        site.certificate("example.com", &["example.com"]);
        let socket = site.path("admin.sock");
        site.write_minimal(&format!("[admin]\nsocket = \"{socket}\"\n{admin}"));
        let mut loader = site.loader();
        let loaded = loader.load(SystemTime::now()).expect("it is right");
        let snapshot = Arc::new(ArcSwap::new(loaded.snapshot));
        let (bell, woken) = channel();
        let (handle, questions) = mailbox(Arc::new(Bell(bell.clone())));
        let thread = std::thread::spawn(move || {
            while let Ok(Woken::Look) = woken.recv() {
                answer_all(&questions);
            }
        });
        let lifecycle = Arc::new(Lifecycle::default());
        let facts = ReloadFacts::new(SystemTime::UNIX_EPOCH);
        let parts = Parts {
            loader,
            snapshot: Arc::clone(&snapshot),
            lifecycle: Arc::clone(&lifecycle),
            workers: ControlHandle::new(vec![handle]),
            exposition: Arc::new(Fixed),
            reload_facts: Arc::clone(&facts),
            notifier: Arc::default(),
        };
        let control = ControlPlane::start(parts).expect("free sockets");
        let worker = Some((bell, thread));
        Self { site, snapshot, lifecycle, facts, control: Some(control), worker }
    }

    fn get(&self, request: &str) -> String {
        let control = self.control.as_ref().expect("it runs");
        let address = control.metrics_address().expect("metrics are on");
        exchange(address, request)
    }

    fn page(&self, path: &str, headers: &str) -> String {
        self.get(&format!("GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"))
    }

    fn ask(&self, verb: &str) -> Value {
        let mut stream = UnixStream::connect(self.site.path("admin.sock")).expect("it listens");
        stream.write_all(format!("{verb}\n").as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        serde_json::from_str(&answer).expect("JSON")
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        drop(self.control.take());
        if let Some((bell, thread)) = self.worker.take() {
            bell.send(Woken::End).expect("the worker listens");
            thread.join().expect("the worker ends well");
        }
    }
}

fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

fn answer_all(questions: &Mailbox) {
    while let Some(question) = questions.next() {
        match question {
            Question::Connections { from, reply } => reply.send(page(from)).expect("awaited"),
            Question::Status { reply } => {
                let status = WorkerStatus { connections: CONNECTIONS.into(), ..Default::default() };
                reply.send(status).expect("awaited");
            }
        }
    }
}

fn page(from: Cursor) -> Page {
    let rows: Vec<_> = (from.0..CONNECTIONS).take(PAGE_ROWS_MAX).map(row).collect();
    let end = from.0 + u32::try_from(rows.len()).expect("a page is short");
    Page { rows, next: (end < CONNECTIONS).then_some(Cursor(end)) }
}

fn row(number: u32) -> ConnectionRow {
    ConnectionRow {
        worker: 0,
        listener: "https".to_owned(),
        local: "192.0.2.1:443".parse().expect("an address"),
        remote: "198.51.100.7:50000".parse().expect("an address"),
        age_ms: number.into(),
        tcp: TcpRow { state: "established".to_owned(), ..Default::default() },
        tls: None,
        backend: None,
    }
}

const LOOPBACK: &str = "metrics = \"127.0.0.1:0\"\n";

const HOST: &str = "Host: localhost\r\n";

#[test]
fn format_is_what_the_scraper_accepts() {
    let plane = Plane::start(LOOPBACK);
    let classic = plane.page("/metrics", HOST);
    assert!(classic.starts_with("HTTP/1.1 200 "), "{classic}");
    assert!(classic.contains("content-type: text/plain; version=0.0.4"), "{classic}");
    assert!(classic.ends_with("Classic\n"), "{classic}");
    let accept = "Accept: application/openmetrics-text;version=1.0.0;q=0.5\r\n";
    let open = plane.page("/metrics", &format!("{HOST}{accept}"));
    assert!(open.contains("content-type: application/openmetrics-text"), "{open}");
    assert!(open.ends_with("OpenMetrics\n"), "{open}");
}

#[test]
fn readiness_follows_the_phase() {
    let plane = Plane::start(LOOPBACK);
    assert!(plane.page("/healthz", HOST).starts_with("HTTP/1.1 200 "));
    for (phase, status) in [
        (Phase::Starting, "503"),
        (Phase::Ready, "200"),
        (Phase::Leaving, "503"),
        (Phase::Draining, "503"),
        (Phase::Stopping, "503"),
    ] {
        plane.lifecycle.advance(phase);
        let page = plane.page("/readyz", HOST);
        assert!(page.starts_with(&format!("HTTP/1.1 {status} ")), "{phase}: {page}");
    }
    plane.lifecycle.advance(Phase::Ready);
    assert_eq!(plane.lifecycle.phase(), Phase::Stopping);
}

#[test]
fn other_host_headers_are_refused() {
    let plane = Plane::start(&format!("{LOOPBACK}metrics_hosts = [\"Edge1.example\"]\n"));
    for ours in ["127.0.0.1:9465", "localhost:1", "[::1]:80", "edge1.EXAMPLE:9465"] {
        let page = plane.page("/metrics", &format!("Host: {ours}\r\n"));
        assert!(page.starts_with("HTTP/1.1 200 "), "{ours}: {page}");
    }
    for other in ["rebound.example", "rebound.example:9465", "192.0.2.7", "localhost.evil.example"]
    {
        let page = plane.page("/metrics", &format!("Host: {other}\r\n"));
        assert!(page.starts_with("HTTP/1.1 403 "), "{other}: {page}");
    }
}

#[test]
fn token_is_asked_for() {
    let site = Site::new();
    site.write("token", "s3cret\n");
    let token_file = format!("metrics_token_file = \"{}\"\n", site.path("token"));
    let plane = Plane::start(&format!("{LOOPBACK}{token_file}"));
    assert!(plane.page("/metrics", HOST).starts_with("HTTP/1.1 401 "));
    for (token, status) in [("s3cre", "401"), ("s3cret2", "401"), ("s3cret", "200")] {
        let page = plane.page("/metrics", &format!("{HOST}Authorization: Bearer {token}\r\n"));
        assert!(page.starts_with(&format!("HTTP/1.1 {status} ")), "{token}: {page}");
    }
}

#[test]
fn connections_come_from_every_page() {
    let plane = Plane::start(LOOPBACK);
    let answer = plane.ask("conns");
    let rows: Vec<ConnectionRow> =
        serde_json::from_value(answer["ok"].clone()).expect("rows of connections");
    let numbers: Vec<_> = rows.iter().map(|row| row.age_ms).collect();
    assert_eq!(numbers, (0..u64::from(CONNECTIONS)).collect::<Vec<_>>());
}

#[test]
fn status_names_the_phase_and_the_workers() {
    let plane = Plane::start(LOOPBACK);
    plane.lifecycle.advance(Phase::Ready);
    let answer = plane.ask("status");
    assert_eq!(answer["ok"]["phase"], "ready");
    assert_eq!(answer["ok"]["workers"][0]["connections"], CONNECTIONS);
}

#[test]
fn unknown_verb_is_an_error() {
    let plane = Plane::start(LOOPBACK);
    assert!(plane.ask("frobnicate")["error"].as_str().is_some_and(|why| why.contains("unknown")));
}

#[test]
fn reload_swaps_the_snapshot_and_a_broken_one_does_not() {
    let plane = Plane::start(LOOPBACK);
    let before = plane.snapshot.load_full();
    let socket = plane.site.path("admin.sock");
    let admin = format!("[admin]\nsocket = \"{socket}\"\n{LOOPBACK}");
    plane.site.write_minimal(&format!("polcy = \"x\"\n{admin}"));
    let refused = plane.ask("reload");
    let why = refused["error"].as_str().expect("it is broken");
    assert!(why.contains("weir.toml:10:13: error: `polcy` is not a key"), "{why}");
    assert!(why.contains("did you mean `policy`?"), "{why}");
    assert!(Arc::ptr_eq(&before, &plane.snapshot.load_full()));
    assert!(!plane.facts.successful());
    assert_eq!(plane.facts.timestamp_seconds(), 0);
    plane.site.write_minimal(&format!("{admin}[limits]\nconnections = 5\n"));
    let done = plane.ask("reload");
    let said = done["ok"].as_str().expect("it is right");
    assert!(said.contains("[limits] takes effect at the next start: restart weir"), "{said}");
    assert!(!Arc::ptr_eq(&before, &plane.snapshot.load_full()));
    assert!(plane.facts.successful());
    assert!(plane.facts.timestamp_seconds() > 0);
}

#[test]
fn socket_is_for_owner_and_group_and_goes_away() {
    let plane = Plane::start(LOOPBACK);
    let path = plane.site.path("admin.sock");
    let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let parts = |plane: &Plane| Parts {
        loader: plane.site.loader(),
        snapshot: Arc::clone(&plane.snapshot),
        lifecycle: Arc::clone(&plane.lifecycle),
        workers: ControlHandle::default(),
        exposition: Arc::new(Fixed),
        reload_facts: Arc::clone(&plane.facts),
        notifier: Arc::default(),
    };
    let second = ControlPlane::start(parts(&plane)).expect_err("the socket is taken");
    assert!(matches!(second, StartError::Socket { .. }), "{second}");
    assert!(second.to_string().contains("another weir answers"), "{second}");
    let mut plane = plane;
    drop(plane.control.take());
    assert!(!std::path::Path::new(&path).exists());
    // One that was left behind by a crash is replaced.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("the path is free"));
    drop(ControlPlane::start(parts(&plane)).expect("nobody listens there"));
}
