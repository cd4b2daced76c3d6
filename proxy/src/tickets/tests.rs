//! Tickets stay within their policy, and keys wear out.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustls::server::ProducesTickets;

use super::{PolicyId, PolicyTickets, Rotation, TicketKeys};

const LIFETIME: Duration = Duration::from_secs(3_600);

fn id(name: &str) -> PolicyId {
    PolicyId::new([name.as_bytes()])
}

#[test]
fn ticket_opens_under_its_own_policy_only() {
    let keys = TicketKeys::new(Instant::now(), LIFETIME).expect("randomness");
    let a = PolicyTickets::new(keys.clone(), id("a.example"));
    let b = PolicyTickets::new(keys.clone(), id("b.example"));
    let ticket = a.encrypt(b"state").expect("a ticket");
    assert_eq!(a.decrypt(&ticket).as_deref(), Some(b"state".as_slice()));
    assert_eq!(b.decrypt(&ticket), None);
    // After a reload the same policy has another producer.
    let again = PolicyTickets::new(keys.clone(), id("a.example"));
    assert_eq!(again.decrypt(&ticket).as_deref(), Some(b"state".as_slice()));
    let counts = keys.counts();
    let read = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
    assert_eq!((read(&counts.issued), read(&counts.accepted)), (1, 2));
    assert_eq!((read(&counts.refused), read(&counts.unknown_key)), (1, 0));
}

#[test]
fn rotated_key_still_opens_and_the_one_before_does_not() {
    let start = Instant::now();
    let keys = TicketKeys::new(start, LIFETIME).expect("randomness");
    let producer = PolicyTickets::new(keys.clone(), id("a.example"));
    let ticket = producer.encrypt(b"state").expect("a ticket");
    let due = start + LIFETIME;
    assert_eq!(keys.rotate_if_due(due - Duration::from_secs(1), LIFETIME), Ok(Rotation::NotDue));
    assert_eq!(keys.rotate_if_due(due, LIFETIME), Ok(Rotation::Rotated));
    assert_eq!(keys.age(due), Duration::ZERO);
    assert!(producer.decrypt(&ticket).is_some());
    assert_ne!(producer.encrypt(b"state").expect("a ticket")[..16], ticket[..16]);
    assert_eq!(keys.rotate_if_due(due + LIFETIME, LIFETIME), Ok(Rotation::Rotated));
    assert_eq!(producer.decrypt(&ticket), None);
    assert_eq!(keys.counts().unknown_key.load(Ordering::Relaxed), 1);
}

#[test]
fn lifetime_follows_the_configuration() {
    let start = Instant::now();
    let keys = TicketKeys::new(start, LIFETIME).expect("randomness");
    let producer = PolicyTickets::new(keys.clone(), id("a.example"));
    assert_eq!(producer.lifetime(), 3_600);
    let shorter = Duration::from_secs(60);
    assert_eq!(keys.rotate_if_due(start, shorter), Ok(Rotation::Rotated));
    assert_eq!(producer.lifetime(), 60);
}

#[test]
fn forged_and_cut_tickets_are_refused() {
    let keys = TicketKeys::new(Instant::now(), LIFETIME).expect("randomness");
    let producer = PolicyTickets::new(keys, id("a.example"));
    let ticket = producer.encrypt(b"state").expect("a ticket");
    for length in 0..ticket.len() {
        assert_eq!(producer.decrypt(&ticket[..length]), None, "cut to {length}");
    }
    for position in 0..ticket.len() {
        let mut forged = ticket.clone();
        forged[position] ^= 1;
        assert_eq!(producer.decrypt(&forged), None, "flipped at {position}");
    }
    assert_eq!(producer.decrypt(&vec![0; 100_000]), None);
}

#[test]
fn fields_of_an_identity_do_not_run_together() {
    assert_ne!(PolicyId::new([b"ab".as_slice(), b"c"]), PolicyId::new([b"a".as_slice(), b"bc"]));
}
