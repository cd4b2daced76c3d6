//! A worker's connections as `weir conns` shows them.

use netstack::{ConnectionId, ConnectionInfo};

use super::Worker;
use crate::admin::conns::{BackendRow, ConnectionRow, TcpRow, TlsRow};
use crate::admin::workers::{Cursor, PAGE_ROWS_MAX, Page, WorkerStatus};
use crate::relay::Relay;
use crate::session::Session;

impl Worker {
    /// The connections from slot `from` on, as many as fit a page.
    pub(super) fn page(&self, from: Cursor) -> Page {
        let first = usize::try_from(from.0).unwrap_or(usize::MAX);
        let mut ids: Vec<ConnectionId> =
            self.context.engine.connections().filter(|id| id.index() >= first).collect();
        ids.sort_unstable_by_key(|id| id.index());
        let next = ids.get(PAGE_ROWS_MAX).and_then(|id| u32::try_from(id.index()).ok()).map(Cursor);
        let rows = ids.into_iter().take(PAGE_ROWS_MAX).filter_map(|id| self.row(id)).collect();
        Page { rows, next }
    }

    /// How this worker is.
    pub(super) fn status(&self) -> WorkerStatus {
        WorkerStatus {
            worker: u32::from(self.place.worker),
            interface: self.place.interface.clone(),
            queue: self.place.queue,
            xdp_mode: self.queue.mode().name().to_owned(),
            connections: self.context.engine.connections().count() as u64,
            handshakes: self.sessions.negotiating() as u64,
        }
    }

    fn row(&self, id: ConnectionId) -> Option<ConnectionRow> {
        let info = self.context.engine.info(self.context.now, id)?;
        let session = self.sessions.get(id);
        let listener = session.and_then(|session| self.context.listener_name(session.listener()));
        Some(ConnectionRow {
            worker: u32::from(self.place.worker),
            listener: listener.unwrap_or_default().to_owned(),
            local: info.local,
            remote: info.remote,
            age_ms: info.age.as_millis(),
            tls: session.and_then(tls_row),
            backend: session.and_then(Session::established).and_then(backend_row),
            tcp: self.tcp_row(&info),
        })
    }

    fn tcp_row(&self, info: &ConnectionInfo) -> TcpRow {
        let now = self.context.now;
        let timers =
            info.timer.iter().map(|&(name, at)| (name.to_owned(), at.since(now).as_millis()));
        TcpRow {
            state: info.state.name().to_owned(),
            mss_bytes: u32::from(info.mss_bytes),
            cwnd_bytes: info.cwnd_bytes as u64,
            ssthresh_bytes: ssthresh(info),
            flight_bytes: info.flight_bytes as u64,
            snd_wnd_bytes: u64::from(info.send_window_bytes),
            rcv_wnd_bytes: u64::from(info.receive_window_bytes),
            send_queue_bytes: info.send_queue_bytes as u64,
            recv_queue_bytes: info.receive_queue_bytes as u64,
            srtt_us: info.srtt.map(|srtt| srtt.as_micros()),
            rttvar_us: info.rttvar.map(|rttvar| rttvar.as_micros()),
            rto_us: info.rto.as_micros(),
            retransmits: u64::from(info.retransmits),
            timers: timers.collect(),
            received_bytes: info.bytes_received,
            sent_bytes: info.bytes_sent,
        }
    }
}

/// Slow start has no threshold before the first loss: the engine says `u32::MAX` then.
fn ssthresh(info: &ConnectionInfo) -> Option<u64> {
    u32::try_from(info.ssthresh_bytes).ok().filter(|&bytes| bytes != u32::MAX).map(u64::from)
}

fn tls_row(session: &Session) -> Option<TlsRow> {
    let state = session.stage().to_owned();
    let Some(relay) = session.established() else {
        return session.negotiates().then(|| TlsRow { state, ..TlsRow::default() });
    };
    let route = relay.route();
    let facts = &route.facts;
    let alpn = facts.alpn.as_deref().map(|alpn| String::from_utf8_lossy(alpn).into_owned());
    Some(TlsRow {
        state,
        vhost: route.vhost.name.clone(),
        server_name: facts.server_name.as_deref().map(str::to_owned),
        version: Some(facts.version.label().to_owned()),
        cipher_suite: Some(facts.cipher_suite.to_owned()),
        group: facts.group.map(str::to_owned),
        alpn,
        resumption: Some(facts.resumption.label().to_owned()),
    })
}

fn backend_row(relay: &Relay) -> Option<BackendRow> {
    let (server, state) = relay.server()?;
    let (sent_bytes, received_bytes) = relay.backend_bytes();
    Some(BackendRow {
        pool: relay.route().pool.name.clone(),
        server: server.to_owned(),
        state: state.to_owned(),
        sent_bytes,
        received_bytes,
    })
}
