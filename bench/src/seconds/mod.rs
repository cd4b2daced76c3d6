//! What workers measure, second by second: the border between the generator and its results.
//!
//! **The generator's side.** Each worker has a [`Recorder`] of its own, so nothing is shared on the way
//! of an operation. It tells the recorder what is due, what was begun and what came of it, and once a
//! second (and once at the end) [`Recorder::close`] turns all that into a [`Second`], which the worker
//! gives away.
//!
//! **The results' side.** A [`Second`] is a plain value: it can be serialised, and read back as it was.
//! [`Second::merge`] adds another worker's view of the same second, or another second for a sum over
//! time: every field is a sum but [`Second::states`], which is what the gauge stood at when the second
//! closed (see there). Nothing in it is rounded or thinned out but latencies, to the three digits of
//! [`Latencies`].
//!
//! **What belongs where.** An operation counts in the second in which it *ended*, whatever it ended in,
//! and in the phase in which it was *due*. So a second is final when it is closed, and an operation
//! that was due in the last phase and ended after it counts in that phase. Bytes and handshakes count
//! in second and phase of their own time.
//!
//! **Two times of each operation.** *Response time* counts from when the operation was due by the
//! schedule, *service time* from when the generator sent it. In a closed loop both are the same. An
//! operation that failed has neither; it counts by its [`Reason`]. What was due and never begun, because
//! every connection was busy until the end, is `due - begun` of its [`Cell`]: a report that leaves that
//! out flatters.
//!
//! **The generator itself.** [`Own`] has how late it was by its own fault, its CPU time, and what its rings
//! dropped. [`Own::limits`] says whether it, and not the server, set the pace.

mod cell;
mod latencies;
mod own;
mod reason;
mod recorder;
mod states;
#[cfg(test)]
mod tests;

pub(crate) use cell::{Cell, HandshakeKind, Place, Second};
pub(crate) use latencies::Latencies;
pub(crate) use own::{Limit, Own};
pub(crate) use reason::{Reason, Reasons};
pub(crate) use recorder::{Operation, Outcome, OwnSample, Recorder};
pub(crate) use states::{ConnectionState, States};
