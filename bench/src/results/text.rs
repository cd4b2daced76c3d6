//! The summary as a table.

use std::fmt::{self, Write as _};

use super::file::Results;
use super::summary::{Percentiles, Scope, Summary};
use super::units::{Amount, Micros};
use crate::seconds::HandshakeKind;

/// The whole run for a person at a terminal.
pub(super) fn render(results: &Results) -> String {
    let mut text = String::new();
    write_all(results, &mut text).expect("a string takes everything");
    text
}

fn write_all(results: &Results, to: &mut String) -> fmt::Result {
    let facts = &results.facts;
    let scenario = &facts.scenario;
    writeln!(to, "target       {} at {}", scenario.target, scenario.address)?;
    if let Some(tls) = &facts.tls {
        writeln!(to, "TLS          {} {} {}", tls.version, tls.cipher_suite, tls.group)?;
    }
    let machine = &facts.machine;
    write!(to, "machine      {} cores of {}, ", machine.cores, machine.processor)?;
    writeln!(to, "kernel {}, load before {}", machine.kernel, loads(&machine.load_before))?;
    writeln!(
        to,
        "generator    {} workers, {} transport, {} connections, seed {}",
        scenario.workers, scenario.transport, scenario.connections, scenario.seed
    )?;
    for (number, phase) in (0_u16..).zip(&scenario.phases) {
        let Summary { done, done_per_s, length_s, .. } = results.summary(Scope::Phase(number));
        let name = if phase.measured { "" } else { ", not measured" };
        writeln!(
            to,
            "phase        {}: {} for {length_s:.1} s{name}: {} done, {}/s",
            phase.name,
            phase.pace,
            Amount(done as f64),
            Amount(done_per_s)
        )?;
    }
    if facts.stopped {
        writeln!(to, "             stopped by the user after {:.1} s", facts.ended_s)?;
    }
    let run = results.summary(Scope::Run);
    writeln!(to)?;
    write_latencies(&run, to)?;
    writeln!(to)?;
    write_counts(results, &run, to)?;
    write_generator(results, to)
}

fn write_latencies(run: &Summary, to: &mut String) -> fmt::Result {
    let heads = Percentiles::default().rows().map(|(name, _)| name);
    write!(to, "{:<12}", "latency")?;
    for head in heads {
        write!(to, "{head:>10}")?;
    }
    writeln!(to, "{:>12}", "count")?;
    let rows = [
        ("response", &run.response_us),
        ("service", &run.service_us),
        ("handshake", &run.handshake_us),
    ];
    for (name, percentiles) in rows.into_iter().filter(|(_, them)| them.count > 0) {
        write!(to, "{name:<12}")?;
        for (_, value) in percentiles.rows() {
            write!(to, "{:>10}", Micros(value).to_string())?;
        }
        writeln!(to, "{:>12}", percentiles.count)?;
    }
    Ok(())
}

fn write_counts(results: &Results, run: &Summary, to: &mut String) -> fmt::Result {
    writeln!(to, "operations   {} done, {}/s", run.done, Amount(run.done_per_s))?;
    if run.not_begun > 0 {
        writeln!(
            to,
            "not begun    {} of {} due: every connection was busy until the end; no latency above has \
             them in it",
            run.not_begun, run.due
        )?;
    }
    if !run.handshakes.is_empty() {
        let of = |kind| run.handshakes.get(&kind).copied().unwrap_or_default();
        writeln!(
            to,
            "handshakes   {} full, {} with a retry, {} resumed; {}/s",
            of(HandshakeKind::Full),
            of(HandshakeKind::Retried),
            of(HandshakeKind::Resumed),
            Amount(run.handshakes_per_s)
        )?;
    }
    writeln!(
        to,
        "bytes        {} sent, {} received, {:.3} Gb/s",
        run.bytes_sent,
        run.bytes_received,
        run.gigabits_per_s()
    )?;
    if run.reconnects > 0 {
        writeln!(to, "reconnects   {}: the server closed, as it had said", run.reconnects)?;
    }
    if run.failed == 0 {
        writeln!(to, "failures     none")?;
    }
    for (reason, count) in run.failures.iter() {
        writeln!(to, "failures     {count} {}", reason.name())?;
    }
    if let Some(first) = &results.facts.first_failure {
        writeln!(to, "             the first: {first}")?;
    }
    Ok(())
}

fn write_generator(results: &Results, to: &mut String) -> fmt::Result {
    let own = results.own();
    let late = Percentiles::of(&own.lateness);
    write!(to, "generator    {:.0} % of its cores", own.cpu_share() * 100.0)?;
    if late.count > 0 {
        write!(to, ", late by {} at p99, {} at most", Micros(late.p99), Micros(late.max))?;
    }
    writeln!(to, ", {} ring drops", own.ring_drops)?;
    if !results.facts.open_loop() {
        writeln!(
            to,
            "note         closed loop: a connection waits for its answer before it asks again, so a\n\
             \x20            stall hides what would have come; for latencies set a rate"
        )?;
    }
    if let Some(sentence) = results.judgement().sentence() {
        writeln!(to, "\nWARNING      {sentence}.")?;
    }
    Ok(())
}

fn loads(them: &[f64]) -> String {
    them.iter().map(|load| format!("{load:.2}")).collect::<Vec<_>>().join(" ")
}
