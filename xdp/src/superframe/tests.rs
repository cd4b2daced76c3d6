use super::*;

/// Headers of an IPv4 segment without options: only what is looked at.
fn headers(flags: u8) -> [u8; 54] {
    let mut headers = [0; 54];
    headers[14] = 0x45;
    headers[47] = flags;
    headers
}

fn frame<'a>(headers: &'a [u8], payload: &'a [&'a [u8]]) -> SuperFrame<'a> {
    SuperFrame { headers, l2_len: 14, l3_len: 20, mss: 1000, payload }
}

#[test]
fn the_kernel_is_told_where_to_cut_and_where_to_sum() {
    let head = VirtioHeader::of(&frame(&headers(0x10), &[&[0; 2500]])).expect("a super-frame");
    let words = |at: usize, bytes: [u8; 10]| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
    let bytes = head.to_bytes();
    assert_eq!(bytes[..2], [1, 1], "NEEDS_CSUM, TCPV4");
    assert_eq!([2, 4, 6, 8].map(|at| words(at, bytes)), [54, 1000, 34, 16]);
}

#[test]
fn one_segment_is_not_cut() {
    for payload in [&[0; 1000][..], &[]] {
        let marked = headers(0x10 | TCP_CWR);
        let head = VirtioHeader::of(&frame(&marked, &[payload])).expect("a packet");
        assert_eq!((head.gso_type, head.gso_size, head.csum_start), (0, 0, 34));
    }
}

#[test]
fn what_can_not_be_cut_is_refused() {
    let whole = headers(0x10);
    let full = vec![0; 65_535];
    let refused = |headers: &[u8], payload: &[&[u8]]| {
        assert_eq!(VirtioHeader::of(&frame(headers, payload)), None);
    };
    refused(&whole, &[&full[..65_535 - 53]]);
    refused(&headers(0x10 | TCP_CWR), &[&[0; 2500]]);
    refused(&[0; 54], &[&[0; 2500]]);
    refused(&whole[..47], &[&[0; 2500]]);
    assert!(VirtioHeader::of(&frame(&whole, &[&full[..65_535 - 54]])).is_some());
}

#[test]
fn a_link_that_refuses_is_tried_less_and_less() {
    let mut patience = Patience::default();
    let mut pauses = Vec::new();
    for _ in 0..14 {
        assert!(patience.is_over());
        patience.refused();
        let mut pause = 0;
        while !patience.is_over() {
            pause += 1;
        }
        pauses.push(pause);
        patience.left = 0;
    }
    assert_eq!(pauses[..4], [16, 32, 64, 128]);
    assert_eq!(pauses[11..], [Patience::MAX; 3]);
}
