//! The transition table, as it is printed. RFC 9293 §3.3.2, figure 5.

use std::fmt::Write;
use std::string::String;

use crate::tcp::state::{
    CloseCall, CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, Listen,
    Origin, Signal, State, SynReceived, SynSent, TcpState, TimeWait,
};

/// One state of each name.
fn every_state() -> [State; 11] {
    let (origin, close) = (Origin::Passive, CloseCall::None);
    [
        State::Closed(Closed),
        State::Listen(Listen),
        State::SynSent(SynSent { close }),
        State::SynReceived(SynReceived { origin, close }),
        State::Established(Established),
        State::FinWait1(FinWait1),
        State::FinWait2(FinWait2),
        State::CloseWait(CloseWait),
        State::Closing(Closing),
        State::LastAck(LastAck),
        State::TimeWait(TimeWait),
    ]
}

#[test]
fn the_transition_table_is_the_rfcs() {
    let mut table = String::new();
    for state in every_state() {
        write!(table, "{}:", state.name()).expect("a string takes it");
        for signal in Signal::ALL {
            let next = state.on(signal).name();
            if next != state.name() {
                write!(table, " {signal:?}={next}").expect("a string takes it");
            }
        }
        table.push('\n');
    }
    assert_eq!(table, TABLE);
}

#[test]
fn a_close_before_the_handshake_is_done_leads_past_established() {
    for state in [every_state()[2], every_state()[3]] {
        let closed = state.on(Signal::Close);
        assert_eq!(closed.name(), state.name());
        assert_eq!(closed.on(Signal::AckOfSyn).name(), TcpState::FinWait1);
    }
}

/// What moves each state, and to where. The rest leaves it as it is.
const TABLE: &str = "\
closed:
listen:
syn_sent: Abort=closed Syn=syn_received AckOfSyn=established Reset=closed Deadline=closed
syn_received: Abort=closed AckOfSyn=established Reset=closed Deadline=closed
established: Close=fin_wait_1 Abort=closed Fin=close_wait Reset=closed Deadline=closed
fin_wait_1: Abort=closed AckOfFin=fin_wait_2 Fin=closing Reset=closed Deadline=closed
fin_wait_2: Abort=closed Fin=time_wait Reset=closed Deadline=closed
close_wait: Close=last_ack Abort=closed Reset=closed Deadline=closed
closing: Abort=closed AckOfFin=time_wait Reset=closed Deadline=closed
last_ack: Abort=closed AckOfFin=closed Reset=closed Deadline=closed
time_wait: Abort=closed Deadline=closed
";
