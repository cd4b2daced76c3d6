//! Tests of the engine's parts.

mod demux;
mod fifo;
mod interned;
mod neighbor;
mod recount;
mod slots;
mod wheel;
