//! Sequence numbers and timestamps go around the wrap, and nobody notices.

use netstack::Span;
use netstack_simulator::{Cable, Family, Network, NetworkConfig, Plan, Random, for_seeds};

use crate::transfer::assert_delivered;

/// A number of 32 bits in a SYN that rises with the clock.
#[derive(Clone, Copy)]
pub(crate) enum Clock {
    /// The initial sequence number. RFC 6528 §3.
    Isn,
    /// The timestamp. RFC 7323 §5.4.
    Timestamp,
}

impl Clock {
    /// Its value in the first segment that was put on a cable: over IPv4, and with the options
    /// MSS, SACK permitted and timestamps, in this order.
    fn read(self, cable: &Cable) -> u32 {
        let at = match self {
            Self::Isn => 38,
            Self::Timestamp => 62,
        };
        let segment = cable.first_segment().expect("a SYN was sent");
        let [a, b, c, d] = segment[at..at + 4] else { panic!("four octets") };
        u32::from_be_bytes([a, b, c, d])
    }

    /// What the clock takes to rise by `steps`.
    fn span(self, steps: u32) -> Span {
        match self {
            Self::Isn => Span::from_micros(u64::from(steps) * 4),
            Self::Timestamp => Span::from_millis(u64::from(steps)),
        }
    }
}

/// A network in which `clock` starts `before_wrap` before the wrap on both sides: their clocks
/// are set so, after a look at where the numbers lie without that.
pub(crate) fn near_wrap(
    config: &NetworkConfig,
    plan: Plan,
    clock: Clock,
    before_wrap: u32,
) -> Network {
    let mut config = config.clone();
    // The server's number depends on when the SYN arrives, so once may not be enough.
    for _ in 0..3 {
        let mut trial = config.clone().build(&mut Random::new(0));
        trial.connect(Family::V4, plan);
        trial.run_for(Span::from_secs(10));
        for (host, cable) in config.hosts.iter_mut().zip(&trial.cables) {
            let missing = clock.read(cable).wrapping_add(before_wrap).wrapping_neg();
            host.clock_offset += clock.span(missing);
        }
    }
    let mut network = config.build(&mut Random::new(0));
    network.connect(Family::V4, plan);
    network
}

/// Runs streams of up to 60,000 bytes across the wrap of `clock`.
fn cross(clock: Clock, before_wrap_max: u64) {
    for_seeds(0..300, |random| {
        let plans = Plan::pair(random, 60_000);
        let config = NetworkConfig::impaired(plans[1], random);
        let before_wrap = u32::try_from(random.within(0..before_wrap_max)).expect("it is small");
        let mut network = near_wrap(&config, plans[0], clock, before_wrap);
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
        // The point of it: this began right before the wrap, or the retransmitted SYN right
        // behind it.
        let first = clock.read(&network.cables[0]);
        let distance = first.min(first.wrapping_neg());
        assert!(distance <= 2_000_000, "it began {distance} from the wrap");
    });
}

#[test]
pub(crate) fn streams_cross_the_wrap_of_sequence_numbers() {
    cross(Clock::Isn, 40_000);
}

#[test]
pub(crate) fn streams_cross_the_wrap_of_timestamps() {
    cross(Clock::Timestamp, 500);
}
