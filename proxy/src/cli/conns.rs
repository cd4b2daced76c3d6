//! `weir conns`: connections as `ss -ti` lists them.

use std::fmt::{self, Write as _};
use std::process::ExitCode;

use clap::Args;

use super::ask::ask;
use super::{SocketArgument, failed};
use crate::admin::conns::{BackendRow, ConnectionRow, TcpRow, TlsRow};

/// List the connections of the running weir: TCP state and numbers, TLS, backend
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sudo weir conns\n  sudo weir conns --json | jq length")]
pub(super) struct Conns {
    #[command(flatten)]
    target: SocketArgument,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Conns {
    /// Prints them.
    pub(super) fn execute(self) -> ExitCode {
        let rows: Vec<ConnectionRow> = match ask(&self.target.socket, "conns") {
            Ok(rows) => rows,
            Err(error) => return failed(&error),
        };
        let text = if self.json {
            match serde_json::to_string_pretty(&rows) {
                Ok(text) => text,
                Err(error) => return failed(&error),
            }
        } else {
            match table(&rows) {
                Ok(text) => text,
                Err(error) => return failed(&error),
            }
        };
        println!("{text}");
        ExitCode::SUCCESS
    }
}

/// The rows for people: a line with the addresses, an indented one each for TCP, TLS and backend.
pub(crate) fn table(rows: &[ConnectionRow]) -> Result<String, fmt::Error> {
    let mut text = String::new();
    writeln!(text, "{:<12} {:>7} {:>7}  Local  Peer", "State", "Recv-Q", "Send-Q")?;
    for row in rows {
        let ConnectionRow { worker, listener, local, remote, age_ms, tcp, tls, backend } = row;
        writeln!(
            text,
            "{:<12} {:>7} {:>7}  {local}  {remote}",
            tcp.state, tcp.recv_queue_bytes, tcp.send_queue_bytes
        )?;
        writeln!(text, "  tcp: {}", Tcp(tcp))?;
        if let Some(tls) = tls {
            writeln!(text, "  tls: {}", Tls(tls))?;
        }
        if let Some(BackendRow { pool, server, state, sent_bytes, received_bytes }) = backend {
            writeln!(
                text,
                "  backend: {pool} {server} {state} sent:{sent_bytes} received:{received_bytes}"
            )?;
        }
        writeln!(text, "  listener:{listener} worker:{worker} age:{}", Ms(*age_ms))?;
    }
    write!(text, "{} connections", rows.len())?;
    Ok(text)
}

/// The numbers of TCP, in the words of `ss`.
struct Tcp<'a>(&'a TcpRow);

impl fmt::Display for Tcp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tcp = self.0;
        if let (Some(srtt_us), Some(rttvar_us)) = (tcp.srtt_us, tcp.rttvar_us) {
            write!(f, "rtt:{}/{} ", Us(srtt_us), Us(rttvar_us))?;
        }
        write!(f, "rto:{} mss:{} cwnd:{}", Us(tcp.rto_us), tcp.mss_bytes, tcp.cwnd_bytes)?;
        if let Some(ssthresh) = tcp.ssthresh_bytes {
            write!(f, " ssthresh:{ssthresh}")?;
        }
        write!(
            f,
            " unacked:{} retrans:{} snd_wnd:{} rcv_wnd:{} bytes_sent:{} bytes_received:{}",
            tcp.flight_bytes,
            tcp.retransmits,
            tcp.snd_wnd_bytes,
            tcp.rcv_wnd_bytes,
            tcp.sent_bytes,
            tcp.received_bytes
        )?;
        for (timer, left_ms) in &tcp.timers {
            write!(f, " timer:({timer},{})", Ms(*left_ms))?;
        }
        Ok(())
    }
}

/// TLS in one line; what isn't known yet is left out.
struct Tls<'a>(&'a TlsRow);

impl fmt::Display for Tls<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TlsRow { state, vhost, server_name, version, cipher_suite, group, alpn, resumption } =
            self.0;
        write!(f, "{state} vhost:{vhost}")?;
        if let Some(server_name) = server_name {
            write!(f, " name:{server_name}")?;
        }
        if let Some(alpn) = alpn {
            // The client chose among ours, so it is one of the configuration's.
            write!(f, " alpn:{alpn}")?;
        }
        let known = [version, cipher_suite, group, resumption];
        known.into_iter().flatten().try_for_each(|fact| write!(f, " {fact}"))
    }
}

/// Microseconds as milliseconds with three places, as `ss` prints them.
struct Us(u64);

impl fmt::Display for Us {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

/// Milliseconds, or seconds when there are many.
struct Ms(u64);

impl fmt::Display for Ms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..10_000 => write!(f, "{}ms", self.0),
            ms => write!(f, "{}s", ms / 1_000),
        }
    }
}
