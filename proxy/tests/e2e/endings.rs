//! Ten thousand connections that end in every way, and what is left of them: nothing.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;

use hosts::{Hook, Loss, PerMille, wait_until};
use rustix::net::sockopt::{set_ip_tos, set_socket_linger};

use crate::blob::{Blob, checksum};
use crate::client::{Client, Stream, connect, finish, shake_hands};
use crate::edge::{CLIENT_DEVICE, Edge, LIMIT, Plan, V4_HTTPS, V6_HTTPS};
use crate::server::Server;

/// Threads of the client; what is open at the same time.
const THREADS: usize = 16;

/// Connections of the first round, after which tables have their size.
const FIRST: usize = 1_000;

/// Connections of the second.
const SECOND: usize = 9_600;

/// Clients that fall silent, behind them.
const SILENT: usize = 400;

/// What marks the segments of those that have fallen silent.
const SILENT_DSCP: u8 = 8;

/// The connections in TIME-WAIT.
const TIME_WAIT: &str = "weir_tcp_connections{listener=\"https\",state=\"time_wait\"}";

const CONFIG: &str = r#"
[timeouts]
idle = "3s"

[pool.web]
servers = ["127.0.0.1:8080"]

[pool.down]
servers = ["127.0.0.1:8081"]

[vhost."www"]
names = ["www.example"]
cert = "www.pem"
pool = "web"

[vhost."down"]
names = ["down.example"]
cert = "www.pem"
pool = "down"
"#;

/// How a connection ends.
#[derive(Clone, Copy, Debug)]
enum Ending {
    ClientFirst,
    BackendFirst,
    BothAtOnce,
    ResetByClient,
    ResetByBackend,
    BackendDown,
    /// The ClientHello never becomes whole.
    HelloGivenUp,
    /// The client does not answer the server's flight.
    HandshakeGivenUp,
}

impl Ending {
    const ALL: [Self; 8] = [
        Self::ClientFirst,
        Self::BackendFirst,
        Self::BothAtOnce,
        Self::ResetByClient,
        Self::ResetByBackend,
        Self::BackendDown,
        Self::HelloGivenUp,
        Self::HandshakeGivenUp,
    ];

    /// What the client tells the backend to do.
    fn order(self) -> u8 {
        match self {
            Self::BackendFirst => b'f',
            Self::BothAtOnce => b'b',
            Self::ResetByBackend => b'r',
            _ => b'w',
        }
    }
}

#[test]
fn ten_thousand_endings_leave_nothing_behind() {
    let edge = start();
    let _backend = obedient_backend(&edge);
    let client = Client::new(&edge);

    let empty = Left::behind(&edge);
    let round = |connections| {
        run(&edge, &client, connections);
        let _silence = fall_silent(&edge, &client);
        empty.wait_for(&edge, What::Things);
    };
    round(FIRST);
    let first = Left::behind(&edge);
    round(SECOND);
    first.wait_for(&edge, What::Bytes);

    for reason in
        ["done", "backend_reset", "backend_unreachable", "client_gave_up", "reset_by_peer"]
    {
        let closes = closes(&edge, reason);
        assert!(closes >= (SECOND / 8) as f64, "{closes} {reason}\n{}", edge.metrics());
    }
    // Of some, what they had not acknowledged was sent again, and their host answered.
    assert!(closes(&edge, "idle_timeout") >= SILENT as f64, "{}", edge.metrics());
    assert_eq!(edge.metric("weir_connection_panics_total"), 0.0, "{}", edge.log());
}

#[test]
fn what_a_client_sends_behind_the_servers_end_arrives_at_a_slow_server() {
    const BYTES: u64 = 512 << 10;

    let edge = start();
    // Little fits into the sockets between weir and its backend: the rest waits in weir.
    for key in ["net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"] {
        edge.host.set_sysctl(key, "4096 8192 16384").expect("a size");
    }
    let (go_on, wait) = mpsc::channel::<()>();
    let (result, checksums) = mpsc::channel();
    let wait = std::sync::Mutex::new(wait);
    let _backend = Server::start(&edge.host, "127.0.0.1:8080", move |mut stream| {
        let mut receive = || {
            stream.read_exact(&mut [0])?;
            stream.shutdown(Shutdown::Write)?;
            wait.lock().expect("one connection").recv().map_err(io::Error::other)?;
            checksum(&mut stream)
        };
        drop(result.send(receive()));
    });
    let client = Client::new(&edge);
    let send = || -> io::Result<_> {
        let mut stream = client.connect(V4_HTTPS)?;
        stream.write_all(b"1")?;
        stream.read_to_end(&mut Vec::new())?;
        let sent = Blob::new(1, BYTES).copy_to(&mut stream)?;
        finish(&mut stream)?;
        Ok(sent)
    };
    let sent = edge.client.enter(send).expect("the host is there").expect("all is sent");
    // weir's end came first, so that its side of the finished connection is in TIME-WAIT.
    edge.wait_for_metrics("the connection's end", |edge| edge.metric(TIME_WAIT) == 1.0);
    go_on.send(()).expect("the backend waits");
    let received = checksums.recv_timeout(LIMIT).expect("a checksum").expect("all is received");
    assert_eq!(received.as_ref(), sent.as_ref());
    edge.wait_for_metrics("the session's end", |edge| edge.metric("weir_sessions ") == 0.0);
}

fn start() -> Edge {
    let certificates = vec![("www.pem", vec!["www.example", "down.example"])];
    let config = CONFIG.to_owned();
    Edge::start(&Plan { config, certificates, queues: 2, ..Plan::default() })
}

/// A backend that ends its connections as it is told.
fn obedient_backend(edge: &Edge) -> Server {
    Server::start(&edge.host, "127.0.0.1:8080", |mut stream| {
        // What goes wrong here shows in what is left.
        drop(obey(&mut stream));
    })
}

fn obey(stream: &mut TcpStream) -> io::Result<()> {
    let mut order = [0];
    stream.read_exact(&mut order)?;
    match order[0] {
        b'f' => {
            stream.write_all(b"!")?;
            stream.shutdown(Shutdown::Write)?;
            stream.read_to_end(&mut Vec::new()).map(drop)
        }
        b'b' => stream.shutdown(Shutdown::Write),
        b'r' => {
            stream.write_all(b"!")?;
            stream.read_exact(&mut order)?;
            break_off(stream)
        }
        _ => {
            stream.write_all(b"!")?;
            stream.read_to_end(&mut Vec::new()).map(drop)
        }
    }
}

/// Makes the closing of `stream` a RST.
fn break_off(stream: &TcpStream) -> io::Result<()> {
    Ok(set_socket_linger(stream, Some(std::time::Duration::ZERO))?)
}

/// `count` connections that end in every way, several at once.
fn run(edge: &Edge, client: &Client, count: usize) {
    let thread = |first: usize| {
        for number in (first..count).step_by(THREADS) {
            let ending = Ending::ALL[number % Ending::ALL.len()];
            // The families take turns once every ending has had its.
            let turn = number / Ending::ALL.len();
            let address = if turn.is_multiple_of(2) { V4_HTTPS } else { V6_HTTPS };
            let ended = end(client, address, ending);
            assert!(ended.is_ok(), "{number} {ending:?}: {ended:?}");
        }
    };
    let all = || {
        thread::scope(|scope| {
            for first in 0..THREADS {
                scope.spawn(move || thread(first));
            }
        });
    };
    edge.client.enter(all).expect("the host is there");
}

/// One connection from its start to its end.
fn end(client: &Client, address: SocketAddr, ending: Ending) -> io::Result<()> {
    match ending {
        Ending::HelloGivenUp => {
            let mut socket = connect(address)?;
            socket.write_all(&[22, 3, 1, 2, 0, 1])?;
            socket.shutdown(Shutdown::Write)?;
            return socket.read_to_end(&mut Vec::new()).map(drop);
        }
        Ending::HandshakeGivenUp => {
            let mut stream = client.connect(address)?;
            stream.conn.write_tls(&mut stream.sock)?;
            stream.sock.read_exact(&mut [0])?;
            return break_off_client(&stream);
        }
        _ => {}
    }
    let name = if matches!(ending, Ending::BackendDown) { "down.example" } else { "www.example" };
    let mut stream = client.connect_to(address, name)?;
    shake_hands(&mut stream)?;
    stream.write_all(&[ending.order()])?;
    match ending {
        Ending::BothAtOnce => finish(&mut stream)?,
        Ending::ClientFirst => {
            stream.read_exact(&mut [0])?;
            finish(&mut stream)?;
        }
        Ending::ResetByClient => {
            stream.read_exact(&mut [0])?;
            return break_off_client(&stream);
        }
        Ending::ResetByBackend => {
            stream.read_exact(&mut [0])?;
            stream.write_all(b"!")?;
            return expect_error(&mut stream, io::ErrorKind::ConnectionReset);
        }
        // A fatal alert says that there is no backend.
        Ending::BackendDown => return expect_error(&mut stream, io::ErrorKind::InvalidData),
        Ending::BackendFirst | Ending::HelloGivenUp | Ending::HandshakeGivenUp => {}
    }
    stream.read_to_end(&mut Vec::new())?;
    if matches!(ending, Ending::BackendFirst) { finish(&mut stream) } else { Ok(()) }
}

fn break_off_client(stream: &Stream) -> io::Result<()> {
    break_off(&stream.sock)
}

fn expect_error(stream: &mut Stream, kind: io::ErrorKind) -> io::Result<()> {
    match stream.read_to_end(&mut Vec::new()) {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::other("it ended well")),
    }
}

/// Clients that are gone without a word: their last segments never reach weir, and their host knows
/// nothing of them when it is asked. The rule must stay until weir has given them up.
fn fall_silent<'a>(edge: &'a Edge, client: &Client) -> Loss<'a> {
    let marked = format!("ip dscp {SILENT_DSCP}");
    let loss = Loss::new(&edge.client, CLIENT_DEVICE, Hook::Egress, PerMille::ALL, &marked);
    let vanish = || -> io::Result<()> {
        let mut stream = client.connect(V4_HTTPS)?;
        stream.write_all(b"w")?;
        stream.read_exact(&mut [0])?;
        // What it sends from here on matches the rule.
        set_ip_tos(&stream.sock, SILENT_DSCP << 2)?;
        break_off(&stream.sock)
    };
    let all = || (0..SILENT).try_for_each(|_| vanish());
    edge.client.enter(all).expect("the host is there").expect("they are served");
    loss.expect("a rule")
}

fn closes(edge: &Edge, reason: &str) -> f64 {
    edge.metric(&format!("weir_tcp_closes_total{{listener=\"https\",reason=\"{reason}\"}}"))
}

/// What to compare.
#[derive(Clone, Copy, Debug)]
enum What {
    /// What connections hold: all of it is given back.
    Things,
    /// The ledger: tables keep the size that they once needed.
    Bytes,
}

/// What weir holds at one moment.
struct Left(Vec<(String, f64)>);

impl Left {
    fn behind(edge: &Edge) -> Self {
        let metrics = edge.metrics();
        let lines = metrics.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.filter_map(|line| line.rsplit_once(' '));
        let parse = |(name, value): (&str, &str)| Some((name.to_owned(), value.parse().ok()?));
        Self(samples.filter_map(parse).collect())
    }

    /// Waits until weir holds no more than at that moment.
    fn wait_for(&self, edge: &Edge, what: What) {
        let mut more = Vec::new();
        let given_back = wait_until(LIMIT, "all to be given back", || {
            let now = Self::behind(edge);
            let held = now.0.iter().filter(|(name, _)| what.counts(name));
            let most = |name: &str| what.most(self.get(name));
            let beyond = held.filter(|(name, value)| value - now.waits(name) > most(name));
            more = beyond.cloned().collect();
            more.is_empty()
        });
        let rest = || format!("{}\n{}", edge.ask(&["conns", "--json"]), edge.metrics());
        assert!(given_back.is_ok(), "{what:?}: {more:?}\n{}", rest());
    }

    /// How much of the sample `name` is TIME-WAIT, which lasts a minute.
    fn waits(&self, name: &str) -> f64 {
        if name == "weir_tcp_held{kind=\"timers\"}" { self.get(TIME_WAIT) } else { 0.0 }
    }

    fn get(&self, name: &str) -> f64 {
        let sample = self.0.iter().find(|(other, _)| other == name);
        sample.expect("all series exist from the start").1
    }
}

impl What {
    /// How much there may be where there was `before`. Chance says how many events and operations
    /// come together, and thus how large their tables become.
    fn most(self, before: f64) -> f64 {
        match self {
            Self::Things => before,
            Self::Bytes => 1.25 * before + 4096.0,
        }
    }

    fn counts(self, name: &str) -> bool {
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
        match self {
            // Free buffers are not held, nor are those that the kernel may receive into.
            Self::Things if name == TIME_WAIT || name.contains("\"free\"") => false,
            Self::Things if name.contains("\"kernel\"") || name.contains("\"fill\"") => false,
            Self::Things => begins(&[
                "weir_tcp_connections{",
                "weir_tcp_held{",
                "weir_xdp_frames{",
                "weir_record_buffers{",
                "weir_backend_operations{",
                "weir_backend_connections",
                "weir_vhost_connections{",
                "weir_sessions",
                "weir_session_timers",
            ]),
            Self::Bytes => begins(&[
                "weir_record_buffers{class=\"small\",use=\"kernel\"}",
                "weir_record_buffers{class=\"medium\",use=\"kernel\"}",
                "weir_record_buffers{class=\"large\",use=\"kernel\"}",
                "weir_memory_bytes{pool=\"tcp_connections\"",
                "weir_memory_bytes{pool=\"tcp_half_open\"",
                "weir_memory_bytes{pool=\"tcp_flow_table\"",
                "weir_memory_bytes{pool=\"tcp_other\"",
                "weir_memory_bytes{pool=\"sessions\"",
                "weir_memory_bytes{pool=\"umem\"",
                "weir_memory_bytes{pool=\"io_uring\"",
            ]),
        }
    }
}
