//! The choice among servers.

use std::time::Duration;

use super::pick::{Picker, Tried};
use super::pool::{Address, Pool, Server, Weight};

fn pool(weights: &[u16]) -> Pool {
    let servers = weights.iter().zip(1_u16..).map(|(weight, port)| Server {
        name: port.to_string(),
        address: Address::Inet(([127, 0, 0, 1], port).into()),
        weight: Weight::new(*weight).expect("a weight"),
    });
    Pool {
        name: "web".to_owned(),
        index: 3,
        servers: servers.collect(),
        connect_timeout: Duration::from_secs(1),
    }
}

fn picks(picker: &mut Picker, pool: &Pool, count: usize) -> Vec<usize> {
    let none = Tried::default();
    (0..count).map(|_| picker.pick(pool, &none).expect("a server").position).collect()
}

#[test]
fn equal_servers_take_turns() {
    assert_eq!(picks(&mut Picker::new(0), &pool(&[1, 1, 1]), 7), [0, 1, 2, 0, 1, 2, 0]);
}

#[test]
fn weights_are_shares_spread_over_the_round() {
    assert_eq!(picks(&mut Picker::new(0), &pool(&[5, 1, 1]), 7), [0, 0, 1, 0, 2, 0, 0]);
}

#[test]
fn workers_start_at_different_servers() {
    let pool = pool(&[1, 1, 1]);
    let first = |worker| picks(&mut Picker::new(worker), &pool, 1);
    assert_eq!([first(0), first(1), first(2), first(3)], [[0], [1], [2], [0]]);
}

#[test]
fn tried_servers_are_left_out_until_none_is_left() {
    let pool = pool(&[1, 1]);
    let mut picker = Picker::new(0);
    let mut tried = Tried::default();
    for _ in 0..pool.servers.len() {
        let position = picker.pick(&pool, &tried).expect("one is left").position;
        tried.insert(position);
    }
    assert_eq!(picker.pick(&pool, &tried), None);
}

#[test]
fn pool_that_changed_its_size_starts_anew() {
    let mut picker = Picker::new(0);
    assert_eq!(picks(&mut picker, &pool(&[1, 1]), 1), [0]);
    assert_eq!(picks(&mut picker, &pool(&[1, 1, 1]), 4), [0, 1, 2, 0]);
}

#[test]
fn weight_is_from_1_to_256() {
    assert_eq!(Weight::new(0), None);
    assert_eq!(Weight::new(257), None);
    assert_eq!(Weight::new(256).map(Weight::get), Some(256));
}
