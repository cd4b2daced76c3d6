//! What leaves.

use super::numbers::bytes_at;
use super::{Player, Step, seconds};
use crate::host::Sent;
use crate::packet::{Ecn, Flags, Segment, TcpOption};
use crate::script::{EcnSpec, OptionsSpec, PacketSpec, SyntaxError};

impl Player {
    /// The next segment that leaves is `spec`, between the two times.
    pub(super) fn expect(
        &mut self,
        spec: &PacketSpec,
        line: usize,
        (earliest_us, latest_us): (i64, i64),
    ) -> Step {
        let limit_us = latest_us.saturating_add(self.tolerance_us);
        let limit = self.instant(limit_us);
        while !self.host.has_sent() && self.host.step(limit) {
            self.retry()?;
        }
        let wrong = |what: String| Err(SyntaxError::new(line, what));
        let expected = describe(spec);
        let Some(sent) = self.host.sniff() else {
            let (from, until) = (seconds(earliest_us), seconds(limit_us));
            return wrong(format!("expected at {from}: {expected}\n  nothing left up to {until}"));
        };
        let at_us = self.us_of(sent.at);
        let segment = match Segment::from_packet(&sent.packet) {
            Ok(segment) => segment,
            Err(what) => return wrong(format!("expected {expected}\n  what left is {what}")),
        };
        self.learn(spec, &segment);
        let mut differences = Vec::new();
        if at_us < earliest_us - self.tolerance_us || at_us > limit_us {
            let (at, wanted) = (seconds(at_us), seconds(earliest_us));
            differences.push(format!("it left at {at}, not at {wanted}"));
        }
        self.compare(spec, &segment, &mut differences);
        if differences.is_empty() {
            return Ok(());
        }
        let (at, shown) = (seconds(at_us), self.show(&sent));
        let differences = differences.join("; ");
        wrong(format!("{differences}\n  expected: {expected}\n  left:     {shown}  at {at}"))
    }

    /// Takes from a segment what relates the script's numbers to those on the wire.
    fn learn(&mut self, spec: &PacketSpec, segment: &Segment) {
        if segment.flags.contains(Flags::SYN) && spec.flags.contains(Flags::SYN) {
            self.numbers.on_syn(spec.range.start, segment.seq);
            self.local = segment.source;
            self.remote = segment.destination;
        }
        let script_value = match &spec.options {
            OptionsSpec::Any => None,
            OptionsSpec::Are(options) => timestamps(options).map(|(value, _)| value),
        };
        if let Some((value, _)) = timestamps(&segment.options) {
            self.numbers.on_timestamp(script_value, value);
        }
    }

    /// Notes in words where a segment is not what the script says.
    fn compare(&self, spec: &PacketSpec, segment: &Segment, differences: &mut Vec<String>) {
        let mut differ = |what: &str, left: String, expected: String| {
            if left != expected {
                differences.push(format!("{what} is {left}, not {expected}"));
            }
        };
        let seq = self.numbers.local_in(segment.seq);
        let ack = self.numbers.remote_in(segment.ack);
        differ("its flags", segment.flags.to_string(), spec.flags.to_string());
        differ("its sequence number", seq.to_string(), spec.range.start.to_string());
        let len = segment.payload.len();
        differ("its length", len.to_string(), spec.range.payload_len.to_string());
        if let Some(wanted) = spec.ack {
            differ("its acknowledgment", ack.to_string(), wanted.to_string());
        }
        if let Some(wanted) = spec.window {
            differ("its window", segment.window.to_string(), wanted.to_string());
        }
        differ(
            "its urgent pointer",
            segment.urgent.to_string(),
            spec.urgent.unwrap_or(0).to_string(),
        );
        let ecn_fits = match spec.ecn {
            EcnSpec::Unsaid => true,
            EcnSpec::Is(ecn) => segment.ecn == ecn,
            EcnSpec::AnyEct => matches!(segment.ecn, Ecn::Ect0 | Ecn::Ect1),
        };
        if !ecn_fits {
            differences.push(format!("its ECN field is {:?}", segment.ecn));
        }
        if let OptionsSpec::Are(wanted) = &spec.options {
            let left: Vec<_> = segment.options.iter().map(|o| self.numbers.option_in(o)).collect();
            if !self.options_agree(&left, wanted) {
                differences.push("its options differ".to_owned());
            }
        }
        let first = if segment.flags.contains(Flags::SYN) { seq } else { seq.wrapping_sub(1) };
        if segment.payload != bytes_at(first, len) {
            differences.push("its payload is not what was written there".to_owned());
        }
    }

    /// Whether two lists of options are the same, but for a clock that may be off as far as the
    /// tolerance allows.
    fn options_agree(&self, left: &[TcpOption], wanted: &[TcpOption]) -> bool {
        let tolerance_ms = u32::try_from(self.tolerance_us / 1_000).unwrap_or(0);
        let agree = |(left, wanted): (&TcpOption, &TcpOption)| match (left, wanted) {
            (
                TcpOption::Timestamps { value: left, echo: left_echo },
                TcpOption::Timestamps { value: wanted, echo: wanted_echo },
            ) => {
                let off = left.wrapping_sub(*wanted).min(wanted.wrapping_sub(*left));
                off <= tolerance_ms && left_echo == wanted_echo
            }
            (left, wanted) => left == wanted,
        };
        left.len() == wanted.len() && left.iter().zip(wanted).all(agree)
    }

    /// A packet that left, in the script's language and numbers.
    pub(super) fn show(&self, sent: &Sent) -> String {
        let segment = match Segment::from_packet(&sent.packet) {
            Ok(segment) => segment,
            Err(what) => return what,
        };
        let begins = segment.flags.contains(Flags::SYN) && self.numbers.awaits_syn();
        let start = if begins { 0 } else { self.numbers.local_in(segment.seq) };
        let len = segment.payload.len();
        let end = start.wrapping_add(u32::try_from(len).unwrap_or(0));
        let ecn = match segment.ecn {
            Ecn::NotEct => "",
            Ecn::Ect0 => "[ect0] ",
            Ecn::Ect1 => "[ect1] ",
            Ecn::Ce => "[ce] ",
        };
        let mut shown = format!("> {ecn}{} {start}:{end}({len})", segment.flags);
        if segment.flags.contains(Flags::ACK) {
            shown += &format!(" ack {}", self.numbers.remote_in(segment.ack));
        }
        shown += &format!(" win {}", segment.window);
        let options: Vec<_> = segment.options.iter().map(|o| self.numbers.option_in(o)).collect();
        shown + &show_options(&options)
    }
}

/// What a script expects, in its language.
fn describe(spec: &PacketSpec) -> String {
    let PacketSpec { ecn, flags, range, ack, window, urgent: _, options } = spec;
    let ecn = match ecn {
        EcnSpec::Unsaid => "",
        EcnSpec::AnyEct => "[ect01] ",
        EcnSpec::Is(Ecn::NotEct) => "[noecn] ",
        EcnSpec::Is(Ecn::Ect0) => "[ect0] ",
        EcnSpec::Is(Ecn::Ect1) => "[ect1] ",
        EcnSpec::Is(Ecn::Ce) => "[ce] ",
    };
    let (start, len) = (range.start, range.payload_len);
    let end = start.wrapping_add(len.into());
    let mut shown = format!("> {ecn}{flags} {start}:{end}({len})");
    if let Some(ack) = ack {
        shown += &format!(" ack {ack}");
    }
    if let Some(window) = window {
        shown += &format!(" win {window}");
    }
    shown
        + &match options {
            OptionsSpec::Any => " <...>".to_owned(),
            OptionsSpec::Are(options) => show_options(options),
        }
}

fn show_options(options: &[TcpOption]) -> String {
    if options.is_empty() {
        return String::new();
    }
    let options: Vec<_> = options.iter().map(TcpOption::to_string).collect();
    format!(" <{}>", options.join(","))
}

fn timestamps(options: &[TcpOption]) -> Option<(u32, u32)> {
    options.iter().find_map(|option| match option {
        TcpOption::Timestamps { value, echo } => Some((*value, *echo)),
        _ => None,
    })
}
