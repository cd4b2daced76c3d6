//! A server of our own for any number of connections, for what nginx does not do: it counts,
//! finishes first, or breaks off.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use hosts::Host;
use rustix::net::Shutdown;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// A TCP server on a host that gives every connection a thread. Dropping it ends the listening;
/// connections go on as long as their threads.
pub(crate) struct Server {
    listener: Arc<TcpListener>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on `address` of `host`.
    pub(crate) fn start(
        host: &Host,
        address: &str,
        serve: impl Fn(TcpStream) + Send + Sync + 'static,
    ) -> Self {
        let address: SocketAddr = address.parse().expect("an address");
        let listener = host.enter(|| TcpListener::bind(address)).expect("the host is there");
        let listener = Arc::new(listener.expect("the address is free"));
        // The default is not enough for a thousand connections at once.
        rustix::net::listen(&listener, BACKLOG).expect("a longer queue");
        let serve = Arc::new(serve);
        let accepting = thread::spawn({
            let listener = Arc::clone(&listener);
            move || {
                while let Ok((stream, _)) = listener.accept() {
                    let serve = Arc::clone(&serve);
                    thread::spawn(move || serve(stream));
                }
            }
        });
        Self { listener, accepting: Some(accepting) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Wakes `accept`, which then fails.
        rustix::net::shutdown(&self.listener, Shutdown::Read).expect("it listens");
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
    }
}
