//! A row for each second, for a spreadsheet.

use std::io::{self, Write};

use super::file::{Places, Results};
use super::summary::Percentiles;
use crate::seconds::{ConnectionState, HandshakeKind, Reason, Second};

/// Columns ahead of those of reasons and states.
const COLUMNS: &str = "second,phase,length_s,due,begun,done,failed,response_p50_us,response_p90_us,\
    response_p99_us,response_p99_9_us,response_max_us,service_p50_us,service_p90_us,service_p99_us,\
    service_p99_9_us,service_max_us,handshakes_full,handshakes_retried,handshakes_resumed,\
    handshake_p50_us,handshake_p99_us,reconnects,bytes_sent,bytes_received,generator_cpu_share,\
    generator_late_p99_us,generator_ring_drops,generator_limits,generator_was_bottleneck";

/// Writes the head and all rows. Every row says whether the generator was the bottleneck of the run: a
/// cut-out of the table still does.
pub(super) fn write(results: &Results, to: &mut impl Write) -> io::Result<()> {
    write!(to, "{COLUMNS}")?;
    for reason in Reason::ALL {
        write!(to, ",failed_{}", reason.name())?;
    }
    for state in ConnectionState::ALL {
        write!(to, ",connections_{}", state.name())?;
    }
    writeln!(to)?;
    let was_bottleneck = if results.judgement().is_bottleneck() { "yes" } else { "no" };
    for second in &results.seconds {
        write_row(results, second, was_bottleneck, to)?;
    }
    Ok(())
}

fn write_row(
    results: &Results,
    second: &Second,
    was_bottleneck: &str,
    to: &mut impl Write,
) -> io::Result<()> {
    let cell = results.sum_of(second, Places::All);
    let phase = phase_at(results, f64::from(second.number));
    write!(to, "{},{},{:.3}", second.number, quoted(phase), results.length_of(second))?;
    write!(to, ",{},{},{},{}", cell.due, cell.begun, cell.done, cell.failures.total())?;
    for latencies in [&cell.response, &cell.service] {
        let Percentiles { p50, p90, p99, p99_9, max, .. } = Percentiles::of(latencies);
        write!(to, ",{p50:.1},{p90:.1},{p99:.1},{p99_9:.1},{max:.1}")?;
    }
    for kind in [HandshakeKind::Full, HandshakeKind::Retried, HandshakeKind::Resumed] {
        write!(to, ",{}", cell.handshakes.get(&kind).copied().unwrap_or_default())?;
    }
    let Percentiles { p50, p99, .. } = Percentiles::of(&cell.handshake);
    write!(to, ",{p50:.1},{p99:.1},{},{}", cell.reconnects, cell.bytes_sent)?;
    let late = Percentiles::of(&second.own.lateness).p99;
    write!(to, ",{},{:.3},{late:.1}", cell.bytes_received, second.own.cpu_share())?;
    write!(to, ",{},{},{was_bottleneck}", second.own.ring_drops, limits(results, second))?;
    for reason in Reason::ALL {
        write!(to, ",{}", cell.failures.get(reason))?;
    }
    for state in ConnectionState::ALL {
        write!(to, ",{}", second.states.get(state))?;
    }
    writeln!(to)
}

/// The phase that a time lies in; the last one has what comes after it.
fn phase_at(results: &Results, time_s: f64) -> &str {
    let phases = &results.facts.scenario.phases;
    let found = phases.iter().find(|phase| time_s < phase.end_s).or_else(|| phases.last());
    found.map_or("", |phase| &phase.name)
}

/// Words with blanks between.
fn limits(results: &Results, second: &Second) -> String {
    let limited = results.limited.iter().find(|limited| limited.number == second.number);
    let words = limited.into_iter().flat_map(|limited| &limited.limits).map(|limit| limit.name());
    words.collect::<Vec<_>>().join(" ")
}

/// A field as RFC 4180 wants it.
fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
