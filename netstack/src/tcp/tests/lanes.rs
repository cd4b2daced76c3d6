//! A link with several ways to the wire learns which one a train must stay on.

use std::vec;
use std::vec::Vec;

use super::host::{Host, Peer};
use crate::{Lane, Link, Train, Transmitted};

/// Takes everything by `lane`, and keeps what each train of data was bound to.
struct Lanes {
    lane: Lane,
    bound_to: Vec<Option<Lane>>,
}

impl Link for Lanes {
    fn transmit(&mut self, train: &Train<'_>) -> usize {
        if train.payload_len() > 0 {
            self.bound_to.push(train.bound_to());
        }
        train.took(self.lane);
        train.segments()
    }
}

impl Lanes {
    /// Sends everything that is due by `lane`: what each train of data was bound to.
    fn send(&mut self, host: &mut Host, lane: Lane) -> Vec<Option<Lane>> {
        self.lane = lane;
        assert_eq!(host.engine.poll_transmit(host.now, self), Transmitted::Done);
        core::mem::take(&mut self.bound_to)
    }
}

const FIRST: Lane = Lane(0);
const SECOND: Lane = Lane(1);

#[test]
fn a_train_stays_on_the_lane_of_what_is_under_way() {
    let mut host = Host::new();
    let mut peer = Peer::new();
    let id = peer.handshake(&mut host);
    let mut lanes = Lanes { lane: FIRST, bound_to: Vec::new() };
    let queue = |host: &mut Host| {
        host.engine.send(host.now, id, vec![b'x'; 1_000]).expect("there is room");
    };

    queue(&mut host);
    assert_eq!(lanes.send(&mut host, SECOND), [None], "nothing is under way");
    queue(&mut host);
    assert_eq!(lanes.send(&mut host, SECOND), [Some(SECOND)]);

    peer.ack += 1_000;
    host.receive(peer.frame(&[]));
    queue(&mut host);
    assert_eq!(lanes.send(&mut host, SECOND), [Some(SECOND)], "the second is still under way");

    peer.ack += 2_000;
    host.receive(peer.frame(&[]));
    queue(&mut host);
    assert_eq!(lanes.send(&mut host, FIRST), [None], "all has arrived");
    queue(&mut host);
    assert_eq!(lanes.send(&mut host, FIRST), [Some(FIRST)]);
}
