//! Tests of what the public face does not show.

mod kernel;
mod netdev;
mod umem;
