//! A script as a value: packetdrill's language, the part of it that the README lists.

mod call;
mod lexer;
mod packet;
mod parser;
mod time;

#[cfg(test)]
mod tests;

use std::fmt;

pub(crate) use parser::parse;

use crate::packet::{Ecn, Flags};

/// Something that is wrong with the text of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl SyntaxError {
    pub(crate) fn new(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into() }
    }
}

/// A whole script.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// `--name=value` at its start.
    pub(crate) options: Vec<ScriptOption>,
    pub(crate) events: Vec<Event>,
}

/// An option of packetdrill's command line that a script brings itself.
#[derive(Clone, Debug)]
pub(crate) struct ScriptOption {
    pub(crate) line: usize,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) line: usize,
    pub(crate) time: Time,
    pub(crate) action: Action,
}

/// When. All times are in µs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time {
    pub(crate) from: Anchor,
    pub(crate) start: i64,
    /// Behind `~`: it may happen up to then.
    pub(crate) latest: Option<i64>,
    /// Behind `...`: a call waits until then.
    pub(crate) end: Option<i64>,
}

/// What a time counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// The script's start.
    Start,
    /// The event before: `+`.
    Previous,
    /// Nothing: `*`, whenever it happens.
    Any,
}

/// What happens.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// A segment arrives: `<`.
    In(PacketSpec),
    /// A segment is to leave: `>`.
    Out(PacketSpec),
    /// An ICMP error arrives.
    Icmp(IcmpSpec),
    /// The application calls.
    Call(CallSpec),
    /// `%{ assert .. }%`.
    Assert(Vec<Assertion>),
}

/// A segment.
#[derive(Clone, Debug)]
pub(crate) struct PacketSpec {
    pub(crate) ecn: EcnSpec,
    pub(crate) flags: Flags,
    pub(crate) range: SeqSpec,
    pub(crate) ack: Option<u32>,
    pub(crate) window: Option<u16>,
    pub(crate) urgent: Option<u16>,
    pub(crate) options: OptionsSpec,
}

/// `start:end(length)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeqSpec {
    pub(crate) start: u32,
    pub(crate) payload_len: u16,
}

/// The ECN field in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EcnSpec {
    /// Not said: any when it leaves, none when it arrives.
    Unsaid,
    /// Exactly this.
    Is(Ecn),
    /// `ect01`: either of the two.
    AnyEct,
}

/// The options in angle brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OptionsSpec {
    /// `<...>`.
    Any,
    /// Exactly these, in this order; none if there are no brackets.
    Are(Vec<crate::packet::TcpOption>),
}

/// An ICMP error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IcmpSpec {
    pub(crate) kind: IcmpKind,
    pub(crate) mtu: u32,
    /// The segment that it quotes.
    pub(crate) quoted: SeqSpec,
}

/// What an ICMP error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IcmpKind {
    PacketTooBig,
    HostUnreachable,
    NetUnreachable,
    PortUnreachable,
    ProtocolUnreachable,
    TimeExceeded,
}

/// A call and what it is to give.
#[derive(Clone, Debug)]
pub(crate) struct CallSpec {
    pub(crate) name: String,
    pub(crate) arguments: Vec<Value>,
    /// `None` is `...`: whatever.
    pub(crate) result: Option<i64>,
    pub(crate) errno: Option<String>,
}

/// An argument of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Number(i64),
    /// Symbols with `|` between them.
    Symbols(Vec<String>),
    /// `...`
    Unsaid,
    Text(String),
    /// `[..]`
    List(Vec<Self>),
    /// `{..}`: names and values.
    Fields(Vec<(String, Self)>),
}

/// A comparison with a field of TCP_INFO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assertion {
    pub(crate) line: usize,
    pub(crate) field: String,
    pub(crate) comparison: Comparison,
    pub(crate) value: u64,
}

/// How two numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// Whether `left` and `right` compare so.
    pub(crate) const fn holds(self, left: u64, right: u64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}
