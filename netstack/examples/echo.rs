//! A TCP echo server, a host of its own on a TAP device: `echo tap0 192.0.2.1:7`.
use std::{env, error::Error, net::SocketAddr, os::fd::AsRawFd, time};

use netstack::{Config, ConnectionId, Engine, Instant, Interface, Link, Listen};
use netstack::{MacAddress, Payload, Train, Transmitted, Verdict};
use smoltcp::phy::{self, Device, Medium, RxToken, TunTapInterface, TxToken};
use smoltcp::time::{Duration, Instant as Moment};

/// What arrives is what is sent: a frame is dropped when the peer has its bytes back.
type Echo = Engine<Vec<u8>, Payload<Vec<u8>>>;

struct Tap(TunTapInterface);
impl Link for Tap {
    fn transmit(&mut self, train: &Train<'_>) -> usize {
        for index in 0..train.segments() {
            let Some(token) = self.0.transmit(Moment::ZERO) else { return index };
            token.consume(train.segment_len(index), |frame| train.write_segment(index, frame));
        }
        train.segments()
    }
}

fn echo(engine: &mut Echo, now: Instant, id: ConnectionId) {
    while engine.send_view(id).is_some_and(|view| view.room_bytes > 0) {
        let Some(payload) = engine.recv(id) else { break };
        engine.consumed(now, id, payload.len());
        engine.send(now, id, payload).expect("there is room");
    }
    if engine.recv_finished(id) {
        engine.close(now, id);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let device = env::args().nth(1).ok_or("which TAP device?")?;
    let address: SocketAddr = env::args().nth(2).ok_or("which address and port?")?.parse()?;
    let mut tap = Tap(TunTapInterface::new(&device, Medium::Ethernet)?);
    let mut seed = [0; 32];
    rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty())?;
    let start = time::Instant::now();
    let now = || Instant::ORIGIN + start.elapsed().into();
    let interface = Interface::new(MacAddress([2, 0, 0, 0, 0, 1]), address.ip(), 24);
    let mut engine = Echo::new(Config::new(interface, seed), now())?;
    engine.listen(Listen::new(address))?;
    loop {
        let wait = engine.poll_timeout().map(|at| Duration::from_micros((at - now()).as_micros()));
        phy::wait(tap.0.as_raw_fd(), wait)?;
        while let Some((token, _)) = tap.0.receive(Moment::ZERO) {
            let verdict = engine.handle_frame(now(), token.consume(<[u8]>::to_vec));
            if let Verdict::Unclaimed(other) = verdict {
                engine.handle_unclaimed(now(), other.frame);
            }
        }
        engine.handle_timeout(now());
        while let Some(id) = engine.poll_event().map(|event| event.id()) {
            echo(&mut engine, now(), id);
        }
        while engine.poll_transmit(now(), &mut tap) == Transmitted::LinkFull {}
    }
}
