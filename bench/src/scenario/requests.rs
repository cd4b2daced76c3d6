//! From steps as a scenario says them to bytes that are sent.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::url::Url;
use super::{Mode, ScenarioError, StepDraft};
use crate::client::{After, Ask, Expect};
use crate::plan::{PlannedStep, Use};

/// Bytes of requests that are kept ready, at most: of every step for every name.
const READY_BYTES_MAX: usize = 1 << 28;

/// What workers are to do for `steps`.
pub(super) fn plan(
    steps: &[StepDraft],
    url: &Url,
    names: &[String],
) -> Result<Vec<PlannedStep>, ScenarioError> {
    if steps.is_empty() {
        return Err(ScenarioError::Contradiction("there is nothing to do: no step".to_owned()));
    }
    let planned: Vec<_> = steps.iter().map(|step| planned(step, url, names)).collect();
    let bytes = planned.iter().flat_map(|step| &step.asks).map(|ask| ask.request.len());
    if bytes.sum::<usize>() > READY_BYTES_MAX {
        let text = "requests of all steps for all names are more than 256 MiB: fewer names, or smaller bodies";
        return Err(ScenarioError::Contradiction(text.to_owned()));
    }
    Ok(planned)
}

fn planned(step: &StepDraft, url: &Url, names: &[String]) -> PlannedStep {
    let uses = match step.mode {
        Mode::Keepalive | Mode::Bulk | Mode::Echo | Mode::SlowWrite => Use::Kept,
        Mode::Connect | Mode::SlowRead | Mode::HalfClose => Use::Own,
        Mode::Handshake => Use::Handshake,
        Mode::Idle => Use::Hold,
    };
    let asks = match step.mode {
        Mode::Handshake | Mode::Idle => Vec::new(),
        Mode::Echo => vec![echo(step)],
        _ => names.iter().map(|name| request(step, url, name)).collect(),
    };
    let write_every = if step.mode == Mode::SlowWrite { step.every } else { Duration::ZERO };
    let read_every = (step.mode == Mode::SlowRead).then_some(step.every);
    let asks = asks.into_iter().map(Arc::new).collect();
    PlannedStep { uses, asks, write_every, read_every }
}

fn request(step: &StepDraft, url: &Url, name: &str) -> Ask {
    let path = step.path.as_deref().unwrap_or(&url.path);
    let mut head = String::new();
    let mut put = |text: std::fmt::Arguments<'_>| {
        head.write_fmt(text).expect("a string takes everything");
        head.push_str("\r\n");
    };
    put(format_args!("{} {path} HTTP/1.1", step.method));
    put(format_args!("Host: {}", url.authority(name)));
    put(format_args!("User-Agent: weir-bench\r\nAccept: */*"));
    for header in &step.headers {
        put(format_args!("{header}"));
    }
    if !step.body.is_empty() {
        put(format_args!("Content-Length: {}", step.body.len()));
    }
    put(format_args!(""));
    let mut request = head.into_bytes();
    let body_at = request.len();
    request.extend_from_slice(&step.body);
    let after = match step.mode {
        Mode::Connect | Mode::SlowRead => After::Close,
        Mode::HalfClose => After::HalfClose,
        _ => After::Stay,
    };
    let StepDraft { status, length, sha256, .. } = *step;
    Ask {
        request,
        body_at,
        expect: Expect::Http { status, length, sha256 },
        piece: piece_of(step),
        after,
        first_length: OnceLock::new(),
    }
}

/// Bytes that come back as they went: each differs from its neighbours, so that one that is lost or
/// doubled shows.
fn echo(step: &StepDraft) -> Ask {
    let size = usize::try_from(step.size).unwrap_or(usize::MAX).clamp(1, READY_BYTES_MAX);
    let request = (0..=250_u8).cycle().take(size).collect();
    Ask { request, expect: Expect::Echo, ..Ask::default() }
}

fn piece_of(step: &StepDraft) -> Option<usize> {
    let piece = usize::try_from(step.piece).unwrap_or(usize::MAX).max(1);
    (step.mode == Mode::SlowWrite).then_some(piece)
}
