use super::owner_of;

#[test]
fn owner_is_read_from_our_names_only() {
    assert_eq!(owner_of("weir-4711-client"), Some(4711));
    assert_eq!(owner_of("weir-4711-2-edge"), Some(4711));
    assert_eq!(owner_of("weir-client"), None);
    assert_eq!(owner_of("weir--1-client"), None);
    assert_eq!(owner_of("web-4711-client"), None);
    assert_eq!(owner_of(""), None);
}
