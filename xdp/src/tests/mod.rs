//! Tests of what the public face does not show.

mod netdev;
mod umem;
