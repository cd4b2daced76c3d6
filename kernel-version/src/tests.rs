//! Kernel versions from release names.

use crate::KernelVersion;

#[test]
fn a_release_name_begins_with_two_numbers() {
    for (text, version) in [
        ("6.1.0-18-amd64", Some(KernelVersion::new(6, 1))),
        ("6.18.44-fc-v669", Some(KernelVersion::new(6, 18))),
        ("6.1", Some(KernelVersion::new(6, 1))),
        ("6.1.2", Some(KernelVersion::new(6, 1))),
        (" 6.1\n", Some(KernelVersion::new(6, 1))),
        ("6.12+deb", Some(KernelVersion::new(6, 12))),
        ("6", None),
        ("6.", None),
        (".1", None),
        ("six.one", None),
        ("", None),
        ("v6.1", None),
        ("99999.1", None),
    ] {
        assert_eq!(KernelVersion::parse(text), version, "{text:?}");
    }
}

#[test]
fn versions_are_ordered_by_number_and_not_by_text() {
    assert!(KernelVersion::new(6, 9) < KernelVersion::new(6, 10));
    assert!(KernelVersion::new(5, 19) < KernelVersion::new(6, 0));
}

#[test]
fn the_running_kernel_has_a_version() {
    assert!(KernelVersion::running() >= KernelVersion::new(5, 0));
}
