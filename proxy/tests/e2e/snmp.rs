//! What a kernel counts.

use std::fs;

use hosts::Host;

/// The TCP counter `name` of a host, as RFC 4022 and `/proc/net/snmp` call it.
pub(crate) fn tcp_counter(host: &Host, name: &str) -> u64 {
    let read = || fs::read_to_string("/proc/thread-self/net/snmp");
    let table = host.enter(read).expect("the host is there").expect("counters");
    let mut lines = table.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, counts) = (lines.next().expect("names"), lines.next().expect("counts"));
    let mut columns = names.split(' ').zip(counts.split(' '));
    let (_, count) = columns.find(|&(column, _)| column == name).expect("a column");
    count.parse().expect("a count")
}
