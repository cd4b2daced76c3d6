//! Open rows: label values that come and go, sums that don't go down.

use super::samples;
use crate::{Catalogue, CounterId, Family, GaugeId, Registry, RowError, Series, Shards};

struct Vhosts {
    registry: Registry,
    shards: Shards,
    requests: Series<CounterId>,
    connections: Series<GaugeId>,
}

fn vhosts() -> Vhosts {
    let mut catalogue = Catalogue::new("weir");
    let requests = Family::new("vhost_requests_total", "Help.")
        .open_rows(&["vhost"], 3)
        .label("result", ["good", "bad"]);
    let requests = catalogue.counters(requests).expect("declared");
    let connections = Family::new("vhost_connections", "Help.").open_rows(&["vhost"], 3);
    let connections = catalogue.gauges(connections).expect("declared");
    let (registry, shards) = Registry::new(catalogue, 1);
    Vhosts { registry, shards, requests, connections }
}

#[test]
fn rows_without_a_name_are_not_exposed() {
    let Vhosts { registry, requests, .. } = vhosts();
    assert!(samples(&registry.encode_openmetrics(), "weir_").is_empty());
    registry.name_row(&requests, 1, &["a.example"]).expect("named");
    assert_eq!(
        samples(&registry.encode_openmetrics(), "weir_"),
        [
            "weir_vhost_requests_total{vhost=\"a.example\",result=\"good\"} 0",
            "weir_vhost_requests_total{vhost=\"a.example\",result=\"bad\"} 0"
        ]
    );
}

#[test]
fn row_begins_at_zero_and_leaves_its_count_to_the_past() {
    let Vhosts { registry, shards, requests, .. } = vhosts();
    let worker = &shards.workers[0];
    registry.name_row(&requests, 0, &["__past__"]).expect("named");
    registry.name_row(&requests, 1, &["a.example"]).expect("named");
    worker.add(requests.at(&[1, 0]), 10);
    registry.retire_row(&requests, 1, 0).expect("retired");
    assert_eq!(
        samples(&registry.encode_openmetrics(), "weir_"),
        [
            "weir_vhost_requests_total{vhost=\"__past__\",result=\"good\"} 10",
            "weir_vhost_requests_total{vhost=\"__past__\",result=\"bad\"} 0"
        ]
    );
    registry.name_row(&requests, 1, &["b.example"]).expect("named");
    worker.add(requests.at(&[1, 0]), 3);
    worker.add(requests.at(&[0, 0]), 1);
    registry.retire_row(&requests, 1, 0).expect("retired");
    registry.name_row(&requests, 1, &["c.example"]).expect("named");
    let text = registry.encode_openmetrics();
    assert_eq!(
        samples(&text, "weir_")[0],
        "weir_vhost_requests_total{vhost=\"__past__\",result=\"good\"} 14"
    );
    assert_eq!(
        samples(&text, "weir_")[2],
        "weir_vhost_requests_total{vhost=\"c.example\",result=\"good\"} 0"
    );
}

#[test]
fn gauge_of_a_row_is_what_its_cells_hold() {
    let Vhosts { registry, shards, connections, .. } = vhosts();
    shards.workers[0].set(connections.at(&[2]), 4);
    registry.name_row(&connections, 2, &["a.example"]).expect("named");
    registry.name_row(&connections, 0, &["__other__"]).expect("named");
    shards.workers[0].adjust(connections.at(&[2]), -1);
    assert_eq!(
        samples(&registry.encode_openmetrics(), "weir_"),
        [
            "weir_vhost_connections{vhost=\"__other__\"} 0",
            "weir_vhost_connections{vhost=\"a.example\"} 3"
        ]
    );
    registry.retire_row(&connections, 2, 0).expect("retired");
    assert_eq!(
        samples(&registry.encode_openmetrics(), "weir_"),
        ["weir_vhost_connections{vhost=\"__other__\"} 0"]
    );
}

#[test]
fn rows_are_named_once_and_uniquely() {
    let Vhosts { registry, requests, .. } = vhosts();
    registry.name_row(&requests, 0, &["a"]).expect("named");
    assert_eq!(registry.name_row(&requests, 0, &["b"]), Err(RowError::Named));
    assert_eq!(registry.name_row(&requests, 1, &["a"]), Err(RowError::Duplicate));
    assert_eq!(registry.name_row(&requests, 1, &["a", "b"]), Err(RowError::Values));
    assert_eq!(registry.name_row(&requests, 3, &["c"]), Err(RowError::NoSuchRow));
    assert_eq!(registry.retire_row(&requests, 0, 0), Err(RowError::NoSuchRow));
    assert_eq!(registry.retire_row(&requests, 0, 1), Err(RowError::NoSuchRow));
    assert_eq!(registry.retire_row(&requests, 2, 0), Err(RowError::NoSuchRow));
}

#[test]
fn declared_rows_are_not_open() {
    let (registry, _shards, series) = super::counters();
    assert_eq!(registry.name_row(&series, 0, &["a"]), Err(RowError::NoSuchRow));
}
