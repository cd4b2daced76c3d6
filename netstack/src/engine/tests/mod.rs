//! Tests of the engine's parts.

mod demux;
mod neighbor;
mod slots;
mod wheel;
