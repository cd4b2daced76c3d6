//! Goodput on a grid of paths, held against the table in the repository, so that a change of it
//! shows in review: virtual time and seeds make it exact.
//!
//! `WEIR_GOODPUT=write cargo test --profile ci -p netstack --test goodput` writes the table anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use netstack::{CongestionAlgorithm, Span};
use netstack_simulator::{Buffer, Scenario};

/// What the table begins with.
const HEAD: &str = "\
# Goodput of one connection in Mbit/s: 6 MB at 40 Mbit/s, MTU 1500, IPv4, the mean of two seeds.
# Written by: WEIR_GOODPUT=write cargo test --profile ci -p netstack --test goodput
#
# bound: what the algorithm's response function gives, but at most rate x payload share x (1 - p).
#   rtt: both ways without the queue; mss: 1448 bytes; p: the share of segments that are lost.
#   newreno: mss / rtt x sqrt(3 / 2p), Mathis et al.
#   cubic: mss / rtt x 1.054 x (rtt / p)^(3/4) with rtt in seconds there, RFC 9438 section 5.1,
#     but at least newreno's.
#   bbr: rate x payload share x (1 - p).
# These are means of endless connections: a short one may be above them while it still lives on
# its slow start, and below while it still starts. At p = 0.001, 6 MB meet about four losses.
#
# algorithm  loss  rtt_ms  buffer_bdp  goodput  bound
";

/// Bytes a millisecond.
const RATE: u64 = 5_000;
/// Payload of a full segment.
const MSS: f64 = 1_448.0;

#[test]
fn goodput_is_what_the_table_says() {
    let mut table = HEAD.to_owned();
    for (name, algorithm) in [
        ("cubic", CongestionAlgorithm::Cubic),
        ("newreno", CongestionAlgorithm::NewReno),
        ("bbr", CongestionAlgorithm::Bbr),
    ] {
        for loss in [0, 1, 10, 50] {
            for rtt_ms in [10, 40, 100] {
                for buffer in [250, 1_000] {
                    let goodput = goodput(algorithm, loss, rtt_ms, buffer);
                    let bound = bound(algorithm, loss, rtt_ms);
                    writeln!(
                        table,
                        "{name:<11} {:.3} {rtt_ms:>7} {:>11} {:>5}.{:02} {bound:>6.2}",
                        share(loss),
                        share(buffer),
                        goodput / 1_000_000,
                        goodput % 1_000_000 / 10_000,
                    )
                    .expect("a string takes anything");
                }
            }
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goodput.txt");
    if std::env::var("WEIR_GOODPUT").is_ok_and(|value| value == "write") {
        fs::write(&path, &table).expect("the table can be written");
    }
    let known = fs::read_to_string(&path).expect("the table is there");
    let changed = known.lines().zip(table.lines()).filter(|(known, new)| known != new);
    let changed = changed.map(|(known, new)| format!("-{known}\n+{new}\n")).collect::<String>();
    assert!(known == table, "goodput changed; see the top of this file if it is meant:\n{changed}");
}

/// Bits of payload a second that one connection gets, the mean of two seeds.
fn goodput(congestion: CongestionAlgorithm, loss: u64, rtt_ms: u64, buffer: u64) -> u64 {
    let scenario = Scenario {
        bytes: 6_000_000,
        loss,
        delay: [Span::from_micros(rtt_ms * 500); 2],
        bytes_per_ms: Some(RATE),
        buffer: Buffer::BdpThousandths(buffer),
        congestion,
        ..Scenario::default()
    };
    [1, 2].map(|seed| scenario.run(seed, None).goodput_bits_per_s()).iter().sum::<u64>() / 2
}

/// What theory gives, in Mbit/s: an algorithm that measures the path is held to all of it.
fn bound(congestion: CongestionAlgorithm, loss: u64, rtt_ms: u64) -> f64 {
    let (p, rtt) = (share(loss), share(rtt_ms));
    let path = share(RATE * 8) * MSS / 1_514.0 * (1.0 - p);
    let per_window = MSS * 8.0 / rtt / 1e6;
    let reno = per_window * (1.5 / p).sqrt();
    match congestion {
        CongestionAlgorithm::NewReno => path.min(reno),
        CongestionAlgorithm::Cubic => path.min(reno.max(per_window * 1.054 * (rtt / p).powf(0.75))),
        CongestionAlgorithm::Bbr => path,
    }
}

/// Thousandths as a number.
fn share(thousandths: u64) -> f64 {
    f64::from(u32::try_from(thousandths).expect("it is small")) / 1_000.0
}
