//! A TLS-terminating reverse proxy for many virtual hosts on its own userspace TCP stack.

fn main() {}
