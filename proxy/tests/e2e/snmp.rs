//! What a kernel counts.

use std::fs;

use hosts::Host;

/// The TCP counter `name` of a host, as RFC 4022 and `/proc/net/snmp` call it.
pub(crate) fn tcp_counter(host: &Host, name: &str) -> u64 {
    counter(host, "snmp", "Tcp: ", name)
}

/// A counter of a host that is Linux's own, as `/proc/net/netstat` calls it.
pub(crate) fn linux_tcp_counter(host: &Host, name: &str) -> u64 {
    counter(host, "netstat", "TcpExt: ", name)
}

/// A line of names, and one of counts.
fn counter(host: &Host, file: &str, section: &str, name: &str) -> u64 {
    let read = || fs::read_to_string(format!("/proc/thread-self/net/{file}"));
    let table = host.enter(read).expect("the host is there").expect("counters");
    let mut lines = table.lines().filter_map(|line| line.strip_prefix(section));
    let (names, counts) = (lines.next().expect("names"), lines.next().expect("counts"));
    let mut columns = names.split(' ').zip(counts.split(' '));
    let (_, count) = columns.find(|&(column, _)| column == name).expect("a column");
    count.parse().expect("a count")
}
