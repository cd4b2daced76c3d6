//! Load harness: open-loop TLS load and honest latency figures.

fn main() {}
