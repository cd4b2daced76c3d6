//! How bytes of connections get to the server and back: one interface over kernel sockets and over
//! weir's own stack.

pub(crate) mod kernel;
pub(crate) mod source;
pub(crate) mod xdp;

use std::fmt;
use std::net::SocketAddr;
use std::ops::DerefMut;
use std::time::Duration;

use crate::seconds::Reason;
use crate::tick::Tick;

/// A connection of a worker: a number that is used again, and which use of it this is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Token {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl Token {
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    pub(crate) fn from_bits(bits: u64) -> Self {
        let [i0, i1, i2, i3, g0, g1, g2, g3] = bits.to_le_bytes();
        Self {
            index: u32::from_le_bytes([i0, i1, i2, i3]),
            generation: u32::from_le_bytes([g0, g1, g2, g3]),
        }
    }
}

/// What a transport has to tell of a connection.
#[derive(Debug)]
pub(crate) enum Event<B> {
    /// It is established.
    Connected(Token),
    /// Bytes of the server.
    Received(Token, B),
    /// All that was given to send is under way: there is room for more.
    Sent(Token),
    /// The server has finished sending.
    Ended(Token),
    /// It is gone.
    Failed(Token, Reason),
}

/// How to let go of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Parting {
    /// Both directions have ended, or it does not matter.
    Close,
    /// The server is not to take what it has for the whole.
    Reset,
}

/// How much of what comes is wanted at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Appetite {
    /// As much as there is.
    Large,
    /// Two kilobytes at most: of a slow reader.
    Small,
}

/// Why a transport can't go on, or can't begin.
#[derive(Debug)]
pub(crate) struct TransportError(pub(crate) String);

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Connections to servers, of one worker.
///
/// A connection brings nothing before [`Transport::receive`] asks for it, once for each
/// [`Event::Received`]: a worker that does not ask is a slow reader. After [`Event::Failed`] and after
/// [`Transport::part`] a token is dead.
pub(crate) trait Transport {
    /// Received bytes, to be changed in place.
    type Bytes: DerefMut<Target = [u8]>;

    /// The time. It does not move between two turns.
    fn now(&self) -> Tick;

    /// The run begins: the time is [`Tick::START`].
    fn start(&mut self);

    /// Begins a connection.
    fn connect(&mut self, token: Token, to: SocketAddr) -> Result<(), Reason>;

    /// Sends `bytes` behind what was sent before.
    fn send(&mut self, token: Token, bytes: Vec<u8>);

    /// Ends our direction behind what was sent.
    fn finish(&mut self, token: Token);

    /// Asks for what comes next.
    fn receive(&mut self, token: Token, appetite: Appetite);

    /// Lets go of a connection.
    fn part(&mut self, token: Token, parting: Parting);

    /// Sends what is to be sent, and waits for something to happen, at most for `wait`.
    fn turn(&mut self, wait: Duration) -> Result<(), TransportError>;

    /// What has happened, in order.
    fn next(&mut self) -> Option<Event<Self::Bytes>>;

    /// An empty buffer to send from.
    fn buffer(&mut self) -> Vec<u8>;

    /// Frames or receives that found no buffer or no room so far.
    fn drops(&self) -> u64;
}
