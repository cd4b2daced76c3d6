//! Values that many share.

use crate::engine::interned::Interned;

#[test]
fn a_value_is_kept_once_and_its_number_serves_again() {
    let mut interned = Interned::new();
    assert_eq!(
        [interned.take('a'), interned.take('b'), interned.take('a')],
        [Some(0), Some(1), Some(0)]
    );
    interned.give_back(0);
    assert_eq!(interned.take('c'), Some(2), "it is used once more");
    interned.give_back(0);
    assert_eq!(interned.take('d'), Some(0));
    assert_eq!((interned.get(0), interned.get(1)), (Some('d'), Some('b')));
}

#[test]
fn there_are_at_most_1024_values() {
    let mut interned = Interned::new();
    for value in 0..1_024u32 {
        assert!(interned.take(value).is_some());
    }
    assert_eq!(interned.take(1_024), None);
    assert_eq!(interned.take(1_000), Some(1_000));
    interned.give_back(7);
    assert_eq!(interned.take(1_024), Some(7));
}
