//! The report: one HTML file that needs nothing else.
//!
//! No script, no font, no image from elsewhere: plots are SVG in the page, made here. It follows the
//! reader's choice of light or dark, and can be read at the width of a phone.

mod axis;
mod plot;
mod plots;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};

use super::file::Results;
use super::judgement::RULE;
use super::summary::{Percentiles, Scope, Summary};
use super::units::Amount;
use crate::seconds::HandshakeKind;
use axis::micros;

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub(crate) fn render(results: &Results) -> String {
    let mut page = String::new();
    write_page(results, &mut page).expect("a string takes everything");
    page
}

fn write_page(results: &Results, to: &mut String) -> fmt::Result {
    let scenario = &results.facts.scenario;
    let target = escape(&scenario.target);
    write!(
        to,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>{target}: weir-bench</title>\n<style>\n{STYLE}</style></head>\n<body><main>\n"
    )?;
    writeln!(to, "<header><h1>{target}</h1><p>{}</p></header>", escape(&what_was_done(results)))?;
    if let Some(sentence) = results.judgement().sentence() {
        let rule = escape(RULE);
        writeln!(
            to,
            "<aside class=\"warning\" id=\"bottleneck\"><p><strong>Careful: {}.</strong></p>\
             <p>{rule} Seconds with such a worker are marked at the foot of each plot.</p></aside>",
            escape(&sentence)
        )?;
    }
    let run = results.summary(Scope::Run);
    write_figures(&run, to)?;
    write_latencies(&run, to)?;
    writeln!(to, "<section class=\"plots\">")?;
    for plot in plots::all(results) {
        plot.write(to)?;
    }
    writeln!(to, "</section>")?;
    write_phases(results, to)?;
    write_facts(results, to)?;
    writeln!(to, "</main></body></html>")
}

/// One sentence above everything.
fn what_was_done(results: &Results) -> String {
    let scenario = &results.facts.scenario;
    let how = if results.facts.open_loop() { "open loop" } else { "closed loop" };
    let early = if results.facts.stopped { ", stopped early" } else { "" };
    format!(
        "{} connections, {how}, {:.0} s measured{early}; from {} workers over the {} transport",
        scenario.connections,
        results.facts.measured_s(),
        scenario.workers,
        scenario.transport
    )
}

/// The figures that are looked for first.
fn write_figures(run: &Summary, to: &mut String) -> fmt::Result {
    let failed = match (run.failed, run.ended()) {
        (0, _) => "0".to_owned(),
        (failed, ended) => format!("{failed} ({:.3} %)", failed as f64 * 100.0 / ended as f64),
    };
    let figures = [
        ("operations/s", Amount(run.done_per_s).to_string()),
        ("response p50", micros(run.response_us.p50)),
        ("response p99", micros(run.response_us.p99)),
        ("failed", failed),
    ];
    write!(to, "<dl class=\"figures\">")?;
    for (name, value) in figures {
        write!(to, "<div><dt>{name}</dt><dd>{value}</dd></div>")?;
    }
    writeln!(to, "</dl>")
}

fn write_latencies(run: &Summary, to: &mut String) -> fmt::Result {
    write!(to, "<div class=\"scroll\"><table id=\"latencies\"><thead><tr><th>latency</th>")?;
    for (name, _) in Percentiles::default().rows() {
        write!(to, "<th>{name}</th>")?;
    }
    write!(to, "<th>count</th></tr></thead><tbody>")?;
    let rows = [
        ("response", &run.response_us),
        ("service", &run.service_us),
        ("handshake", &run.handshake_us),
    ];
    for (name, percentiles) in rows.into_iter().filter(|(_, them)| them.count > 0) {
        write!(to, "<tr><th>{name}</th>")?;
        for (_, value) in percentiles.rows() {
            write!(to, "<td>{}</td>", micros(value))?;
        }
        write!(to, "<td>{}</td></tr>", percentiles.count)?;
    }
    writeln!(to, "</tbody></table></div>")
}

fn write_phases(results: &Results, to: &mut String) -> fmt::Result {
    let scenario = &results.facts.scenario;
    let numbers = |count: usize| (0..count).filter_map(|number| u16::try_from(number).ok());
    let mut rows: Vec<(String, String, Scope)> = Vec::new();
    for number in numbers(scenario.phases.len()) {
        let phase = &scenario.phases[usize::from(number)];
        let note = if phase.measured { "" } else { " (not measured)" };
        rows.push((format!("{}{note}", phase.name), phase.pace.clone(), Scope::Phase(number)));
    }
    if scenario.steps.len() > 1 {
        for number in numbers(scenario.steps.len()) {
            let name = scenario.steps[usize::from(number)].clone();
            rows.push((name, "step".to_owned(), Scope::Step(number)));
        }
    }
    write!(
        to,
        "<h2>Phases and steps</h2><div class=\"scroll\"><table id=\"phases\"><thead><tr><th></th>\
         <th>pace</th><th>length</th><th>due</th><th>never begun</th><th>done</th><th>done/s</th>\
         <th>failed</th><th>p50</th><th>p99</th></tr></thead><tbody>"
    )?;
    for (name, pace, scope) in rows {
        let Summary { length_s, due, not_begun, done, done_per_s, failed, response_us, .. } =
            results.summary(scope);
        write!(
            to,
            "<tr><th>{}</th><td>{}</td><td>{length_s:.1} s</td><td>{due}</td><td>{not_begun}</td>\
             <td>{done}</td><td>{}</td><td>{failed}</td><td>{}</td><td>{}</td></tr>",
            escape(&name),
            escape(&pace),
            Amount(done_per_s),
            micros(response_us.p50),
            micros(response_us.p99)
        )?;
    }
    writeln!(to, "</tbody></table></div>")
}

fn write_facts(results: &Results, to: &mut String) -> fmt::Result {
    let facts = &results.facts;
    let machine = &facts.machine;
    let run = results.summary(Scope::Run);
    let loads: Vec<String> = machine.load_before.iter().map(|load| format!("{load:.2}")).collect();
    let handshakes = |kind| run.handshakes.get(&kind).copied().unwrap_or_default();
    let mut rows = vec![
        ("Address", facts.scenario.address.clone()),
        ("Machine", format!("{} cores of {}", machine.cores, machine.processor)),
        ("Kernel", machine.kernel.clone()),
        ("Load before", loads.join(" ")),
        ("weir-bench", machine.version.clone()),
        ("Commit", machine.commit.clone().unwrap_or_default()),
        ("Seed", facts.scenario.seed.to_string()),
        (
            "Handshakes",
            format!(
                "{} full, {} with a retry, {} resumed",
                handshakes(HandshakeKind::Full),
                handshakes(HandshakeKind::Retried),
                handshakes(HandshakeKind::Resumed)
            ),
        ),
        ("Bytes", format!("{} sent, {} received", run.bytes_sent, run.bytes_received)),
        ("Reconnects", format!("{}: the server closed, as it had said", run.reconnects)),
    ];
    if let Some(tls) = &facts.tls {
        rows.push(("TLS", format!("{}, {}, {}", tls.version, tls.cipher_suite, tls.group)));
    }
    if let Some(first) = &facts.first_failure {
        rows.push(("First failure", first.clone()));
    }
    write!(to, "<h2>Facts</h2><dl class=\"facts\">")?;
    for (name, value) in rows {
        write!(to, "<dt>{name}</dt><dd>{}</dd>", escape(&value))?;
    }
    writeln!(to, "</dl>")
}

/// Text as it may stand in HTML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(character),
        }
    }
    escaped
}
