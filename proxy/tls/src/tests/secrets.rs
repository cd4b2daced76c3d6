//! Keys from traffic secrets, and how the secrets are caught.

use std::sync::{Arc, Mutex};

use rustls::{KeyLog, NoKeyLog};

use crate::secrets::{Aead, CapturedSecrets, SecretCapture, TrafficSecret, capture};

/// Bytes of hexadecimal text.
fn bytes(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a digit");
    let pair = |pair: &[u8]| u8::try_from(digit(pair[0]) * 16 + digit(pair[1])).expect("a byte");
    text.as_bytes().chunks(2).map(pair).collect()
}

#[test]
fn keys_are_those_of_the_example_handshake() {
    // RFC 8448 §3: the application traffic secrets of both sides.
    let cases = [
        (
            "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
            "17422dda596ed5d9acd890e3c63f5051",
            "5b78923dee08579033e523d9",
        ),
        (
            "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
            "9f02283b6c9c07efc26bb9f2ac92e356",
            "cf782b88dd83549aadf1e984",
        ),
    ];
    for (secret, key, iv) in cases {
        let secret = TrafficSecret::from_bytes(&bytes(secret)).expect("32 bytes");
        let material = secret.key_material(Aead::Aes128Gcm).expect("keys");
        assert_eq!(material.key(), bytes(key));
        assert_eq!(material.iv().as_slice(), bytes(iv));
    }
}

#[test]
fn a_secret_has_the_length_of_its_hash() {
    for length in 0..100 {
        let taken = TrafficSecret::from_bytes(&vec![1; length]).is_some();
        assert_eq!(taken, [32, 48].contains(&length), "{length} bytes");
    }
}

#[test]
fn generations_differ() {
    for length in [32, 48] {
        let first = TrafficSecret::from_bytes(&vec![1; length]).expect("a secret");
        let second = first.next().expect("the next");
        let keys = |secret: &TrafficSecret| secret.key_material(Aead::Aes256Gcm).expect("keys");
        assert!(keys(&first).matches(&keys(&first)));
        assert!(!keys(&first).matches(&keys(&second)));
    }
}

#[derive(Debug, Default)]
struct Labels(Mutex<Vec<String>>);

impl KeyLog for Labels {
    fn log(&self, label: &str, _: &[u8], _: &[u8]) {
        self.0.lock().expect("not poisoned").push(label.to_owned());
    }
}

#[test]
fn secrets_are_caught_on_this_thread_and_only_while_asked_for() {
    let log = SecretCapture::before(Arc::new(NoKeyLog));
    let mut secrets = CapturedSecrets::default();
    log.log("CLIENT_TRAFFIC_SECRET_0", &[], &[1; 32]);
    capture(&mut secrets, || {
        std::thread::scope(|scope| {
            scope.spawn(|| log.log("CLIENT_TRAFFIC_SECRET_0", &[], &[1; 32]));
        });
    });
    assert!(secrets.client.is_none());
    capture(&mut secrets, || log.log("CLIENT_TRAFFIC_SECRET_0", &[], &[1; 32]));
    capture(&mut secrets, || log.log("SERVER_TRAFFIC_SECRET_0", &[], &[2; 48]));
    assert!(secrets.client.is_some() && secrets.server.is_some());
}

#[test]
fn a_step_that_panics_leaves_nothing_to_the_next() {
    let log = SecretCapture::before(Arc::new(NoKeyLog));
    let step = || {
        capture(&mut CapturedSecrets::default(), || {
            log.log("CLIENT_TRAFFIC_SECRET_0", &[], &[1; 32]);
            panic!("in the midst of a handshake");
        })
    };
    let caught: std::thread::Result<()> =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(step));
    assert!(caught.is_err());
    let mut secrets = CapturedSecrets::default();
    capture(&mut secrets, || ());
    assert!(secrets.client.is_none());
}

#[test]
fn a_key_log_that_was_set_goes_on_to_get_everything() {
    let labels = Arc::new(Labels::default());
    let log = SecretCapture::before(Arc::clone(&labels) as Arc<dyn KeyLog>);
    for label in ["CLIENT_RANDOM", "CLIENT_TRAFFIC_SECRET_0", "EXPORTER_SECRET"] {
        assert!(log.will_log(label));
        log.log(label, &[], &[1; 32]);
    }
    assert_eq!(labels.0.lock().expect("not poisoned").len(), 3);
    let alone = SecretCapture::before(Arc::new(NoKeyLog));
    assert!(alone.will_log("SERVER_TRAFFIC_SECRET_0") && !alone.will_log("EXPORTER_SECRET"));
}
