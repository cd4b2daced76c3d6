//! The echo example serves the kernel, over a TAP device.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use hosts::{Child, Host, Output};

const SERVER: &str = "192.0.2.1:7";

/// A namespace with a TAP device, and the example behind it.
struct Fixture {
    host: Host,
    _server: Child,
}

impl Fixture {
    fn new(hint: &str) -> Self {
        let host = Host::new(hint).expect("a namespace");
        host.ip(&["tuntap", "add", "mode", "tap", "tap0"]).expect("a TAP device");
        host.add_address("tap0", "192.0.2.2/24").expect("an address");
        host.ip(&["link", "set", "tap0", "up"]).expect("it goes up");
        let mut command = host.command(example("echo").to_str().expect("a path in UTF-8"));
        command.args(["tap0", SERVER]);
        let server = Child::spawn(command, Output::Inherit).expect("the example was built");
        Self { host, _server: server }
    }

    /// Connects as soon as the server is there; the kernel repeats its ARP requests and its SYN.
    fn connect(&self) -> TcpStream {
        let connect = || {
            let mut stream = None;
            let answered = hosts::wait_until(Duration::from_secs(10), "an answer", || {
                stream = TcpStream::connect(SERVER).ok();
                stream.is_some()
            });
            answered.map(|()| stream)
        };
        let stream = self.host.enter(connect).expect("the namespace is there");
        stream.expect("the engine answers in time").expect("it was opened")
    }
}

/// An example, which cargo builds beside the tests.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this test is a file");
    // `cargo test` builds the examples; `cargo test --test kernel` alone does not.
    let profile = test.parent().and_then(|deps| deps.parent()).expect("target/profile/deps");
    profile.join("examples").join(name)
}

/// Byte `at` of every stream.
fn byte(at: usize) -> u8 {
    u8::try_from(at * 31 % 251).expect("below 251")
}

/// Sends `len` bytes, half-closes, and reads until the end.
fn round_trip(stream: TcpStream, len: usize) {
    let bytes: Vec<u8> = (0..len).map(byte).collect();
    let mut writer = stream.try_clone().expect("a second handle");
    let mut reader = stream;
    let mut back = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            writer.write_all(&bytes).expect("the engine takes it");
            writer.shutdown(Shutdown::Write).expect("half-closed");
        });
        reader.read_to_end(&mut back).expect("an orderly end");
    });
    assert!(back == bytes, "{} of {len} bytes came back", back.len());
}

#[test]
fn a_half_closed_client_gets_everything_back() {
    let fixture = Fixture::new("echo");
    round_trip(fixture.connect(), 5);
    round_trip(fixture.connect(), 8_000_000);
}

#[test]
fn connections_at_once_do_not_disturb_each_other() {
    let fixture = Fixture::new("echoes");
    let streams: Vec<TcpStream> = (0..50).map(|_| fixture.connect()).collect();
    thread::scope(|scope| {
        for stream in streams {
            scope.spawn(|| round_trip(stream, 50_000));
        }
    });
}

#[test]
fn the_engine_is_a_host_that_answers_ping() {
    let fixture = Fixture::new("ping");
    drop(fixture.connect());
    fixture.host.run("ping", &["-c", "1", "-w", "5", "192.0.2.1"]).expect("an answer");
}

#[test]
fn the_example_stays_short() {
    let lines = include_str!("../../examples/echo.rs").lines().count();
    assert!(lines <= 60, "{lines} lines");
}
