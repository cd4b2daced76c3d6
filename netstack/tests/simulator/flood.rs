//! SYNs from addresses that never answer, many times more than may be half-open. RFC 4987.

use netstack::{AddressOwner, DropReason, Span, SynCookies};
use netstack_simulator::{
    Family, Host, Network, NetworkConfig, Plan, Random, fill_checksum, for_seeds,
};

use crate::sequence::{Clock, near_wrap};
use crate::transfer::assert_delivered;

/// Where TCP starts in a frame with IPv6.
const TCP_AT: usize = 54;

/// A SYN like `template` from an address, a port and a number of nobody.
fn strange_syn(template: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = template.to_vec();
    bytes[30..38].copy_from_slice(&random.next_u64().to_be_bytes());
    let [a, b, c, d, e, g, ..] = random.next_u64().to_be_bytes();
    bytes[TCP_AT..TCP_AT + 2].copy_from_slice(&[a | 0x80, b]);
    bytes[TCP_AT + 4..TCP_AT + 8].copy_from_slice(&[c, d, e, g]);
    fill_checksum(&mut bytes, TCP_AT);
    bytes
}

/// Lets `count` strange SYNs arrive at the server within a second.
fn flood(network: &mut Network, count: u64, random: &mut Random) {
    let template = network.cables[0].first_segment().expect("a SYN was sent").to_vec();
    for _ in 0..count {
        let now = network.now;
        network.hosts[1].receive(now, strange_syn(&template, random));
        network.run_for(Span::from_micros(1_000_000 / count));
    }
}

#[test]
pub(crate) fn a_flood_of_syns_holds_no_memory_and_lets_honest_clients_through() {
    for_seeds(0..10, |random| {
        let plans = [Plan::sending(30_000), Plan::sending(50_000)];
        let mut config = NetworkConfig::new(plans[1]);
        config.hosts[1].limits.half_open_max = 16;
        // Nobody resolves addresses of strangers: answers go back where the SYNs came from.
        let mut network = config.build(random);
        network.connect(Family::V6, plans[0]);
        network.run_until(Span::from_secs(10), |network| network.hosts[1].outcomes.len() == 1);
        flood(&mut network, 64, random);
        let held = network.hosts[1].engine.held();
        assert_eq!(held.half_open.count, 16);
        flood(&mut network, 2_000, random);
        let after = network.hosts[1].engine.held();
        assert_eq!((after.half_open, after.tcbs), (held.half_open, held.tcbs));
        assert_eq!((after.flow_table, after.timers), (held.flow_table, held.timers));
        for _ in 0..5 {
            network.connect(Family::V6, plans[0]);
            flood(&mut network, 500, random);
        }
        let counters = network.hosts[1].engine.counters();
        assert_eq!(counters.syn_cookies_accepted, 5);
        assert!(counters.syn_cookies_sent > 4_000, "{}", counters.syn_cookies_sent);
        assert_eq!(counters.drops(DropReason::HalfOpenFull), 0);
        network.settle();
        network.assert_baseline();
        let outcomes = network.hosts.each_ref().map(|host| host.outcomes.clone());
        for (&client, &server) in outcomes[0].iter().zip(&outcomes[1]) {
            assert_delivered(&[client, server], plans);
        }
        assert_eq!(outcomes.map(|outcomes| outcomes.len()), [6, 6]);
    });
}

#[test]
pub(crate) fn streams_that_began_with_a_cookie_cross_the_wrap() {
    for_seeds(0..50, |random| {
        let plans = [Plan::sending(60_000), Plan::sending(60_000)];
        let mut config = NetworkConfig::new(plans[1]);
        config.hosts[1].tcp.syn_cookies = SynCookies::Always;
        let before_wrap = u32::try_from(random.within(0..40_000)).expect("it is small");
        let mut network = near_wrap(&config, plans[0], Clock::Isn, before_wrap);
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
        assert_eq!(network.hosts[1].engine.counters().syn_cookies_accepted, 1);
    });
}

#[test]
pub(crate) fn a_worker_with_the_same_secret_takes_the_answer_to_anothers_cookie() {
    for family in [Family::V4, Family::V6] {
        for_seeds(0..20, |random| {
            let plans = [Plan::sending(30_000), Plan::sending(50_000)];
            let mut config = NetworkConfig::new(plans[1]);
            config.hosts[1].tcp.syn_cookies = SynCookies::Always;
            // The addresses are the kernel's, so the other worker need not know the neighbour.
            config.hosts[0].owner = AddressOwner::Kernel;
            config.hosts[1].owner = AddressOwner::Kernel;
            let mut network = config.clone().build(random);
            network.hosts[0].tell_neighbor(family);
            network.connect(family, plans[0]);
            let cookie_out = |network: &Network| network.hosts[1].engine.cookies_sent_at();
            network.run_until(Span::from_secs(10), |network| cookie_out(network).is_some());
            let sent_at = cookie_out(&network).expect("it was sent");

            let mut other = Host::new(config.hosts[1].clone(), plans[1], random.fork());
            other.engine.expect_cookies(sent_at);
            network.hosts[1] = other;
            let outcomes = network.finish();
            assert_delivered(&outcomes, plans);
            assert_eq!(network.hosts[1].engine.counters().syn_cookies_accepted, 1);
        });
    }
}

#[test]
pub(crate) fn cookies_on_a_bad_link_leave_nothing_behind() {
    for_seeds(0..300, |random| {
        let plans = Plan::pair(random, 20_000);
        let mut config = NetworkConfig::impaired(plans[1], random);
        config.hosts[1].tcp.syn_cookies = SynCookies::Always;
        let mut network = config.build(random);
        network.connect(random.pick(&[Family::V4, Family::V6]), plans[0]);
        network.settle();
        network.assert_baseline_but_for_the_silent();
    });
}
