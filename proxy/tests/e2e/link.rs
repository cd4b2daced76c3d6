//! The cable: down, and up again.

use std::fs;
use std::io::{self, Read, Write};

use hosts::wait_until;

use crate::blob::{Blob, checksum};
use crate::client::{Client, shake_hands};
use crate::edge::{EDGE_DEVICE, Edge, LIMIT, Plan, V4_HTTPS};
use crate::server::Server;

/// More than the buffers on the way hold.
const BYTES: u64 = 16 << 20;

/// Looks of a worker at a link that is down. Its timers would make it look a few times in
/// [`LIMIT`], backing off.
const LOOKS: u64 = 30;

#[test]
fn download_survives_a_link_that_goes_down() {
    let edge = Edge::start(&Plan::default());
    let _backend = Server::start(&edge.host, "127.0.0.1:8080", |mut stream| {
        let asked = stream.read_exact(&mut [0]);
        // What goes wrong here shows in the client.
        drop(asked.and_then(|()| Blob::new(1, BYTES).copy_to(&mut stream)));
    });
    let client = Client::new(&edge);
    let begin = || -> io::Result<_> {
        let mut stream = client.connect(V4_HTTPS)?;
        shake_hands(&mut stream)?;
        stream.write_all(b"!")?;
        Ok(stream)
    };
    let mut stream = edge.client.enter(begin).expect("the host is there").expect("a connection");
    let mut first = vec![0; 1 << 20];
    stream.read_exact(&mut first).expect("the download begins");

    edge.host.ip(&["link", "set", "dev", EDGE_DEVICE, "down"]).expect("it goes down");
    let noticed = wait_until(LIMIT, "weir to notice", || edge.log().contains("takes no frames"));
    assert!(noticed.is_ok(), "{}", edge.log());
    let before = sleeps(&edge);
    let looked = wait_until(LIMIT, "weir to look again", || sleeps(&edge) >= before + LOOKS);
    assert!(looked.is_ok(), "{} looks\n{}", sleeps(&edge) - before, edge.log());
    assert_eq!(edge.log().matches("takes no frames").count(), 1, "said once");
    edge.host.ip(&["link", "set", "dev", EDGE_DEVICE, "up"]).expect("it comes up");

    let received = checksum(first.chain(&mut stream)).expect("the rest");
    let sent = checksum(Blob::new(1, BYTES)).expect("a checksum");
    assert_eq!(received.as_ref(), sent.as_ref());
}

/// How often weir's worker has gone to sleep.
fn sleeps(edge: &Edge) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{}/task", edge.weir.id())).expect("weir runs");
    let folders = tasks.map(|task| task.expect("a thread").path());
    let worker = |folder: &std::path::PathBuf| {
        fs::read_to_string(folder.join("comm")).is_ok_and(|name| name.trim() == "worker-0")
    };
    let folder = folders.into_iter().find(worker).expect("a worker");
    let status = fs::read_to_string(folder.join("status")).expect("the worker runs");
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|count| count.trim().parse().ok()).expect("a number")
}
