//! Clients that are gone without a word, and their host with them: it answers nothing any more.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use hosts::{Hook, Loss, PerMille};

use crate::client::{Client, Stream, connect, shake_hands};
use crate::edge::{ADDRESSES, CLIENT_DEVICE, Edge};

/// How long a client waits for the answer to its SYN, which does not come.
const UNHEARD: Duration = Duration::from_millis(20);

/// Clients that are interrupted in their handshake, half of them over IPv6.
const HALF_OPEN: usize = 20;

/// What is left of them.
const SYN_RECEIVED: &str = "weir_tcp_connections{listener=\"https\",state=\"syn_received\"}";

/// In what a client is interrupted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Interrupted {
    /// In its ClientHello.
    Hello,
    /// In nothing: all that was sent was acknowledged.
    Silence,
    /// In the midst of a record.
    Upload,
    /// In an answer of which it has read little.
    Download,
}

impl Interrupted {
    pub(crate) const ALL: [Self; 4] = [Self::Hello, Self::Silence, Self::Upload, Self::Download];

    /// Goes so far and no farther.
    fn leave_off(self, client: &Client, address: SocketAddr) -> io::Result<TcpStream> {
        if matches!(self, Self::Hello) {
            let mut socket = connect(address)?;
            socket.write_all(&[22, 3, 1, 2, 0, 1])?;
            return Ok(socket);
        }
        let mut stream = client.connect(address)?;
        shake_hands(&mut stream)?;
        stream.write_all(if matches!(self, Self::Download) { b"m" } else { b"w" })?;
        stream.read_exact(&mut [0])?;
        if matches!(self, Self::Upload) {
            send_half_a_record(&mut stream)?;
        }
        Ok(stream.sock)
    }
}

/// While it lasts, nothing reaches the clients' host, and nothing comes from it.
pub(crate) struct Silence<'a> {
    _losses: [Loss<'a>; 2],
    _sockets: Vec<TcpStream>,
}

/// `count` clients are interrupted, in turns in each of the ways and over each family; and
/// [`HALF_OPEN`] in their handshake, whose SYN-ACK never comes.
pub(crate) fn fall_silent<'a>(edge: &'a Edge, clients: &[Client; 4], count: usize) -> Silence<'a> {
    let ways = Interrupted::ALL.into_iter().cycle().take(count).enumerate();
    let leave_off = |(number, way): (usize, Interrupted)| {
        let turn = number / Interrupted::ALL.len();
        way.leave_off(&clients[turn / 2 % 4], ADDRESSES[turn % 2])
    };
    let all = || ways.map(leave_off).collect::<io::Result<Vec<_>>>();
    let sockets = edge.client.enter(all).expect("the host is there").expect("they are served");
    let lose = |hook| Loss::new(&edge.client, CLIENT_DEVICE, hook, PerMille::ALL, "");
    let deaf = lose(Hook::Ingress).expect("a rule");
    let half_open = || {
        for address in ADDRESSES.into_iter().cycle().take(HALF_OPEN) {
            let unheard = TcpStream::connect_timeout(&address, UNHEARD);
            unheard.expect_err("nothing comes back");
        }
    };
    edge.client.enter(half_open).expect("the host is there");
    edge.wait_for_count(&format!("{SYN_RECEIVED} "), HALF_OPEN);
    let dumb = lose(Hook::Egress).expect("a rule");
    Silence { _losses: [deaf, dumb], _sockets: sockets }
}

fn send_half_a_record(stream: &mut Stream) -> io::Result<()> {
    stream.conn.writer().write_all(&[b'.'; 10_000])?;
    let mut record = Vec::new();
    while stream.conn.wants_write() {
        stream.conn.write_tls(&mut record)?;
    }
    stream.sock.write_all(&record[..record.len() / 2])
}
