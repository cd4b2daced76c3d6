use std::collections::HashSet;

use netstack::CloseReason;
use weir_tls::{Reason, SealError};

use super::{Ending, Parting};
use crate::vhost::Refusal;

fn all() -> Vec<Ending> {
    let mut all = vec![
        Ending::Finished,
        Ending::GaveUp,
        Ending::Handshake(Reason::NotTls),
        Ending::Refused(Refusal::UnknownName),
        Ending::IdleTimeout,
        Ending::NoPool,
        Ending::BackendUnreachable,
        Ending::BackendReset,
        Ending::Unsealed(SealError::KeyExhausted),
        Ending::NoBuffer,
        Ending::Drained,
        Ending::Panicked,
        Ending::Truncated,
    ];
    all.extend(CloseReason::ALL.map(Ending::Connection));
    all
}

#[test]
fn every_ending_has_a_name_of_its_own() {
    let names = Ending::names();
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    let places: HashSet<usize> = all().iter().map(Ending::index).collect();
    assert_eq!(places.len(), all().len());
    assert!(places.iter().all(|&place| place < names.len()));
}

#[test]
fn client_is_never_told_of_an_end_that_is_none() {
    for ending in [Ending::BackendReset, Ending::NoBuffer, Ending::Panicked] {
        assert_eq!(ending.parting(), Parting::Abort, "{ending:?}");
    }
    assert_eq!(Ending::Finished.parting(), Parting::Close);
    assert_eq!(Ending::Connection(CloseReason::ResetByPeer).parting(), Parting::Gone);
}
