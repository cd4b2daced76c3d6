//! The sessions of one worker, by connection, and their deadlines.

use std::collections::HashMap;

use netstack::{ConnectionId, Instant, TimerId, Wheel};

use crate::relay::Relay;
use crate::session::Session;

/// A side table of the engine's connections, and one timer for each.
pub(super) struct Sessions {
    slots: Vec<Option<Box<Entry>>>,
    /// Those whose connection is gone, so that another may have its slot.
    detached: HashMap<ConnectionId, Box<Entry>>,
    timers: Wheel<ConnectionId>,
    count: usize,
    /// Those whose handshake is going on.
    negotiating: usize,
}

/// A session with what the worker notes about it.
pub(super) struct Entry {
    id: ConnectionId,
    pub(super) session: Session,
    timer: TimerId,
    /// When the timer fires: never after the session's deadline, often before it.
    armed: Instant,
    /// It waits for its share of the handshake budget.
    pub(super) queued: Queued,
    /// It is counted among those whose handshake is going on.
    negotiates: bool,
    /// Its connection is gone.
    detached: bool,
}

impl Entry {
    /// The connection.
    pub(super) fn id(&self) -> ConnectionId {
        self.id
    }
}

/// Whether a session stands in the handshake queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queued {
    Yes,
    No,
}

impl Sessions {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            slots: Vec::new(),
            detached: HashMap::new(),
            timers: Wheel::new(now),
            count: 0,
            negotiating: 0,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// How many deadlines are armed.
    pub(super) fn timers(&self) -> usize {
        self.timers.len()
    }

    /// How many of them are in the midst of their handshake.
    pub(super) fn negotiating(&self) -> usize {
        self.negotiating
    }

    /// Bytes of the table, its sessions and its timers, as far as they can be counted here: what a
    /// session's TLS holds besides is the allocator's to know.
    pub(super) fn bytes(&self) -> usize {
        let table = self.slots.capacity() * size_of::<Option<Box<Entry>>>();
        let detached = self.detached.capacity() * size_of::<(ConnectionId, Box<Entry>)>();
        table
            + detached
            + self.count * (size_of::<Entry>() + size_of::<Relay>())
            + self.timers.bytes()
    }

    /// Adds a session whose deadline is `deadline`.
    pub(super) fn insert(&mut self, id: ConnectionId, session: Session, deadline: Instant) {
        let timer = self.timers.arm(id, deadline);
        let negotiates = session.negotiates();
        let queued = Queued::No;
        let detached = false;
        let entry = Entry { id, session, timer, armed: deadline, queued, negotiates, detached };
        self.negotiating += usize::from(negotiates);
        if self.slots.len() <= id.index() {
            self.slots.resize_with(id.index() + 1, || None);
        }
        if let Some(slot) = self.slots.get_mut(id.index()) {
            debug_assert!(slot.is_none(), "the engine reuses a slot after Closed or close()");
            *slot = Some(Box::new(entry));
            self.count += 1;
        }
    }

    /// The session of `id`, if it is still there.
    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Entry> {
        let attached = self.slots.get_mut(id.index()).and_then(Option::as_deref_mut);
        match attached.filter(|entry| entry.id == id) {
            Some(entry) => Some(entry),
            None => self.detached.get_mut(&id).map(Box::as_mut),
        }
    }

    /// Takes the session out, to give it back or to let it end.
    pub(super) fn take(&mut self, id: ConnectionId) -> Option<Box<Entry>> {
        let slot = self.slots.get_mut(id.index());
        let attached = slot.and_then(|slot| slot.take_if(|entry| entry.id == id));
        attached.or_else(|| self.detached.remove(&id))
    }

    /// The connection of `id` is gone, and the engine may use its slot again: if there is still a
    /// session, it goes on without.
    pub(super) fn detach(&mut self, id: ConnectionId) {
        if let Some(mut entry) = self.take(id) {
            entry.detached = true;
            self.detached.insert(id, entry);
        }
    }

    /// Gives a session back. The timer is moved only if `deadline` is earlier than what it was set
    /// to: a later one is looked at when the timer fires, so that a byte costs no timer operation.
    pub(super) fn give_back(&mut self, mut entry: Box<Entry>, deadline: Instant) {
        if deadline < entry.armed {
            self.set_timer(&mut entry, deadline);
        }
        if entry.negotiates && !entry.session.negotiates() {
            self.negotiating -= 1;
            entry.negotiates = false;
        }
        if entry.detached {
            self.detached.insert(entry.id, entry);
        } else if let Some(slot) = self.slots.get_mut(entry.id.index()) {
            *slot = Some(entry);
        }
    }

    /// Forgets a session that was taken out.
    pub(super) fn end(&mut self, entry: Entry) -> Session {
        self.timers.cancel(entry.timer);
        self.count -= 1;
        self.negotiating -= usize::from(entry.negotiates);
        entry.session
    }

    /// The next session whose timer has fired. Its timer is armed again by [`Self::give_back`].
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<ConnectionId> {
        let id = self.timers.pop_expired(now)?;
        if let Some(entry) = self.get_mut(id) {
            entry.armed = Instant::FAR_FUTURE;
        }
        Some(id)
    }

    /// When [`Self::pop_due`] may have something.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.timers.next_expiry()
    }

    /// Every connection with a session.
    pub(super) fn ids(&self) -> Vec<ConnectionId> {
        self.slots.iter().flatten().chain(self.detached.values()).map(|entry| entry.id).collect()
    }

    /// The session of a connection, to be shown.
    pub(super) fn get(&self, id: ConnectionId) -> Option<&Session> {
        let entry = self.slots.get(id.index())?.as_deref()?;
        (entry.id == id).then_some(&entry.session)
    }

    fn set_timer(&mut self, entry: &mut Entry, deadline: Instant) {
        if self.timers.rearm(entry.timer, deadline).is_none() {
            entry.timer = self.timers.arm(entry.id, deadline);
        }
        entry.armed = deadline;
    }
}
