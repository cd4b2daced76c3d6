//! A worker's connections and its timers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::client::Client;
use crate::seconds::{ConnectionState, Place};
use crate::tick::Tick;
use crate::transport::Token;

/// An operation, from when it is due to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Op {
    pub(super) place: Place,
    pub(super) intended: Tick,
    pub(super) sent: Tick,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) client: Box<Client>,
    pub(super) state: ConnectionState,
    /// When its SYN was sent.
    pub(super) opened: Tick,
    /// Which of the names it asks for.
    pub(super) name: u32,
    pub(super) op: Option<Op>,
    pub(super) held: bool,
    /// When what is under way has to be over.
    pub(super) deadline: Option<Tick>,
    /// The server has ended its direction.
    pub(super) server_ended: bool,
    /// When the next timer goes off that looks at the deadline.
    watched: Option<Tick>,
}

/// All of them, by token.
#[derive(Debug, Default)]
pub(super) struct Conns {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    conn: Option<Conn>,
}

impl Conns {
    /// A place for a new connection.
    pub(super) fn insert(&mut self, client: Box<Client>, opened: Tick, name: u32) -> Token {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).expect("connections are limited")
        });
        let slot = &mut self.slots[index as usize];
        slot.conn = Some(Conn {
            client,
            state: ConnectionState::Connecting,
            opened,
            name,
            op: None,
            held: false,
            deadline: None,
            server_ended: false,
            watched: None,
        });
        Token { index, generation: slot.generation }
    }

    pub(super) fn get_mut(&mut self, token: Token) -> Option<&mut Conn> {
        let slot = self.slots.get_mut(token.index as usize)?;
        if slot.generation == token.generation { slot.conn.as_mut() } else { None }
    }

    pub(super) fn remove(&mut self, token: Token) -> Option<Conn> {
        let slot = self.slots.get_mut(token.index as usize)?;
        if slot.generation != token.generation {
            return None;
        }
        let conn = slot.conn.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(token.index);
        Some(conn)
    }

    /// How many there are, closing ones included.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// All there are.
    pub(super) fn tokens(&self) -> Vec<Token> {
        let token = |(index, slot): (usize, &Slot)| {
            let index = u32::try_from(index).ok()?;
            slot.conn.as_ref().map(|_| Token { index, generation: slot.generation })
        };
        self.slots.iter().enumerate().filter_map(token).collect()
    }
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Timer {
    /// Is the operation, or the close, over?
    Deadline,
    /// The next piece of what is sent slowly.
    Write,
    /// The next look at what has come.
    Read,
    /// A place in a closed loop may be used again after a failure.
    Pause,
}

/// Timers, the next one first.
#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(Tick, Timer, u32, u32)>>);

impl Timers {
    pub(super) fn set(&mut self, at: Tick, timer: Timer, token: Token) {
        self.0.push(Reverse((at, timer, token.index, token.generation)));
    }

    /// Sets the deadline of a connection. A timer that goes off earlier looks at it and sets the next:
    /// most deadlines are moved before they pass, and need no timer of their own.
    pub(super) fn limit(&mut self, conn: &mut Conn, token: Token, deadline: Tick) {
        conn.deadline = Some(deadline);
        if conn.watched.is_none_or(|watched| deadline < watched) {
            conn.watched = Some(deadline);
            self.set(deadline, Timer::Deadline, token);
        }
    }

    /// The timer of a connection's deadline went off: is it over? If not, it is set again.
    pub(super) fn is_over(&mut self, conn: &mut Conn, token: Token, now: Tick) -> bool {
        conn.watched = None;
        match conn.deadline {
            Some(deadline) if deadline <= now => true,
            Some(deadline) => {
                self.limit(conn, token, deadline);
                false
            }
            None => false,
        }
    }

    pub(super) fn next(&self) -> Option<Tick> {
        self.0.peek().map(|Reverse((at, ..))| *at)
    }

    pub(super) fn pop_due(&mut self, now: Tick) -> Option<(Timer, Token)> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, timer, index, generation)) = self.0.pop()?;
        Some((timer, Token { index, generation }))
    }

    /// Forgets all of them: the clock starts anew.
    pub(super) fn clear(&mut self, conns: &mut Conns) {
        self.0.clear();
        for conn in conns.slots.iter_mut().filter_map(|slot| slot.conn.as_mut()) {
            conn.watched = None;
        }
    }
}
