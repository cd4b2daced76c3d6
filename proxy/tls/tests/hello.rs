//! The hello parser: whole hellos in any fragmentation, and all that is none.

#[path = "common/hello.rs"]
mod made;

use made::{HelloFields, list16, protocols, records, server_name, vector16};
use proptest::prelude::*;
use rustls::{CipherSuite, NamedGroup, SignatureScheme};
use weir_tls::hello::{HELLO_MAX, HelloBuffer, HelloError, HelloProgress, ServerNameError};
use weir_tls::{Alert, Reason, Version};

/// What comes of `bytes`, given in pieces of `chunk_len`.
fn outcome(bytes: &[u8], chunk_len: usize) -> (HelloBuffer, Result<HelloProgress, HelloError>) {
    let mut buffer = HelloBuffer::new();
    let mut progress = Ok(HelloProgress::NeedMore);
    for chunk in bytes.chunks(chunk_len) {
        progress = buffer.push(chunk);
    }
    (buffer, progress)
}

fn refusal(bytes: &[u8]) -> HelloError {
    outcome(bytes, usize::MAX).1.expect_err("no hello")
}

fn refused_extension(number: u16, body: Vec<u8>) -> HelloError {
    refusal(&HelloFields::with(number, body).record())
}

#[test]
fn a_hello_is_read_in_any_fragmentation() {
    let message = HelloFields::default().message();
    for fragment_len in [1, 2, 3, 4, 5, 64, usize::MAX] {
        for chunk_len in [1, 2, 5, 7, usize::MAX] {
            let bytes = records(&message, fragment_len);
            let (buffer, progress) = outcome(&bytes, chunk_len);
            assert_eq!(progress, Ok(HelloProgress::Complete));
            let hello = buffer.client_hello().expect("complete");
            assert_eq!(hello.server_name(), Some("example.com"));
            assert_eq!(hello.alpn().collect::<Vec<_>>(), [b"h2".as_slice(), b"http/1.1"]);
            assert_eq!(
                hello.groups().collect::<Vec<_>>(),
                [NamedGroup::X25519MLKEM768, NamedGroup::X25519]
            );
            assert_eq!(hello.cipher_suites().next(), Some(CipherSuite::TLS13_AES_128_GCM_SHA256));
            assert_eq!(hello.signature_schemes().last(), Some(SignatureScheme::RSA_PSS_SHA256));
            assert!(hello.offers(Version::Tls13) && hello.offers(Version::Tls12));
            assert_eq!(hello.session_id().len(), 32);
            assert_eq!(buffer.into_bytes(), bytes);
        }
    }
}

#[test]
fn it_is_not_complete_one_byte_before_its_end() {
    let bytes = HelloFields::default().record();
    let (buffer, progress) = outcome(&bytes[..bytes.len() - 1], 1);
    assert_eq!(progress, Ok(HelloProgress::NeedMore));
    assert!(buffer.client_hello().is_none());
}

#[test]
fn bytes_behind_the_hello_are_kept_for_the_handshake() {
    let bytes = [HelloFields::default().record(), vec![20, 3, 3, 0, 1, 1]].concat();
    for chunk_len in [1, usize::MAX] {
        let (buffer, progress) = outcome(&bytes, chunk_len);
        assert_eq!(progress, Ok(HelloProgress::Complete));
        assert_eq!(buffer.into_bytes(), bytes);
    }
}

#[test]
fn plain_http_is_told_from_garbage() {
    for request in ["GET / HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n"] {
        assert_eq!(refusal(request.as_bytes()), HelloError::PlainHttp);
        assert_eq!(outcome(request.as_bytes(), 1).1, Err(HelloError::PlainHttp));
    }
    assert_eq!(HelloError::PlainHttp.reason(), Reason::PlainHttp);
    assert_eq!(HelloError::PlainHttp.alert(), None);
    for garbage in ["SSH-2.0-OpenSSH_9.2\r\n", "GETTING", "\0\0\0\0", "\u{16}\u{2}", "EHLO x"] {
        assert_eq!(refusal(garbage.as_bytes()), HelloError::NotTls, "{garbage:?}");
    }
}

#[test]
fn sslv2_is_named() {
    for hello in [[0x80, 0x2e, 1, 0, 2, 0, 21], [0x80, 0x64, 1, 3, 1, 0, 0x4b]] {
        assert_eq!(refusal(&hello), HelloError::Sslv2);
        assert_eq!(outcome(&hello, 1).1, Err(HelloError::Sslv2));
    }
    assert_eq!(refusal(&[0x80, 0x2e, 4, 0, 2]), HelloError::NotTls);
    assert_eq!(HelloError::Sslv2.alert(), Some(Alert::ProtocolVersion));
}

#[test]
fn records_that_carry_no_hello_are_refused() {
    let cases: [(&[u8], HelloError); 7] = [
        (&[21, 3, 1, 0, 2, 2, 40], HelloError::UnexpectedRecord),
        (&[23, 3, 3, 0, 1, 0], HelloError::UnexpectedRecord),
        (&[22, 3, 1, 0x40, 1], HelloError::RecordOverflow),
        (&[22, 3, 1, 0, 0], HelloError::EmptyRecord),
        (&[22, 3, 1, 0, 4, 2, 0, 0, 0], HelloError::UnexpectedMessage),
        (&[22, 3, 1, 0, 1, 16], HelloError::UnexpectedMessage),
        (&[22, 3, 1, 0, 4, 1, 0, 0x40, 0], HelloError::TooLong),
    ];
    for (bytes, expected) in cases {
        assert_eq!(refusal(bytes), expected);
    }
    // Another record in the midst of a hello.
    let message = HelloFields::default().message();
    let mut bytes = records(&message[..20], usize::MAX);
    bytes.extend([20, 3, 3, 0, 1, 1]);
    assert_eq!(refusal(&bytes), HelloError::UnexpectedRecord);
    // Another message in the record in which the hello ends.
    let bytes = records(&[message.as_slice(), &[0]].concat(), usize::MAX);
    assert_eq!(refusal(&bytes), HelloError::TrailingBytes);
}

#[test]
fn sixteen_kib_are_the_limit_whatever_fills_them() {
    let padding = |length: usize| HelloFields::with(21, vec![0; length]);
    let overhead = padding(0).record().len();
    let (_, progress) = outcome(&padding(HELLO_MAX - overhead).record(), 1000);
    assert_eq!(progress, Ok(HelloProgress::Complete));
    let too_long = padding(HELLO_MAX - overhead + 1);
    assert_eq!(refusal(&too_long.record()), HelloError::TooLong);
    assert_eq!(HelloError::TooLong.reason(), Reason::HelloTooLong);
    // A short message in records of one byte, with five bytes of header each.
    let message = padding(4000).message();
    assert_eq!(refusal(&records(&message, 1)), HelloError::TooLong);
    assert_eq!(outcome(&records(&message, 1), 100).1, Err(HelloError::TooLong));
    assert_eq!(outcome(&records(&message, 2), 100).1, Ok(HelloProgress::Complete));
}

#[test]
fn a_version_below_tls12_is_refused_but_its_hello_can_be_logged() {
    let mut fields = HelloFields { legacy_version: 0x0302, ..HelloFields::default() };
    fields.extensions.retain(|(number, _)| *number != 43);
    let (buffer, progress) = outcome(&fields.record(), usize::MAX);
    assert_eq!(progress, Err(HelloError::UnsupportedVersion));
    assert_eq!(HelloError::UnsupportedVersion.alert(), Some(Alert::ProtocolVersion));
    let hello = buffer.client_hello().expect("parsed all the same");
    assert_eq!(hello.server_name(), Some("example.com"));
    assert!(hello.ja4().starts_with("t11d"));

    // The extension counts, not the field.
    assert_eq!(refused_extension(43, vec![2, 3, 2]), HelloError::UnsupportedVersion);
    let mut fields = HelloFields::default();
    fields.extensions.retain(|(number, _)| *number != 43);
    let (buffer, _) = outcome(&fields.record(), usize::MAX);
    let hello = buffer.client_hello().expect("TLS 1.2");
    assert!(hello.offers(Version::Tls12) && !hello.offers(Version::Tls13));
}

#[test]
fn a_hello_without_extensions_is_one_of_tls12() {
    let fields = HelloFields { extensions: Vec::new(), ..HelloFields::default() };
    let (buffer, progress) = outcome(&fields.record(), usize::MAX);
    assert_eq!(progress, Ok(HelloProgress::Complete));
    let hello = buffer.client_hello().expect("complete");
    assert_eq!(hello.server_name(), None);
    assert_eq!(hello.alpn().count(), 0);
    assert!(!hello.offers_resumption());
}

#[test]
fn server_names_that_are_no_single_host_name_are_refused() {
    use ServerNameError::{BadByte, Empty, Malformed, NotOneName, TooLong, UnknownType};
    let host = |name: &[u8]| [vec![0], vector16(name)].concat();
    let long_label = [b'a'; 64];
    let long_name = [b"a.".repeat(126).as_slice(), b"aa"].concat();
    let cases: Vec<(Vec<u8>, ServerNameError)> = vec![
        (server_name(b"example.com\0"), BadByte),
        (server_name(b"ex ample.com"), BadByte),
        (server_name(b"*.example.com"), BadByte),
        (server_name("exämple.com".as_bytes()), BadByte),
        (server_name(b"\xff"), BadByte),
        (server_name(b"example.com/"), BadByte),
        (server_name(b""), Empty),
        (server_name(b"."), Empty),
        (server_name(b"a..b"), Empty),
        (server_name(b"a.."), Empty),
        (server_name(b".a"), Empty),
        (server_name(&long_label), TooLong),
        (server_name(&long_name), TooLong),
        (vector16(b""), NotOneName),
        (vector16(&[host(b"a.example"), host(b"b.example")].concat()), NotOneName),
        (vector16(&[&[1], vector16(b"x").as_slice()].concat()), UnknownType),
        (vector16(&[host(b"a.example"), vec![7]].concat()), UnknownType),
        (Vec::new(), Malformed),
        (vec![0, 9, 0], Malformed),
        ([server_name(b"a.example"), vec![0]].concat(), Malformed),
    ];
    for (body, expected) in cases {
        assert_eq!(refused_extension(0, body.clone()), expected.into(), "{body:?}");
    }
    assert_eq!(HelloError::from(BadByte).reason(), Reason::BadServerName);
}

#[test]
fn server_names_at_the_limits_are_taken() {
    let longest = [b"a.".repeat(126).as_slice(), b"a"].concat();
    assert_eq!(longest.len(), 253);
    let dotted = [longest.as_slice(), b"."].concat();
    let names: [&[u8]; 6] =
        [b"EXAMPLE.com", b"a", b"_dmarc.a-b.example.", &[b'a'; 63], &longest, &dotted];
    for name in names {
        let bytes = HelloFields::with(0, server_name(name)).record();
        let (buffer, _) = outcome(&bytes, usize::MAX);
        let hello = buffer.client_hello().expect("complete");
        assert_eq!(hello.server_name().map(str::as_bytes), Some(name));
    }
}

#[test]
fn the_text_of_an_ip_address_names_nobody() {
    for address in ["192.0.2.1", "2001:db8::1"] {
        let bytes = HelloFields::with(0, server_name(address.as_bytes())).record();
        let (buffer, progress) = outcome(&bytes, usize::MAX);
        assert_eq!(progress, Ok(HelloProgress::Complete));
        assert_eq!(buffer.client_hello().expect("complete").server_name(), None);
    }
}

#[test]
fn odd_extensions_are_refused() {
    let mut twice = HelloFields::default();
    twice.extensions.push((43, vec![2, 3, 4]));
    assert_eq!(refusal(&twice.record()), HelloError::DuplicateExtension);
    let many = HelloFields {
        extensions: (1000..1200).map(|number| (number, Vec::new())).collect(),
        ..HelloFields::default()
    };
    assert_eq!(refusal(&many.record()), HelloError::TooManyExtensions);
    let malformed = [
        (10, vec![0, 3, 0, 29, 0]),
        (10, Vec::new()),
        (13, list16(&[])),
        (16, protocols(&[])),
        (16, protocols(&[b"h2", b""])),
        (16, vec![0, 3, 9, b'h', b'2']),
        (43, vec![3, 3, 4, 3]),
        (51, vec![0, 4, 0, 29, 0, 0]),
        (51, vec![0, 5, 0, 29, 0, 2, 1]),
    ];
    for (number, body) in malformed {
        assert_eq!(refused_extension(number, body), HelloError::Malformed, "extension {number}");
    }
    let mut psk_first = HelloFields::default();
    psk_first.extensions.insert(0, (41, vec![0]));
    assert_eq!(refusal(&psk_first.record()), HelloError::Malformed);
}

#[test]
fn grease_is_left_out_everywhere() {
    let mut fields = HelloFields::default();
    fields.cipher_suites.insert(0, 0x1a1a);
    fields.extensions.insert(0, (0x2a2a, Vec::new()));
    fields.extensions.push((0xfafa, vec![0]));
    let mut greased = fields.clone();
    greased.extensions.retain(|(number, _)| ![10, 43].contains(number));
    greased.extensions.push((10, list16(&[0x3a3a, 0x11ec, 0x001d])));
    greased.extensions.push((43, vec![6, 0x4a, 0x4a, 3, 4, 3, 3]));
    greased.extensions.push((51, vector16(&[0x3a, 0x3a, 0, 1, 0, 0, 29, 0, 1, 7])));
    let (buffer, progress) = outcome(&greased.record(), usize::MAX);
    assert_eq!(progress, Ok(HelloProgress::Complete));
    let hello = buffer.client_hello().expect("complete");
    assert!(hello.has_grease());
    assert_eq!(hello.cipher_suites().count(), 3);
    assert_eq!(hello.groups().next(), Some(NamedGroup::X25519MLKEM768));
    assert_eq!(hello.versions().count(), 2);
    assert_eq!(hello.key_share_groups().collect::<Vec<_>>(), [NamedGroup::X25519]);
}

#[test]
fn ja4_is_that_of_its_specification() {
    // The example of the specification: a Chrome.
    let extensions: [u16; 16] = [
        0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012,
        0x002b, 0xff01, 0x000b, 0x000a, 0x0015,
    ];
    let schemes = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
    let body = |number| match number {
        0x0000 => server_name(b"example.com"),
        0x000a => list16(&[0x5a5a, 0x001d]),
        0x000d => list16(&schemes),
        0x0010 => protocols(&[b"h2", b"http/1.1"]),
        0x002b => vec![6, 0x6a, 0x6a, 3, 4, 3, 3],
        0x0033 => vec![0, 0],
        _ => Vec::new(),
    };
    let mut fields = HelloFields {
        cipher_suites: vec![
            0x8a8a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
            0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
        ],
        extensions: extensions.into_iter().map(|number| (number, body(number))).collect(),
        ..HelloFields::default()
    };
    fields.extensions.insert(0, (0x9a9a, Vec::new()));
    let (buffer, _) = outcome(&fields.record(), usize::MAX);
    let hello = buffer.client_hello().expect("complete");
    assert_eq!(hello.ja4(), "t13d1516h2_8daaf6152771_e5627efa2ab1");
}

#[test]
fn ja4_of_odd_hellos_has_its_shape_too() {
    let bare = HelloFields { extensions: Vec::new(), ..HelloFields::default() };
    let (buffer, _) = outcome(&bare.record(), usize::MAX);
    let ja4 = buffer.client_hello().expect("complete").ja4();
    assert!(ja4.starts_with("t12i030000_") && ja4.ends_with("_000000000000"), "{ja4}");
    let binary = HelloFields::with(16, protocols(&[&[0xab, 0xcd]]));
    let (buffer, _) = outcome(&binary.record(), usize::MAX);
    let ja4 = buffer.client_hello().expect("complete").ja4();
    assert!(ja4.starts_with("t13d0305ad_"), "{ja4}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let (buffer, _) = outcome(&bytes, 7);
        if let Some(hello) = buffer.client_hello() {
            prop_assert!(hello.ja4().starts_with('t'));
        }
        let as_record = records(&[&[1, 0, 2, 0], bytes.as_slice()].concat(), 100);
        let _: (HelloBuffer, Result<HelloProgress, HelloError>) = outcome(&as_record, 50);
    }

    #[test]
    fn a_mutated_hello_never_panics_and_how_it_is_cut_makes_no_difference(
        mutations in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        end in any::<prop::sample::Index>(),
        fragment_len in 1_usize..400,
        chunk_len in 1_usize..400,
    ) {
        let mut bytes = records(&HelloFields::default().message(), fragment_len);
        for (at, value) in mutations {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(end.index(bytes.len()) + 1);
        let (whole, progress) = outcome(&bytes, usize::MAX);
        let (cut, cut_progress) = outcome(&bytes, chunk_len);
        prop_assert_eq!(progress, cut_progress);
        let ja4 = whole.client_hello().map(|hello| hello.ja4());
        prop_assert_eq!(ja4, cut.client_hello().map(|hello| hello.ja4()));
    }
}
