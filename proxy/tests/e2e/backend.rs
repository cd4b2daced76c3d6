//! A TCP server of the tests' own on the edge's loopback interface.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use hosts::wait_until;

use crate::edge::{Edge, LIMIT};

/// A listening socket; a test says what is done with its connections.
pub(crate) struct Backend {
    listener: TcpListener,
}

impl Backend {
    /// Listens on 127.0.0.1 and `port` of the edge.
    pub(crate) fn listen(edge: &Edge, port: u16) -> Self {
        let listener = edge.host.enter(|| TcpListener::bind(("127.0.0.1", port)));
        let listener = listener.expect("the edge is entered").expect("the port is free");
        listener.set_nonblocking(true).expect("a listener that doesn't wait");
        Self { listener }
    }

    /// Gives the next connection to `work`, on a thread of its own. Joining it returns what `work`
    /// returned, and panics if no connection came.
    pub(crate) fn serve<T: Send + 'static>(
        &self,
        work: impl FnOnce(TcpStream) -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let listener = self.listener.try_clone().expect("a second handle");
        thread::spawn(move || {
            let mut accepted = None;
            let came = wait_until(LIMIT, "a connection from weir", || {
                accepted = accept(&listener);
                accepted.is_some()
            });
            came.expect("weir connects");
            work(accepted.expect("it came"))
        })
    }

    /// Nobody has connected, or all who did were served.
    pub(crate) fn is_alone(&self) -> bool {
        accept(&self.listener).is_none()
    }
}

fn accept(listener: &TcpListener) -> Option<TcpStream> {
    match listener.accept() {
        Ok((stream, _)) => {
            stream.set_nonblocking(false).expect("a stream that waits");
            stream.set_read_timeout(Some(LIMIT)).expect("a read timeout");
            stream.set_write_timeout(Some(LIMIT)).expect("a write timeout");
            Some(stream)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        Err(error) => panic!("accept: {error}"),
    }
}
