//! A scenario in a TOML file. `weir-bench run --help` shows one.

use std::cell::RefCell;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use toml::de::{DeTable, DeValue};

use super::reader::{self, Problems, Section, choice, number, parsed, text, truth, word};
use super::tls::VERSIONS;
use super::units::{parse_count, parse_duration, parse_rate, parse_size};
use super::{Draft, Mode, PhaseDraft, ScenarioError, StepDraft, TlsDraft, TransportKind};
use crate::schedule::{Pace, Spacing};
use crate::transport::source::parse_source;
use crate::transport::xdp::XdpPlan;

/// Names and steps of a file at most: numbers of steps and phases have 16 bits.
const ENTRIES_MAX: usize = 1000;

/// Largest body that a step may send.
const BODY_BYTES_MAX: u64 = 64 << 20;

/// Most steps of a phase that goes up by steps.
const STAIRS_MAX: u32 = 1000;

/// Reads the scenario in `path`; names of files in it start at its folder.
pub(crate) fn read(path: &Path) -> Result<Draft, ScenarioError> {
    let name = path.display().to_string();
    let unreadable = |error| ScenarioError::File(format!("{name}: {error}"));
    let text = fs::read_to_string(path).map_err(unreadable)?;
    parse(&text, &name, path.parent().unwrap_or_else(|| Path::new(""))).map_err(ScenarioError::File)
}

/// Reads the scenario in `text`; all that is wrong with it otherwise.
pub(super) fn parse(text: &str, name: &str, folder: &Path) -> Result<Draft, String> {
    let mut problems = Problems::default();
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            problems.add(error.span().unwrap_or(0..0), error.message());
            return Err(problems.render(name, text));
        }
    };
    let mut whole = Section::whole(table, &mut problems);
    let draft = scenario(&mut whole, folder);
    whole.end();
    match draft {
        Some(draft) if problems.is_empty() => Ok(draft),
        _ => Err(problems.render(name, text)),
    }
}

fn scenario(whole: &mut Section<'_, '_>, folder: &Path) -> Option<Draft> {
    let url = whole.required("target", text);
    let connect = whole.get("connect", word("an address with a port, as 192.0.2.1:443"));
    let connections = whole.get("connections", parsed(parse_count));
    let workers = whole.get("workers", parsed(parse_count));
    let timeout = whole.get("timeout", parsed(parse_duration));
    let seed = whole.get("seed", reader::whole(u64::MAX));
    let spacings = [("constant", Spacing::Constant), ("poisson", Spacing::Poisson)];
    let spacing = whole.get("spacing", choice(&spacings));
    let transport = whole.get("transport", choice(&by_name::<TransportKind>()));
    let xdp = xdp(whole);
    let owned = whole.list("own", text);
    let tls = whole.section("tls", |section| tls(section, folder));
    if tls.is_none() {
        whole
            .problems
            .add(0..0, "the section [tls] is missing: it says which authority to trust (ca)");
    }
    let phases = whole.sections("phase", phase);
    let steps = whole.sections("step", |section| step(section, folder));
    for (what, count) in [("phase", phases.len()), ("step", steps.len())] {
        if count == 0 {
            whole.problems.add(0..0, format!("there is no [[{what}]]"));
        } else if count > ENTRIES_MAX {
            whole.problems.add(0..0, format!("there are more than {ENTRIES_MAX} of [[{what}]]"));
        }
    }
    let Names { tls, names, zipf, resume } = tls?;
    Some(Draft {
        url: url?,
        connect,
        connections: connections.unwrap_or(10),
        workers,
        timeout: timeout.unwrap_or(Duration::from_secs(10)),
        seed: seed.unwrap_or(1),
        spacing: spacing.unwrap_or_default(),
        phases: phases.into_iter().flatten().collect(),
        steps,
        tls,
        names,
        zipf,
        resume,
        transport: transport.unwrap_or_default(),
        xdp,
        owned,
    })
}

fn xdp(whole: &mut Section<'_, '_>) -> Option<XdpPlan> {
    let interface = whole.get("interface", text);
    let sources = whole.list("source", |value| parse_source(&text(value)?));
    let gateway = whole.get("gateway", word("an address"));
    Some(XdpPlan { interface: interface?, sources: sources.concat(), gateway })
}

/// What the section `[tls]` says.
struct Names {
    tls: TlsDraft,
    names: Vec<String>,
    zipf: f64,
    resume: f64,
}

fn tls(section: &mut Section<'_, '_>, folder: &Path) -> Names {
    let path = |value: &DeValue<'_>| text(value).map(|path| folder.join(path));
    let versions = VERSIONS.map(|(name, _)| (name, name));
    let (certificate, key) = (section.get("certificate", path), section.get("key", path));
    if certificate.is_some() != key.is_some() {
        let what = "certificate and key of the client go together";
        section.problems.add(section.span(), what);
    }
    let mut names = section.list("names", text);
    let listed = section.get("names_file", |value| read_text(&folder.join(text(value)?)));
    if let Some(listed) = listed {
        names.extend(listed.lines().map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned));
    }
    Names {
        tls: TlsDraft {
            ca: section.required("ca", path).unwrap_or_default(),
            versions: section
                .list("versions", choice(&versions))
                .into_iter()
                .map(str::to_owned)
                .collect(),
            suites: section.list("suites", text),
            groups: section.list("groups", text),
            alpn: section.list("alpn", text),
            certificate: certificate.zip(key),
        },
        names,
        zipf: section.get("zipf", number(10.0)).unwrap_or_default(),
        resume: section.get("resume", number(1.0)).unwrap_or_default(),
    }
}

/// How the rate of a phase goes.
#[derive(Clone, Copy)]
enum Shape {
    Hold,
    Ramp,
    Step,
    Spike,
}

const SHAPES: [(&str, Shape); 4] =
    [("hold", Shape::Hold), ("ramp", Shape::Ramp), ("step", Shape::Step), ("spike", Shape::Spike)];

fn phase(section: &mut Section<'_, '_>) -> Option<PhaseDraft> {
    let shape = section.get("shape", choice(&SHAPES)).unwrap_or(Shape::Hold);
    let name = section.get("name", text);
    let measured = section.get("measured", truth).unwrap_or(true);
    let duration = section.required("duration", parsed(parse_duration));
    let rate = parsed(|text| parse_rate(text).map(|rate| rate as f64));
    let pieces = match shape {
        Shape::Hold => {
            let pace = section.get("rate", &rate).map_or(Pace::Closed, |rate| open(rate, rate));
            vec![(duration?, pace)]
        }
        Shape::Ramp => {
            let (from, to) = (section.required("from", &rate), section.required("to", &rate));
            vec![(duration?, open(from?, to?))]
        }
        Shape::Step => {
            let (from, to) = (section.required("from", &rate), section.required("to", &rate));
            let steps = section.required("steps", small(STAIRS_MAX));
            stairs(duration?, (from?, to?), steps?)
        }
        Shape::Spike => {
            let (base, peak) = (section.required("rate", &rate), section.required("peak", &rate));
            let width = section.required("width", parsed(parse_duration));
            let (duration, base, peak, width) = (duration?, base?, peak?, width?);
            let around = duration.saturating_sub(width) / 2;
            vec![(around, open(base, base)), (width, open(peak, peak)), (around, open(base, base))]
        }
    };
    let named = SHAPES
        .iter()
        .find(|(_, known)| std::mem::discriminant(known) == std::mem::discriminant(&shape));
    let name = name.unwrap_or_else(|| named.map_or("", |(name, _)| *name).to_owned());
    Some(PhaseDraft { name, measured, pieces })
}

fn open(from: f64, to: f64) -> Pace {
    Pace::Open { from, to }
}

/// From one rate to the other in so many steps, both ends among them.
fn stairs(duration: Duration, (from, to): (f64, f64), steps: u32) -> Vec<(Duration, Pace)> {
    let steps = steps.max(1);
    let last = f64::from((steps - 1).max(1));
    let rate = |step: u32| from + (to - from) * f64::from(step) / last;
    (0..steps).map(|step| (duration / steps, open(rate(step), rate(step)))).collect()
}

fn step(section: &mut Section<'_, '_>, folder: &Path) -> StepDraft {
    let mode = section.get("mode", choice(&by_name::<Mode>())).unwrap_or_default();
    let default = StepDraft::default();
    let mode_name =
        mode.to_possible_value().map_or_else(String::new, |it| it.get_name().to_owned());
    let status = section.get("status", small::<u16>(999));
    StepDraft {
        name: section.get("name", text).unwrap_or(mode_name),
        weight: section.get("weight", number(1e9)).unwrap_or(default.weight),
        mode,
        method: section.get("method", token).unwrap_or(default.method),
        path: section.get("path", token),
        headers: section.list("headers", header),
        body: body(section, folder),
        status: status.unwrap_or(default.status),
        length: section.get("length", reader::whole(u64::MAX)),
        sha256: section.get("sha256", |value| sha256(&text(value)?)),
        size: section.get("size", parsed(parse_size)).unwrap_or(default.size),
        piece: section.get("piece", parsed(parse_size)).unwrap_or(default.piece),
        every: section.get("every", parsed(parse_duration)).unwrap_or(default.every),
    }
}

/// The body that a step sends: in the file, in another one, or so many bytes.
fn body(section: &mut Section<'_, '_>, folder: &Path) -> Vec<u8> {
    let given = RefCell::new(Vec::<Range<usize>>::new());
    let note = |found: Option<(Vec<u8>, Range<usize>)>| {
        found.map(|(body, span)| {
            given.borrow_mut().push(span);
            body
        })
    };
    let text_body =
        note(section.get_with_span("body", |value| text(value).map(String::into_bytes)));
    let file = note(section.get_with_span("body_file", |value| {
        let path: PathBuf = folder.join(text(value)?);
        fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
    }));
    let sized = note(section.get_with_span("body_size", |value| {
        let size = parsed(parse_size)(value)?;
        if size > BODY_BYTES_MAX {
            return Err("more than 64 MiB".to_owned());
        }
        Ok(vec![b'x'; usize::try_from(size).unwrap_or_default()])
    }));
    if let [_, second, ..] = given.borrow().as_slice() {
        section.problems.add(second.clone(), "one of body, body_file and body_size");
    }
    text_body.or(file).or(sized).unwrap_or_default()
}

/// A whole number up to `most`.
fn small<T: TryFrom<u64> + Copy + Into<u64>>(
    most: T,
) -> impl Fn(&DeValue<'_>) -> Result<T, String> {
    move |value| {
        let number = reader::whole(most.into())(value)?;
        T::try_from(number).map_err(|_| format!("a whole number, {} at most", most.into()))
    }
}

/// What may stand in the first line of a request.
fn token(value: &DeValue<'_>) -> Result<String, String> {
    let text = text(value)?;
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    if plain { Ok(text) } else { Err(format!("{text:?} has more than printable characters")) }
}

fn header(value: &DeValue<'_>) -> Result<String, String> {
    let text = text(value)?;
    let plain = text.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    match text.split_once(':') {
        Some((name, _)) if plain && !name.is_empty() => Ok(text),
        _ => Err(format!("{text:?} is no header such as \"Name: value\"")),
    }
}

fn sha256(text: &str) -> Result<[u8; 32], String> {
    let bad = || format!("{text:?} is no SHA-256: 64 hexadecimal digits");
    if text.len() != 64 || !text.is_ascii() {
        return Err(bad());
    }
    let mut hash = [0; 32];
    for (index, byte) in hash.iter_mut().enumerate() {
        let digits = text.get(2 * index..2 * index + 2).ok_or_else(bad)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| bad())?;
    }
    Ok(hash)
}

fn read_text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// What the command line calls each value of a kind.
fn by_name<T: ValueEnum + Copy>() -> Vec<(String, T)> {
    let named = |value: &T| Some((value.to_possible_value()?.get_name().to_owned(), *value));
    T::value_variants().iter().filter_map(named).collect()
}

#[cfg(test)]
mod tests;
