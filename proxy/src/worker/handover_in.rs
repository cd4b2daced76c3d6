//! Segments without a connection here, and those that others found for us.

use netstack::{Unclaimed, Verdict};
use xdp::{Frame, Queue};

use super::Context;
use crate::handover::{Handover, Passed, Question, Stray, Trail};
use crate::tally::StrayFate;

/// Passes an unclaimed segment on to the worker that may own it, or answers it.
/// `trail`: where it was before.
pub(super) fn settle(
    context: &mut Context,
    handover: &mut Handover,
    unclaimed: Unclaimed<Frame>,
    trail: Trail,
) {
    let Unclaimed { frame, kind, flow, record } = unclaimed;
    let question = Question { bytes: &frame, kind, flow, record, trail };
    match handover.pass(&question, context.now) {
        Passed::Stays => answer(context, handover, frame),
        Passed::On => context.tally.stray(StrayFate::Passed),
        Passed::Full => context.tally.stray(StrayFate::QueueFull),
    }
}

/// Has the final word on a segment that no worker has a connection for. It may answer a SYN cookie,
/// this worker's or another's: all have the same secret.
fn answer(context: &mut Context, handover: &Handover, frame: Frame) {
    if let Some(sent_at) = handover.cookies_sent_at() {
        context.engine.expect_cookies(sent_at);
    }
    context.isolate(|it| it.engine.handle_unclaimed(it.now, frame));
    if let Some(sent_at) = context.engine.cookies_sent_at() {
        handover.note_cookies(sent_at);
    }
}

/// Takes a stray that another worker passed to this one.
pub(super) fn take(
    context: &mut Context,
    queue: &mut Queue,
    handover: &mut Handover,
    stray: &Stray,
) {
    let Some(frame) = copy_in(queue, &stray.bytes) else {
        context.tally.stray(StrayFate::NoFrame);
        return;
    };
    context.tally.stray(StrayFate::Taken);
    let verdict = context.isolate(|it| it.engine.handle_frame(it.now, frame));
    if let Some(Verdict::Unclaimed(unclaimed)) = verdict {
        settle(context, handover, unclaimed, stray.trail);
    }
}

fn copy_in(queue: &mut Queue, bytes: &[u8]) -> Option<Frame> {
    let mut frame = queue.alloc_for(bytes.len())?;
    frame.get_mut(..bytes.len())?.copy_from_slice(bytes);
    frame.set_len(bytes.len());
    Some(frame)
}
