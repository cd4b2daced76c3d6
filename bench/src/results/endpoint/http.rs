//! As much of HTTP as a scrape takes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use metrics::Registry;

/// How long one scraper may take, all in all. They are served one after the other.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// Longest head of a request.
const HEAD_MAX: usize = 8 * 1024;

/// A thread that serves metrics until it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(address: SocketAddr, registry: Registry) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let serve = move || {
            for stream in listener.incoming() {
                if seen.load(Ordering::SeqCst) {
                    break;
                }
                // What goes wrong with one scraper is that scraper's trouble.
                drop(stream.and_then(|stream| answer(stream, &registry)));
            }
        };
        let thread = thread::Builder::new().name("metrics".to_owned()).spawn(serve)?;
        Ok(Self { address, over, thread: Some(thread) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // It waits for a connection: this is one.
        let woken = TcpStream::connect_timeout(&self.address, TIME_LIMIT).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            drop(thread.join());
        }
    }
}

fn answer(mut stream: TcpStream, registry: &Registry) -> io::Result<()> {
    let deadline = Instant::now() + TIME_LIMIT;
    stream.set_write_timeout(Some(TIME_LIMIT))?;
    let head = read_head(&mut stream, deadline)?;
    let head = String::from_utf8_lossy(&head);
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (status, media_type, body) = match (method, path) {
        ("GET", "/metrics") if wants_open_metrics(&head) => (
            "200 OK",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            registry.encode_openmetrics(),
        ),
        ("GET", "/metrics") => {
            ("200 OK", "text/plain; version=0.0.4; charset=utf-8", registry.encode_classic())
        }
        ("GET", _) => ("404 Not Found", "text/plain", "metrics are at /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", "text/plain", "only GET\n".to_owned()),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )?;
    stream.flush()
}

/// Up to the empty line.
fn read_head(stream: &mut TcpStream, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut part = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || head.len() > HEAD_MAX {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut part)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => head.extend(part.iter().take(count)),
        }
    }
    Ok(head)
}

fn wants_open_metrics(head: &str) -> bool {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.eq_ignore_ascii_case("accept"))
        .any(|(_, value)| value.contains("application/openmetrics-text"))
}
