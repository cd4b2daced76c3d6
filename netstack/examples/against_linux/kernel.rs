//! The kernel's ends: one that sends without end, one that reads all.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustix::net::sockopt::set_tcp_congestion;

/// How long a call may wait before it looks whether all is over.
const LOOK: Duration = Duration::from_millis(100);
/// Octets of a call.
const BLOCK: usize = 65_536;

/// Reads until it is over, and counts.
pub(crate) fn drain(mut stream: TcpStream, received: &AtomicU64, over: &AtomicBool) {
    stream.set_read_timeout(Some(LOOK)).expect("a timeout");
    let mut block = vec![0; BLOCK];
    while !over.load(Ordering::Relaxed) {
        match stream.read(&mut block) {
            Ok(0) => return,
            Ok(len) => {
                received.fetch_add(len as u64, Ordering::Relaxed);
            }
            Err(error) if waits(&error) => {}
            Err(_) if over.load(Ordering::Relaxed) => return,
            Err(error) => panic!("the sender is gone: {error}"),
        }
    }
}

/// Sends until it is over, with that congestion control.
pub(crate) fn fill(mut stream: TcpStream, algorithm: &str, over: &AtomicBool) {
    set_tcp_congestion(&stream, algorithm).expect("the kernel has that congestion control");
    stream.set_write_timeout(Some(LOOK)).expect("a timeout");
    let block = vec![0; BLOCK];
    while !over.load(Ordering::Relaxed) {
        match stream.write(&block) {
            Ok(_) => {}
            Err(error) if waits(&error) => {}
            Err(_) if over.load(Ordering::Relaxed) => return,
            Err(error) => panic!("the receiver is gone: {error}"),
        }
    }
}

fn waits(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
