//! Declarations that are taken, and those that are refused.

use crate::{Catalogue, CatalogueError, CollectedKind, Family, NameError, Unit};

fn name_error(result: Result<impl Sized, CatalogueError>) -> NameError {
    match result {
        Err(CatalogueError::Name { reason, .. }) => reason,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("declared"),
    }
}

#[test]
fn names_say_kind_and_unit() {
    let mut catalogue = Catalogue::new("weir");
    let counter = Family::new("tcp_segments", "Help.");
    assert_eq!(name_error(catalogue.counters(counter)), NameError::Suffix);
    let gauge = Family::new("tcp_segments_total", "Help.");
    assert_eq!(name_error(catalogue.gauges(gauge)), NameError::Reserved);
    let bytes = Family::new("tcp_octets_total", "Help.").unit(Unit::Bytes);
    assert_eq!(name_error(catalogue.counters(bytes)), NameError::Unit);
    let capital = Family::new("TcpSegments_total", "Help.");
    assert_eq!(name_error(catalogue.counters(capital)), NameError::Character);
    let nothing = Family::new("_total", "Help.");
    assert_eq!(name_error(catalogue.counters(nothing)), NameError::Character);
    assert_eq!(name_error(catalogue.info("build", "Help.", &[])), NameError::Suffix);
}

#[test]
fn name_is_declared_once() {
    let mut catalogue = Catalogue::new("weir");
    catalogue.gauges(Family::new("connections", "Help.")).expect("declared");
    let again = Family::new("connections", "Help.");
    let duplicate = CatalogueError::Duplicate { family: "connections".to_owned() };
    assert_eq!(catalogue.gauges(again).expect_err("refused"), duplicate);
    let again = Family::new("connections", "Help.");
    assert_eq!(
        catalogue.collect(CollectedKind::Gauge, again, |_| Vec::new()).expect_err("refused"),
        duplicate
    );
}

#[test]
fn labels_are_names_of_their_own() {
    for label in ["le", "worker", "__name", "Upper", "", "9", "pool"] {
        let mut catalogue = Catalogue::new("weir");
        let family = Family::new("x", "Help.").label("pool", ["a"]).label(label, ["b"]);
        let refused = catalogue.gauges(family).expect_err(label);
        assert!(matches!(refused, CatalogueError::Label { .. }), "{label}: {refused}");
    }
}

#[test]
fn series_differ_and_rows_are_complete() {
    let mut catalogue = Catalogue::new("weir");
    let twice = Family::new("x", "Help.").label("pool", ["a", "a"]);
    assert!(matches!(catalogue.gauges(twice), Err(CatalogueError::Series { .. })));
    let twice = Family::new("x", "Help.").rows(&["pool", "server"], [["a", "1"], ["a", "1"]]);
    assert!(matches!(catalogue.gauges(twice), Err(CatalogueError::Series { .. })));
    let short = Family::new("x", "Help.").rows(&["pool", "server"], [["a"]]);
    assert!(matches!(catalogue.gauges(short), Err(CatalogueError::Row { .. })));
    let open = Family::new("x", "Help.").open_rows(&["vhost"], 4).per_worker();
    assert!(matches!(catalogue.gauges(open), Err(CatalogueError::OpenPerWorker { .. })));
}

#[test]
fn help_is_one_plain_line() {
    for help in ["", "two\nlines", "a \"quote\"", "back\\slash"] {
        let mut catalogue = Catalogue::new("weir");
        let refused = catalogue.gauges(Family::new("x", help)).expect_err(help);
        assert!(matches!(refused, CatalogueError::Help { .. }), "{help}");
    }
}

#[test]
fn bounds_rise() {
    for bounds in [&[][..], &[1, 1], &[2, 1]] {
        let mut catalogue = Catalogue::new("weir");
        let refused = catalogue.histograms(Family::new("x", "Help."), bounds).expect_err("refused");
        assert!(matches!(refused, CatalogueError::Bounds { .. }), "{bounds:?}");
    }
}

#[test]
fn sizes_are_bounded() {
    let mut catalogue = Catalogue::new("weir");
    let huge = Family::new("x", "Help.").open_rows(&["a"], usize::MAX);
    assert!(matches!(catalogue.gauges(huge), Err(CatalogueError::Size { .. })));
    let mut wide = Family::new("x", "Help.");
    for label in ["a", "b", "c", "d", "e", "f", "g"] {
        wide = wide.label(label, ["1"]);
    }
    assert!(matches!(catalogue.gauges(wide), Err(CatalogueError::Size { .. })));
}

#[test]
#[should_panic(expected = "position 2 of 2 values")]
fn position_out_of_range_panics() {
    let family = Family::new("x", "Help.").label("direction", ["in", "out"]);
    Catalogue::new("weir").gauges(family).expect("declared").at(&[2]);
}

#[test]
#[should_panic(expected = "a position for each dimension")]
fn missing_position_panics() {
    let family = Family::new("x", "Help.").label("direction", ["in", "out"]);
    Catalogue::new("weir").gauges(family).expect("declared").only();
}
