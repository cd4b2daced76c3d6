//! Names, look-ups and routes.

use std::sync::Arc;

use proptest::prelude::*;

use super::name::NameError;
use super::route::Routes;
use super::table::UnknownNames;
use super::{CanonicalName, NamePattern, Refusal, Table, Vhost};
use crate::backend::pool::{Pool, Server};
use crate::config::tests::support::Site;

fn pool(name: &str) -> Arc<Pool> {
    let servers: Vec<Server> = Vec::new();
    let connect_timeout = std::time::Duration::from_secs(1);
    Arc::new(Pool { name: name.to_owned(), index: 0, servers, connect_timeout })
}

/// A table of hosts with one certificate between them; what they serve doesn't matter.
fn table(names: &[Vec<String>]) -> Table {
    let tls = Site::server_config();
    let vhosts = names.iter().zip(0..).map(|(names, index)| {
        Arc::new(Vhost {
            name: format!("host-{index}"),
            index,
            names: names.iter().map(|name| NamePattern::new(name).expect("a name")).collect(),
            tls: Arc::clone(&tls),
            speaks_first: super::SpeaksFirst::Client,
            certificates: Vec::new(),
            routes: Routes::new(Vec::new(), Some(pool("web"))),
        })
    });
    Table::new(vhosts.collect())
}

fn found<'t>(table: &'t Table, name: &str) -> Option<&'t str> {
    table.find(&CanonicalName::new(name).expect("a name")).map(|vhost| vhost.name.as_str())
}

#[test]
fn name_has_one_form() {
    for text in ["www.example.com", "WWW.Example.COM", "www.example.com."] {
        assert_eq!(CanonicalName::new(text).expect("a name").as_str(), "www.example.com");
    }
}

#[test]
fn what_is_no_host_name_is_refused() {
    let long_label = format!("{}.example", "a".repeat(64));
    let long_name = ["abcdefg."; 32].concat() + "example";
    for (text, error) in [
        ("", NameError::Empty),
        (".", NameError::Empty),
        ("example.com..", NameError::EmptyLabel),
        (".example.com", NameError::EmptyLabel),
        ("a..b", NameError::EmptyLabel),
        ("-a.example", NameError::Hyphen),
        ("a-.example", NameError::Hyphen),
        ("a b.example", NameError::Character(' ')),
        ("a\n.example", NameError::Character('\n')),
        ("a\0.example", NameError::Character('\0')),
        ("a.*.example", NameError::Wildcard),
        ("bücher.example", NameError::NotAscii),
        ("192.0.2.1", NameError::Address),
        ("192.0.2.1.", NameError::Address),
        ("2001:db8::1", NameError::Address),
        (long_label.as_str(), NameError::LabelTooLong),
        (long_name.as_str(), NameError::TooLong),
    ] {
        assert_eq!(CanonicalName::new(text), Err(error), "{text:?}");
    }
}

#[test]
fn wildcard_is_one_label_and_exact_wins() {
    let table = table(&[
        vec!["*.example.com".to_owned()],
        vec!["www.example.com".to_owned()],
        vec!["*.b.example.com".to_owned()],
    ]);
    assert_eq!(found(&table, "www.example.com"), Some("host-1"));
    assert_eq!(found(&table, "api.example.com"), Some("host-0"));
    assert_eq!(found(&table, "b.example.com"), Some("host-0"));
    assert_eq!(found(&table, "a.b.example.com"), Some("host-2"));
    assert_eq!(found(&table, "a.www.example.com"), None);
    assert_eq!(found(&table, "example.com"), None);
    assert_eq!(found(&table, "com"), None);
}

#[test]
fn only_absent_and_unknown_names_reach_the_default() {
    let table = table(&[vec!["www.example.com".to_owned()]]);
    let first = table.iter().next().expect("one host");
    let default = UnknownNames::Default(Arc::clone(first));
    let strict = UnknownNames::Refuse;
    let refused = |sni, unknown| table.choose(sni, unknown).err();
    assert_eq!(refused(Some("other.example"), &strict), Some(Refusal::UnknownName));
    assert_eq!(refused(None, &strict), Some(Refusal::MissingName));
    assert_eq!(refused(Some("other.example"), &default), None);
    assert_eq!(refused(None, &default), None);
    for malformed in ["192.0.2.1", "", "a b", "www.example.com\0.evil", "xn--\u{fc}"] {
        assert_eq!(refused(Some(malformed), &default), Some(Refusal::MalformedName));
    }
}

#[test]
fn protocol_without_a_pool_goes_nowhere() {
    let by_protocol = vec![(b"h2".to_vec(), pool("h2c"))];
    let routes = Routes::new(by_protocol, Some(pool("web")));
    let name = |alpn| routes.find(alpn).map(|pool| pool.name.as_str());
    assert_eq!(name(Some(b"h2".as_slice())), Some("h2c"));
    assert_eq!(name(Some(b"http/1.1".as_slice())), None);
    assert_eq!(name(None), Some("web"));
    let strict = Routes::new(vec![(b"h2".to_vec(), pool("h2c"))], None);
    assert!(strict.find(None).is_none());
}

/// `text` with the case of each letter as `upper` says.
fn recased(text: &str, upper: &[bool]) -> String {
    let cased = text.chars().zip(upper.iter().cycle());
    cased.map(|(c, upper)| if *upper { c.to_ascii_uppercase() } else { c }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Spelling and the size of the table make no difference to what is found.
    #[test]
    fn look_up_does_not_depend_on_spelling_or_size(
        labels in proptest::collection::vec("[a-z0-9]{1,8}", 1..4),
        upper in proptest::collection::vec(any::<bool>(), 1..8),
        dot in any::<bool>(),
        others in 0_usize..300,
    ) {
        let name = labels.join(".") + ".test";
        let mut names = vec![vec![name.clone()], vec!["*.example.test".to_owned()]];
        names.extend((0..others).map(|other| vec![format!("o{other}.other.invalid")]));
        let table = table(&names);
        let mut spelled = recased(&name, &upper);
        if dot {
            spelled.push('.');
        }
        prop_assert_eq!(found(&table, &spelled), Some("host-0"));
        let absent = recased(&format!("absent.{name}"), &upper);
        let expected = (name == "example.test").then_some("host-1");
        prop_assert_eq!(found(&table, &absent), expected);
    }

    /// Whatever a client sends as its name: a look-up never panics, and what is canonical stays.
    #[test]
    fn canonical_form_is_stable(text in "\\PC{0,80}") {
        if let Ok(name) = CanonicalName::new(&text) {
            prop_assert_eq!(CanonicalName::new(name.as_str()), Ok(name.clone()));
            prop_assert_eq!(name.as_str().to_ascii_lowercase(), name.as_str());
        }
    }
}
