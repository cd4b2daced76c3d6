//! Tests of the judge's own arithmetic and reader.

mod seq;
mod wire;
