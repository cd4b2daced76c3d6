use std::net::SocketAddr;

use super::check;

fn allowed(address: &str, owned: &[&str]) -> bool {
    let address: SocketAddr = address.parse().expect("an address");
    let owned: Vec<String> = owned.iter().map(|name| (*name).to_owned()).collect();
    check(address, "www.example", &owned).is_ok()
}

#[test]
fn addresses_of_ones_own_are_loaded_without_a_question() {
    for address in [
        "127.0.0.1:443",
        "10.1.2.3:443",
        "172.16.0.1:1",
        "172.31.255.255:1",
        "192.168.0.1:1",
        "169.254.1.1:1",
        "100.127.0.1:1",
        "198.19.0.1:1",
        "192.0.2.1:443",
        "[::1]:443",
        "[fd00::1]:1",
        "[fe80::1]:1",
        "[2001:db8::1]:1",
        "[::ffff:10.0.0.1]:1",
    ] {
        assert!(allowed(address, &[]), "{address}");
    }
}

#[test]
fn others_only_by_name() {
    for address in [
        "8.8.8.8:443",
        "172.32.0.1:1",
        "172.15.0.1:1",
        "100.128.0.1:1",
        "198.20.0.1:1",
        "192.0.3.1:1",
        "[2001:db9::1]:1",
        "[2606:4700::1]:443",
        "[::ffff:8.8.8.8]:1",
    ] {
        assert!(!allowed(address, &[]), "{address}");
        assert!(!allowed(address, &["other.example"]), "{address}");
        assert!(allowed(address, &["other.example", "WWW.example"]), "{address}");
    }
}

#[test]
fn refusal_says_what_to_do() {
    let address = "8.8.8.8:443".parse().expect("an address");
    let refused = check(address, "www.example", &[]).expect_err("nobody's own");
    assert!(refused.to_string().contains("--i-own-this-target www.example"), "{refused}");
}
