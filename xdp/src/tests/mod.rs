//! Tests of what the public face does not show.

mod kernel;
#[expect(unsafe_code, reason = "stands in for the memory that is shared with the kernel")]
mod ring;
mod umem;
