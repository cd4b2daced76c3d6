use super::parse_mac;

#[test]
fn mac_is_read_from_the_ethernet_line_only() {
    let ethernet =
        "2: eth0@if2: <UP> mtu 1500\\    link/ether 02:fc:00:0a:00:ff brd ff:ff:ff:ff:ff:ff";
    assert_eq!(parse_mac(ethernet), Some([0x02, 0xfc, 0x00, 0x0a, 0x00, 0xff]));
    assert_eq!(parse_mac("1: lo: <UP>\\    link/loopback 00:00:00:00:00:00 brd 00:00"), None);
    assert_eq!(parse_mac("2: x\\    link/ether 02:fc:00"), None);
    assert_eq!(parse_mac("2: x\\    link/ether"), None);
}
