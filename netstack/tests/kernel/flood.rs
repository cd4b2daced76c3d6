//! SYNs from addresses that never answer, and kernels that get a cookie among them. RFC 4987.

use std::net::TcpStream;

use forwarder::PacketSocket;
use netstack::{CloseReason, Span};
use netstack_simulator::{Ending, Family, HostConfig, PORT, Plan, Random, fill_checksum};

use crate::lab::{GOOD, Lab, Opener, SOON};
use crate::peer::{Finish, exchange};

const STREAM: u64 = 50_000;
/// Half-open connections before there are cookies.
const HALF_OPEN_MAX: u32 = 16;
/// Where TCP starts in a frame with IPv6.
const TCP_AT: usize = 54;

/// A SYN from somebody on the kernel's network, who is not there.
fn strange_syn(from: [u8; 6], random: &mut Random) -> Vec<u8> {
    let [a, b, c, d, e, f, g, h] = random.next_u64().to_be_bytes();
    let mut frame = vec![2, 0, 0, 0, 0, 1];
    frame.extend(from);
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64]);
    frame.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 2, 0, a, b, c, d, e, f]);
    frame.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    frame.extend([0x80, h]);
    frame.extend(PORT.to_be_bytes());
    frame.extend([e, f, g, h, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0]);
    fill_checksum(&mut frame, TCP_AT);
    frame
}

struct Flood {
    socket: PacketSocket,
    from: [u8; 6],
    random: Random,
}

impl Flood {
    fn new(lab: &Lab) -> Self {
        let socket = PacketSocket::open(&lab.peer, "eth0").expect("a device");
        let from = lab.peer.mac("eth0").expect("a device");
        Self { socket, from, random: Random::new(1) }
    }

    /// Sends so many SYNs, and runs until the engine has answered them.
    fn run(&mut self, lab: &mut Lab, count: u64) {
        let answered =
            |counters: &netstack::Counters| counters.opens_passive + counters.syn_cookies_sent;
        let wanted = answered(lab.engine.host.engine.counters()) + count;
        for _ in 0..count {
            let frame = strange_syn(self.from, &mut self.random);
            assert!(self.socket.send(&frame).expect("the device is there"), "it has room");
        }
        lab.engine.run_until(SOON, "an answer to each SYN", |host| {
            answered(host.engine.counters()) >= wanted
        });
    }
}

/// What the kernel agreed on with the engine, as `ss -i` shows it.
fn options(lab: &Lab, stream: &TcpStream) -> String {
    let port = stream.local_addr().expect("it is connected").port().to_string();
    lab.peer.run("ss", &["-Htino", "sport", "=", &format!(":{port}")]).expect("ss runs")
}

#[test]
fn kernels_that_got_a_cookie_in_a_flood_carry_data_later() {
    let mut config = HostConfig::new(1);
    config.limits.half_open_max = HALF_OPEN_MAX;
    let mut lab = Lab::new("flood", config, [GOOD; 2], 1);
    let mut flood = Flood::new(&lab);
    flood.run(&mut lab, 500);
    let held = lab.engine.host.engine.held();
    assert_eq!(held.half_open.count, HALF_OPEN_MAX as usize);

    let plan = Plan::sending(STREAM).ending(Ending::Finish);
    let mut streams = Vec::new();
    for family in [Family::V4, Family::V6, Family::V6, Family::V4] {
        flood.run(&mut lab, 200);
        let stream = lab.open(family, Opener::Kernel, plan);
        let agreed = options(&lab, &stream);
        assert!(["sack", "ts", "wscale"].iter().all(|word| agreed.contains(word)), "{agreed}");
        streams.push(stream);
    }
    flood.run(&mut lab, 200);
    let cookies = streams.len() as u64;
    lab.engine.run_until(SOON, "every connection", |host| {
        host.engine.counters().syn_cookies_accepted == cookies
    });
    // A cookie's time goes by before the first byte of the kernel.
    lab.engine.set_pace(100);
    lab.engine.run_for(Span::from_secs(200));
    lab.engine.set_pace(1);
    let count = streams.len();
    for stream in streams {
        lab.kernel(move || exchange(stream, STREAM, STREAM, Finish::WhenSent));
    }
    for outcome in lab.outcomes(count) {
        assert_eq!((outcome.received, outcome.queued), (STREAM, STREAM));
        assert_eq!(outcome.closed, Some(CloseReason::Finished));
    }
    let counters = lab.engine.host.engine.counters();
    assert!(counters.syn_cookies_sent >= 1_280, "{counters:?}");
    lab.engine.settle();
}
