//! What the command line says.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use netstack::{CongestionAlgorithm, Span};
use netstack_simulator::{
    Buffer, Family, Peer, Scenario, parse_buffer, parse_bytes, parse_rate, parse_share, parse_span,
    parse_span_range,
};

use crate::summary::Format;

/// Runs two engines over a bad link in virtual time, for many seeds.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
pub(crate) struct Arguments {
    /// How many seeds to run, from 0.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) seeds: u64,
    /// Run this seed alone.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Write the frames of --seed to this file, as pcapng.
    #[arg(long, requires = "seed")]
    pub(crate) pcap: Option<PathBuf>,
    /// The share of frames that never arrive.
    #[arg(long, default_value = "0", value_parser = parse_share)]
    loss: u64,
    /// The share of frames that arrive twice.
    #[arg(long, default_value = "0", value_parser = parse_share)]
    duplicate: u64,
    /// The share of frames that are up to 10 ms late and are overtaken.
    #[arg(long, default_value = "0", value_parser = parse_share)]
    reorder: u64,
    /// The share of frames that arrive with a bit changed.
    #[arg(long, default_value = "0", value_parser = parse_share)]
    corrupt: u64,
    /// The time of the way, each direction; of a range, each seed draws one.
    #[arg(long, default_value = "5ms", value_parser = parse_span_range)]
    delay: [Span; 2],
    /// What a frame may take longer, without being overtaken.
    #[arg(long, default_value = "0ms", value_parser = parse_span)]
    jitter: Span,
    /// The rate of each direction; without it there is no limit.
    #[arg(long, value_parser = parse_rate)]
    rate: Option<u64>,
    /// What may wait before the link: bytes, or bandwidth-delay products such as 0.5bdp.
    #[arg(long, default_value = "1bdp", value_parser = parse_buffer)]
    buffer: Buffer,
    /// Connections, opened at once.
    #[arg(long, default_value_t = 1)]
    streams: u16,
    /// What the client sends on each.
    #[arg(long, default_value = "100kB", value_parser = parse_bytes)]
    bytes: u64,
    /// What the server sends on each.
    #[arg(long, default_value = "10kB", value_parser = parse_bytes)]
    answer: u64,
    /// The largest packet, in bytes.
    #[arg(long, default_value_t = 1_500, value_parser = clap::value_parser!(u16).range(1_280..))]
    mtu: u16,
    /// Over IPv6.
    #[arg(long)]
    ipv6: bool,
    /// How windows grow and shrink.
    #[arg(long, value_enum, default_value_t = Algorithm::Cubic)]
    algorithm: Algorithm,
    /// Who is on the other side; smoltcp knows IPv4 only, and opens the connections of odd seeds.
    #[arg(long, value_enum, default_value_t = Other::Itself)]
    peer: Other,
    /// Print one object of JSON.
    #[arg(long)]
    json: bool,
    /// Threads; without it one a core.
    #[arg(long)]
    jobs: Option<usize>,
}

/// The names of congestion control.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Algorithm {
    /// RFC 9438.
    Cubic,
    /// RFC 6582.
    Newreno,
    /// Version 3, draft-ietf-ccwg-bbr.
    Bbr,
}

/// The names of the other side.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Other {
    /// The same engine.
    #[value(name = "self")]
    Itself,
    /// smoltcp.
    Smoltcp,
}

impl Arguments {
    /// What is to be run.
    pub(crate) fn scenario(&self) -> Scenario {
        Scenario {
            streams: self.streams,
            bytes: self.bytes,
            answer_bytes: self.answer,
            loss: self.loss,
            duplication: self.duplicate,
            reordering: self.reorder,
            corruption: self.corrupt,
            delay: self.delay,
            jitter: self.jitter,
            bytes_per_ms: self.rate,
            buffer: self.buffer,
            mtu_bytes: self.mtu,
            family: if self.ipv6 { Family::V6 } else { Family::V4 },
            congestion: match self.algorithm {
                Algorithm::Cubic => CongestionAlgorithm::Cubic,
                Algorithm::Newreno => CongestionAlgorithm::NewReno,
                Algorithm::Bbr => CongestionAlgorithm::Bbr,
            },
            peer: match self.peer {
                Other::Itself => Peer::Engine,
                Other::Smoltcp => Peer::Smoltcp,
            },
        }
    }

    /// How to print.
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }

    /// How many threads.
    pub(crate) fn jobs(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get());
        self.jobs.unwrap_or_else(cores).max(1)
    }
}

/// The arguments that give `scenario`.
pub(crate) fn command_line(scenario: &Scenario) -> String {
    let Scenario { streams, bytes, answer_bytes, loss, duplication, .. } = scenario;
    let Scenario { reordering, corruption, delay, jitter, bytes_per_ms, .. } = scenario;
    let Scenario { buffer, mtu_bytes, family, congestion, peer, .. } = scenario;
    let share = |per_mille: &u64| format!("{}.{:03}", per_mille / 1_000, per_mille % 1_000);
    let [from, to] = delay.map(|span| span.as_nanos());
    let mut line = format!(
        "--streams {streams} --bytes {bytes} --answer {answer_bytes} --loss {} --duplicate {} \
         --reorder {} --corrupt {} --delay {from}ns..{to}ns --jitter {}ns --mtu {mtu_bytes}",
        share(loss),
        share(duplication),
        share(reordering),
        share(corruption),
        jitter.as_nanos(),
    );
    if let Some(bytes_per_ms) = bytes_per_ms {
        line += &format!(" --rate {}kbit", bytes_per_ms * 8);
    }
    line += &match buffer {
        Buffer::Bytes(bytes) => format!(" --buffer {bytes}"),
        Buffer::BdpThousandths(count) => format!(" --buffer {}bdp", share(count)),
    };
    if *family == Family::V6 {
        line += " --ipv6";
    }
    line += match congestion {
        CongestionAlgorithm::Cubic => "",
        CongestionAlgorithm::NewReno => " --algorithm newreno",
        CongestionAlgorithm::Bbr => " --algorithm bbr",
    };
    if *peer == Peer::Smoltcp {
        line += " --peer smoltcp";
    }
    line
}
