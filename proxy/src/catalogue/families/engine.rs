//! What the engine counts besides connections and segments: one table from its names to ours.

use metrics::{Catalogue, CatalogueError, CounterId, Family, Unit};
use netstack::Counters;

/// A family of the engine's counters.
#[derive(Debug)]
struct Events {
    /// The family.
    name: &'static str,
    help: &'static str,
    /// Its label; empty: it has none, and one counter.
    label: &'static str,
    /// The label's values, each with the engine's name of its counter.
    counters: &'static [(&'static str, &'static str)],
}

/// Every family.
const EVENTS: [Events; 20] = [
    Events {
        name: "tcp_acks_total",
        help: "Segments without payload that only acknowledge, and those of them a timer sent.",
        label: "kind",
        counters: &[("all", "acks_sent"), ("delayed", "acks_delayed")],
    },
    Events {
        name: "tcp_challenge_acks_total",
        help: "Challenge ACKs sent, and held back by their limit (RFC 5961).",
        label: "result",
        counters: &[("sent", "challenge_acks_sent"), ("limited", "challenge_acks_limited")],
    },
    Events {
        name: "tcp_checksums_partial_total",
        help: "Segments taken whose checksum covered only the pseudo-header.",
        label: "",
        counters: &[("", "checksums_partial")],
    },
    Events {
        name: "tcp_copied_out_bytes_total",
        help: "Payload copied out of its frames, since a connection held too many.",
        label: "",
        counters: &[("", "copied_out_bytes")],
    },
    Events {
        name: "tcp_duplicate_acks_total",
        help: "Duplicate acknowledgments received.",
        label: "",
        counters: &[("", "duplicate_acks_received")],
    },
    Events {
        name: "tcp_duplicates_total",
        help: "D-SACK blocks (RFC 2883), by where the payload went that arrived twice.",
        label: "direction",
        counters: &[("in", "duplicates_reported"), ("out", "duplicates_sent")],
    },
    Events {
        name: "tcp_ecn_total",
        help: "Explicit congestion notification (RFC 3168).",
        label: "event",
        counters: &[
            ("negotiated", "ecn_negotiated"),
            ("mark_received", "ecn_marks_received"),
            ("echo_received", "ecn_echoes_received"),
            ("window_reduced", "ecn_reductions"),
        ],
    },
    Events {
        name: "tcp_half_open_ended_total",
        help: "Half-open connections that came to nothing.",
        label: "reason",
        counters: &[("timed_out", "half_open_timeouts"), ("reset", "half_open_resets")],
    },
    Events {
        name: "tcp_invariants_broken_total",
        help: "Contradictions in the engine's own state; each reset one connection.",
        label: "",
        counters: &[("", "invariants_broken")],
    },
    Events {
        name: "tcp_loss_probes_total",
        help: "Tail loss probes (RFC 8985) sent, and those that repaired a loss by themselves.",
        label: "event",
        counters: &[("sent", "loss_probes"), ("repaired", "loss_probes_repaired")],
    },
    Events {
        name: "tcp_neighbor_answers_total",
        help: "ARP requests, neighbour solicitations and echo requests answered.",
        label: "",
        counters: &[("", "neighbor_and_echo_answers")],
    },
    Events {
        name: "tcp_out_of_order_bytes_total",
        help: "Payload that arrived ahead of a gap.",
        label: "",
        counters: &[("", "out_of_order_bytes")],
    },
    Events {
        name: "tcp_path_mtu_total",
        help: "Path MTUs: changes, black holes, and probes for larger ones (RFC 4821).",
        label: "event",
        counters: &[
            ("lowered", "path_mtu_lowered"),
            ("raised", "path_mtu_raised"),
            ("black_hole", "path_mtu_black_holes"),
            ("probe_sent", "path_mtu_probes"),
            ("probe_lost", "path_mtu_probes_lost"),
        ],
    },
    Events {
        name: "tcp_probes_total",
        help: "Probes of a closed window, and of a peer that is silent.",
        label: "kind",
        counters: &[("window", "window_probes"), ("keepalive", "keepalive_probes")],
    },
    Events {
        name: "tcp_recoveries_total",
        help: "Loss recoveries begun, and those undone since nothing was lost (RFC 3522).",
        label: "event",
        counters: &[("begun", "recoveries"), ("undone", "recoveries_undone")],
    },
    Events {
        name: "tcp_resets_total",
        help: "RST segments sent, and those that ended a connection.",
        label: "direction",
        counters: &[("in", "resets_received"), ("out", "resets_sent")],
    },
    Events {
        name: "tcp_retransmitted_bytes_total",
        help: "Payload sent again.",
        label: "",
        counters: &[("", "bytes_retransmitted")],
    },
    Events {
        name: "tcp_syn_cookies_total",
        help: "SYN cookies (RFC 4987) sent, and what came of their answers.",
        label: "result",
        counters: &[
            ("sent", "syn_cookies_sent"),
            ("accepted", "syn_cookies_accepted"),
            ("failed", "syn_cookies_failed"),
        ],
    },
    Events {
        name: "tcp_time_wait_total",
        help: "TIME-WAIT cut short by a new connection (RFC 6191), or left out for want of room.",
        label: "event",
        counters: &[("reused", "time_wait_reused"), ("left_out", "time_wait_full")],
    },
    Events {
        name: "tcp_trains_total",
        help: "Trains of segments given to the link.",
        label: "",
        counters: &[("", "trains_sent")],
    },
];

/// The engine's counters that other families have.
#[cfg(test)]
const ELSEWHERE: [&str; 12] = [
    "frames_received",
    "segments_received",
    "segments_sent",
    "bytes_received",
    "bytes_sent",
    "opens_active",
    "opens_passive",
    "accepts",
    "handshake_retransmits",
    "retransmits_timeout",
    "retransmits_recovery",
    "loss_probes",
];

/// The series of the engine's counters.
#[derive(Debug)]
pub(crate) struct EngineFamilies {
    /// In the order of [`Counters::plain`]; `None` for what is not here.
    series: Vec<Option<CounterId>>,
}

impl EngineFamilies {
    pub(super) fn declare(catalogue: &mut Catalogue) -> Result<Self, CatalogueError> {
        let names: Vec<_> = Counters::default().plain().map(|(name, _)| name).collect();
        let mut series = vec![None; names.len()];
        for events in EVENTS {
            let values = events.counters.iter().map(|(value, _)| *value);
            let mut family = Family::new(events.name, events.help);
            if !events.label.is_empty() {
                family = family.label(events.label, values);
            }
            if events.name.ends_with("_bytes_total") {
                family = family.unit(Unit::Bytes);
            }
            let declared = catalogue.counters(family)?;
            for (position, (_, counter)) in events.counters.iter().enumerate() {
                let place = names.iter().position(|name| name == counter);
                if let Some(slot) = place.and_then(|place| series.get_mut(place)) {
                    let labelled = !events.label.is_empty();
                    *slot = Some(if labelled { declared.at(&[position]) } else { declared.only() });
                }
            }
        }
        Ok(Self { series })
    }

    /// The series of what an engine has counted, each with its count.
    pub(crate) fn counts(&self, counters: &Counters) -> impl Iterator<Item = (CounterId, u64)> {
        let counts = self.series.iter().zip(counters.plain());
        counts.filter_map(|(series, (_, count))| Some(((*series)?, count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_of_the_engine_is_told() {
        let told = EVENTS.iter().flat_map(|events| events.counters).map(|(_, counter)| *counter);
        let told: Vec<_> = told.chain(ELSEWHERE).collect();
        for (name, _) in Counters::default().plain() {
            assert!(told.contains(&name), "{name} is in no family");
        }
        for name in told {
            assert!(
                Counters::default().plain().any(|(counter, _)| counter == name),
                "the engine counts no {name}"
            );
        }
    }
}
