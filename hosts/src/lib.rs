//! Network namespaces and veth pairs for the demo, the tests and the benchmarks.
