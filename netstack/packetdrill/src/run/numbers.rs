//! A script's numbers and those on the wire.
//!
//! In a script our initial sequence number is 0 and our first timestamp is what the script says
//! it is; the peer's numbers are as written, plus a base of the run's own.

use crate::packet::TcpOption;

/// What is added to the numbers of a script.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    /// To ours, once our SYN is known.
    local: Option<u32>,
    /// To the peer's.
    remote: u32,
    /// To our timestamps, once the script has named one.
    timestamps: Option<u32>,
    /// The TSval that left last.
    last_value: u32,
    /// Our first initial sequence number.
    first_isn: Option<u32>,
    /// Whether the next SYN of ours begins a connection.
    incarnation: Incarnation,
    /// How much later than usual the engine's clock starts.
    start_shift_us: u64,
}

/// Whose SYN comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Incarnation {
    /// One with a number of its own.
    New,
    /// The same again.
    Same,
}

/// Bytes before the wrap.
const BEFORE_WRAP: u32 = 700;
/// µs in which the clock of initial sequence numbers advances by one. RFC 6528 §3.
const ISN_TICK_US: u64 = 4;

impl Numbers {
    /// Numbers as they come.
    pub(super) const fn plain() -> Self {
        Self {
            local: None,
            remote: 0,
            timestamps: None,
            last_value: 0,
            first_isn: None,
            incarnation: Incarnation::New,
            start_shift_us: 0,
        }
    }

    /// Numbers that wrap, given our first one in a plain run: the clock starts so much later that
    /// it comes to lie just before the wrap.
    pub(super) fn wrapping(first_isn: Option<u32>) -> Self {
        let target = 0u32.wrapping_sub(BEFORE_WRAP);
        let shift = first_isn.map_or(0, |isn| target.wrapping_sub(isn));
        Self { remote: target, start_shift_us: u64::from(shift) * ISN_TICK_US, ..Self::plain() }
    }

    pub(super) const fn first_isn(&self) -> Option<u32> {
        self.first_isn
    }

    pub(super) const fn start_shift_us(&self) -> u64 {
        self.start_shift_us
    }

    /// A connection may begin: the next SYN of ours has a number of its own.
    pub(super) const fn expect_syn(&mut self) {
        self.incarnation = Incarnation::New;
    }

    /// Whether the next SYN of ours begins a connection, so that its number is 0.
    pub(super) fn awaits_syn(&self) -> bool {
        self.incarnation == Incarnation::New
    }

    /// Our SYN, which the script calls `script_seq`, has left with `seq`.
    pub(super) fn on_syn(&mut self, script_seq: u32, seq: u32) {
        if self.incarnation == Incarnation::New {
            self.incarnation = Incarnation::Same;
            self.local = Some(seq.wrapping_sub(script_seq));
            self.first_isn.get_or_insert(seq);
        }
    }

    /// The TSval that the script calls `script_value` has left.
    pub(super) fn on_timestamp(&mut self, script_value: Option<u32>, value: u32) {
        self.last_value = value;
        if let Some(script_value) = script_value {
            self.timestamps.get_or_insert_with(|| value.wrapping_sub(script_value));
        }
    }

    /// A number of ours on the wire.
    pub(super) fn local_out(&self, script: u32) -> u32 {
        script.wrapping_add(self.local.unwrap_or(0))
    }

    /// A number of ours in the script.
    pub(super) fn local_in(&self, live: u32) -> u32 {
        live.wrapping_sub(self.local.unwrap_or(0))
    }

    /// A number of the peer's on the wire.
    pub(super) const fn remote_out(&self, script: u32) -> u32 {
        script.wrapping_add(self.remote)
    }

    /// A number of the peer's in the script.
    pub(super) const fn remote_in(&self, live: u32) -> u32 {
        live.wrapping_sub(self.remote)
    }

    /// An option of a segment that arrives, as the wire has it: blocks are of our numbers, an echo
    /// is of our clock.
    pub(super) fn option_out(&self, option: &TcpOption, echoes: Echo) -> TcpOption {
        match option {
            TcpOption::Sack(blocks) => {
                let block =
                    |&(left, right): &(u32, u32)| (self.local_out(left), self.local_out(right));
                TcpOption::Sack(blocks.iter().map(block).collect())
            }
            TcpOption::Timestamps { value, echo } if echoes == Echo::Yes => {
                let echo = match self.timestamps {
                    Some(offset) => echo.wrapping_add(offset),
                    // No script has named our clock: what is echoed is what it last said.
                    None => self.last_value,
                };
                TcpOption::Timestamps { value: *value, echo }
            }
            other => other.clone(),
        }
    }

    /// An option of a segment that left, as the script has it.
    pub(super) fn option_in(&self, option: &TcpOption) -> TcpOption {
        match option {
            TcpOption::Sack(blocks) => {
                let block =
                    |&(left, right): &(u32, u32)| (self.remote_in(left), self.remote_in(right));
                TcpOption::Sack(blocks.iter().map(block).collect())
            }
            TcpOption::Timestamps { value, echo } => {
                let value = value.wrapping_sub(self.timestamps.unwrap_or(0));
                TcpOption::Timestamps { value, echo: *echo }
            }
            other => other.clone(),
        }
    }
}

/// Whether the echo of a segment's timestamps means anything: it does with the ACK bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Echo {
    Yes,
    No,
}

/// The byte at `offset` of either stream: what is written and what arrives is this, so that what
/// is read and what leaves can be checked.
pub(super) fn byte_at(offset: u32) -> u8 {
    offset.wrapping_mul(2_654_435_761).to_be_bytes()[0]
}

/// `len` bytes of either stream from `offset` on.
pub(super) fn bytes_at(offset: u32, len: usize) -> Vec<u8> {
    (0..len).map(|at| byte_at(offset.wrapping_add(u32::try_from(at).unwrap_or(0)))).collect()
}
