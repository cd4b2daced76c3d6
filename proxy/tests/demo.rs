//! `weir demo` does the whole job, shows it, and takes away what it made.

use std::fs;
use std::process::Command;

/// The named network namespaces of this machine.
fn namespaces() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/run/netns") else { return Vec::new() };
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn demo_fetches_every_virtual_host_both_ways_and_cleans_up() {
    let before = namespaces();
    let output =
        Command::new(env!("CARGO_BIN_EXE_weir")).arg("demo").output().expect("weir starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let all = format!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{all}");
    for name in ["shop.example", "blog.example", "v1.api.example"] {
        for address in ["192.0.2.1", "2001:db8::1"] {
            let is_answer = |line: &&str| line.contains(name) && line.contains(address);
            let answer = said.lines().find(is_answer).unwrap_or_default();
            assert!(answer.contains("TLS ok, HTTP 200"), "{name} {address}\n{all}");
        }
    }
    for shown in [
        "weir_tcp_connections{listener=\"https\",state=\"established\"} 1",
        "weir_memory_bytes{pool=",
        "weir_xdp_mode{queue=\"edge0/0\",mode=\"copy\"} 1",
    ] {
        assert!(said.contains(shown), "{shown}\n{all}");
    }
    assert_eq!(namespaces(), before, "namespaces are left");
}
