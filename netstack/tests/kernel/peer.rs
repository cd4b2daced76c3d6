//! What the kernel's side does.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::Range;
use std::thread;
use std::time::Duration;

use netstack_simulator::octet;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::lab::SOON;

/// When the kernel's side ends its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// When it has sent everything.
    WhenSent,
    /// When the engine has ended its own.
    AfterPeer,
}

/// The next connection.
pub(crate) fn accept(listener: &TcpListener, limit: Duration) -> TcpStream {
    let limit = Timespec::try_from(limit).expect("it is short");
    let mut events = [PollFd::new(listener, PollFlags::IN)];
    let ready = rustix::io::retry_on_intr(|| poll(&mut events, Some(&limit)));
    assert_eq!(ready.expect("it can be waited for"), 1, "somebody connects");
    listener.accept().expect("a connection").0
}

/// Sends `send_bytes`, reads `read_bytes` and the end behind them, and closes.
pub(crate) fn exchange(stream: TcpStream, send_bytes: u64, read_bytes: u64, finish: Finish) {
    stream.set_read_timeout(Some(SOON)).expect("a timeout");
    stream.set_write_timeout(Some(SOON)).expect("a timeout");
    let shut_down = || stream.shutdown(Shutdown::Write).expect("our direction is open");
    thread::scope(|scope| {
        scope.spawn(|| {
            send(&stream, send_bytes);
            if finish == Finish::WhenSent {
                shut_down();
            }
        });
        let received = read_to_end(&stream);
        assert_eq!(received, read_bytes, "the engine's stream");
    });
    if finish == Finish::AfterPeer {
        shut_down();
    }
}

/// Sends octets of the stream that both sides know.
pub(crate) fn send(mut stream: &TcpStream, count: u64) {
    let bytes: Vec<u8> = (0..count).map(octet).collect();
    stream.write_all(&bytes).expect("the engine takes it");
}

/// Reads these octets of the engine's stream and checks them.
pub(crate) fn read(stream: &TcpStream, octets: Range<u64>) {
    stream.set_read_timeout(Some(SOON)).expect("a timeout");
    let end = read_until(stream, octets.clone());
    assert_eq!(end, octets.end, "the engine's stream goes on");
}

/// Reads and checks until the engine's stream ends: how many octets there were.
pub(crate) fn read_to_end(stream: &TcpStream) -> u64 {
    read_until(stream, 0..u64::MAX)
}

/// Reads and checks octets of the engine's stream, at most until it ends: what comes next.
fn read_until(mut stream: &TcpStream, octets: Range<u64>) -> u64 {
    let mut block = [0; 16_384];
    let mut offset = octets.start;
    while offset < octets.end {
        let most =
            usize::try_from(octets.end - offset).map_or(block.len(), |left| left.min(block.len()));
        let len = stream.read(&mut block[..most]).expect("an orderly end");
        if len == 0 {
            break;
        }
        for byte in &block[..len] {
            assert_eq!(*byte, octet(offset), "octet {offset} of the stream");
            offset += 1;
        }
    }
    offset
}
