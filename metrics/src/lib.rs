//! Counters, gauges, the memory ledger and their exposition.
