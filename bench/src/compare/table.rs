//! The comparison as a page.

use std::fmt::{self, Write as _};

use super::subject::Subject;
use super::topology::Facts;
use super::{CompareArguments, Measurement, WORK};
use crate::scenario::Mode;

/// The page: how it was measured, on what, and the table.
pub(super) fn render(
    arguments: &CompareArguments,
    measurements: &[Measurement],
    facts: &Facts,
) -> String {
    let mut page = String::from("# weir beside nginx\n\n");
    let mut put = |text: fmt::Arguments<'_>| {
        page.write_fmt(text).expect("a string takes everything");
        page.push('\n');
    };
    let Facts { machine, commit, weir, nginx, busy_before } = facts;
    put(format_args!(
        "Written by `bench/compare`: {} rounds of {} s for each proxy and kind of work, in turn; a\n\
         cell is the median of the rounds, with the lowest and the highest, a ratio that of weir's median\n\
         to nginx's.\n",
        arguments.rounds,
        arguments.duration.as_secs_f64()
    ));
    put(format_args!(
        "- Client and edge are network namespaces joined by a veth pair (MTU 1500); the proxy is alone\n  \
           on core {}, client and backend (nginx, loopback) share core {}; cubic everywhere.\n\
         - nginx terminates TLS in its stream module: it forwards bytes, as weir does. One worker each.\n\
         - Both speak what `openssl` of Debian 12 knows too: {}.\n\
         - Closed loop: each connection asks again when it has its answer. Throughput and CPU compare;\n  \
           latencies under such a load would not mean anything, and are left out.\n\
         - On veth the sender's core does the receiver's softirq work too, for both proxies. Therefore\n  \
           CPU is given twice: the proxy's own threads, and everything on both cores.\n\
         - weir takes partial checksums (`checksum = \"verify-or-partial\"`), as the kernel does on a veth \
         pair.\n\
         - Failed operations are in the last column; a comparison with any is worth nothing.\n",
        arguments.proxy_core,
        arguments.peer_core,
        tls_of(measurements)
    ));
    put(format_args!(
        "Machine: {} cores, {}, kernel {}; {:.0} % busy with other things before the run.\n\
         Commit {commit}; {weir}; {nginx}.\n",
        machine.cores,
        machine.processor,
        machine.kernel,
        busy_before * 100.0
    ));
    put(format_args!(
        "| work | proxy | throughput | proxy CPU | CPU of both cores | failed |\n\
         | --- | --- | --- | --- | --- | --- |"
    ));
    for (mode, connections) in WORK {
        let figures = |subject| Figures::of(measurements, subject, mode);
        let (weir, nginx) = (figures(Subject::Weir), figures(Subject::Nginx));
        for (subject, figures) in [(Subject::Weir, &weir), (Subject::Nginx, &nginx)] {
            if let Some(figures) = figures {
                put(format_args!("{}", figures.row(subject, (mode, connections))));
            }
        }
        if let (Some(weir), Some(nginx)) = (weir, nginx) {
            put(format_args!("{}", weir.ratios(&nginx)));
        }
    }
    page
}

/// One proxy at one kind of work.
struct Figures {
    throughput: Spread,
    proxy: Spread,
    both: Spread,
    failed: u64,
}

impl Figures {
    /// `None` if it was not measured.
    fn of(measurements: &[Measurement], subject: Subject, mode: Mode) -> Option<Self> {
        let rounds: Vec<_> =
            measurements.iter().filter(|m| (m.subject, m.mode) == (subject, mode)).collect();
        let throughput = |m: &Measurement| match mode {
            Mode::Bulk => m.report.gigabits_per_second(),
            _ => m.report.operations_per_second(),
        };
        let per = |m: &Measurement, microseconds: f64| match mode {
            Mode::Bulk => microseconds / (m.report.bytes as f64 / 1e6),
            _ => microseconds / m.report.operations as f64,
        };
        Some(Self {
            throughput: Spread::of(&rounds, throughput)?,
            proxy: Spread::of(&rounds, |m| per(m, m.cpu.process.as_secs_f64() * 1e6))?,
            both: Spread::of(&rounds, |m| per(m, m.cpu.cores.as_secs_f64() * 1e6))?,
            failed: rounds.iter().map(|m| m.report.failed()).sum(),
        })
    }

    fn row(&self, subject: Subject, (mode, connections): (Mode, u32)) -> String {
        let work = match mode {
            Mode::Connect => {
                format!("new connections, {connections} at once, a full handshake each")
            }
            Mode::Bulk => format!("answers of 16 MiB on {connections} connections"),
            _ => format!("requests of 1 KiB on {connections} kept connections"),
        };
        let (rate, cost) = match mode {
            Mode::Bulk => ("Gb/s", "us/MB"),
            _ => ("/s", "us"),
        };
        let Self { throughput, proxy, both, failed } = self;
        format!(
            "| {work} | {subject} | {throughput} {rate} | {proxy} {cost} | {both} {cost} | {failed} |"
        )
    }

    /// What this proxy's medians are in the other's.
    fn ratios(&self, other: &Self) -> String {
        let ratio = |mine: &Spread, theirs: &Spread| mine.median / theirs.median;
        format!(
            "| | ratio | {:.2} | {:.2} | {:.2} | |",
            ratio(&self.throughput, &other.throughput),
            ratio(&self.proxy, &other.proxy),
            ratio(&self.both, &other.both)
        )
    }
}

/// A figure over the rounds.
struct Spread {
    median: f64,
    lowest: f64,
    highest: f64,
}

impl Spread {
    /// `None` if there was no round.
    fn of(rounds: &[&Measurement], value: impl Fn(&Measurement) -> f64) -> Option<Self> {
        let mut values: Vec<f64> = rounds.iter().map(|m| value(m)).collect();
        values.sort_by(f64::total_cmp);
        let (lowest, highest) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Some(Self { median, lowest, highest })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, lowest, highest] = [self.median, self.lowest, self.highest].map(digits);
        write!(f, "{median} ({lowest} to {highest})")
    }
}

/// Three digits that mean something.
fn digits(value: f64) -> String {
    match value {
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// What was negotiated: once, if it was always the same.
fn tls_of(measurements: &[Measurement]) -> String {
    let mut found: Vec<String> = Vec::new();
    for Measurement { report, .. } in measurements {
        let text =
            format!("{} {} {}", report.tls.version, report.tls.cipher_suite, report.tls.group);
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found.join(" or ")
}
