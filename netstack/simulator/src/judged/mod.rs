//! An engine whose every step is judged by the model of `netstack-model`: a step that no rule
//! allows panics with what led to it.
//!
//! What only reads goes straight to the engine; whatever changes it has a method here that tells
//! the judge.

mod convert;
mod tap;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::SocketAddr;
use std::ops::Deref;

use netstack::{
    Config, ConfigError, Connect, ConnectError, ConnectionId, Engine, Event, Frame, Instant, Link,
    Listen, ListenError, ListenerId, Payload, SendError, Transmitted, Verdict,
};
use netstack_model::wire::{Carried, read};
use netstack_model::{Call, Flow, Host, Label, Segment, State, Step, View};

/// An engine and its judge.
pub struct Judged<F, B> {
    engine: Engine<F, B>,
    host: Host,
    /// Connections that live and whose owner has not let go.
    known: BTreeMap<Flow, Known>,
    /// Connections that are over and whose last event was not taken yet.
    over: HashSet<ConnectionId>,
    /// Connections to which something happened since the last transmission.
    touched: BTreeSet<Flow>,
    /// Whether steps are judged.
    judging: Judging,
}

/// Whether steps are judged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Judging {
    /// They are.
    All,
    /// They are not: the host takes connections over of which the judge saw nothing.
    Nothing,
}

/// A connection that lives.
#[derive(Clone, Copy)]
struct Known {
    id: ConnectionId,
    /// When its nearest timer fires.
    timer: Option<Instant>,
}

impl<F, B> Drop for Judged<F, B> {
    fn drop(&mut self) {
        crate::fired::note(self.host.fired());
    }
}

impl<F, B> Deref for Judged<F, B> {
    type Target = Engine<F, B>;

    fn deref(&self) -> &Self::Target {
        &self.engine
    }
}

impl<F: Frame, B: netstack::Buffer> Judged<F, B> {
    /// See [`Engine::new`].
    pub fn new(config: Config, now: Instant) -> Result<Self, ConfigError> {
        let host = Host::new(convert::profile(&config));
        Ok(Self {
            engine: Engine::new(config, now)?,
            host,
            known: BTreeMap::new(),
            over: HashSet::new(),
            touched: BTreeSet::new(),
            judging: Judging::All,
        })
    }

    /// See [`Engine::listen`].
    pub fn listen(&mut self, listen: Listen) -> Result<ListenerId, ListenError> {
        let id = self.engine.listen(listen)?;
        self.host.listen(listen.address);
        Ok(id)
    }

    /// See [`Engine::expect_cookies`]. Who began those connections is another host, and what it
    /// said is not known here.
    pub fn expect_cookies(&mut self, sent_at: Instant) {
        self.engine.expect_cookies(sent_at);
        self.judging = Judging::Nothing;
    }

    /// Judges nothing from here on: somebody forges segments, and which of two that contradict each
    /// other the engine believed is too much to follow.
    pub const fn judge_nothing(&mut self) {
        self.judging = Judging::Nothing;
    }

    /// See [`Engine::set_neighbor`].
    pub fn set_neighbor(&mut self, address: std::net::IpAddr, mac: netstack::MacAddress) {
        self.engine.set_neighbor(address, mac);
    }

    /// See [`Engine::connect`].
    pub fn connect(
        &mut self,
        now: Instant,
        connect: Connect,
    ) -> Result<ConnectionId, ConnectError> {
        let id = self.engine.connect(now, connect)?;
        let info = self.engine.info(now, id).expect("it was just opened");
        let flow = Flow { local: info.local, remote: info.remote };
        self.known.insert(flow, Known { id, timer: None });
        self.judge_call(now, flow, Call::Open);
        Ok(id)
    }

    /// Takes a frame as a worker without colleagues does.
    pub fn receive(&mut self, now: Instant, frame: F) {
        let carried = read(&frame);
        let bytes_are_icmp = convert::is_icmp(&frame);
        if let Verdict::Unclaimed(unclaimed) = self.engine.handle_frame(now, frame) {
            self.engine.handle_unclaimed(now, unclaimed.frame);
        }
        match carried {
            Carried::Segment(from, to, segment) if self.is_ours(to) => {
                let flow = Flow { local: to, remote: from };
                let after = self.view(now, flow).into_iter().collect();
                self.judge(now, Label::Segment(flow, segment), after, Vec::new());
            }
            _ if bytes_are_icmp => {
                let flows: Vec<Flow> = self.known.keys().copied().collect();
                let after = flows.into_iter().filter_map(|flow| self.view(now, flow)).collect();
                self.judge(now, Label::IcmpError, after, Vec::new());
            }
            Carried::Segment(..) | Carried::Damaged(_) | Carried::Other => {}
        }
    }

    /// See [`Engine::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        self.engine.handle_timeout(now);
        let due = |known: &Known| known.timer.is_some_and(|at| at <= now);
        let known = self.known.iter().filter(|(_, known)| due(known));
        let flows: Vec<Flow> = known.map(|(flow, _)| *flow).collect();
        let after = flows.into_iter().filter_map(|flow| self.view(now, flow)).collect();
        self.judge(now, Label::Timers, after, Vec::new());
    }

    /// See [`Engine::poll_event`].
    pub fn poll_event(&mut self, now: Instant) -> Option<Event> {
        let event = self.engine.poll_event()?;
        let id = event.id();
        if matches!(event, Event::Closed { .. }) {
            self.over.remove(&id);
            self.known.retain(|_, known| known.id != id);
        } else if let Some(flow) = self.flow_of(now, id)
            && let Some(event) = convert::event(&event)
        {
            let after = self.view(now, flow).into_iter().collect();
            self.judge(now, Label::Event(flow, event), after, Vec::new());
        }
        Some(event)
    }

    /// See [`Engine::poll_transmit`].
    pub fn poll_transmit(&mut self, now: Instant, link: &mut impl Link) -> Transmitted {
        let mut tap = tap::Tap::new(link);
        let transmitted = self.engine.poll_transmit(now, &mut tap);
        let out: Vec<(Flow, Segment)> = tap.into_segments();
        let mut flows = std::mem::take(&mut self.touched);
        flows.extend(out.iter().map(|(flow, _)| *flow));
        let after = flows.into_iter().filter_map(|flow| self.view(now, flow)).collect();
        self.judge(now, Label::Transmit(convert::link(transmitted)), after, out);
        self.touched.clear();
        transmitted
    }

    /// See [`Engine::recv`].
    pub fn recv(&mut self, id: ConnectionId) -> Option<Payload<F>> {
        self.engine.recv(id)
    }

    /// See [`Engine::consumed`].
    pub fn consumed(&mut self, now: Instant, id: ConnectionId, bytes: usize) {
        let flow = self.flow_of(now, id);
        self.engine.consumed(now, id, bytes);
        if let Some(flow) = flow {
            self.judge_call(now, flow, Call::Consumed(convert::octets(bytes)));
        }
    }

    /// See [`Engine::send`].
    pub fn send(&mut self, now: Instant, id: ConnectionId, buffer: B) -> Result<(), SendError<B>> {
        let (flow, octets) = (self.flow_of(now, id), convert::octets(buffer.len()));
        self.engine.send(now, id, buffer)?;
        if let Some(flow) = flow {
            self.judge_call(now, flow, Call::Send(octets));
        }
        Ok(())
    }

    /// See [`Engine::shutdown`].
    pub fn shutdown(&mut self, now: Instant, id: ConnectionId) {
        let flow = self.flow_of(now, id);
        self.engine.shutdown(now, id);
        if let Some(flow) = flow {
            self.judge_call(now, flow, Call::Shutdown);
        }
    }

    /// See [`Engine::abort`].
    pub fn abort(&mut self, now: Instant, id: ConnectionId) {
        let flow = self.flow_of(now, id);
        self.engine.abort(now, id);
        if let Some(flow) = flow {
            self.judge_call(now, flow, Call::Abort);
        }
    }

    /// See [`Engine::close`].
    pub fn close(&mut self, now: Instant, id: ConnectionId) {
        let flow = self.flow_of(now, id);
        // To let go of what was not read is to abort. RFC 9293 §3.6.1.
        let info = self.engine.info(now, id);
        let unread = info.is_some_and(|info| info.receive_queue_bytes > 0);
        self.engine.close(now, id);
        if let Some(flow) = flow {
            self.known.remove(&flow);
            self.judge_call(now, flow, if unread { Call::Abort } else { Call::LetGo });
        }
    }

    /// The flow of a connection that lives.
    fn flow_of(&mut self, now: Instant, id: ConnectionId) -> Option<Flow> {
        if self.over.contains(&id) {
            return None;
        }
        let info = self.engine.info(now, id)?;
        let flow = Flow { local: info.local, remote: info.remote };
        let known = self.known.entry(flow).or_insert(Known { id, timer: None });
        assert_eq!(known.id, id, "two connections of one flow: {flow:?}");
        Some(flow)
    }

    /// What the engine shows of a connection that lives, or has just ended.
    fn view(&mut self, now: Instant, flow: Flow) -> Option<(Flow, View)> {
        let id = self.known.get(&flow).map(|known| known.id).or_else(|| self.find(now, flow))?;
        let Some(info) = self.engine.info(now, id) else {
            self.known.remove(&flow);
            return None;
        };
        let view = convert::view(&info);
        if matches!(view.state, State::Closed | State::TimeWait) {
            self.known.remove(&flow);
            self.over.insert(id);
        } else {
            let timer = info.timer.map(|(_, at)| at);
            self.known.insert(flow, Known { id, timer });
        }
        Some((flow, view))
    }

    /// The connection of a flow that has only now become one.
    fn find(&self, now: Instant, flow: Flow) -> Option<ConnectionId> {
        self.engine.connections().filter(|id| !self.over.contains(id)).find(|id| {
            let info = self.engine.info(now, *id);
            info.is_some_and(|info| (info.local, info.remote) == (flow.local, flow.remote))
        })
    }

    fn is_ours(&self, address: SocketAddr) -> bool {
        // Frames for others do not reach a host in these tests, but for damage on the way.
        !address.ip().is_multicast()
    }

    fn judge_call(&mut self, now: Instant, flow: Flow, call: Call) {
        let after = self.view(now, flow).into_iter().collect();
        self.judge(now, Label::Call(flow, call), after, Vec::new());
    }

    fn judge(
        &mut self,
        now: Instant,
        label: Label,
        after: Vec<(Flow, View)>,
        out: Vec<(Flow, Segment)>,
    ) {
        self.touched.extend(after.iter().map(|(flow, _)| *flow));
        if self.judging == Judging::Nothing {
            return;
        }
        let step = Step { at: convert::time(now), label, after, out };
        if let Err(indictment) = self.host.judge(step) {
            panic!("no rule allows this step: {indictment}");
        }
    }
}
