//! Opening: passive, active, simultaneous, refused, lost.

use super::host::{Host, Peer};
use crate::wire::tcp::Flags;
use crate::{Event, TcpState};

#[test]
fn passive_open_takes_data_and_fin_on_the_third_ack() {
    let mut host = Host::new();
    let mut peer = Peer::new();
    host.receive(peer.flagged(Flags::SYN));
    let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
    assert_eq!(syn_ack.ack, Some(peer.seq + 1));
    peer.seq += 1;
    peer.ack = syn_ack.seq + 1;
    peer.flags = Flags::ACK | Flags::FIN;
    host.receive(peer.frame(b"hello"));
    let id = host.only();
    let listener = host.listener;
    assert_eq!(
        host.take_events(),
        [Event::Accepted { id, listener }, Event::Readable { id }, Event::PeerFinished { id }]
    );
    assert_eq!(host.state(), TcpState::CloseWait);
    assert_eq!(host.read(id), b"hello");
    assert!(host.engine.recv_finished(id));
    let (ack, _) = host.segments().pop().expect("an ACK");
    assert_eq!(ack.ack, Some(peer.seq + 6));
}
