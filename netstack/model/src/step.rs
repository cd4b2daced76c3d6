//! A recorded step of a host: what happened to it, what it shows afterwards, what it sent.

use crate::segment::{Flow, Segment, Time};
use crate::state::State;

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// When.
    pub at: Time,
    /// What happened.
    pub label: Label,
    /// What the host shows afterwards of the connections that the label is about and of those
    /// that sent something. The state before is what it showed last.
    pub after: Vec<(Flow, View)>,
    /// What it sent, in order. Empty but for [`Label::Transmit`].
    pub out: Vec<(Flow, Segment)>,
}

/// What happened to a host.
#[derive(Clone, Debug)]
pub enum Label {
    /// A segment arrived.
    Segment(Flow, Segment),
    /// Something else arrived, or a segment that nobody may use.
    Noise,
    /// An ICMP error arrived that may quote a segment of ours.
    IcmpError,
    /// A user call.
    Call(Flow, Call),
    /// The host told its user something.
    Event(Flow, Event),
    /// Time passed, and timers ran.
    Timers,
    /// The link took what the host had to send.
    Transmit(Link),
}

/// How much the link took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// All that was due.
    Drained,
    /// Not all: the rest is still due.
    Full,
}

/// A user call. RFC 9293 §3.9.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Active OPEN.
    Open,
    /// SEND of so many octets.
    Send(i64),
    /// RECEIVE of so many octets: their room is free again.
    Consumed(i64),
    /// CLOSE: no more to send.
    Shutdown,
    /// CLOSE by a user that won't read any more either: the host shows nothing afterwards.
    LetGo,
    /// ABORT.
    Abort,
}

/// What a host tells its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The connection is open.
    Opened,
    /// The peer's FIN was taken.
    PeerFinished,
    /// The connection has ended.
    Ended(Ending),
}

/// Why a connection ended, as the host says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Both sides finished.
    Finished,
    /// By a RST.
    Reset,
    /// By our ABORT.
    Aborted,
    /// An OPEN was answered by RST.
    Refused,
    /// A handshake was not answered in time.
    HandshakeTimeout,
    /// Data was not acknowledged, or a window stayed closed, for too long.
    UserTimeout,
    /// Keepalive probes were not answered.
    KeepaliveTimeout,
    /// A closing state lasted too long.
    CloseTimeout,
    /// ICMP.
    Unreachable,
    /// The host contradicted itself.
    Internal,
}

/// What a host shows of a connection: as `ss -ti` would.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// The state.
    pub state: State,
    /// SND.UNA as the wire has it.
    pub snd_una: u32,
    /// SND.NXT as the wire has it.
    pub snd_nxt: u32,
    /// RCV.NXT as the wire has it.
    pub rcv_nxt: u32,
    /// SND.WND.
    pub snd_wnd: i64,
    /// RCV.WND, as far as it was advertised.
    pub rcv_wnd: i64,
    /// The payload of a full segment.
    pub mss: i64,
    /// The largest packet.
    pub path_mtu: usize,
    /// The congestion window.
    pub cwnd: i64,
    /// The slow start threshold.
    pub ssthresh: i64,
    /// What counts as being in the network.
    pub flight: i64,
    /// SRTT.
    pub srtt: Option<Time>,
    /// RTTVAR.
    pub rttvar: Option<Time>,
    /// The retransmission timeout with its backoff.
    pub rto: Time,
    /// How often it was doubled.
    pub backoff: u32,
    /// The time of the nearest timer.
    pub timer: Option<Time>,
}
