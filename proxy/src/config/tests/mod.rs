//! The configuration, from text to snapshot.

pub(crate) mod support;

use std::time::{Duration, SystemTime};

use super::snapshot::{AddressOwner, ChecksumPolicy, Networks};
use super::units::{ByteSize, byte_size, duration};
use crate::vhost::CanonicalName;
use crate::vhost::table::UnknownNames;
use support::Site;

#[test]
fn durations_have_units() {
    assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
    assert_eq!(duration("30s"), Some(Duration::from_secs(30)));
    assert_eq!(duration("2 h"), Some(Duration::from_secs(7_200)));
    for wrong in ["", "30", "s", "1.5s", "-1s", "30sec", "400d", "99999999999999999999s"] {
        assert_eq!(duration(wrong), None, "{wrong:?}");
    }
}

#[test]
fn sizes_have_units() {
    assert_eq!(byte_size("16KiB"), Some(ByteSize(16_384)));
    assert_eq!(byte_size("16kB"), Some(ByteSize(16_000)));
    for wrong in ["16", "16KB", "16kib", "18446744073709551616B", "99999999999GiB"] {
        assert_eq!(byte_size(wrong), None, "{wrong:?}");
    }
}

#[test]
fn whole_configuration_becomes_a_snapshot() {
    let site = Site::new();
    site.certificate("example.com", &["example.com", "*.example.com"]);
    site.write(
        "weir.toml",
        r#"
        [listen.https]
        interface = "eth0"
        address = ["192.0.2.1:443", "[2001:db8::1]:443"]
        default_vhost = "example.com"
        checksum = "verify-or-partial"
        address_owner = "engine"
        networks = ["192.0.2.1/24", "2001:db8::1/64"]
        gateways = ["192.0.2.254"]

        [pool.web]
        servers = ["10.0.0.11:8080", "unix:app.sock"]
        weights = { "10.0.0.11:8080" = 3 }
        [pool.h2]
        servers = ["10.0.0.11:8081"]
        connect_timeout = "1s"

        [vhost."example.com"]
        names = ["example.com", "*.example.com"]
        cert = "example.com.pem"
        pool = "web"
        alpn = { "h2" = "h2", "http/1.1" = "web" }

        [timeouts]
        idle = "1m"
        "#,
    );
    let loaded = site.load().expect("it is right");
    assert_eq!(loaded.warnings.to_string(), "");
    let snapshot = loaded.snapshot;
    let listener = &snapshot.listeners[0];
    assert_eq!(listener.addresses.len(), 2);
    assert_eq!(listener.checksum, ChecksumPolicy::VerifyOrPartial);
    let networks = Networks {
        addresses: vec![
            ("192.0.2.1".parse().expect("an address"), 24),
            ("2001:db8::1".parse().expect("an address"), 64),
        ],
        gateways: vec!["192.0.2.254".parse().expect("an address")],
    };
    assert_eq!(listener.address_owner, AddressOwner::Engine(networks));
    assert!(matches!(listener.unknown_names, UnknownNames::Default(_)));
    let name = CanonicalName::new("API.example.com.").expect("a name");
    let vhost = snapshot.vhosts.find(&name).expect("by its wildcard");
    assert_eq!(vhost.tls.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    assert!(vhost.tls.enable_secret_extraction);
    assert_eq!(vhost.tls.max_early_data_size, 0);
    let pool = vhost.route(None).expect("a pool");
    assert_eq!(pool.servers[0].weight.get(), 3);
    assert_eq!(pool.servers[1].address.to_string(), format!("unix:{}", site.path("app.sock")));
    assert_eq!(vhost.route(Some(b"h2")).expect("a pool").name, "h2");
    assert_eq!(snapshot.timeouts.idle, Duration::from_secs(60));
}

#[test]
fn post_quantum_group_is_first() {
    let config = Site::server_config();
    let first = config.crypto_provider().kx_groups[0].name();
    assert_eq!(first, rustls::NamedGroup::X25519MLKEM768);
}

#[test]
fn order_of_alpn_is_the_order_of_the_text() {
    let site = Site::new();
    site.certificate("example.com", &["example.com"]);
    site.write_minimal("alpn = { \"zz\" = \"web\", \"h2\" = \"web\", \"aa\" = \"web\" }");
    let snapshot = site.load().expect("it is right").snapshot;
    let vhost = snapshot.vhosts.iter().next().expect("one");
    assert_eq!(vhost.tls.alpn_protocols, [b"zz".to_vec(), b"h2".to_vec(), b"aa".to_vec()]);
}

#[test]
fn parts_add_virtual_hosts() {
    let site = Site::new();
    site.certificate("example.com", &["example.com", "b.example"]);
    site.write_minimal("");
    site.write(
        "vhosts.d/b.toml",
        "[vhost.\"b.example\"]\ncert = \"../example.com.pem\"\npool = \"web\"\n",
    );
    assert_eq!(site.load().expect("it is right").snapshot.vhosts.len(), 2);
    site.write("vhosts.d/c.toml", "[listen.other]\ninterface = \"eth1\"\n");
    let report = site.load().expect_err("a part can't listen");
    assert!(report.to_string().contains("c.toml:1:2: error: [listen] belongs in the main file"));
}

#[test]
fn numbers_survive_reloads_and_are_not_given_twice() {
    let site = Site::new();
    site.certificate("example.com", &["example.com", "b.example", "c.example"]);
    site.write_minimal("");
    let mut loader = site.loader();
    let mut load = || loader.load(SystemTime::now()).expect("it is right").snapshot;
    let index = |snapshot: &super::Snapshot, name: &str| {
        snapshot.vhosts.iter().find(|vhost| vhost.name == name).map(|vhost| vhost.index)
    };
    let part = |name: &str| {
        let text = format!("[vhost.\"{name}\"]\ncert = \"../example.com.pem\"\npool = \"web\"\n");
        site.write("vhosts.d/part.toml", &text);
    };
    assert_eq!(index(&load(), "example.com"), Some(0));
    part("b.example");
    assert_eq!(index(&load(), "b.example"), Some(1));
    part("c.example");
    let snapshot = load();
    assert_eq!(index(&snapshot, "c.example"), Some(2));
    assert_eq!(index(&snapshot, "example.com"), Some(0));
    part("b.example");
    assert_eq!(index(&load(), "b.example"), Some(1));
}

#[test]
fn expiry_is_measured_against_the_given_time() {
    let site = Site::new();
    site.certificate("example.com", &["example.com"]);
    site.write_minimal("");
    let mut loader = site.loader();
    let end = Site::not_after();
    let day = Duration::from_secs(86_400);
    for (now, warning) in [
        (end - 20 * day, None),
        (end - 3 * day, Some("the certificate expires in 3 days")),
        (end + 2 * day, Some("the certificate expired 2 days ago")),
        (SystemTime::UNIX_EPOCH, Some("the certificate is not valid yet")),
    ] {
        let warnings = loader.load(now).expect("warnings are no errors").warnings.to_string();
        match warning {
            None => assert_eq!(warnings, ""),
            Some(warning) => assert!(warnings.contains(warning), "{warnings}"),
        }
    }
}
