//! The neighbour cache.

use core::net::{IpAddr, Ipv4Addr};

use crate::engine::neighbor::{Due, Learned, NeighborCache, Question, Resolution, Source};
use crate::time::{Instant, Span};
use crate::wire::ethernet::MacAddress;

const MAC: MacAddress = MacAddress([2, 0, 0, 0, 0, 9]);
const OTHER_MAC: MacAddress = MacAddress([2, 0, 0, 0, 0, 10]);

fn host(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

#[test]
fn a_neighbour_is_asked_for_and_then_known() {
    let mut cache = NeighborCache::new(4);
    assert_eq!(cache.resolve(at(0), host(1)), Resolution::Pending);
    assert_eq!(cache.next_due(), Some(at(0)));
    let question = Due::Ask(Question { address: host(1), to: None });
    assert_eq!(cache.poll(at(0)), Some(question));
    assert_eq!(cache.poll(at(0)), None);
    assert_eq!(cache.resolve(at(1), host(1)), Resolution::Pending);
    assert_eq!(cache.learn(at(2), host(1), MAC, Source::Answer), Learned::Resolved);
    assert_eq!(cache.resolve(at(3), host(1)), Resolution::Known(MAC));
    assert_eq!(cache.next_due(), None);
}

#[test]
fn one_that_never_answers_is_left_alone_for_a_while() {
    let mut cache = NeighborCache::new(4);
    assert_eq!(cache.resolve(at(0), host(1)), Resolution::Pending);
    let mut asked = 0;
    let mut now = at(0);
    let mut failed = None;
    while let Some(due) = cache.next_due() {
        now = due;
        match cache.poll(now) {
            Some(Due::Ask(_)) => asked += 1,
            Some(Due::Failed(address)) => failed = Some(address),
            None => panic!("something was due"),
        }
    }
    assert_eq!((asked, failed, now), (3, Some(host(1)), at(3_000)));
    assert_eq!(cache.resolve(now, host(1)), Resolution::Unreachable);
    let later = now + Span::from_secs(3);
    assert_eq!(cache.resolve(later, host(1)), Resolution::Pending);
    assert!(cache.poll(later).is_some());
}

#[test]
fn an_old_answer_is_used_while_it_is_checked() {
    let mut cache = NeighborCache::new(4);
    let old = at(30_000);
    let question = |to| Some(Due::Ask(Question { address: host(1), to }));
    assert_eq!(cache.learn(at(0), host(1), MAC, Source::Question), Learned::Nothing);
    assert_eq!(cache.resolve(old, host(1)), Resolution::Known(MAC));
    assert_eq!(cache.poll(old), question(Some(MAC)));
    assert_eq!(cache.resolve(old, host(1)), Resolution::Known(MAC));
    assert_eq!(cache.poll(at(31_000)), question(Some(MAC)));
    // The last question goes to everybody, and the neighbour has moved.
    assert_eq!(cache.poll(at(32_000)), question(None));
    assert_eq!(cache.learn(at(32_500), host(1), OTHER_MAC, Source::Answer), Learned::Nothing);
    assert_eq!(cache.resolve(at(32_500), host(1)), Resolution::Known(OTHER_MAC));
}

#[test]
fn announcements_of_strangers_are_not_kept() {
    let mut cache = NeighborCache::new(4);
    assert_eq!(cache.learn(at(0), host(1), MAC, Source::Announcement), Learned::Nothing);
    assert_eq!(cache.learn(at(0), host(1), MAC, Source::Answer), Learned::Nothing);
    assert_eq!(
        cache.learn(at(0), host(1), MacAddress::BROADCAST, Source::Question),
        Learned::Nothing
    );
    assert_eq!(cache.len(), 0);
}

#[test]
fn the_longest_unused_goes_first_and_open_questions_stay() {
    let mut cache = NeighborCache::new(2);
    for (millis, last) in [(0, 1), (1, 2)] {
        assert_eq!(cache.learn(at(millis), host(last), MAC, Source::Question), Learned::Nothing);
    }
    assert_eq!(cache.resolve(at(2), host(1)), Resolution::Known(MAC));
    assert_eq!(cache.resolve(at(3), host(3)), Resolution::Pending);
    assert_eq!(cache.resolve(at(4), host(1)), Resolution::Known(MAC));
    assert_eq!(cache.resolve(at(5), host(4)), Resolution::Pending);
    assert_eq!(cache.resolve(at(6), host(5)), Resolution::Full);
    assert_eq!(cache.len(), 2);
}
