//! Who closes first, who closes last, and who does not wait.

use std::io::{ErrorKind, Read};
use std::net::{Shutdown, TcpStream};

use netstack::{CloseReason, TcpState};
use netstack_simulator::{Ending, Family, Host, HostConfig, Outcome, Plan};
use rustix::net::sockopt::set_socket_linger;

use crate::lab::{GOOD, Lab, OPENINGS, Opener, SOON};
use crate::peer::{Finish, exchange, read_to_end, send};

const STREAM: u64 = 50_000;

/// Runs a case for both families and both openers, and checks that nothing is left.
fn each_opening(hint: &str, case: impl Fn(&mut Lab, Family, Opener)) {
    let mut lab = Lab::new(hint, HostConfig::new(1), [GOOD; 2], 1);
    for (family, opener) in OPENINGS {
        case(&mut lab, family, opener);
    }
    lab.engine.settle();
}

/// What became of the only connection.
fn outcome(lab: &mut Lab) -> Outcome {
    let [outcome] = lab.outcomes(1)[..] else { panic!("one connection") };
    outcome
}

/// How many of the engine's connections are in `state`.
fn engine_states(host: &Host, state: TcpState) -> u32 {
    let passive = host.listeners.iter().filter_map(|id| host.engine.state_counts(*id));
    let counts = passive.chain([host.engine.active_state_counts()]);
    counts.map(|counts| counts.get(state)).sum()
}

#[test]
fn a_kernel_that_closes_first_waits_and_the_engine_does_not() {
    each_opening("kernel-first", |lab, family, opener| {
        let before = lab.kernel_sockets("time-wait");
        // The whole stream comes behind the kernel's FIN: half-closed.
        let stream =
            lab.open(family, opener, Plan::sending(STREAM).ending(Ending::FinishAfterPeer));
        lab.kernel(move || exchange(stream, STREAM, STREAM, Finish::WhenSent));
        let outcome = outcome(lab);
        assert_eq!((outcome.received, outcome.peer_finished), (STREAM, true));
        assert_eq!(outcome.closed, Some(CloseReason::Finished), "{family:?} {opener:?}");
        assert_eq!(engine_states(&lab.engine.host, TcpState::TimeWait), 0);
        assert_eq!(lab.kernel_sockets("time-wait"), before + 1);
    });
}

#[test]
fn an_engine_that_closes_first_waits_and_the_kernel_does_not() {
    each_opening("engine-first", |lab, family, opener| {
        let before = engine_states(&lab.engine.host, TcpState::TimeWait);
        let stream = lab.open(family, opener, Plan::sending(STREAM).ending(Ending::Finish));
        lab.kernel(move || {
            stream.set_read_timeout(Some(SOON)).expect("a timeout");
            assert_eq!(read_to_end(&stream), STREAM);
            // The kernel's whole stream comes behind the engine's FIN.
            send(&stream, STREAM);
        });
        let outcome = outcome(lab);
        assert_eq!((outcome.received, outcome.peer_finished), (STREAM, true));
        assert_eq!(outcome.closed, Some(CloseReason::Finished), "{family:?} {opener:?}");
        assert_eq!(engine_states(&lab.engine.host, TcpState::TimeWait), before + 1);
        assert_eq!(lab.kernel_sockets("time-wait"), 0);
    });
}

#[test]
fn fins_that_cross_end_a_connection() {
    each_opening("crossing", |lab, family, opener| {
        let plan = Plan::sending(0).ending(Ending::FinishAfterPeer);
        let stream = lab.open(family, opener, plan);
        let blocked = netstack_simulator::Impairments { loss: 1_000, ..GOOD };
        // The engine's FIN is lost until the kernel's has come, and so is the kernel's ACK.
        lab.path.change(|[_, from_engine]| from_engine.set_impairments(blocked));
        lab.engine.shut_down_all();
        lab.engine
            .run_until(SOON, "a lost FIN", |host| engine_states(host, TcpState::FinWait1) == 1);
        stream.shutdown(Shutdown::Write).expect("it is open");
        lab.engine
            .run_until(SOON, "a crossing FIN", |host| engine_states(host, TcpState::Closing) == 1);
        lab.path.change(|[_, from_engine]| from_engine.set_impairments(GOOD));
        let outcome = outcome(lab);
        assert!(outcome.peer_finished);
        assert_eq!(outcome.closed, Some(CloseReason::Finished), "{family:?} {opener:?}");
    });
}

#[test]
fn an_engine_that_lets_go_resets_what_still_comes() {
    each_opening("let-go", |lab, family, opener| {
        let stream = lab.open(family, opener, Plan::sending(STREAM).ending(Ending::LetGo));
        let resets = lab.engine.host.engine.counters().resets_sent;
        lab.kernel(move || {
            stream.set_read_timeout(Some(SOON)).expect("a timeout");
            assert_eq!(read_to_end(&stream), STREAM, "what was queued still comes");
            send(&stream, 1);
            let error = stream_error(&stream);
            assert!(matches!(error, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
        });
        assert!(outcome(lab).let_go);
        let counters = lab.engine.host.engine.counters();
        assert_eq!(counters.resets_sent, resets + 1, "{family:?} {opener:?}");
    });
}

/// Waits for the reset.
fn stream_error(mut stream: &TcpStream) -> ErrorKind {
    // A FIN came before it: reads give 0 until the reset is there.
    let mut error = None;
    let seen = hosts::wait_until(SOON, "a reset", || {
        error = stream.take_error().expect("a socket").map(|error| error.kind());
        error = error.or_else(|| stream.read(&mut [0]).err().map(|error| error.kind()));
        error.is_some()
    });
    seen.map(|()| error).expect("in time").expect("one was seen")
}

#[test]
fn an_engine_that_aborts_is_seen_as_a_reset() {
    each_opening("abort", |lab, family, opener| {
        let plan = Plan::sending(0).ending(Ending::Abort { after_received: STREAM });
        let stream = lab.open(family, opener, plan);
        lab.kernel(move || {
            stream.set_read_timeout(Some(SOON)).expect("a timeout");
            send(&stream, STREAM);
            assert_eq!(stream_error(&stream), ErrorKind::ConnectionReset);
        });
        let outcome = outcome(lab);
        assert_eq!(outcome.closed, Some(CloseReason::Aborted), "{family:?} {opener:?}");
    });
}

#[test]
fn a_kernel_that_resets_ends_the_connection_at_once() {
    each_opening("reset", |lab, family, opener| {
        let stream = lab.open(family, opener, Plan::sending(STREAM).ending(Ending::Never));
        lab.kernel(move || {
            let now = std::time::Duration::ZERO;
            set_socket_linger(&stream, Some(now)).expect("it lingers for no time");
            drop(stream);
        });
        let outcome = outcome(lab);
        assert_eq!(outcome.closed, Some(CloseReason::ResetByPeer), "{family:?} {opener:?}");
    });
}

#[test]
fn a_kernel_that_closes_without_having_read_resets() {
    each_opening("unread", |lab, family, opener| {
        let stream =
            lab.open(family, opener, Plan::sending(STREAM).ending(Ending::FinishAfterPeer));
        lab.engine
            .run_until(SOON, "all acknowledged", |host| host.engine.held().send_buffers.count == 0);
        lab.kernel(move || drop(stream));
        let outcome = outcome(lab);
        assert_eq!(outcome.closed, Some(CloseReason::ResetByPeer), "{family:?} {opener:?}");
    });
}

#[test]
fn a_port_nobody_listens_on_refuses() {
    let mut lab = Lab::new("refused", HostConfig::new(1), [GOOD; 2], 1);
    for family in [Family::V4, Family::V6] {
        lab.engine.connect(family, 9, Plan::sending(1));
        assert_eq!(outcome(&mut lab).closed, Some(CloseReason::Refused), "{family:?}");
        let to = crate::lab::address(family, 1);
        let refused = lab.kernel(|| TcpStream::connect_timeout(&(to, 9).into(), SOON));
        let error = refused.expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{family:?}");
    }
    lab.engine.settle();
}
