//! Attributes of an answer by netlink.

use crate::netdev::attribute;

fn attributes(list: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, value) in list {
        let len = u16::try_from(4 + value.len()).expect("a short value");
        bytes.extend(len.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(*value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

#[test]
fn an_attribute_is_found_behind_others_and_their_padding() {
    let bytes = attributes(&[(1, b"a"), (2, b""), (0x8003, b"value"), (4, b"behind")]);
    assert_eq!(attribute(&bytes, 1), Some(&b"a"[..]));
    assert_eq!(attribute(&bytes, 2), Some(&b""[..]));
    assert_eq!(attribute(&bytes, 3), Some(&b"value"[..]), "whatever its flags");
    assert_eq!(attribute(&bytes, 4), Some(&b"behind"[..]));
    assert_eq!(attribute(&bytes, 5), None);
}

#[test]
fn a_list_that_is_cut_short_has_no_attribute() {
    let bytes = attributes(&[(1, b"abcdefgh")]);
    for len in 0..bytes.len() {
        assert_eq!(attribute(&bytes[..len], 1), None, "{len}");
    }
    assert_eq!(attribute(&[0; 8], 1), None, "a length below that of the header");
}
