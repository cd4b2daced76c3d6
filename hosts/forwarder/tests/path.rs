//! Two kernels, and what they see of the path between them.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use forwarder::{ForwarderError, PacketSocket, Path, PathConfig};
use hosts::{Host, wait_until};
use netstack::Span;
use netstack_simulator::{Bottleneck, IcmpErrors, Impairments, Refusal, Strait};

const SOON: Duration = Duration::from_secs(10);
const SECOND: &str = "192.0.2.2";
const SECOND_V6: &str = "2001:db8::2";
const FAST: Impairments = Impairments { delay: Span::from_micros(100), ..Impairments::NONE };

struct Joined {
    path: Path,
    first: Host,
    second: Host,
}

fn joined(hint: &str, ways: [Impairments; 2]) -> Joined {
    let joined = join(hint, ways, "0");
    for (host, number) in [(&joined.first, 1), (&joined.second, 2)] {
        host.add_address("eth0", &format!("2001:db8::{number}/64")).expect("an address");
    }
    joined
}

/// Joins two hosts with IPv4 addresses. `ipv6_disabled`: 0 or 1.
fn join(hint: &str, ways: [Impairments; 2], ipv6_disabled: &str) -> Joined {
    let [first, second] = ["first", "second"].map(|name| {
        let host = Host::new(&format!("{hint}-{name}")).expect("a host");
        let key = "net.ipv6.conf.default.disable_ipv6";
        host.set_sysctl(key, ipv6_disabled).expect("a kernel with IPv6");
        host
    });
    let path = Path::new(&first, &second, &PathConfig { ways, ..PathConfig::default() });
    let path = path.expect("a path");
    for (host, number) in [(&first, 1), (&second, 2)] {
        host.add_address("eth0", &format!("192.0.2.{number}/24")).expect("an address");
    }
    Joined { path, first, second }
}

impl Joined {
    /// Sends `len` bytes over TCP and gives what arrived.
    fn transfer(&self, len: usize) -> Vec<u8> {
        let listener = self.second.enter(|| TcpListener::bind((SECOND, 0)));
        let listener = listener.expect("inside").expect("a port");
        let to = listener.local_addr().expect("it is bound");
        let stream = self.first.enter(|| TcpStream::connect(to)).expect("inside");
        let mut stream = stream.expect("an answer");
        let (mut accepted, _) = listener.accept().expect("a connection");
        let mut received = Vec::new();
        thread::scope(|scope| {
            scope.spawn(move || stream.write_all(&bytes(len)).expect("it is taken"));
            accepted.read_to_end(&mut received).expect("an end");
        });
        received
    }
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251).to_le_bytes()[0]).collect()
}

#[test]
fn both_ways_take_their_time() {
    let ways = [30, 20].map(|ms| Impairments { delay: Span::from_millis(ms), ..FAST });
    let Joined { path, first, second: _second } = joined("delay", ways);
    for to in [SECOND, SECOND_V6] {
        let said = first.run("ping", &["-c2", "-W10", to]).expect("an answer");
        let fastest = said.split("mdev = ").nth(1).and_then(|times| times.split('.').next());
        let fastest: u64 = fastest.and_then(|ms| ms.parse().ok()).expect("a time");
        assert!(fastest >= 50, "{said}");
    }
    let [to, back] = path.finish().expect("it ran until now");
    assert!(to.arrived >= 4 && back.arrived >= 4, "{to:?} {back:?}");
}

#[test]
fn a_stream_survives_everything_that_goes_wrong_and_each_of_it_is_counted() {
    let bad = Impairments {
        loss: 20,
        duplication: 20,
        reordering: 20,
        corruption: 20,
        delay: Span::from_millis(1),
        jitter: Span::from_micros(500),
        ..Impairments::NONE
    };
    let joined = joined("bad", [bad; 2]);
    assert!(joined.transfer(2_000_000) == bytes(2_000_000), "what arrived is not what was sent");
    let counts = joined.path.counts()[0];
    let seen = [counts.lost, counts.duplicated, counts.reordered, counts.corrupted];
    assert!(seen.iter().all(|count| *count > 0), "{counts:?}");
    assert_eq!(counts.refused, 0, "{counts:?}");
}

#[test]
fn no_frame_gets_lost_that_is_not_counted() {
    // IPv6 has something to say when a device goes up, before anybody reads there.
    let joined = join("whole", [FAST; 2], "1");
    assert_eq!(joined.transfer(4_000_000).len(), 4_000_000);
    let frames = |direction: &str, device: &str| -> u64 {
        let file = format!("/sys/class/net/{device}/statistics/{direction}_packets");
        let said = joined.path.middle().run("cat", &[&file]).expect("a device");
        said.trim().parse().expect("a number")
    };
    // The last ones are still on their way.
    wait_until(SOON, "every frame", || {
        let [to, back] = joined.path.counts();
        (to.taken, back.taken) == (frames("rx", "near"), frames("rx", "far"))
            && (to.arrived, back.arrived) == (frames("tx", "far"), frames("tx", "near"))
            && (to.taken, back.taken) == (to.arrived, back.arrived)
    })
    .expect("what the devices count is what we count");
}

#[test]
fn a_rate_bounds_what_gets_through_and_its_queue_what_waits() {
    let narrow = Bottleneck { bytes_per_ms: 250, queue_bytes: 15_140, marks_above_bytes: u64::MAX };
    let slow = Impairments { bottleneck: Some(narrow), ..FAST };
    let joined = joined("rate", [slow, FAST]);
    let start = Instant::now();
    assert_eq!(joined.transfer(200_000).len(), 200_000);
    // 200 kB at 250 bytes a millisecond, headers not counted.
    assert!(start.elapsed() >= Duration::from_millis(800), "{:?}", start.elapsed());
    assert!(joined.path.counts()[0].overflowed > 0, "{:?}", joined.path.counts());
}

#[test]
fn a_small_mtu_is_told_where_errors_pass_and_a_black_hole_where_they_do_not() {
    let strait = Some(Strait { mtu: 1300, refusal: Refusal::Told });
    let joined = joined("mtu", [Impairments { strait, ..FAST }, FAST]);
    for (bind, to) in [("0.0.0.0", SECOND), ("::", SECOND_V6)] {
        let to = SocketAddr::new(to.parse::<IpAddr>().expect("an address"), 9);
        let socket = joined.first.enter(|| UdpSocket::bind((bind, 0))).expect("inside");
        let socket = socket.expect("a port");
        socket.connect(to).expect("a route");
        let send = |len| socket.send(&vec![0; len]);
        // A kernel that was told cuts IPv4 packets, or knows that it can't send them.
        let filtered = |joined: &Joined| joined.path.counts()[1].filtered;
        let before = (joined.path.counts()[0].too_long, filtered(&joined));
        let filter = |icmp_errors| {
            joined.path.change(|[_, back]| {
                back.set_impairments(Impairments { icmp_errors, ..FAST });
            });
        };
        filter(IcmpErrors::Filtered);
        send(1_400).expect("the device takes it");
        wait_until(SOON, "a filtered error", || filtered(&joined) == before.1 + 1).expect("one");
        assert_eq!(joined.path.counts()[0].too_long, before.0 + 1);
        filter(IcmpErrors::Pass);
        send(1_400).expect("the device takes it");
        let route = || {
            let said = joined.first.ip(&["route", "get", &to.ip().to_string()]);
            said.expect("a route").contains("mtu 1300")
        };
        wait_until(SOON, "the path's MTU", route).expect("the kernel was told");
    }
}

#[test]
fn nothing_passes_when_the_path_is_gone() {
    let Joined { path, first, second: _second } = joined("gone", [FAST; 2]);
    first.run("ping", &["-c1", "-W10", SECOND]).expect("an answer");
    let between = path.middle().name().to_owned();
    drop(path);
    assert!(!std::path::Path::new("/run/netns").join(between).exists());
    assert!(first.run("ping", &["-c1", "-W1", SECOND]).is_err());
}

#[test]
fn what_is_missing_is_named() {
    let host = Host::new("missing").expect("a host");
    let error = PacketSocket::open(&host, "eth7").expect_err("there is none");
    assert!(matches!(error, ForwarderError::Open { .. }), "{error:?}");
    let said = error.to_string();
    assert!(said.contains("eth7") && said.contains(host.name()), "{said}");
}
